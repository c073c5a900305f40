"""The papers' printed numbers (data/reference/), read cell by cell."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from balent.errors import DataError

COLUMNS = ("table", "row", "column", "mean", "sd", "status")
NOT_RUN = "not_run"
INSUFFICIENT_MEMORY = "insufficient_memory"
STATUSES = ("", NOT_RUN, INSUFFICIENT_MEMORY)
RUNS = 3
"""Repeats behind every mean ± sd of the paper ("from 3 repeated experiments")."""


def load_reference(folder: str | Path, table: str) -> pd.DataFrame:
    """Read one transcribed table.

    Returns columns ``table, row, column, mean, sd, status`` in the paper's order of cells. ``mean``
    and ``sd`` are float64 in the printed unit (accuracy in percent, Table 8 in seconds), NaN where
    the paper prints none; ``status`` is "" for a number, else ``not_run`` or
    ``insufficient_memory``.

    Raises DataError in one line when the file is absent or is not such a table.
    """
    path = Path(folder) / f"{table}.csv"
    if not path.is_file():
        known = sorted(file.stem for file in Path(folder).glob("*.csv"))
        raise DataError(f"{path}: no such table (there are: {', '.join(known) or 'none'})")
    frame = pd.read_csv(path, dtype=str, keep_default_na=False)
    if tuple(frame.columns) != COLUMNS:
        raise DataError(
            f"{path}: has columns {','.join(frame.columns)}; they must be {','.join(COLUMNS)}"
        )
    cells = frame["row"] + " | " + frame["column"]
    for problem, wrong in {
        f"status must be one of {', '.join(filter(None, STATUSES))} or empty": ~frame[
            "status"
        ].isin(STATUSES),
        "needs either a mean or a status": (frame["mean"] == "") == (frame["status"] == ""),
        "appears twice": cells.duplicated(),
        f"table must be {table}": frame["table"] != table,
    }.items():
        if wrong.any():
            raise DataError(f"{path}: cell {cells[wrong].iloc[0]!r}: {problem}")
    for column in ("mean", "sd"):
        try:
            frame[column] = pd.to_numeric(frame[column].replace("", None)).astype(float)
        except ValueError as error:
            raise DataError(
                f"{path}: column {column}: {error}; write a number or nothing"
            ) from None
    return frame
