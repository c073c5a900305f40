"""Time and memory of acquisitions, measured, with fitted exponents (Woo 2023, Table 8)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from balent.acquisition import catalog
from balent.errors import DataError
from balent.files import write_text
from balent.reports.context import ReportContext, output
from balent.reports.grid import page
from balent.reports.reference import load_reference
from balent.reports.studies import position, result

NUMBER = "%.4g"
MISSING = "time them, or leave the case out of reference.columns"


def write(item: dict, context: ReportContext, stem: Path) -> None:
    """Write ``stem``.csv and ``stem``.md."""
    found = table(item, context)
    write_text(output(stem, ".csv"), found.to_csv(index=False, float_format=NUMBER))
    numbers = found.select_dtypes("float").columns
    shown = found.assign(**{name: found[name].map(_printed) for name in numbers})
    note = f"Scale: {context.scale}. Seconds of sampling and choosing, memory in MiB."
    write_text(output(stem, ".md"), page(item["title"], note, shown))


def _printed(value: float) -> str:
    return "" if np.isnan(value) else NUMBER % value


def table(item: dict, context: ReportContext) -> pd.DataFrame:
    """One row per method, number of classes and case.

    Cases are the largest pool and, at paper scale, those of the paper (``reference``), which have
    its ``paper_seconds``, on a machine of its own. ``seconds`` are of sampling and choosing. The
    exponents are those of the least-squares line of log seconds over log points and, of all and of
    choosing alone, over log batch size.
    """
    data = result(item, context)
    pools = slice(None, int(data["n_pools"]))
    batches = slice(int(data["n_pools"]), None)
    rows = []
    for name in item["methods"]:
        m, method = position(data["methods"], name), context.methods[name]
        for c, classes in enumerate(data["classes"].tolist()):
            seconds = np.median(total(data)[m, c], axis=-1)  # [J]
            choosing = np.median(data["choosing"][m, c], axis=-1)  # [J]
            for j, printed in cases(item, context, data, classes):
                rows.append(
                    {
                        "method": method["title"],
                        "cost": catalog.find(method["function"]).spec.cost,
                        "classes": classes,
                        "points": int(data["points"][j]),
                        "size": int(data["sizes"][j]),
                        "seconds": seconds[j],
                        "choosing_seconds": choosing[j],
                        "memory_mib": data["memory"][m, c, j],
                        "exponent_points": exponent(data["points"][pools], seconds[pools]),
                        "exponent_size": exponent(data["sizes"][batches], seconds[batches]),
                        "choosing_exponent_size": exponent(
                            data["sizes"][batches], choosing[batches]
                        ),
                        "paper_seconds": printed.get(name, np.nan),
                    }
                )
    return pd.DataFrame(rows)


def cases(
    item: dict, context: ReportContext, data: dict[str, np.ndarray], classes: int
) -> list[tuple[int, dict[str, float]]]:
    """(number of the case, the paper's seconds by method) of every row of a method."""
    largest = int(np.argmax(data["points"][: int(data["n_pools"])]))
    found: dict[int, dict[str, float]] = {largest: {}}
    if context.scale == "paper" and "reference" in item:
        spec = item["reference"]
        cells = load_reference(context.reference_folder, spec["table"])
        printed = cells.set_index(["row", "column"])["mean"]
        for column, case in spec["columns"].items():
            if case["classes"] == classes:
                j = number(data, case["points"], case["size"])
                found[j] = {name: printed[row, column] for name, row in spec["rows"].items()}
    return sorted(found.items(), key=lambda entry: (data["points"][entry[0]], entry[0]))


def total(data: dict[str, np.ndarray]) -> np.ndarray:
    """Seconds [M, L, J, R] of sampling and choosing together."""
    return data["sampling"] + data["choosing"]


def at(
    data: dict[str, np.ndarray], method: str, classes: int, points: int, size: int
) -> np.ndarray:
    """Seconds [R] of a method's batches of ``size`` from ``points``; DataError if not timed."""
    if classes not in data["classes"]:
        raise DataError(f"the study's result has no {classes} classes; {MISSING}")
    c = int(np.flatnonzero(data["classes"] == classes)[0])
    j = number(data, points, size)
    return total(data)[position(data["methods"], method), c, j]


def number(data: dict[str, np.ndarray], points: int, size: int) -> int:
    """The number of the case with a pool of ``points``; DataError if it was not timed."""
    found = np.flatnonzero((data["points"] == points) & (data["sizes"] == size))
    if not len(found):
        raise DataError(f"the study's result has no {size} of {points} points; {MISSING}")
    return int(found[0])


def exponent(sizes: np.ndarray, seconds: np.ndarray) -> float:
    """e of the least-squares fit seconds ∝ sizes^e."""
    return float(np.polyfit(np.log(sizes), np.log(seconds), 1)[0])
