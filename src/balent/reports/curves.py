"""Learning curves: one panel per scenario, a mean with a band of ± 1 sd per method."""

from __future__ import annotations

import math
from pathlib import Path
from textwrap import fill
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from balent.files import atomic
from balent.reports.context import UNDEFINED, ReportContext, data_title, output
from balent.reports.histories import chain
from balent.reports.style import METADATA, WIDTH, house_style, look

METRICS = {
    "accuracy": ("Test accuracy (%)", 100.0),
    "nll": ("Test negative log-likelihood (nats)", 1.0),
    "epistemic": ("Epistemic uncertainty of acquired points (nats)", 1.0),
    "aleatoric": ("Aleatoric uncertainty of acquired points (nats)", 1.0),
    "label_entropy": ("Entropy of the labels' classes (nats)", 1.0),
}
"""Label and factor of every column of a history that can be drawn."""
LARGEST = {"accuracy": 100.0}
"""The largest value of what is drawn, where there is one: no axis goes beyond it without need."""
MARKERS = 8
"""About so many markers along a curve."""
GOLDEN = 0.618  # steps of this size modulo 1 keep neighbours apart
ROW_HEIGHT = 2.05  # inches
SINGLE_HEIGHT = 2.9  # inches: of a panel that has the width for itself
LEGEND_WIDTH = 0.34  # of a single panel's width
TITLE_WIDTH = 33  # characters
SMALL: dict[str, Any] = {"fontsize": 7, "color": "#555555"}


def write(item: dict, context: ReportContext, stem: Path) -> None:
    """Write ``stem``.pdf, ``stem``.svg and ``stem``.png; equal histories give equal bytes."""
    with house_style():
        figure = draw(item, context)
        for suffix, metadata in METADATA.items():
            with atomic(output(stem, suffix)) as part:
                figure.savefig(part, metadata=metadata)


@house_style()
def draw(item: dict, context: ReportContext) -> Figure:
    """The figure of an item with ``scenarios``, ``methods`` and ``metric``.

    A single panel has the width but for the legend. The cell after the last panel holds the
    legend; a line at the foot says the scale, the data and what line and band are.
    """
    cells = len(item["scenarios"]) + 1
    columns = 2 if cells in (2, 4) else 3
    rows = math.ceil(cells / columns)
    single = cells == 2
    height = SINGLE_HEIGHT if single else ROW_HEIGHT * rows
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    ratios = [1, LEGEND_WIDTH] if single else None
    axes = figure.subplots(rows, columns, squeeze=False, width_ratios=ratios).flatten()
    label, factor = METRICS[item["metric"]]
    for number, (panel, scenario) in enumerate(zip(axes, item["scenarios"], strict=False)):
        title = fill(context.scenario_title(scenario), TITLE_WIDTH)
        if scenario in context.undefined:
            panel.set_title(title, pad=13)
            panel.text(0.5, 0.5, UNDEFINED, ha="center", va="center", transform=panel.transAxes)
            panel.set(xticks=[], yticks=[])
            panel.grid(False)
            panel.spines[:].set_visible(False)
            continue
        settings = context.scenarios[scenario]
        data = data_title(settings["data"], settings["copies"])
        panel.set_title(title, pad=13)
        panel.annotate(data, (0, 1), (0, 4), "axes fraction", textcoords="offset points", **SMALL)
        for position, method in enumerate(item["methods"]):
            values = chain(context.histories, scenario, method)
            _curve(panel, values, item["metric"], factor, method, position * GOLDEN % 1)
        _limit(panel, LARGEST.get(item["metric"], math.inf))
        panel.xaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 2.5, 5, 10]))
        panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        panel.set_xlabel("Labelled points")
        if number % columns == 0:
            panel.set_ylabel(label)
    for empty in axes[len(item["scenarios"]) :]:
        empty.axis("off")
    handles = [
        Line2D([], [], label=context.methods[method]["title"], **look(method).arguments())
        for method in item["methods"]
    ]
    axes[len(item["scenarios"])].legend(handles=handles, loc="center left", borderaxespad=0)
    figure.supxlabel(note(item, context), x=0.01, ha="left", **SMALL)
    return figure


def _curve(
    panel: Axes, values: pd.DataFrame, metric: str, factor: float, method: str, phase: float
) -> None:
    grouped = (factor * values.set_index("n_labelled")[metric].dropna()).groupby(level=0)
    mean, sd = grouped.mean(), grouped.std(ddof=1)
    style = look(method)
    # The phase lets markers of different methods stand apart, so that they do not hide each other.
    every = max(1, math.ceil(len(mean) / MARKERS))
    panel.plot(
        mean.index,
        mean,
        markevery=(int(phase * every), every),
        zorder=2 + style.width,
        clip_on=False,  # whole markers at the limit of an axis
        **style.arguments(),
    )
    if sd.notna().any():
        panel.fill_between(
            mean.index, mean - sd, mean + sd, color=style.color, alpha=0.15, linewidth=0
        )


def _limit(panel: Axes, largest: float) -> None:
    """End the axis at the largest possible value, or where a band ends that goes beyond it."""
    top = max(largest, panel.dataLim.y1)
    if panel.get_ylim()[1] > top:
        panel.set_ylim(top=top)


def note(item: dict, context: ReportContext) -> str:
    """The scale with its data sets, and what line and band are."""
    shown = [name for name in item["scenarios"] if name in context.scenarios]
    if not shown:
        return f"{context.scale} scale"
    names = [context.scenarios[name]["data"] for name in shown]
    data = ", ".join(dict.fromkeys(map(data_title, names)))
    histories = context.histories
    drawn = histories[histories["scenario"].isin(shown) & histories["method"].isin(item["methods"])]
    n = context.seed_count(drawn)
    spread = "one seed (no bands)"
    if n != "1":
        spread = f"lines: mean of n = {n} seeds, bands: ± 1 standard deviation"
    return f"{context.scale} scale: {data}; {spread}"
