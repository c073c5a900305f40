"""What all figures of learning curves share: metrics, layout, one panel, the line at the foot."""

from __future__ import annotations

import math
from collections.abc import Iterable
from textwrap import fill
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from balent.reports.context import UNDEFINED, ReportContext, data_title
from balent.reports.histories import chain
from balent.reports.kinds import pairs
from balent.reports.studies import SMALL
from balent.reports.style import WIDTH, Look


class Metric(NamedTuple):
    """A column of a history that can be drawn: label, short label, factor, largest value."""

    label: str
    short: str
    factor: float = 1.0
    largest: float = math.inf


METRICS = {
    "accuracy": Metric("Test accuracy (%)", "Accuracy (%)", 100.0, 100.0),
    "nll": Metric("Test negative log-likelihood (nats)", "Neg. log-likelihood (nats)"),
    "epistemic": Metric("Epistemic uncertainty of acquired points (nats)", "Epistemic (nats)"),
    "aleatoric": Metric("Aleatoric uncertainty of acquired points (nats)", "Aleatoric (nats)"),
    "label_entropy": Metric("Entropy of the labels' classes (nats)", "Label entropy (nats)"),
    "class_balance": Metric("Entropy of classes / log C", "Class balance", 1.0, 1.0),
    "duplicates": Metric("Copies among the picks (%)", "Copies (%)", 100.0, 100.0),
}
"""The last two are made from a history and its chain's picks by the kinds of their names."""
MARKERS = 8
"""About so many markers along a curve."""
GOLDEN = 0.618  # steps of this size modulo 1 keep neighbours apart
ROW_HEIGHT = 2.05  # inches
SINGLE_HEIGHT = 2.9  # inches: of a panel that has the width for itself
LEGEND_WIDTH = 0.34  # of a single panel's width
LEGEND_ROW = 0.2  # inches
TITLE_WIDTH = 33  # characters


def layout(count: int, entries: int) -> tuple[Figure, np.ndarray, int]:
    """A figure with a panel for each of ``count`` and a cell after them for a legend.

    A single panel has the width but for the legend, whose number of entries the figure's height
    allows for. Returns the figure, its axes in a row, and how many of them stand side by side.
    """
    cells = count + 1
    columns = 2 if cells in (2, 4) else 3
    rows = math.ceil(cells / columns)
    single = count == 1
    height = max(SINGLE_HEIGHT if single else ROW_HEIGHT * rows, LEGEND_ROW * entries + 0.3)
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    ratios = [1, LEGEND_WIDTH] if single else None
    axes = figure.subplots(rows, columns, squeeze=False, width_ratios=ratios).flatten()
    for empty in axes[count:]:
        empty.axis("off")
    return figure, axes, columns


def legend(panel: Axes, looks: dict[str, Look]) -> None:
    """Fill an empty cell with the labels of the curves."""
    panel.legend(handles=handles(looks), loc="center left", borderaxespad=0)


def handles(looks: dict[str, Look]) -> list[Line2D]:
    """A line for each label of a legend."""
    return [Line2D([], [], label=label, **look.arguments()) for label, look in looks.items()]


def head(panel: Axes, title: str, text: str = "") -> None:
    """A panel's title with a line of small text below, if there is any."""
    panel.set_title(fill(title, TITLE_WIDTH), pad=13)
    if text:
        panel.annotate(text, (0, 1), (0, 4), "axes fraction", textcoords="offset points", **SMALL)


def blank(panel: Axes) -> None:
    """A panel of a scenario that the scale does not define."""
    panel.text(0.5, 0.5, UNDEFINED, ha="center", va="center", transform=panel.transAxes)
    panel.set(xticks=[], yticks=[])
    panel.grid(False)
    panel.spines[:].set_visible(False)


def corner(panel: Axes, text: str) -> None:
    """Small text in the corner of a panel that curves of accuracy reach last, if there is any."""
    if text:
        wrapped = fill(text, TITLE_WIDTH)
        panel.annotate(wrapped, (0.98, 0.04), xycoords="axes fraction", ha="right", **SMALL)


def curve(panel: Axes, values: pd.DataFrame, metric: str, look: Look, position: int) -> None:
    """The mean over seeds with a band of ± 1 standard deviation (ddof 1; none for one seed)."""
    scaled = METRICS[metric].factor * values.set_index("n_labelled")[metric].dropna()
    grouped = scaled.groupby(level=0)
    mean, sd = grouped.mean(), grouped.std(ddof=1)
    # The phase lets markers of different curves stand apart, so that they do not hide each other.
    every = max(1, math.ceil(len(mean) / MARKERS))
    panel.plot(
        mean.index,
        mean,
        markevery=(int(position * GOLDEN % 1 * every), every),
        zorder=2 + look.width,
        clip_on=False,  # whole markers at the limit of an axis
        **look.arguments(),
    )
    if sd.notna().any():
        panel.fill_between(
            mean.index, mean - sd, mean + sd, color=look.color, alpha=0.15, linewidth=0
        )


def finish(panel: Axes, metric: str, label: bool, ticks: int = 5) -> None:
    """Set the axes of a panel; ``label`` says whether the vertical one is named."""
    _limit(panel, METRICS[metric].largest)
    panel.xaxis.set_major_locator(MaxNLocator(ticks, integer=True, steps=[1, 2, 2.5, 5, 10]))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    panel.set_xlabel("Labelled points")
    if label:
        panel.set_ylabel(METRICS[metric].label)


def _limit(panel: Axes, largest: float) -> None:
    """End the axis at the largest possible value, or where a band ends that goes beyond it."""
    top = max(largest, panel.dataLim.y1)
    if panel.get_ylim()[1] > top:
        panel.set_ylim(top=top)


def data_of(context: ReportContext, scenario: str) -> str:
    """The data of a scenario with the number of its copies."""
    settings = context.scenarios[scenario]
    return data_title(settings["data"], settings["copies"])


def not_run(titles: Iterable[str]) -> str:
    """What a figure says of curves that ``not_run`` leaves out; empty where there is none."""
    names = ", ".join(titles)
    return f"not run: {names}" if names else ""


def scale_note(context: ReportContext, scenarios: Iterable[str]) -> str:
    """The scale with the data sets of those of the scenarios that it defines."""
    shown = [context.scenarios[name]["data"] for name in scenarios if name in context.scenarios]
    data = ", ".join(dict.fromkeys(map(data_title, shown)))
    return f"{context.scale} scale" + (f": {data}" if data else "")


def note(context: ReportContext, item: dict) -> str:
    """``scale_note`` of an item's scenarios, and what line and band are."""
    text = scale_note(context, item["scenarios"])
    shown = [pair for pair in pairs(item) if pair[0] in context.scenarios]
    if not shown:
        return text
    n = context.seed_count(pd.concat([chain(context.histories, *pair) for pair in shown]))
    if n == "1":
        return f"{text}; one seed (no bands)"
    return f"{text}; lines: mean of n = {n} seeds, bands: ± 1 standard deviation"
