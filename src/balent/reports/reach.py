"""How many labels a chain needs to reach given accuracies."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from balent.reports.context import ReportContext
from balent.reports.histories import chain

DIGITS = 9
"""Decimals of percentages that are more than rounding errors."""


def labels_to_reach(sizes: Sequence[float], values: Sequence[float], target: float) -> float:
    """The labels at which a learning curve first reaches ``target``; infinite if it never does.

    The curve is linear between rounds, whose sizes ascend. The first size itself where the curve
    starts at the target or above it: then fewer labels may suffice, too.
    """
    if values[0] >= target:
        return float(sizes[0])
    for number in range(1, len(sizes)):
        low, high = values[number - 1], values[number]
        if high >= target:
            share = (target - low) / (high - low)
            return float(sizes[number - 1] + share * (sizes[number] - sizes[number - 1]))
    return math.inf


def reach(item: dict, context: ReportContext) -> pd.DataFrame:
    """One row per (scenario, accuracy, method, seed) of an item, of the scale's scenarios.

    Columns: these four (accuracy in percent), ``labels`` (infinite if never reached), ``first``
    and ``last``, the labels at the start and at the end of the chain. The initial set counts as
    labels.

    item keys: ``scenarios``, ``methods``, ``accuracies`` ({scale: {scenario: [percent, …]}}, which
    balent.reports.item_checks holds against the scale's scenarios).
    """
    rows = []
    for scenario in item["scenarios"]:
        if scenario not in context.scenarios:
            continue
        for target in item["accuracies"][context.scale][scenario]:
            for method in item["methods"]:
                rounds = chain(context.histories, scenario, method)
                for seed, curve in rounds.groupby("seed", sort=False):
                    sizes = curve["n_labelled"].tolist()
                    # Rounded, since 100 * 0.57 is a little below 57.
                    accuracy = np.round(100 * curve["accuracy"], DIGITS).tolist()
                    labels = labels_to_reach(sizes, accuracy, target)
                    rows.append((scenario, target, method, seed, labels, sizes[0], sizes[-1]))
    columns = ["scenario", "accuracy", "method", "seed", "labels", "first", "last"]
    return pd.DataFrame(rows, columns=columns)
