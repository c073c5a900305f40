"""Paired differences of every method against a baseline, per scenario, with 95 % t intervals."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from balent.files import write_text
from balent.reports.context import UNDEFINED, ReportContext, output
from balent.reports.grid import Grid
from balent.reports.histories import chain
from balent.reports.kinds import baseline_of
from balent.reports.measures import MEASURES, measures
from balent.reports.statistics import paired_difference, summarise

COLUMNS = (
    "scale",
    "scenario",
    "scenario_title",
    "method",
    "method_title",
    "measure",
    "status",
    "n",
    "mean",
    "baseline",
    "baseline_mean",
    "difference",
    "low",
    "high",
)
"""Means and differences in percent; the area is the mean height of the accuracy curve."""


def write(item: dict, context: ReportContext, stem: Path) -> None:
    """Write ``stem``.csv: COLUMNS, one row per (scenario, method, measure)."""
    text = paired_table(item, context).to_csv(index=False, float_format="%.4f")
    write_text(output(stem, ".csv"), text)


def paired_table(item: dict, context: ReportContext) -> pd.DataFrame:
    """The rows of COLUMNS; n is the number of seeds that a method and the baseline share.

    item keys: ``scenarios``, ``methods`` and optionally ``baseline``, one of them (random), which
    has no rows of its own. Intervals are NaN for n < 2.
    """
    rows = []
    baseline = baseline_of(item)
    methods = [method for method in item["methods"] if method != baseline]
    for scenario in item["scenarios"]:
        base = {
            "scale": context.scale,
            "scenario": scenario,
            "scenario_title": context.scenario_title(scenario),
        }
        defined = scenario in context.scenarios
        against = measures(chain(context.histories, scenario, baseline)) if defined else {}
        for method in methods:
            row = base | {
                "method": method,
                "method_title": context.methods[method]["title"],
                "baseline": baseline,
            }
            if not defined:
                rows += [row | {"measure": measure, "status": UNDEFINED} for measure in MEASURES]
                continue
            values = measures(chain(context.histories, scenario, method))
            for measure in MEASURES:
                row = row | {"measure": measure, "n": 0}
                difference = paired_difference(values[measure], against[measure])
                if difference:
                    shared = sorted(set(values[measure]) & set(against[measure]))
                    row |= {
                        "n": difference.n,
                        "mean": summarise([values[measure][s] for s in shared]).mean,
                        "baseline_mean": summarise([against[measure][s] for s in shared]).mean,
                        "difference": difference.mean,
                        "low": difference.low,
                        "high": difference.high,
                    }
                rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"n": "Int64"})


def grid(table: pd.DataFrame) -> Grid:
    """Methods as rows, scenario and measure as columns: difference [95 % interval]."""
    columns = list(dict.fromkeys(zip(table["scenario"], table["scenario_title"], strict=True)))
    cells = {(row.method, row.scenario, row.measure): _text(row) for row in table.itertuples()}
    methods = dict(zip(table["method"], table["method_title"], strict=True))
    return Grid(
        corner="Method",
        heads=[(title, label) for _, title in columns for label in MEASURES.values()],
        rows=[
            (title, [cells[method, name, measure] for name, _ in columns for measure in MEASURES])
            for method, title in methods.items()
        ],
    )


def _text(row) -> str:
    if row.status == UNDEFINED:
        return UNDEFINED
    if pd.isna(row.difference):
        return ""
    interval = "" if pd.isna(row.low) else f" [{row.low:+.2f}, {row.high:+.2f}]"
    return f"{row.difference:+.2f}{interval}"
