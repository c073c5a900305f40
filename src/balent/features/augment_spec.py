"""What an augmentation may say; the configuration reads this, so it imports no torch."""

from __future__ import annotations

from typing import Any

from balent.errors import ConfigError

KEYS = {
    "crop": "null or [smallest, largest] share of the area, 0 < smallest <= largest <= 1",
    "flip": "true or false",
    "jitter": "a strength in [0, 1] (0 is off)",
    "greyscale": "a probability in [0, 1] (0 is off)",
    "blur": "a probability in [0, 1] (0 is off)",
}


def check(spec: dict[str, Any]) -> None:
    """Raise ConfigError for the first key or value of ``spec`` that is not allowed."""
    for key, value in spec.items():
        if key not in KEYS:
            raise ConfigError(f"augmentation: unknown key {key!r}; allowed are {', '.join(KEYS)}")
        if key == "crop":
            good = value is None or (
                isinstance(value, list | tuple)
                and len(value) == 2
                and all(_is_number(side) for side in value)
                and 0 < value[0] <= value[1] <= 1
            )
        elif key == "flip":
            good = isinstance(value, bool)
        else:
            good = _is_number(value) and 0 <= value <= 1
        if not good:
            raise ConfigError(f"augmentation: {key} is {value!r}, but must be {KEYS[key]}")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
