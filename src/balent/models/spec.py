"""What the specification of a network may say; the configuration reads this: no torch here."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from balent.errors import ConfigError

FAMILIES = {
    "cnn": ("channels", "kernels", "hidden", "dropout", "last_bias"),
    "head": ("hidden", "dropout", "last_bias"),
    "mlp": ("hidden", "dropped", "dropout", "last_bias"),
    "backbone": ("encoder", "hidden", "dropout", "last_bias"),
}
ENCODERS = {
    "narrow_resnet": ("stem", "width", "blocks"),
    "resnet18": ("stem",),
    "resnet50": ("stem",),
}
"""The keys of each specification, all required, beside ``family`` or ``name``."""

VECTORS = ("head", "mlp")
"""The families that take vectors; images, too, which they flatten."""

ORIGIN = ("pretrained", "features")
"""Keys of an encoder that say where the caller's weights come from; nothing is built from them."""

STEMS = {
    "narrow_resnet": ("small",),
    "resnet18": ("imagenet", "small"),
    "resnet50": ("imagenet", "small"),
}
"""The stems of each encoder."""


def check_model(spec: Mapping[str, Any], used: Collection[str] | None = None) -> None:
    """Raise ConfigError for a specification that ``balent.models.build`` does not build.

    used  the keys that there may be, of those that the family has; all of them if None
    """
    family = choice("model.family", spec.get("family"), FAMILIES)
    keys = [key for key in FAMILIES[family] if used is None or key in used]
    settings = settings_of("model", spec, "family", keys)
    if "encoder" in settings:
        check_encoder(settings["encoder"], "model.encoder", ORIGIN)
    if "hidden" not in settings:
        return
    several = isinstance(settings["hidden"], Sequence)
    if several != (family == "mlp"):
        wanted = "a list, the units of each layer" if family == "mlp" else "one number of units"
        raise ConfigError(
            f"model.hidden is {settings['hidden']}; model.family {family} has {wanted}"
        )
    if "dropped" in settings:
        check_dropped(settings["hidden"], settings["dropped"])


def check_dropped(hidden: Sequence[int], dropped: Sequence[bool]) -> None:
    """Raise ConfigError unless ``dropped`` says of every hidden layer whether it has dropout."""
    if len(dropped) != len(hidden) or not any(dropped):
        raise ConfigError(
            f"model.dropped is {list(dropped)} for {len(hidden)} hidden layers; give true or false "
            "for each of them, and true at least once"
        )


def check_encoder(
    spec: Mapping[str, Any], what: str = "encoder", ignored: Sequence[str] = ()
) -> None:
    """Raise ConfigError for an encoder that is not built; ``ignored`` as in settings_of."""
    name = choice(f"{what}.name", spec.get("name"), ENCODERS)
    settings = settings_of(what, spec, "name", ENCODERS[name], ignored)
    choice(f"{what}.stem of {name}", settings["stem"], STEMS[name])


def feature_maps(size: tuple[int, int], kernels: Sequence[int]) -> list[tuple[int, int]]:
    """Height and width before and after each block of the CNN: convolution, 2x2 pooling."""
    maps = [size]
    for kernel in kernels:
        h, w = maps[-1]
        maps.append(((h - kernel + 1) // 2, (w - kernel + 1) // 2))
    return maps


def choice(what: str, value: Any, allowed: Collection[str]) -> str:
    """``value`` if it is allowed; raises ConfigError."""
    if value not in allowed:
        raise ConfigError(f"{what} is {value!r}; allowed: {', '.join(allowed)}")
    return value


def settings_of(
    what: str,
    spec: Mapping[str, Any],
    kind: str,
    keys: Sequence[str],
    ignored: Sequence[str] = (),
) -> dict[str, Any]:
    """The values of ``keys``; raises ConfigError when the specification has others."""
    given = [key for key in spec if key != kind and key not in ignored]
    for key in (*keys, *given):
        if (key in keys) != (key in given):
            problem = "is missing" if key in keys else "is unknown"
            raise ConfigError(
                f"{what}.{key} {problem}; {what}.{kind} {spec[kind]} has {', '.join(keys)}"
            )
    return {key: spec[key] for key in keys}
