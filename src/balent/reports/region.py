"""Where BalEntAcq is not negative, and what it chooses there (Woo 2023, Figure 14)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from balent.reports.context import ReportContext
from balent.reports.selection import PICKED, boundary, locations, training_points
from balent.reports.studies import foot, position, result, save, titles
from balent.reports.style import house_style

SIZE = (6.0, 3.4)  # inches


def write(item: dict, context: ReportContext, stem: Path) -> None:
    """Write the figure."""
    save(draw(item, context), stem)


@house_style()
def draw(item: dict, context: ReportContext) -> Figure:
    """The region where the first method's score is at least 0; the second method's choice."""
    data = result(item, context)
    (ratio, chooser), (size,) = item["methods"], item["sizes"]
    scores = data["scores"][position(data["methods"], ratio)]
    figure = Figure(figsize=SIZE, layout="constrained")
    left, right = figure.subplots(1, 2)
    finite = np.maximum(scores, -1)  # contours of -∞ have no place
    for panel in (left, right):
        panel.contourf(data["x"], data["y"], finite, [0, 1], colors=["#F4B6A6"])
        panel.set(xticks=[], yticks=[], aspect="equal")
        boundary(panel, data)
        training_points(panel, data)
    share = 100 * (scores >= 0).mean()
    left.set_title(f"{titles(context, [ratio])[0]} ≥ 0: {share:.1f} % of the square")
    picks = data["picks"][position(data["methods"], chooser), :size]
    right.plot(
        *locations(data, picks).T, "*", color=PICKED, markersize=7, markeredgecolor="white", mew=0.4
    )
    right.set_title(f"best {size} of {titles(context, [chooser])[0]}")
    foot(
        figure,
        f"{context.scale} scale: {scores.size:,} lattice points; pale red: the region; lines: "
        "between predicted classes;\ncircles, squares, triangles: training points of the three "
        "classes; stars: chosen points",
    )
    return figure
