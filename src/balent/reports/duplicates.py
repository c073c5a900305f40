"""Copies among the picks: how much of a redundant pool's labels is spent on known images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from balent.files import load_npz, write_text
from balent.reports import curves
from balent.reports.context import UNDEFINED, ReportContext, output
from balent.reports.histories import chain
from balent.reports.pools import Pool, load_pool
from balent.reports.statistics import summarise
from balent.reports.studies import save
from balent.reports.style import house_style

COLUMNS = (
    "scale",
    "scenario",
    "scenario_title",
    "copies",
    "method",
    "method_title",
    "status",
    "n",
    "mean",
    "sd",
)
"""Percent of all of a chain's picks: mean and standard deviation (ddof 1) over n seeds."""


def write(item: dict, context: ReportContext, stem: Path) -> None:
    """Write the share in every round as ``stem``.pdf, .svg and .png, over all rounds as .csv."""
    drawn = replace(context, histories=with_duplicates(item, context))
    save(draw(item, drawn), stem)
    table = duplicate_table(item, drawn)
    write_text(output(stem, ".csv"), table.to_csv(index=False, float_format="%.4f"))


@house_style()
def draw(item: dict, context: ReportContext) -> Figure:
    """The share against the labels, a panel per scenario; all have one axis, which begins at 0.

    Histories have the columns of ``with_duplicates``. A band is cut off where it ends below 0.
    """
    figure = curves.draw(item | {"metric": "duplicates"}, context)
    filled = [panel for panel in figure.axes if panel.lines]
    top = max((panel.get_ylim()[1] for panel in filled), default=1)
    for panel in filled:
        panel.set_ylim(0, top)
    return figure


def duplicate_table(item: dict, context: ReportContext) -> pd.DataFrame:
    """The rows of COLUMNS, from histories with the columns of ``with_duplicates``."""
    rows = []
    for scenario in item["scenarios"]:
        base = {
            "scale": context.scale,
            "scenario": scenario,
            "scenario_title": context.scenario_title(scenario),
        }
        for method in item["methods"]:
            row = base | {"method": method, "method_title": context.methods[method]["title"]}
            if scenario in context.undefined:
                rows.append(row | {"status": UNDEFINED})
                continue
            found = chain(context.histories, scenario, method).dropna(subset="duplicates")
            spent = 100 * found["duplicates"] * found["picks"]
            by_seed = spent.groupby(found["seed"]).sum() / found.groupby("seed")["picks"].sum()
            shares = summarise(by_seed.tolist())
            copies = context.scenarios[scenario]["copies"]
            row |= {"copies": copies, "n": shares.n, "mean": shares.mean, "sd": shares.sd}
            rows.append(row)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    return table.astype({"n": "Int64", "copies": "Int64"})


def with_duplicates(item: dict, context: ReportContext) -> pd.DataFrame:
    """The histories of an item's chains with two columns more.

    duplicates  share in [0, 1] of a round's picks whose image is labelled already or was picked
                before in the same round; NaN in the last round, which picks nothing
    picks       the number of a round's picks
    """
    frames = []
    for scenario in item["scenarios"]:
        if scenario not in context.scenarios:
            continue
        pool = load_pool(context.scenarios[scenario], context.data_folder)
        for method in item["methods"]:
            rounds = chain(context.histories, scenario, method)
            for seed, found in rounds.groupby("seed", sort=False):
                folder = context.results_folder / scenario / method / f"seed{seed}"
                picks = load_npz(folder / "picks.npz", "indices", "rounds")
                again = repeated(pool, int(str(seed)), picks["indices"])
                by_round = pd.Series(again).groupby(picks["rounds"])
                columns = {"duplicates": by_round.mean(), "picks": by_round.size()}
                frames.append(
                    found.assign(**{k: found["round"].map(v) for k, v in columns.items()})
                )
    return pd.concat(frames, ignore_index=True) if frames else context.histories


def repeated(pool: Pool, seed: int, picks: np.ndarray) -> np.ndarray:
    """Which of a chain's picks, pool indices int64 [m] in order, are of a known image: bool [m]."""
    initial = pool.initial(seed)
    points = pool.points(np.concatenate([initial, picks]))
    _, first = np.unique(points, return_index=True)
    known = np.ones(len(points), dtype=bool)
    known[first] = False
    return known[len(initial) :]
