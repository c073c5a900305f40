"""Time and memory of acquisitions, measured, with fitted exponents (Woo 2023, Table 8)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from balent.acquisition import catalog
from balent.errors import DataError
from balent.files import write_text
from balent.reports.context import ReportContext, output
from balent.reports.studies import position, result


def write(item: dict, context: ReportContext, stem: Path) -> None:
    """Write ``stem``.csv."""
    text = table(item, context).to_csv(index=False, float_format="%.4g")
    write_text(output(stem, ".csv"), text)


def table(item: dict, context: ReportContext) -> pd.DataFrame:
    """One row per method and number of classes.

    ``seconds`` of sampling and choosing, ``choosing_seconds`` and ``memory_mib`` are those of the
    largest pool; the exponents are those of the least-squares line of log seconds over log points
    and, of all and of choosing alone, over log batch size; ``paper_seconds`` are the item's for the
    method and the number of classes, on a machine of their own, and at paper scale alone.
    """
    data = result(item, context)
    pools = slice(None, int(data["n_pools"]))
    batches = slice(int(data["n_pools"]), None)
    largest = int(np.argmax(data["points"][pools]))
    paper, rows = item.get("paper_seconds", {}) if context.scale == "paper" else {}, []
    for name in item["methods"]:
        m, method = position(data["methods"], name), context.methods[name]
        for c, classes in enumerate(data["classes"].tolist()):
            seconds = np.median(total(data)[m, c], axis=-1)  # [J]
            choosing = np.median(data["choosing"][m, c], axis=-1)  # [J]
            rows.append(
                {
                    "method": method["title"],
                    "cost": catalog.find(method["function"]).spec.cost,
                    "classes": classes,
                    "points": int(data["points"][largest]),
                    "size": int(data["sizes"][largest]),
                    "seconds": seconds[largest],
                    "choosing_seconds": choosing[largest],
                    "memory_mib": data["memory"][m, c, largest],
                    "exponent_points": exponent(data["points"][pools], seconds[pools]),
                    "exponent_size": exponent(data["sizes"][batches], seconds[batches]),
                    "choosing_exponent_size": exponent(data["sizes"][batches], choosing[batches]),
                    "paper_seconds": paper.get(str(classes), {}).get(name, np.nan),
                }
            )
    return pd.DataFrame(rows)


def total(data: dict[str, np.ndarray]) -> np.ndarray:
    """Seconds [M, L, J, R] of sampling and choosing together."""
    return data["sampling"] + data["choosing"]


def at(
    data: dict[str, np.ndarray], method: str, classes: int, points: int, size: int
) -> np.ndarray:
    """Seconds [R] of a method's batches of ``size`` from ``points``; DataError if not timed."""
    case = (data["points"] == points) & (data["sizes"] == size)  # [J]
    if classes not in data["classes"] or not case.any():
        raise DataError(
            f"the study's result has no {classes} classes with {size} of {points} points; "
            "time them, or leave the case out of reference.columns"
        )
    c = int(np.flatnonzero(data["classes"] == classes)[0])
    j = int(np.flatnonzero(case)[0])
    return total(data)[position(data["methods"], method), c, j]


def exponent(sizes: np.ndarray, seconds: np.ndarray) -> float:
    """e of the least-squares fit seconds ∝ sizes^e."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])
