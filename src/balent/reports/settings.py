"""Settings of scenarios by name, as report items name them: ``sampling.samples``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from balent.errors import ConfigError


def setting(settings: Mapping[str, Any], name: str) -> Any:
    """The value of a scenario's setting, inner names after a dot; None where there is none."""
    value: Any = settings
    for key in name.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def varied(where: str, item: dict, scenarios: Mapping[str, dict]) -> list[tuple[float, str]]:
    """(value of the item's ``setting``, scenario) of the scenarios given, ascending.

    Raises ConfigError where a value is no number above 0 or where two scenarios have the same.
    """
    found: dict[float, str] = {}
    for name in item["scenarios"]:
        if name not in scenarios:
            continue
        value = setting(scenarios[name], item["setting"])
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0:
            raise ConfigError(
                f"{where}.setting: {item['setting']} of scenario {name!r} is {value!r}, not a "
                "number above 0; name another setting or other scenarios"
            )
        if value in found:
            raise ConfigError(
                f"{where}.setting: scenarios {found[value]!r} and {name!r} both have "
                f"{item['setting']} {value}; leave one of them out"
            )
        found[value] = name
    return sorted(found.items())
