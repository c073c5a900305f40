"""Accuracy at chosen labelled-set sizes: one CSV row per (scenario, size, method), and a table.

The paper's numbers and the differences from them appear where a scenario has the settings that
the item's ``reference`` names (the paper's data, features, copies). A verdict needs paper scale
beyond that, because pool and settings are reduced elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandas as pd

from balent.errors import ConfigError
from balent.files import write_text
from balent.layout import feature_set
from balent.reports import reference
from balent.reports.accuracy_grids import NOT_RUN, grids, notes, paper_note
from balent.reports.context import UNDEFINED, ReportContext, output
from balent.reports.histories import chain
from balent.reports.kinds import BASELINE, methods_of
from balent.reports.settings import setting
from balent.reports.statistics import Summary, paired_difference, summarise, welch_verdict

COLUMNS = (
    "scale",
    "scenario",
    "scenario_title",
    "data",
    "copies",
    "features",
    "method",
    "method_title",
    "n_labelled",
    "status",
    "mean",
    "sd",
    "n",
    "paper_mean",
    "paper_sd",
    "paper_status",
    "difference",
    "verdict",
    "diff_vs_random",
    "diff_vs_random_low",
    "diff_vs_random_high",
)
"""Accuracies and differences in percent; status is empty, UNDEFINED or NOT_RUN."""


def write(item: dict, context: ReportContext, stem: Path) -> None:
    """Write ``stem``.csv (COLUMNS, one row per number) and ``stem``.md (the paper's layout)."""
    table = accuracy_table(item, context)
    write_text(output(stem, ".csv"), table.to_csv(index=False, float_format="%.4f"))
    parts = [f"# {item['title']}", notes(table)]
    for title, grid in grids(table):
        parts += [f"## {title}", grid.markdown()]
    parts += [note] if (note := paper_note(table)) else []
    write_text(output(stem, ".md"), "\n\n".join(parts) + "\n")


def accuracy_table(item: dict, context: ReportContext) -> pd.DataFrame:
    """The rows of COLUMNS.

    item keys: ``scenarios``, ``methods``, ``budgets`` ({scale: {scenario: [n_labelled, …]}}) and
    optionally ``not_run`` ({scenario: [method, …]}: rows without a number of ours) and
    ``reference`` ({table, rows: {method: printed row}, columns: {scenario: {dataset,
    and every setting that must have this value for the paper's numbers to stand beside ours}}}).
    A setting inside another is named with dots: ``model.encoder.pretrained: imagenet``;
    ``features`` is the feature set of the inputs or of a backbone pre-trained on one.

    Raises ConfigError in one line for a size that no round of the chains has, or for a row or a
    data set that is not in the paper's table. A size that the paper does not print is blank.
    """
    printed = _Printed(item.get("reference"), context)
    rows = []
    for scenario in item["scenarios"]:
        base = {
            "scale": context.scale,
            "scenario": scenario,
            "scenario_title": context.scenario_title(scenario),
        }
        if scenario in context.undefined:
            for method in item["methods"]:
                title = context.methods[method]["title"]
                rows.append(base | {"method": method, "method_title": title, "status": UNDEFINED})
            continue
        settings = context.scenarios[scenario]
        base |= {key: settings[key] for key in ("data", "copies")}
        base["features"] = feature_set(settings)
        for size in _sizes(item, context, scenario):
            accuracy = {
                method: _at(chain(context.histories, scenario, method), size, scenario)
                for method in methods_of(item, scenario)
            }
            for method in item["methods"]:
                title = context.methods[method]["title"]
                row = base | {"method": method, "method_title": title, "n_labelled": size}
                row |= printed.cell(scenario, method, size)
                if method in accuracy:
                    row |= _numbers(row, accuracy[method], context.scale)
                    if method != BASELINE and BASELINE in accuracy:
                        row |= _against(accuracy[method], accuracy[BASELINE])
                else:
                    row["status"] = NOT_RUN
                rows.append(row)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.astype({"n_labelled": "Int64", "n": "Int64", "copies": "Int64"})


def _sizes(item: dict, context: ReportContext, scenario: str) -> list[int]:
    sizes = item["budgets"].get(context.scale, {}).get(scenario)
    if sizes is None:
        raise ConfigError(
            f"reports: budgets.{context.scale}: no sizes for scenario {scenario!r}, which this "
            f"scale defines; add {scenario}: [<labels>, …]"
        )
    return sizes


def _at(rounds: pd.DataFrame, size: int, scenario: str) -> dict[int, float]:
    """{seed: accuracy in percent} at a labelled-set size."""
    found = rounds[rounds["n_labelled"] == size]
    if found["seed"].nunique() < rounds["seed"].nunique():
        grid = [int(value) for value in sorted(set(rounds["n_labelled"]))]
        allowed = [*grid[:9], "…", grid[-1]] if len(grid) > 20 else grid
        raise ConfigError(
            f"reports: budgets: scenario {scenario!r} has no round with {size} labels "
            f"(allowed: {', '.join(map(str, allowed))})"
        )
    return {int(s): 100 * a for s, a in zip(found["seed"], found["accuracy"], strict=True)}


def _numbers(row: dict, values: dict[int, float], scale: str) -> dict:
    """Our accuracy and, where the row has the paper's, the difference from it."""
    ours = summarise(list(values.values()))
    numbers: dict[str, Any] = {"mean": ours.mean, "sd": ours.sd, "n": ours.n}
    if not math.isnan(row.get("paper_mean", math.nan)):
        theirs = Summary(row["paper_mean"], row["paper_sd"], reference.RUNS)
        numbers["difference"] = ours.mean - theirs.mean
        numbers["verdict"] = welch_verdict(ours, theirs) if scale == "paper" else ""
    return numbers


def _against(values: dict[int, float], baseline: dict[int, float]) -> dict[str, float]:
    difference = paired_difference(values, baseline)
    if difference is None:
        return {}
    return {
        "diff_vs_random": difference.mean,
        "diff_vs_random_low": difference.low,
        "diff_vs_random_high": difference.high,
    }


class _Printed:
    """The paper's cells for an item; none for an item without a reference."""

    def __init__(self, spec: dict | None, context: ReportContext) -> None:
        self.rows: dict[str, str] = spec["rows"] if spec else {}
        self.columns: dict[str, dict] = spec["columns"] if spec else {}
        self.context = context
        self.cells: dict[tuple[str, str], dict] = {}
        if spec:
            table = reference.load_reference(context.reference_folder, spec["table"])
            data_sets = [column["dataset"] for column in self.columns.values()]
            _known("row", self.rows.values(), table["row"], spec["table"])
            _known("data set", data_sets, table["column"].str.split("/").str[0], spec["table"])
            self.cells = {(c["row"], c["column"]): c for c in table.to_dict("records")}

    def cell(self, scenario: str, method: str, size: int) -> dict:
        """The paper's columns of a row; empty where the paper has no such cell."""
        if method not in self.rows or scenario not in self.columns:
            return {}
        settings = dict(self.columns[scenario])
        key = (self.rows[method], f"{settings.pop('dataset')}/{size}")
        actual = self.context.scenarios[scenario]
        same = all(_setting(actual, name) == value for name, value in settings.items())
        if not same or key not in self.cells:
            return {}
        cell = self.cells[key]
        return {f"paper_{key}": cell[key] for key in ("mean", "sd", "status")}


def _known(what: str, names: Iterable[str], printed: pd.Series, table: str) -> None:
    """Refuse a name that the paper's table lacks."""
    allowed = list(dict.fromkeys(printed))
    for name in names:
        if name not in allowed:
            raise ConfigError(
                f"reports: reference: {table} has no {what} {name!r} (allowed: "
                f"{', '.join(allowed)}); see data/reference/README.md"
            )


def _setting(settings: dict, name: str) -> Any:
    """A setting by name; ``features`` is the feature set of the inputs or of the backbone."""
    return feature_set(settings) if name == "features" else setting(settings, name)
