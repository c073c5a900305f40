"""Acquisition functions of two classes over Beta parameters (Woo 2023, Figures 7 and 13)."""

from __future__ import annotations

from pathlib import Path

import mpl_toolkits.mplot3d  # noqa: F401  registers the projection "3d"
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from balent.errors import ConfigError
from balent.reports.context import ReportContext
from balent.reports.studies import axis_label, foot, position, result, save
from balent.reports.style import WIDTH, house_style, sequence

CELLS = 40
"""About so many cells along a drawn surface."""
AUTOMATIC = 5
"""About so many contours where the item names no levels."""


def write(item: dict, context: ReportContext, stem: Path) -> None:
    """Write the figure."""
    save(draw(item, context), stem)


@house_style()
def draw(item: dict, context: ReportContext) -> Figure:
    """A surface over (log α, log β) for each method, and its contours below or beside it.

    Contours are drawn at ``levels``; surfaces are cut off below the lowest of them. Raises
    ConfigError where no level lies within a method's scores.
    """
    data, count = result(item, context), len(item["methods"])
    single = count == 1
    size = (WIDTH, 3.2) if single else (1.85 * count, 3.9)
    figure = Figure(figsize=size, layout="constrained")
    logs = np.log10(data["parameters"])
    shape = (1, 2) if single else (2, count)
    for number, method in enumerate(item["methods"]):
        values = data["scores"][position(data["methods"], method)]
        top = figure.add_subplot(*shape, number + 1, projection="3d")
        _surface(top, logs, values, item.get("levels"))
        top.set_title(axis_label(context, method), pad=0, fontsize=7)
        below = figure.add_subplot(*shape, number + 1 + (1 if single else count))
        _contours(below, data["parameters"], values, item.get("levels"))
        if number == 0:
            below.set_ylabel("β")
    foot(
        figure,
        f"{context.scale} scale: C = 2, $P_1$ ~ Beta(α, β), {len(logs)} × {len(logs)} parameters, "
        "logarithmic axes; height and contours: the score",
    )
    return figure


def _surface(panel, logs: np.ndarray, values: np.ndarray, levels: list[float] | None) -> None:
    low = min(levels) if levels else values.min()
    step = max(1, len(logs) // CELLS)
    x, y = np.meshgrid(logs[::step], logs[::step])
    heights = np.maximum(values[::step, ::step], low)
    panel.plot_surface(
        *(x, y, heights),
        cmap="cividis",
        rcount=len(x),
        ccount=len(x),
        linewidth=0,
        rasterized=True,  # thousands of polygons otherwise
    )
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_locator(MaxNLocator(4, integer=True))
        axis.set_major_formatter(FuncFormatter(lambda power, _: f"{10.0**power:g}"))
    panel.tick_params(labelsize=5, pad=-3)
    panel.zaxis.set_major_locator(MaxNLocator(4))
    panel.set_xlabel("α", labelpad=-8)
    panel.set_ylabel("β", labelpad=-8)
    panel.view_init(elev=32, azim=-120)


def _contours(panel: Axes, parameters: np.ndarray, values: np.ndarray, levels: list | None) -> None:
    wanted = sorted(levels) if levels else AUTOMATIC
    low, high = values.min(), values.max()
    if levels and not any(low < level < high for level in levels):
        raise ConfigError(
            f"levels: none of {levels} lies within the scores, {low:.3g} to {high:.3g}; give others"
        )
    colors = [look.color for look in sequence(len(levels))] if levels else None
    lines = panel.contour(
        *(parameters, parameters, values, wanted),
        colors=colors,
        cmap=None if levels else "cividis",
        linestyles="solid",
        linewidths=1,
    )
    drawn = np.array(lines.levels)
    shown = drawn[(drawn > low) & (drawn < high)]
    of_level = dict(zip(drawn, colors or map(to_hex, lines.to_rgba(drawn)), strict=True))
    handles = [Line2D([], [], color=of_level[level]) for level in shown]
    where = {"loc": "center left", "bbox_to_anchor": (1, 0.5)} if levels else {"loc": "upper right"}
    panel.legend(
        handles,
        [f"{level:g}".replace("-", "−") for level in shown],
        fontsize=6,
        handlelength=1.2,
        **where,
    )
    panel.set(xscale="log", yscale="log", xlabel="α", aspect="equal")
