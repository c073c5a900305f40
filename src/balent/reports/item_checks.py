"""What report items may ask of the scenarios, methods and studies that they name.

The configuration is held against this when the workflow starts, before any chain runs. What no
item of a kind can say, whatever the configuration defines, is refused by balent.reports.kinds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from balent.acquisition import catalog
from balent.budget import label_counts
from balent.config_checks import one_of
from balent.data import roles
from balent.data.registry import DATASETS
from balent.errors import ConfigError
from balent.posterior import spec as posteriors
from balent.reports import kinds
from balent.reports.settings import varied

COUNTS: dict[str, dict[str, tuple[int, float, str]]] = {
    "agreement_pairs": {"methods": (2, math.inf, "two methods or more")},
    "agreement_values": {"pairs": (1, 1, "one pair (agreement_table shows more)")},
    "region": {
        "methods": (2, 2, "two methods: whose region is drawn, and which chooses"),
        "sizes": (1, 1, "one size"),
    },
}
"""By kind and key: the least and the most entries, and both in words."""

ONE_GENERATOR = ("agreement", "agreement_pairs")
"""Kinds that have no place for a second generator."""


def check_reports(
    reports: Mapping[str, dict],
    scenarios: Mapping[str, dict],
    every: Iterable[str],
    methods: Mapping[str, dict],
    scale: str,
    complete: bool,
) -> None:
    """Refuse, by ConfigError in one line, items that name what is not there or cannot be shown.

    scenarios  the settings of those that the scale defines; ``every`` scenario's name
    complete   refuse also an item without sizes or accuracies for a scenario of the scale
    """
    every = list(every)
    _check_rule_names(reports)
    for name, item in reports.items():
        kinds.check(name, item)
        where = f"reports.{name}"
        for scenario in item.get("scenarios", ()):
            one_of(scenario, every, f"{where}.scenarios", "scenario")
        _check_methods(where, item, scenarios, methods)
        for key in ("budgets", "accuracies"):
            for other, table in item.get(key, {}).items():
                for scenario in table:
                    one_of(scenario, every, f"{where}.{key}.{other}", "scenario")
        check(where, item, scenarios, scale, complete)


def check(
    where: str, item: dict, scenarios: Mapping[str, dict], scale: str, complete: bool
) -> None:
    """Refuse what an item cannot show of a scale's scenarios; arguments as ``check_reports``.

    where  names the item in errors
    """
    if "budgets" in item:
        _check_budgets(f"{where}.budgets.{scale}", item, scenarios, scale, complete)
    if "accuracies" in item and complete:
        _check_accuracies(where, item, scenarios, scale)
    if "setting" in item:
        varied(where, item, scenarios)
    if item["kind"] == "duplicates":
        _check_copies(where, item, scenarios)
    if item["kind"] == "class_balance":
        _check_classes(where, item, scenarios)


def check_study_reports(reports: Mapping[str, dict], studies: Mapping[str, dict]) -> None:
    """Refuse items whose study is not there, is of another kind, or lacks what they show."""
    for name, item in reports.items():
        if "study" not in item:
            continue
        where = f"reports.{name}"
        study = studies[one_of(item["study"], studies, f"{where}.study", "study")]
        wanted = kinds.KINDS[item["kind"]].study
        if study["kind"] != wanted:
            raise ConfigError(
                f"{where}.study: {item['study']!r} is of kind {study['kind']}, but an item "
                f"of kind {item['kind']} shows one of kind {wanted}"
            )
        check_study(where, item, study)


def check_study(where: str, item: dict, study: dict) -> None:
    """Refuse an item that its kind would draw in part or wrongly, or of which a study has less."""
    pairs = [pair["methods"] for pair in item.get("pairs", ())]
    for method in [*item.get("methods", ()), *(method for pair in pairs for method in pair)]:
        one_of(method, study["methods"], where, f"method of {item['study']}")
    for generator in item.get("paper_rmse", ()):
        known = study["generators"]
        one_of(generator, known, f"{where}.paper_rmse", f"generator of {item['study']}")
    _check_counts(where, item, study)
    for number, pair in enumerate(pairs):
        if pair in pairs[:number]:
            raise ConfigError(f"{where}.pairs: {pair} appears twice; name it once")
    largest = max(item.get("sizes", [0]))
    if largest > study.get("picks", largest):
        raise ConfigError(
            f"{where}.sizes: {largest} exceeds the {study['picks']} picks of "
            f"{item['study']}; lower it or raise picks"
        )


def _check_rule_names(reports: Mapping[str, dict]) -> None:
    """Refuse two items whose rules would have one name."""
    names: dict[str, str] = {}
    for name in reports:
        other = names.setdefault(name.replace("/", "_"), name)
        if other != name:
            raise ConfigError(
                f"reports.{name}: its rule has the same name as that of {other!r}; rename one"
            )


def _check_methods(
    where: str, item: dict, scenarios: Mapping[str, dict], methods: Mapping[str, dict]
) -> None:
    """Refuse unknown methods, and those that cannot run in a scenario of the item."""
    for chosen in item.get("methods", ()):
        one_of(chosen, methods, f"{where}.methods", "method")
    for name, chosen in kinds.pairs(item):
        if name in scenarios:
            entry = catalog.find(methods[chosen]["function"])
            roles.check(name, scenarios[name]["pool"], chosen, entry.spec.roles)
            needs = entry.needs(methods[chosen]["options"])
            posteriors.check_needs(name, scenarios[name], chosen, needs)


def _check_budgets(
    where: str, item: dict, scenarios: Mapping[str, dict], scale: str, complete: bool
) -> None:
    """Refuse sizes that no round of a scenario has, and an item without sizes for one of them."""
    given = item["budgets"].get(scale, {})
    for scenario, settings in scenarios.items():
        grid = label_counts(settings["acquisition"])
        allowed = ", ".join(map(str, grid if len(grid) <= 20 else [*grid[:9], "…", grid[-1]]))
        wrong = [count for count in given.get(scenario, ()) if count not in grid]
        if wrong:
            raise ConfigError(
                f"{where}.{scenario}: no round has {wrong[0]} labels (allowed: {allowed})"
            )
        if complete and scenario in item["scenarios"] and scenario not in given:
            raise ConfigError(
                f"{where}: no sizes for scenario {scenario!r}, which this scale defines; "
                f"add {scenario}: [sizes] (allowed: {allowed})"
            )


def _check_accuracies(where: str, item: dict, scenarios: Mapping[str, dict], scale: str) -> None:
    """Refuse an item without accuracies for one of its scenarios."""
    for name in item["scenarios"]:
        if name in scenarios and name not in item["accuracies"].get(scale, {}):
            raise ConfigError(
                f"{where}.accuracies.{scale}: none for scenario {name!r}, which this scale "
                f"defines; add {name}: [percent, …]"
            )


def _check_copies(where: str, item: dict, scenarios: Mapping[str, dict]) -> None:
    """Refuse pools without copies, of which there is nothing to show."""
    for name in item["scenarios"]:
        if name in scenarios and scenarios[name]["copies"] == 1:
            raise ConfigError(
                f"{where}.scenarios: the pool of {name!r} holds every image once (copies: 1), so "
                "an item of kind duplicates has nothing to show; leave it out"
            )


def _check_classes(where: str, item: dict, scenarios: Mapping[str, dict]) -> None:
    """Refuse data whose number of classes is not known before they are read."""
    for name in item["scenarios"]:
        if name in scenarios and scenarios[name]["data"] not in DATASETS:
            raise ConfigError(
                f"{where}.scenarios: {name!r} has data {scenarios[name]['data']!r}, but kind "
                f"class_balance knows the number of classes of {', '.join(DATASETS)} alone; draw "
                "label_entropy with kind curves instead"
            )


def _check_counts(where: str, item: dict, study: dict) -> None:
    """Refuse more or fewer entries than a kind shows."""
    kind = item["kind"]
    for key, (least, most, words) in COUNTS.get(kind, {}).items():
        if not least <= len(item[key]) <= most:
            raise ConfigError(
                f"{where}.{key}: {len(item[key])} given, but an item of kind {kind} shows {words}"
            )
    if kind in ONE_GENERATOR and len(study["generators"]) > 1:
        raise ConfigError(
            f"{where}.study: {item['study']!r} has {len(study['generators'])} generators, but an "
            f"item of kind {kind} shows one; use agreement_table"
        )
    if kind == "selection" and min(item["sizes"]) < 2:
        raise ConfigError(f"{where}.sizes: 1 point has no distance from another; give 2 or more")
