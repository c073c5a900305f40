"""What DVC shows of the histories: final accuracy and area under the curve, and the curves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from balent.files import write_json, write_text
from balent.reports.histories import chain, load_histories
from balent.reports.kinds import pairs
from balent.reports.statistics import area_under_curve


def write_metrics(
    items: Sequence[Mapping[str, Sequence[str]]],
    seeds: Sequence[int],
    results: Path,
    metrics: Path,
    curves: Path,
) -> None:
    """Write both files from the histories that reports show, as means over the seeds.

    items    {scenarios, methods, not_run} of each report
    results  the folder of one scale: results/SCALE
    metrics  JSON {scenario: {method: {accuracy: at the end, area: under the curve}}}
    curves   CSV with columns scenario, method, n_labelled, accuracy
    Raises DataError in one line for a history that is absent or is none.
    """
    shown = sorted({pair for item in items for pair in pairs(item)})
    histories = load_histories(
        (scenario, method, seed, results / scenario / method / f"seed{seed}" / "history.csv")
        for scenario, method in shown
        for seed in seeds
    )
    keys = ["scenario", "method", "n_labelled"]
    means = histories.groupby(keys, sort=False)["accuracy"].mean().reset_index()
    found: dict[str, dict[str, dict[str, float]]] = defaultdict(dict)
    for scenario, method in shown:
        found[scenario][method] = summary(chain(means, scenario, method))
    write_json(metrics, found)
    write_text(curves, means.to_csv(index=False, lineterminator="\n"))


def summary(curve: pd.DataFrame) -> dict[str, float]:
    """The accuracy at the end of a curve, and the area under it (a mean accuracy)."""
    counts, accuracies = curve["n_labelled"].tolist(), curve["accuracy"].tolist()
    return {"accuracy": accuracies[-1], "area": area_under_curve(counts, accuracies)}
