"""What one chain's learning curve comes to: the area under it and the accuracy at its end."""

from __future__ import annotations

import pandas as pd

from balent.reports.statistics import area_under_curve

MEASURES = {
    "area_under_curve": "Area under the learning curve",
    "final_accuracy": "Final accuracy",
}
"""Both in percent; the area is the mean height of the accuracy curve."""


def measures(rounds: pd.DataFrame) -> dict[str, dict[int, float]]:
    """{measure: {seed: percent}} of the chains of one method, as ``histories.chain`` gives them."""
    found: dict[str, dict[int, float]] = {measure: {} for measure in MEASURES}
    for seed in rounds["seed"].unique().tolist():
        curve = rounds[rounds["seed"] == seed]
        accuracy = (100 * curve["accuracy"]).tolist()
        sizes = curve["n_labelled"].tolist()
        found["area_under_curve"][seed] = area_under_curve(sizes, accuracy)
        found["final_accuracy"][seed] = accuracy[-1]
    return found
