"""How far pairs of acquisition functions agree on random points, as a table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from balent.files import write_text
from balent.reports.context import ReportContext, output
from balent.reports.studies import position, result

COLUMNS = (
    "generator",
    "classes",
    "first",
    "second",
    "spearman_mean",
    "spearman_sd",
    "rmse_mean",
    "rmse_sd",
    "repeats",
    "paper_relation",
    "paper_spearman",
)
RELATIONS = {"above": ">", "about": "≈"}


def write(item: dict, context: ReportContext, stem: Path) -> None:
    """Write ``stem``.csv."""
    text = table(item, context).to_csv(index=False, float_format="%.6g")
    write_text(output(stem, ".csv"), text)


def table(item: dict, context: ReportContext) -> pd.DataFrame:
    """One row per generator, number of classes and pair (COLUMNS).

    Spearman's rank correlation and the RMSE (in nats, where both scores are) over the points of a
    repeat, as mean and sd (ddof 1; empty of one repeat) over the repeats; the correlation that
    the paper states for the pair, and whether it says above or about, where it states one.
    """
    data, settings = result(item, context), context.studies[item["study"]]
    rows = []
    for g, generator in enumerate(data["generators"].tolist()):
        for c, classes in enumerate(data["classes"].tolist()):
            for pair in item["pairs"]:
                first, second = (
                    data["scores"][g, c, :, position(data["methods"], name)]  # [R, N]
                    for name in pair["methods"]
                )
                rank, error = spearman(first, second), rmse(first, second)
                rows.append(
                    (
                        settings["generators"][generator]["title"],
                        classes,
                        *(context.methods[name]["title"] for name in pair["methods"]),
                        *(rank.mean(), sd(rank), error.mean(), sd(error)),
                        *(len(rank), *stated(pair)),
                    )
                )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def stated(pair: dict) -> tuple[str, float]:
    """The relation (RELATIONS) and rank correlation that the paper states; ("", NaN) of none."""
    return next(iter(pair.get("paper", {}).items()), ("", np.nan))


def statement(pair: dict) -> str:
    """What the paper states, such as "> 97.5 %"."""
    relation, value = stated(pair)
    return f"{RELATIONS[relation]} {100 * value:.3g} %"


def spearman(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Rank correlations along the last axis, ties sharing their mean rank; [..., N] to [...].

    NaN where first or second is constant.
    """
    a, b = (rankdata(x, axis=-1) - (x.shape[-1] + 1) / 2 for x in (first, second))
    with np.errstate(invalid="ignore"):
        return (a * b).sum(-1) / np.sqrt((a * a).sum(-1) * (b * b).sum(-1))


def rmse(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Root mean square difference along the last axis; [..., N] to [...]."""
    return np.sqrt(np.square(first - second).mean(-1))


def sd(values: np.ndarray) -> float:
    """Standard deviation with ddof 1; NaN of a single value."""
    return float(values.std(ddof=1)) if len(values) > 1 else np.nan
