"""Means, spreads, Welch verdicts, paired differences and areas: the arithmetic of all reports."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Summary:
    """A mean with its standard deviation (ddof 1; NaN for n < 2) over n repeats."""

    mean: float
    sd: float
    n: int


@dataclass(frozen=True)
class Difference:
    """A mean paired difference over n pairs with its 95 % t interval (NaN where n < 2)."""

    mean: float
    low: float
    high: float
    n: int


def summarise(values: Sequence[float]) -> Summary:
    """Mean and standard deviation (ddof 1) of at least one value."""
    array = np.asarray(values, dtype=np.float64)
    sd = float(array.std(ddof=1)) if array.size > 1 else math.nan
    return Summary(float(array.mean()), sd, array.size)


def welch_verdict(ours: Summary, theirs: Summary) -> str:
    """``agrees`` if |Δ| ≤ t₀.₉₇₅(Welch) · √(s₁²/n₁ + s₂²/n₂), else ``higher`` or ``lower``.

    The verdict is about ours: ``higher`` means that ours exceeds theirs. Empty where n < 2 on
    either side or a standard deviation is not known. With both zero only equal means agree.
    """
    if ours.n < 2 or theirs.n < 2 or math.isnan(ours.sd + theirs.sd):
        return ""
    delta = ours.mean - theirs.mean
    part_1, part_2 = ours.sd**2 / ours.n, theirs.sd**2 / theirs.n
    margin = 0.0
    if part_1 + part_2 > 0:
        df = (part_1 + part_2) ** 2 / (part_1**2 / (ours.n - 1) + part_2**2 / (theirs.n - 1))
        margin = stats.t.ppf((1 + CONFIDENCE) / 2, df) * math.sqrt(part_1 + part_2)
    if abs(delta) <= margin:
        return "agrees"
    return "higher" if delta > 0 else "lower"


def bound_verdict(worst: Summary, relation: str, value: float, of: int) -> str:
    """As ``welch_verdict``, of several means that are stated to be ``above`` or ``below`` a value.

    worst  the mean that is furthest from what is stated, of so many

    ``agrees`` unless its t interval lies wholly on the wrong side; that has the confidence
    1 - 0.05 / of, so that chance makes any of them differ in at most 5 % of cases (Bonferroni).
    Empty where n < 2, and for any other relation: "about" has no bounds.
    """
    if worst.n < 2 or relation not in ("above", "below"):
        return ""
    level = 1 - (1 - CONFIDENCE) / of
    margin = stats.t.ppf((1 + level) / 2, worst.n - 1) * worst.sd / math.sqrt(worst.n)
    if relation == "above":
        return "lower" if worst.mean + margin < value else "agrees"
    return "higher" if worst.mean - margin > value else "agrees"


def paired_difference(
    values: Mapping[int, float], baseline: Mapping[int, float]
) -> Difference | None:
    """Values minus baseline over the seeds that both have; None where they share no seed.

    values, baseline  {seed: value}; chains of one seed start from the same labels and weights.
    """
    seeds = sorted(set(values) & set(baseline))
    if not seeds:
        return None
    summary = summarise([values[seed] - baseline[seed] for seed in seeds])
    if summary.n < 2:
        return Difference(summary.mean, math.nan, math.nan, summary.n)
    margin = stats.t.ppf((1 + CONFIDENCE) / 2, summary.n - 1) * summary.sd / math.sqrt(summary.n)
    return Difference(summary.mean, summary.mean - margin, summary.mean + margin, summary.n)


def area_under_curve(n_labelled: Sequence[float], values: Sequence[float]) -> float:
    """The mean height of a learning curve: trapezoid area over n_labelled divided by its range.

    n_labelled rises strictly; NaN for a curve of fewer than two points, which spans no range.
    """
    if len(n_labelled) < 2:
        return math.nan
    return float(np.trapezoid(values, n_labelled) / (n_labelled[-1] - n_labelled[0]))
