"""What a scenario may say of its posterior; the configuration reads this: no torch here."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from balent.errors import ConfigError
from balent.models.spec import FAMILIES, check_model, choice
from balent.posterior import joint

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

PACKAGES = {"gaussian_process": ("gpytorch", "linear_operator")}
"""What else computes a posterior, beside torch: packages whose versions determine its bits."""

DRAWN = ("moments", "mean_and_features", "samples", "pairs")
"""Of acquisition.base.NEEDS: what takes samples of the pool."""


def posterior_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The posterior of a scenario."""
    return settings.get("posterior", DEFAULT)


def used(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys of a network's specification that a scenario's posterior builds from."""
    return USED[posterior_of(settings)["name"]]


def member(model: Mapping[str, Any]) -> dict[str, Any]:
    """The specification of an ensemble's member: without dropout, so that its first layer alone
    is the stem."""
    spec = {**model, "dropout": 0.0}
    if spec["family"] == "mlp":
        spec["dropped"] = [True] * len(spec["hidden"])
    return spec


def processed(model: Mapping[str, Any]) -> Mapping[str, Any]:
    """The specification of the features that a Gaussian process sees: a backbone's; of other
    families, which it does not train, the inputs."""
    return model if model["family"] == "backbone" else {"family": "head"}


def packages(settings: Mapping[str, Any]) -> tuple[str, ...]:
    """The packages, beside torch, whose versions determine the bits of a scenario's posterior."""
    return PACKAGES.get(posterior_of(settings)["name"], ())


def check_keys(settings: Mapping[str, Any]) -> None:
    """Raise ConfigError, which starts with the key, unless ``posterior`` and ``model`` hold what
    the posterior is built from, and nothing else."""
    posterior = posterior_of(settings)
    name = choice("posterior.name", posterior.get("name"), POSTERIORS)
    keys = POSTERIORS[name]
    for key in (*keys, *posterior):
        if key not in posterior:
            raise ConfigError(f"posterior.{key}: is missing; {name} has {', '.join(keys)}")
        if key != "name" and key not in keys:
            has = ", ".join(keys) or "no further keys"
            raise ConfigError(f"posterior.{key}: is unknown; {name} has {has}")
    if not 0 < posterior.get("alpha", 0.5) < 1:
        raise ConfigError(f"posterior.alpha: {posterior['alpha']} is not above 0 and below 1")
    family = choice("model.family", settings["model"].get("family"), FAMILIES)
    for key in settings["model"]:
        if key in FAMILIES[family] and key not in USED[name]:
            raise ConfigError(f"model.{key}: {name} does not use it; remove it ({key}: null)")
    check_model(settings["model"], USED[name])


def check_posterior(settings: Mapping[str, Any]) -> None:
    """Raise ConfigError, which starts with the key, for settings that contradict the posterior."""
    check_keys(settings)
    posterior = posterior_of(settings)
    name = posterior["name"]
    if name == "gaussian_process":
        _check_all_at_once(settings["training"])
        if "precision" in settings["sampling"]:
            raise ConfigError(
                "sampling.precision: a Gaussian process computes in float64; remove it "
                "(precision: null)"
            )
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


def check_joint(
    scenario: str,
    settings: Mapping[str, Any],
    method: str,
    needs: Collection[str],
    masks: str,
    remaining: int,
    test: int,
) -> None:
    """Refuse, by ConfigError, more points than a Gaussian process draws together.

    masks  of the method (acquisition.base.Spec)
    remaining  points of the first round's pool; test  points of the evaluation
    """
    if posterior_of(settings)["name"] != "gaussian_process":
        return
    shared = settings["sampling"]["mask_scope"] == "pool"
    drawn = not {*DRAWN}.isdisjoint(needs) and (shared or masks == "pool")
    calls = {
        f"the pool, by method {method!r},": remaining if drawn else 0,
        "the test set": test if shared else 0,
        "a round's choice": settings["acquisition"]["size"] if shared else 0,
    }
    for what, points in calls.items():
        if points > joint.POOL_POINTS:
            raise ConfigError(
                f"scenarios.{scenario}.posterior: {what} has {points} points to draw together, "
                f"but gaussian_process draws at most {joint.POOL_POINTS}; choose a method that "
                "scores points with sampling.mask_scope batch, or lower pool.pool, copies or "
                "evaluation.points"
            )


def _check_all_at_once(training: Mapping[str, Any]) -> None:
    for key in ("batch_size", "epochs", "epoch_points", "patience", "precision", "augmentation"):
        if key in training:
            raise ConfigError(
                f"training.{key}: a Gaussian process sees all labelled points in every step, as "
                f"they are; remove it ({key}: null) and give steps"
            )
