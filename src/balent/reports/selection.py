"""What acquisition functions choose from a lattice (Woo 2023, Figures 2 and 11)."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from scipy.spatial.distance import pdist
from scipy.stats import rankdata

from balent.reports.context import ReportContext
from balent.reports.studies import foot, position, result, save, titles
from balent.reports.style import WIDTH, house_style

PIXELS = 200
"""About so many pixels along a panel; a finer lattice is drawn at every second, third, … point."""
LEVELS = 32
"""Shades of grey: few, so that images stay small."""
CLASS_COLORS = ("#0072B2", "#E69F00", "#009E73")
CLASS_MARKERS = ("o", "s", "^")
PICKED = "#D50000"
MARGIN = 0.55  # inches: titles and the foot


def write(item: dict, context: ReportContext, stem: Path) -> None:
    """Write the figure."""
    save(draw(item, context), stem)


@house_style()
def draw(item: dict, context: ReportContext) -> Figure:
    """A row per number of chosen points, a column per method."""
    data, count = result(item, context), len(item["methods"])
    side = min(WIDTH / count, 1.9)
    size = (side * count, side * len(item["sizes"]) + MARGIN)
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(len(item["sizes"]), count, squeeze=False)
    for row, chosen in enumerate(item["sizes"]):
        for column, method in enumerate(item["methods"]):
            number = position(data["methods"], method)
            panel, picks = panels[row, column], data["picks"][number, :chosen]
            shade(panel, data, ranks(data["scores"][number]))
            boundary(panel, data)
            points = locations(data, picks)  # [size, 2]
            panel.plot(*points.T, ".", color=PICKED, markersize=3, markeredgewidth=0)
            panel.annotate(
                f"{mean_distance(points):.2f}", (0.97, 0.03), xycoords="axes fraction", ha="right"
            )
            if row == 0:
                panel.set_title(titles(context, [method])[0])
        panels[row, 0].set_ylabel(f"best {chosen}")
    foot(figure, note(context, data))
    return figure


def ranks(scores: np.ndarray) -> np.ndarray:
    """Scores as shares of points with a lower score, in the shape given."""
    return (rankdata(scores, axis=None) / scores.size).reshape(scores.shape)


def shade(panel: Axes, data: dict[str, np.ndarray], values: np.ndarray) -> None:
    """The lattice in grey: values in [0, 1], dark is large."""
    step = math.ceil(len(data["x"]) / PIXELS)
    extent = (data["x"][0], data["x"][-1], data["y"][0], data["y"][-1])
    greys = ListedColormap([str(level) for level in np.linspace(1, 0.35, LEVELS)])
    panel.imshow(
        values[::step, ::step],
        cmap=greys,
        vmin=0,
        vmax=1,
        origin="lower",
        extent=extent,
        interpolation="none",  # the pixels themselves, not a finer image of them
    )
    panel.set(xticks=[], yticks=[], aspect="equal")
    panel.grid(False)


def boundary(panel: Axes, data: dict[str, np.ndarray]) -> None:
    """Lines between the predicted classes."""
    step = math.ceil(len(data["x"]) / PIXELS)
    x, y = data["x"][::step], data["y"][::step]
    for label in np.unique(data["labels"])[:-1]:
        inside = (data["prediction"][::step, ::step] == label).astype(float)
        panel.contour(x, y, inside, [0.5], colors="black", linewidths=0.6)


def training_points(panel: Axes, data: dict[str, np.ndarray]) -> None:
    """The training set, a colour and a marker per class."""
    for label, (color, marker) in enumerate(zip(CLASS_COLORS, CLASS_MARKERS, strict=True)):
        points = data["points"][data["labels"] == label]
        panel.plot(*points.T, marker, color=color, markersize=2.5, markeredgewidth=0)


def locations(data: dict[str, np.ndarray], picks: np.ndarray) -> np.ndarray:
    """Coordinates [size, 2] of lattice points."""
    row, column = np.divmod(picks, len(data["x"]))
    return np.stack([data["x"][column], data["y"][row]], axis=1)


def mean_distance(points: np.ndarray) -> float:
    """The mean distance between two of the points [size, 2]: how far they are spread."""
    return float(pdist(points).mean())


def note(context: ReportContext, data: dict[str, np.ndarray]) -> str:
    """The scale, and what is drawn."""
    return (
        f"{context.scale} scale: {data['scores'][0].size:,} lattice points; grey: rank of the "
        "score, dark is large; lines: between predicted classes;\n"
        "red: chosen points; number: mean distance between two of them (unit: the moons' radius)"
    )
