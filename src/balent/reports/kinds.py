"""The kinds of report items, as names alone: the workflow reads this without importing pandas."""

from __future__ import annotations

from collections.abc import Callable
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
    reads     "histories" (of the item's scenarios and methods), "study" (its study's result),
              "configuration", or "reports" (the outputs of all other items and the run records)
    keys      what the item must say besides ``kind`` and ``title``
    optional  what it may say
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


def _study(
    module: str, suffixes: tuple[str, ...], study: str, *keys: str, optional: tuple[str, ...] = ()
) -> Kind:
    """A kind whose items show a study of one kind."""
    function = f"balent.reports.{module}:write"
    return Kind(function, suffixes, "study", ("study", *keys), optional, study)


KINDS = {
    "accuracy_table": Kind(
        "balent.reports.accuracy_table:write",
        (".csv", ".md"),
        "histories",
        keys=("scenarios", "methods", "budgets"),
        optional=("reference",),
    ),
    "curves": Kind(
        "balent.reports.curves:write",
        FIGURE,
        "histories",
        keys=("scenarios", "methods", "metric"),
    ),
    "paired": Kind(
        "balent.reports.paired:write",
        (".csv",),
        "histories",
        keys=("scenarios", "methods"),
    ),
    "configuration_table": Kind(
        "balent.reports.configuration_table:write",
        (".csv",),
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
    "surface": _study("surface", FIGURE, "surface", "methods", optional=("levels",)),
    "timing": _study("timing", FIGURE, "timing", "methods"),
    "timing_table": _study(
        "timing_table", (".csv",), "timing", "methods", optional=("paper_seconds",)
    ),
    "index": Kind("balent.reports.index:write", (".html",), "reports"),
}


BASELINE = "random"
"""The method that all others are compared with in pairs."""

REFERENCE_KEYS = ("table", "rows", "columns")
REFERENCE_TABLES = ("table1", *(f"table{number}" for number in range(3, 13)))
"""The paper's tables of results in data/reference/ (its Table 2 holds settings)."""


def check(name: str, item: dict) -> Kind:
    """The kind of an item; raises ConfigError in one line for what no item of a kind can say.

    That is an unknown kind, a wrong key, a method or scenario named twice, a paired table without
    random and another method, and a reference that is not {table, rows, columns}.
    """
    kind = KINDS.get(item["kind"])
    if kind is None:
        raise ConfigError(
            f"reports.{name}.kind: unknown kind {item['kind']!r} (allowed: {', '.join(KINDS)})"
        )
    for key in kind.keys:
        if key not in item:
            raise ConfigError(f"reports.{name}: an item of kind {item['kind']} needs the key {key}")
    allowed = ("kind", "title", *kind.keys, *kind.optional)
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
    if item["kind"] == "paired":
        _check_paired(name, item["methods"])
    if "reference" in item:
        _check_reference(f"reports.{name}.reference", item["reference"])
    return kind


def _check_paired(name: str, methods: list[str]) -> None:
    if BASELINE not in methods:
        raise ConfigError(
            f"reports.{name}.methods: an item of kind paired compares with {BASELINE!r}; add it"
        )
    if len(methods) < 2:
        raise ConfigError(
            f"reports.{name}.methods: an item of kind paired has only {BASELINE!r}; add a method "
            "to compare with it"
        )


def _check_reference(where: str, spec: object) -> None:
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
    for scenario, column in spec["columns"].items():
        if not isinstance(column, dict) or "dataset" not in column:
            raise ConfigError(
                f"{where}.columns.{scenario}: must be a mapping with the key dataset, the paper's "
                f"name of the data, not {column!r}"
            )


def outputs(name: str, item: dict, folder: str = "reports") -> list[str]:
    """The files of an item, one for each suffix of its kind."""
    return [f"{folder}/{name}{suffix}" for suffix in KINDS[item["kind"]].suffixes]
