"""Where BalEntAcq is not negative, and what it chooses there (Woo 2023, Figure 14)."""

from __future__ import annotations

import math
from pathlib import Path

from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from balent.reports.context import ReportContext
from balent.reports.selection import (
    PICKED,
    PIXELS,
    boundary,
    locations,
    shade,
    training_points,
)
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
    step = math.ceil(len(data["x"]) / PIXELS)
    extent = (data["x"][0], data["x"][-1], data["y"][0], data["y"][-1])
    for panel in (left, right):
        shade(panel, data, 0 * scores)
        inside = (scores >= 0)[::step, ::step]
        colors = ListedColormap(["#ffffff00", "#F4B6A6"])
        panel.imshow(inside, cmap=colors, origin="lower", extent=extent, interpolation="none")
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
