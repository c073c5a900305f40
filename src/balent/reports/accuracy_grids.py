"""An accuracy table in the paper's layout.

Methods are rows, scenarios with sizes are columns. Of a single method scenarios are the rows.
"""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from balent.reports.context import data_title
from balent.reports.grid import Grid
from balent.reports.kinds import BASELINE

NOT_RUN = "not run"
"""The status of a row whose method is not run in the scenario."""


def notes(table: pd.DataFrame) -> str:
    """What the numbers of a table are, in one paragraph."""
    counts = sorted(set(table["n"].dropna()))
    n = f"n = {'–'.join(str(c) for c in dict.fromkeys([counts[0], counts[-1]]))}" if counts else ""
    data = ", ".join(dict.fromkeys(table["data"].dropna()))
    scale = table["scale"].iloc[0]
    text = f"Scale: {scale} (data: {data or 'none'}). Test accuracy in percent"
    seeds = "seed" if counts == [1] else "seeds"
    text += f", mean ± standard deviation over {n} {seeds}" if n else ""
    text += "."
    if table["diff_vs_random"].notna().any():
        text += " Differences against random are paired over seeds, with a 95 % t interval."
    if scale != "paper":
        text += " This is not the paper's scale: its numbers are other experiments."
    return text


def paper_note(table: pd.DataFrame) -> str:
    """Why the paper's numbers stand here without a verdict; empty where that needs no word."""
    scale = table["scale"].iloc[0]
    if scale == "paper" or not _has_paper(table):
        return ""
    return (
        f"At {scale} scale pool and settings are reduced, so no verdict is given: the paper's "
        "numbers, from its own data set and features, stand here for orientation."
    )


def _has_paper(table: pd.DataFrame) -> bool:
    return bool((table["paper_mean"].notna() | table["paper_status"].notna()).any())


def grids(table: pd.DataFrame) -> list[tuple[str, Grid]]:
    """(title, grid) of the accuracies, the paired differences and, where known, the paper's."""
    found = [("Test accuracy (%)", _grid(table, _accuracy))]
    if table["diff_vs_random"].notna().any():
        title = "Difference against random (percentage points), paired over seeds [95 % interval]"
        others = table[table["method"] != BASELINE]
        found.append((title, _grid(others, _difference)))
    if _has_paper(table):
        found.append(("The paper's test accuracy (%)", _grid(table, _paper)))
        title = "Ours minus the paper's (percentage points)"
        if table["scale"].iloc[0] == "paper":
            title += " and Welch's verdict at 95 %"
        found.append((title, _grid(table, _verdict)))
    return found


def _grid(table: pd.DataFrame, text: Callable) -> Grid:
    several = table["scenario"].nunique() > 1
    if table["method"].nunique() == 1 and several:
        return _by_scenario(table, text)
    keys = ["scenario", "scenario_title", "n_labelled"]
    columns = list(table[keys].drop_duplicates().itertuples(index=False, name=None))
    cells = {
        (row.method, row.scenario, row.n_labelled): _cell(row, text) for row in table.itertuples()
    }
    return Grid(
        corner="Method",
        heads=[(title, _labels(size)) for _, title, size in columns],
        rows=[
            (title, [cells[method, scenario, size] for scenario, _, size in columns])
            for method, title in table[["method", "method_title"]]
            .drop_duplicates()
            .itertuples(index=False, name=None)
        ],
    )


def _by_scenario(table: pd.DataFrame, text: Callable) -> Grid:
    """Scenarios as rows; a size that a scenario does not have is empty there."""
    sizes = sorted(table["n_labelled"].dropna().unique()) or [pd.NA]
    rows = []
    for _, part in table.groupby("scenario", sort=False):
        cells = {row.n_labelled: _cell(row, text) for row in part.itertuples()}
        absent = cells.get(pd.NA, "")  # of a scenario that the scale does not define
        rows.append((_scenario(part), [cells.get(size, absent) for size in sizes]))
    return Grid(corner="Scenario", heads=[("", _labels(size)) for size in sizes], rows=rows)


def _scenario(part: pd.DataFrame) -> str:
    """The title of a scenario with its data and copies, where the scale defines it."""
    first = part.iloc[0]
    if pd.isna(first["data"]):
        return first["scenario_title"]
    return f"{first['scenario_title']}, {data_title(first['data'], int(first['copies']))}"


def _labels(size) -> str:
    return "" if pd.isna(size) else f"{size:,} labels"


def _cell(row, text: Callable) -> str:
    """What there is to say of a row; where that is nothing, why."""
    return text(row) or ("" if pd.isna(row.status) else row.status)


def _pm(mean: float, sd: float) -> str:
    if pd.isna(mean):
        return ""
    return f"{mean:.1f}" if pd.isna(sd) else f"{mean:.1f} ± {sd:.1f}"


def _accuracy(row) -> str:
    return _pm(row.mean, row.sd)


def _difference(row) -> str:
    if pd.isna(row.diff_vs_random):
        return ""
    text = f"{row.diff_vs_random:+.1f}"
    if pd.isna(row.diff_vs_random_low):
        return text
    return f"{text} [{row.diff_vs_random_low:+.1f}, {row.diff_vs_random_high:+.1f}]"


def _paper(row) -> str:
    status = "" if pd.isna(row.paper_status) else row.paper_status.replace("_", " ")
    return _pm(row.paper_mean, row.paper_sd) or status


def _verdict(row) -> str:
    if pd.isna(row.difference):
        return ""
    return f"{row.difference:+.1f} {'' if pd.isna(row.verdict) else row.verdict}".strip()
