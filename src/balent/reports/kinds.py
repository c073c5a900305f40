"""The kinds of report items, as names alone: the workflow reads this without importing pandas."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from balent.errors import ConfigError


@dataclass(frozen=True)
class Kind:
    """What an item of this kind writes, reads and says.

    function  "module:name" of ``write(item, context, stem) -> None``, where ``stem`` is the
              path of the outputs without suffix (such as reports/table1)
    suffixes  one output file for each, all written by one call
    reads     "histories" (of the item's scenarios and methods), "picks" (histories, the picks
              beside them and the labels of the data), "study" (its study's result),
              "configuration", "nothing", "finished" (what there is of what the paper has numbers
              for), or "reports" (the outputs of all other items and the run records)
    keys      what the item must say besides ``kind`` and ``title``
    optional  what it may say besides ``section``
    study     the kind of study that it shows, where it reads one
    """

    function: str
    suffixes: tuple[str, ...]
    reads: str
    keys: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    study: str = ""

    @property
    def source(self) -> Path:
        """The file that holds the function; its import closure is what the outputs depend on."""
        name = self.function.split(":")[0].rsplit(".", 1)[1]
        return Path(__file__).with_name(f"{name}.py")

    def load(self) -> Callable:
        """Import the function."""
        module, name = self.function.split(":")
        return getattr(import_module(module), name)


FIGURE = (".pdf", ".svg", ".png")


def _chains(
    module: str,
    suffixes: tuple[str, ...],
    *keys: str,
    reads: str = "histories",
    optional: tuple[str, ...] = (),
) -> Kind:
    """A kind whose items show the chains of scenarios and methods."""
    function = f"balent.reports.{module}:write"
    return Kind(function, suffixes, reads, ("scenarios", "methods", *keys), optional)


def _study(
    module: str, suffixes: tuple[str, ...], study: str, *keys: str, optional: tuple[str, ...] = ()
) -> Kind:
    """A kind whose items show a study of one kind."""
    function = f"balent.reports.{module}:write"
    return Kind(function, suffixes, "study", ("study", *keys), optional, study)


KINDS = {
    "accuracy_table": _chains(
        "accuracy_table", (".csv", ".md"), "budgets", optional=("reference", "not_run")
    ),
    "curves": _chains("curves", FIGURE, "metric", optional=("not_run",)),
    "curve_grid": _chains("curve_grid", FIGURE, "metrics", optional=("not_run",)),
    "scenario_curves": _chains("scenario_curves", FIGURE, "metric", optional=("not_run",)),
    "paired": _chains("paired", (".csv",), optional=("baseline",)),
    "paired_tests": _chains("paired_tests", (".csv",), optional=("baseline",)),
    "area": _chains("area", (*FIGURE, ".csv")),
    "setting": _chains("setting", (*FIGURE, ".csv"), "setting"),
    "labels_needed": _chains("labels_needed", (".csv",), "accuracies"),
    "profiles": _chains("profiles", (*FIGURE, ".csv"), "accuracies"),
    "duplicates": _chains("duplicates", (*FIGURE, ".csv"), reads="picks"),
    "class_balance": _chains("class_balance", FIGURE),
    "diagram": Kind("balent.reports.diagram:write", FIGURE, "nothing"),
    "configuration_table": Kind(
        "balent.reports.configuration_table:write",
        (".csv", ".md"),
        "configuration",
        keys=("scenarios",),
    ),
    "agreement": _study("agreement", (*FIGURE, ".csv"), "agreement", "pairs"),
    "agreement_pairs": _study("agreement_pairs", FIGURE, "agreement", "methods"),
    "agreement_values": _study(
        "agreement_values", (*FIGURE, ".csv"), "agreement", "pairs", optional=("paper_rmse",)
    ),
    "agreement_table": _study("agreement_table", (".csv",), "agreement", "pairs"),
    "selection": _study("selection", FIGURE, "toy", "methods", "sizes"),
    "region": _study("region", FIGURE, "toy", "methods", "sizes"),
    "marginals": _study("marginals", (*FIGURE, ".csv"), "marginals"),
    "surface": _study("surface", FIGURE, "surface", "methods", optional=("levels",)),
    "timing": _study("timing", FIGURE, "timing", "methods"),
    "timing_table": _study(
        "timing_table",
        (".csv", ".md"),
        "timing",
        "methods",
        optional=("reference",),
    ),
    "reproduction": Kind("balent.reports.reproduction:write", (".csv",), "finished"),
    "index": Kind("balent.reports.index:write", (".html",), "reports"),
}


BASELINE = "random"
"""The method that all others are compared with in pairs, where an item names no other."""

REFERENCE_KEYS = ("table", "rows", "columns")
COLUMN_KEYS = {
    "accuracy_table": ("dataset",),
    "timing_table": ("classes", "points", "size"),
}
"""What a reference says of each column: of a scenario's the paper's name of the data, of a printed
column the case of the study that it is."""

PAPER_TABLES = ("table1", *(f"table{number}" for number in range(3, 13)))
"""The paper's tables of results in data/reference/ (its Table 2 holds settings)."""

REFERENCE_TABLES = (*PAPER_TABLES, "batchbald")
"""All tables there: also what BatchBALD's released results record."""


def baseline_of(item: dict) -> str:
    """The method that the others of an item are compared with in pairs."""
    return item.get("baseline", BASELINE)


def check(name: str, item: dict) -> Kind:
    """The kind of an item; raises ConfigError in one line for what no item of a kind can say.

    That is an unknown kind, a wrong key, a method or scenario named twice, a paired table without
    its baseline and another method, and a reference that is not {table, rows, columns}.
    """
    kind = KINDS.get(item["kind"])
    if kind is None:
        raise ConfigError(
            f"reports.{name}.kind: unknown kind {item['kind']!r} (allowed: {', '.join(KINDS)})"
        )
    for key in kind.keys:
        if key not in item:
            raise ConfigError(f"reports.{name}: an item of kind {item['kind']} needs the key {key}")
    allowed = ("kind", "title", "section", *kind.keys, *kind.optional)
    for key in item:
        if key not in allowed:
            raise ConfigError(
                f"reports.{name}.{key}: an item of kind {item['kind']} has no such key "
                f"(allowed: {', '.join(allowed)})"
            )
    for key in ("scenarios", "methods"):
        names = item.get(key, [])
        twice = [value for value in dict.fromkeys(names) if names.count(value) > 1]
        if twice:
            raise ConfigError(f"reports.{name}.{key}: {twice[0]!r} appears twice; name it once")
    if "baseline" in kind.optional:
        _check_paired(name, item)
    if "reference" in item:
        _check_reference(f"reports.{name}.reference", item["reference"], item["kind"])
    _check_not_run(f"reports.{name}.not_run", item)
    return kind


def _check_paired(name: str, item: dict) -> None:
    where, baseline = f"reports.{name}.methods: an item of kind {item['kind']}", baseline_of(item)
    if baseline not in item["methods"]:
        raise ConfigError(f"{where} compares with {baseline!r}; add it")
    if len(item["methods"]) < 2:
        raise ConfigError(f"{where} has only {baseline!r}; add a method to compare with it")


def _check_not_run(where: str, item: dict) -> None:
    """Refuse what the item does not show anyway, and a scenario in which nothing is run."""
    for scenario, methods in item.get("not_run", {}).items():
        for names, allowed in (([scenario], item["scenarios"]), (methods, item["methods"])):
            wrong = [name for name in names if name not in allowed]
            if wrong:
                raise ConfigError(
                    f"{where}.{scenario}: the item does not show {wrong[0]!r} "
                    f"(allowed: {', '.join(allowed)})"
                )
        if not methods_of(item, scenario):
            raise ConfigError(
                f"{where}.{scenario}: leaves no method of the item; remove the scenario instead"
            )


def _check_reference(where: str, spec: object, kind: str) -> None:
    if not isinstance(spec, dict) or set(spec) != set(REFERENCE_KEYS):
        keys = ", ".join(map(str, spec)) if isinstance(spec, dict) else repr(spec)
        raise ConfigError(
            f"{where}: must have the keys {', '.join(REFERENCE_KEYS)} and no others (has: {keys})"
        )
    if spec["table"] not in REFERENCE_TABLES:
        raise ConfigError(
            f"{where}.table: unknown table {spec['table']!r} "
            f"(allowed: {', '.join(REFERENCE_TABLES)})"
        )
    for key in ("rows", "columns"):
        if not isinstance(spec[key], dict):
            raise ConfigError(f"{where}.{key}: must be a mapping, not {spec[key]!r}")
    needed = COLUMN_KEYS[kind]
    for name, column in spec["columns"].items():
        if not isinstance(column, dict) or not set(needed) <= set(column):
            raise ConfigError(
                f"{where}.columns.{name}: must be a mapping with the key {' and '.join(needed)}, "
                f"not {column!r}"
            )


UNDEFINED = "not defined at this scale"

EXTRA = "extra/"
"""Items with such names are made by the target ``extra`` and not by ``all``."""


def of_target(items: Mapping[str, dict], extra: bool = False) -> dict[str, dict]:
    """The items that ``all`` makes, or those that ``extra`` makes."""
    return {name: item for name, item in items.items() if name.startswith(EXTRA) == extra}


def stated(items: Mapping[str, dict]) -> dict[str, dict]:
    """The items of the paper for which it has numbers: cells of a table, values in its text."""
    return {
        name: item
        for name, item in items.items()
        if "section" in item
        and (
            {"reference", "paper_rmse"} & set(item)
            or any("paper" in pair for pair in item.get("pairs", ()))
        )
    }


def methods_of(item: Mapping, scenario: str) -> list[str]:
    """The methods of an item that run in a scenario: all but those that ``not_run`` names."""
    left_out = item.get("not_run", {}).get(scenario, ())
    return [method for method in item.get("methods", ()) if method not in left_out]


def pairs(item: Mapping) -> list[tuple[str, str]]:
    """(scenario, method) of every chain that an item shows."""
    return [(s, method) for s in item.get("scenarios", ()) for method in methods_of(item, s)]


def shown(item: dict) -> str:
    """The suffix of the output that shows an item on a page: its drawing, else its table."""
    suffixes = KINDS[item["kind"]].suffixes
    return ".svg" if ".svg" in suffixes else suffixes[0]


def is_table(output: str) -> bool:
    """Whether an output holds numbers and is published; drawings and pages are made of results."""
    return output.endswith((".csv", ".md"))


def outputs(name: str, item: dict, folder: str = "reports") -> list[str]:
    """The files of an item, one for each suffix of its kind."""
    return [f"{folder}/{name}{suffix}" for suffix in KINDS[item["kind"]].suffixes]
