"""What an item of the kinds for studies of settings may ask of the scenarios that it names.

The configuration is held against this when the workflow starts, before any chain runs.
"""

from __future__ import annotations

from collections.abc import Mapping

from balent.data.registry import DATASETS
from balent.errors import ConfigError


def check(
    where: str, item: dict, scenarios: Mapping[str, dict], scale: str, complete: bool
) -> None:
    """Refuse, by ConfigError in one line, what an item cannot show of a scale's scenarios.

    where      names the item in errors
    scenarios  the settings of those that the scale defines
    complete   refuse also an item without accuracies for one of its scenarios
    """
    if "accuracies" in item and complete:
        check_accuracies(where, item, scenarios, scale)
    if "setting" in item:
        varied(where, item, scenarios)
    if item["kind"] == "class_balance":
        check_classes(where, item, scenarios)


def check_accuracies(where: str, item: dict, scenarios: Mapping[str, dict], scale: str) -> None:
    """Refuse an item without accuracies for one of its scenarios."""
    for name in item["scenarios"]:
        if name in scenarios and name not in item["accuracies"].get(scale, {}):
            raise ConfigError(
                f"{where}.accuracies.{scale}: none for scenario {name!r}, which this scale "
                f"defines; add {name}: [percent, …]"
            )


def varied(where: str, item: dict, scenarios: Mapping[str, dict]) -> list[tuple[float, str]]:
    """(value of the item's ``setting``, scenario), ascending; inner names follow a dot.

    Raises ConfigError where a value is no number above 0 or where two scenarios have the same.
    """
    found: dict[float, str] = {}
    for name in item["scenarios"]:
        if name not in scenarios:
            continue
        value: object = scenarios[name]
        for key in item["setting"].split("."):
            value = value.get(key) if isinstance(value, dict) else None
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


def check_classes(where: str, item: dict, scenarios: Mapping[str, dict]) -> None:
    """Refuse data whose number of classes is not known before they are read."""
    for name in item["scenarios"]:
        if name in scenarios and scenarios[name]["data"] not in DATASETS:
            raise ConfigError(
                f"{where}.scenarios: {name!r} has data {scenarios[name]['data']!r}, but kind "
                f"class_balance knows the number of classes of {', '.join(DATASETS)} alone; draw "
                "label_entropy with kind curves instead"
            )
