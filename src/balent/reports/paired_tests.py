"""Tests of paired differences over seeds: Student's t and Wilcoxon's signed ranks, exact.

An exact test of n pairs has no p below 2 / 2ⁿ: 0.25 for three seeds, whatever the difference. So
three seeds can show nothing by ranks, and by t only where differences are normally distributed.
The rows of ALL take each seed's mean over the scenarios as one pair: scenarios share a seed's
initial set, so that their pairs are not independent of each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import stats

from balent.files import write_text
from balent.reports.context import ReportContext, output
from balent.reports.histories import chain
from balent.reports.kinds import baseline_of
from balent.reports.measures import MEASURES, measures

ALL = "all scenarios"  # no scenario's name has a space
DIGITS = 9
"""Decimals to which differences are rounded, so that equal ones are ties: 100 * 0.952 - 100 * 0.940
is not 1.2 in its last bits, while steps of accuracies and areas are far above 1e-9."""
COLUMNS = (
    "scale",
    "scenario",
    "scenario_title",
    "method",
    "method_title",
    "baseline",
    "measure",
    "n",
    "difference",
    "higher",
    "lower",
    "t_p",
    "t_p_holm",
    "rank_p",
    "rank_p_holm",
    "rank_p_least",
)
"""Method minus baseline in percentage points; higher, lower: pairs in which the method is.

A t test needs a spread: t_p is empty where all differences are equal, zero or not, and for n = 1.
For n = 0 all p are empty. What is empty does not count in Holm's correction.
"""


def write(item: dict, context: ReportContext, stem: Path) -> None:
    """Write ``stem``.csv: COLUMNS, one row per (scenario or all, method, measure)."""
    text = comparison_table(item, context).to_csv(index=False, float_format="%.4f")
    write_text(output(stem, ".csv"), text)


def comparison_table(item: dict, context: ReportContext) -> pd.DataFrame:
    """The rows of COLUMNS, of the scale's scenarios; ALL only where there are several.

    Holm's correction is over the methods of one scenario and measure.
    """
    baseline, rows = baseline_of(item), []
    methods = [method for method in item["methods"] if method != baseline]
    shown = [scenario for scenario in item["scenarios"] if scenario in context.scenarios]
    found = {
        (scenario, method): measures(chain(context.histories, scenario, method))
        for scenario in shown
        for method in item["methods"]
    }
    groups = {scenario: [scenario] for scenario in shown}
    if len(shown) > 1:
        groups[ALL] = shown
    for group, members in groups.items():
        title = "All scenarios" if group == ALL else context.scenario_title(group)
        for measure in MEASURES:
            family = []
            for method in methods:
                pairs = [
                    pd.Series(found[name, method][measure])
                    - pd.Series(found[name, baseline][measure])
                    for name in members
                ]
                row = {
                    "scale": context.scale,
                    "scenario": group,
                    "scenario_title": title,
                    "method": method,
                    "method_title": context.methods[method]["title"],
                    "baseline": baseline,
                    "measure": measure,
                }
                family.append(row | _tests(_mean_by_seed(pairs)))
            for test in ("t_p", "rank_p"):
                adjusted = holm([row[test] for row in family])
                for row, value in zip(family, adjusted, strict=True):
                    row[f"{test}_holm"] = value
            rows += family
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _mean_by_seed(scenarios: list[pd.Series]) -> np.ndarray:
    """The mean over scenarios of every seed that all of them have, rounded to DIGITS, [n]."""
    table = pd.concat(scenarios, axis=1).dropna()
    return table.mean(axis=1).round(DIGITS).to_numpy()


def _tests(pairs: np.ndarray) -> dict[str, float]:
    n, spread = len(pairs), np.ptp(pairs) if len(pairs) else 0.0
    return {
        "n": n,
        "difference": pairs.mean() if n else np.nan,
        "higher": int((pairs > 0).sum()),
        "lower": int((pairs < 0).sum()),
        "t_p": float(stats.ttest_1samp(pairs, 0).pvalue) if spread > 0 else np.nan,
        "rank_p": signed_rank_p(pairs),
        "rank_p_least": min(1.0, 2.0 ** (1 - n)) if n else np.nan,
    }


def signed_rank_p(pairs: np.ndarray) -> float:
    """Two-sided p of Wilcoxon's signed-rank test, exact under random signs, ties included.

    pairs  differences [n]; zeros are left out, equal sizes share their mean rank; 1 if none
           is left, NaN for n = 0
    """
    if not len(pairs):
        return np.nan
    rest = pairs[pairs != 0]
    # Twice a mean rank is a whole number, so the sums of positive ranks lie on a grid.
    doubled = (2 * stats.rankdata(np.abs(rest))).astype(int)
    ways = np.ones(1)  # ways[s]: how many sign patterns give the doubled sum s
    for rank in doubled:
        shifted = np.concatenate([np.zeros(rank), ways])
        ways = np.concatenate([ways, np.zeros(rank)]) + shifted
    observed = int(doubled[rest > 0].sum())
    tail = min(ways[: observed + 1].sum(), ways[observed:].sum())
    return float(min(1.0, 2 * tail / ways.sum()))


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjusted p-values in the given order; NaN stays and does not count."""
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p)[: np.isfinite(p).sum()]  # NaN last
    adjusted = np.full(len(p), np.nan)
    scaled = p[order] * (len(order) - np.arange(len(order)))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(scaled))
    return adjusted.tolist()
