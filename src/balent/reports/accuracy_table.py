"""Accuracy at chosen labelled-set sizes: one CSV row per (scenario, size, method), and a table.

The paper's numbers appear at paper scale alone, because a number of another scale is another
experiment. The difference and the verdict need, beyond that, the paper's data and features: the
item's ``reference`` says which settings those are.
"""

from __future__ import annotations

import math
from pathlib import Path

import pandas as pd

from balent.errors import ConfigError
from balent.files import write_text
from balent.reports import reference
from balent.reports.accuracy_grids import grids, notes
from balent.reports.context import BASELINE, UNDEFINED, ReportContext, output
from balent.reports.histories import chain
from balent.reports.statistics import Summary, paired_difference, summarise, welch_verdict

COLUMNS = (
    "scale",
    "scenario",
    "scenario_title",
    "data",
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
"""Accuracies and differences in percent; status is empty or "not defined at this scale"."""


def write(item: dict, context: ReportContext, stem: Path) -> None:
    """Write ``stem``.csv (COLUMNS, one row per number) and ``stem``.md (the paper's layout)."""
    table = accuracy_table(item, context)
    write_text(output(stem, ".csv"), table.to_csv(index=False, float_format="%.4f"))
    parts = [f"# {item['title']}", notes(table)]
    for title, grid in grids(table):
        parts += [f"## {title}", grid.markdown()]
    write_text(output(stem, ".md"), "\n\n".join(parts) + "\n")


def accuracy_table(item: dict, context: ReportContext) -> pd.DataFrame:
    """The rows of COLUMNS.

    item keys: ``scenarios``, ``methods``, ``budgets`` ({scale: {scenario: [n_labelled, …]}}) and
    optionally ``reference`` ({table, rows: {method: printed row}, columns: {scenario: {dataset,
    and every setting that must have this value for a verdict}}}).

    Raises ConfigError in one line for a size that no round of the chains has, or for a reference
    that is not in the paper's table.
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
        base |= {"data": settings["data"], "features": settings.get("features")}
        for size in _sizes(item, context, scenario):
            accuracy = {
                method: _at(chain(context.histories, scenario, method), size, scenario)
                for method in item["methods"]
            }
            for method, values in accuracy.items():
                ours = summarise(list(values.values()))
                row = base | {
                    "method": method,
                    "method_title": context.methods[method]["title"],
                    "n_labelled": size,
                    "mean": ours.mean,
                    "sd": ours.sd,
                    "n": ours.n,
                }
                row |= printed.beside(ours, scenario, method, size)
                if method != BASELINE and BASELINE in accuracy:
                    row |= _against(values, accuracy[BASELINE])
                rows.append(row)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.astype({"n_labelled": "Int64", "n": "Int64"})


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
    """The paper's cells for an item; empty at other scales and for items without a reference."""

    def __init__(self, spec: dict | None, context: ReportContext) -> None:
        self.spec = spec if context.scale == "paper" else None
        self.context = context
        if self.spec:
            table = reference.load_reference(context.reference_folder, self.spec["table"])
            self.cells = table.set_index(["row", "column"])

    def beside(self, ours: Summary, scenario: str, method: str, size: int) -> dict:
        """The paper's columns of a row; a method or scenario that the paper lacks has none."""
        if not self.spec or method not in self.spec["rows"]:
            return {}
        if scenario not in self.spec["columns"]:
            return {}
        expected = dict(self.spec["columns"][scenario])
        key = (self.spec["rows"][method], f"{expected.pop('dataset')}/{size}")
        if key not in self.cells.index:
            raise ConfigError(
                f"reports: reference: {self.spec['table']} has no cell {key[0]!r}, {key[1]!r}; "
                "see data/reference/README.md for its rows and columns"
            )
        cell = self.cells.loc[key]
        row = {"paper_mean": cell["mean"], "paper_sd": cell["sd"], "paper_status": cell["status"]}
        settings = self.context.scenarios[scenario]
        same = all(settings.get(name) == value for name, value in expected.items())
        if same and not math.isnan(cell["mean"]):
            theirs = Summary(cell["mean"], cell["sd"], reference.RUNS)
            row["difference"] = ours.mean - theirs.mean
            row["verdict"] = welch_verdict(ours, theirs)
        return row
