"""Labels needed to reach given accuracies: the middle seed and the range, censored ones marked."""

from __future__ import annotations

from pathlib import Path
from statistics import median_high

import numpy as np
import pandas as pd

from balent.files import write_text
from balent.reports.context import UNDEFINED, ReportContext, output
from balent.reports.reach import reach

COLUMNS = (
    "scale",
    "scenario",
    "scenario_title",
    "accuracy",
    "method",
    "method_title",
    "status",
    "n",
    "reached",
    "median",
    "lowest",
    "highest",
)
"""Numbers of labels as text: "63.5", "≤ 20" (the initial set reaches it), "> 120" (never)."""


def write(item: dict, context: ReportContext, stem: Path) -> None:
    """Write ``stem``.csv: COLUMNS, one row per (scenario, accuracy, method)."""
    text = labels_table(item, context).to_csv(index=False)
    write_text(output(stem, ".csv"), text)


def labels_table(item: dict, context: ReportContext) -> pd.DataFrame:
    """The rows of COLUMNS; a seed that never reaches the accuracy counts as more than any other.

    The median is a seed's own value: of an even number of seeds the higher one of the middle.
    """
    titles = {method: context.methods[method]["title"] for method in item["methods"]}
    rows = [
        {
            "scenario": scenario,
            "accuracy": accuracy,
            "method": method,
            "n": len(part),
            "reached": int(np.isfinite(part["labels"]).sum()),
            "median": _text(median_high(part["labels"]), part),
            "lowest": _text(part["labels"].min(), part),
            "highest": _text(part["labels"].max(), part),
        }
        for (scenario, accuracy, method), part in reach(item, context).groupby(
            ["scenario", "accuracy", "method"], sort=False
        )
    ]
    rows += [
        {"scenario": scenario, "method": method, "status": UNDEFINED}
        for scenario in item["scenarios"]
        if scenario in context.undefined
        for method in item["methods"]
    ]
    table = pd.DataFrame(rows, columns=list(COLUMNS)).assign(scale=context.scale)
    table["scenario_title"] = table["scenario"].map(context.scenario_title)
    table["method_title"] = table["method"].map(titles)
    return table.astype({"n": "Int64", "reached": "Int64"})


def _text(labels: float, part: pd.DataFrame) -> str:
    if labels == np.inf:
        return f"> {part['last'].max()}"
    first = part["first"].min()
    return f"≤ {first}" if labels == first else f"{labels:.1f}"
