"""What a scenario may say of its posterior; the configuration reads this: no torch here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from balent.errors import ConfigError
from balent.models.spec import FAMILIES

DEFAULT = {"name": "mc_dropout"}
"""Of a scenario that names none."""

POSTERIORS: dict[str, tuple[str, ...]] = {
    "mc_dropout": (),
    "variational_dropout": ("hidden", "alpha", "kl_weight"),
    "ensemble": ("members",),
    "gaussian_process": ("alpha_epsilon",),
}
"""The keys of each posterior beside ``name``, all required."""

USED = {
    "mc_dropout": ("channels", "kernels", "encoder", "hidden", "dropped", "dropout", "last_bias"),
    "variational_dropout": ("channels", "kernels", "encoder"),
    "ensemble": ("channels", "kernels", "encoder", "hidden", "last_bias"),
    "gaussian_process": ("encoder",),
}
"""The keys of a network's specification that each posterior builds from."""

MISSING = {
    "ensemble": {"pairs": "its members are one set of samples, and there is no independent second"},
    "gaussian_process": {
        "reference": "its samples are joint over the pool and would not go on in another set"
    },
}
"""What of acquisition.base.NEEDS a posterior can not give, and why."""


def posterior_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The posterior of a scenario."""
    return settings.get("posterior", DEFAULT)


def used(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys of a network's specification that a scenario's posterior builds from."""
    return USED[posterior_of(settings)["name"]]


def check_posterior(settings: Mapping[str, Any]) -> None:
    """Raise ConfigError, which starts with the key, for settings that contradict the posterior."""
    posterior = posterior_of(settings)
    name = posterior["name"]
    keys = POSTERIORS[name]
    for key in (*keys, *posterior):
        if key not in posterior:
            raise ConfigError(f"posterior.{key}: is missing; {name} has {', '.join(keys)}")
        if key != "name" and key not in keys:
            has = ", ".join(keys) or "no further keys"
            raise ConfigError(f"posterior.{key}: is unknown; {name} has {has}")
    for key in settings["model"]:
        if key in FAMILIES[settings["model"]["family"]] and key not in USED[name]:
            raise ConfigError(f"model.{key}: {name} does not use it; remove it ({key}: null)")
    if name == "gaussian_process":
        _check_all_at_once(settings["training"])
    elif "batch_size" not in settings["training"]:
        raise ConfigError("training.batch_size: is missing; give the points of a training step")
    for part in ("sampling", "evaluation"):
        samples = settings[part]["samples"]
        if name == "ensemble" and samples != posterior["members"]:
            raise ConfigError(
                f"{part}.samples: {samples} differs from posterior.members, "
                f"{posterior['members']}; a sample is a member: give the same"
            )


def check_needs(
    scenario: str, settings: Mapping[str, Any], method: str, needs: Collection[str]
) -> None:
    """Refuse, by ConfigError, a method that needs what a scenario's posterior can not give."""
    name = posterior_of(settings)["name"]
    for need, why in MISSING.get(name, {}).items():
        if need in needs:
            raise ConfigError(
                f"scenarios.{scenario}.posterior: method {method!r} needs {need}, which {name} "
                f"does not have: {why}; choose another method or posterior"
            )


def _check_all_at_once(training: Mapping[str, Any]) -> None:
    for key in ("batch_size", "epochs", "augmentation"):
        if key in training:
            raise ConfigError(
                f"training.{key}: a Gaussian process sees all labelled points in every step, as "
                f"they are; remove it ({key}: null) and give steps"
            )
