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
    reads     "histories" (of the item's scenarios and methods), "configuration", or "reports"
              (the outputs of all other items and the run records)
    keys      what the item must say besides ``kind`` and ``title``
    optional  what it may say
    """

    function: str
    suffixes: tuple[str, ...]
    reads: str
    keys: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()

    @property
    def source(self) -> Path:
        """The file that holds the function; its import closure is what the outputs depend on."""
        name = self.function.split(":")[0].rsplit(".", 1)[1]
        return Path(__file__).with_name(f"{name}.py")

    def load(self) -> Callable:
        """Import the function."""
        module, name = self.function.split(":")
        return getattr(import_module(module), name)


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
        (".pdf", ".svg", ".png"),
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
    "index": Kind("balent.reports.index:write", (".html",), "reports"),
}


def check(name: str, item: dict) -> Kind:
    """The kind of an item; raises ConfigError in one line for an unknown kind or wrong keys."""
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
    return kind


def outputs(name: str, item: dict, folder: str = "reports") -> list[str]:
    """The files of an item, one for each suffix of its kind."""
    return [f"{folder}/{name}{suffix}" for suffix in KINDS[item["kind"]].suffixes]
