"""Rank correlations of acquisition functions on random points (Woo 2023, Figures 1 and 8)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from balent.reports import agreement_table
from balent.reports.agreement_table import spearman, stated, statement, table
from balent.reports.context import ReportContext
from balent.reports.studies import axis_label, foot, position, result, save, titles
from balent.reports.style import OTHER_COLORS, OTHER_LINES, OTHER_MARKERS, WIDTH, house_style

HEIGHT = 3.3  # inches
FIRST = "#0072B2"


def write(item: dict, context: ReportContext, stem: Path) -> None:
    """Write the figure, and as ``stem``.csv the numbers behind its curves."""
    save(draw(item, context), stem)
    agreement_table.write(item, context, stem)


@house_style()
def draw(item: dict, context: ReportContext) -> Figure:
    """A scatter of the first pair, curves over the classes, and the matrix at the most classes."""
    data = result(item, context)
    settings = context.studies[item["study"]]
    classes = data["classes"].tolist()
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    left, middle, right = figure.subplots(1, 3, width_ratios=[1, 1.15, 1.1])
    (scores,) = data["scores"]  # of one generator, [L, R, M, N]
    scatter(left, scores[-1, 0], data["methods"], item["pairs"][0]["methods"], context)
    left.set_title(f"C = {classes[-1]:,}, first repeat")
    curves(middle, item, table(item, context), context)
    middle.set_title("Rank correlation")
    _matrix(right, scores[-1], data["methods"].tolist(), context)
    right.set_title(f"In %, C = {classes[-1]:,}")
    handles, labels = middle.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper left", ncols=2, fontsize=7)
    foot(figure, note(context.scale, settings))
    return figure


def scatter(
    panel: Axes,
    scores: np.ndarray,
    methods: np.ndarray,
    pair: list[str],
    context: ReportContext,
) -> None:
    """Scores [M, N] of two methods against each other, a dot for each point."""
    first, second = (scores[position(methods, name)] for name in pair)
    panel.plot(first, second, ".", color=FIRST, markersize=4, alpha=0.7, markeredgewidth=0)
    panel.set_xlabel(axis_label(context, pair[0]))
    panel.set_ylabel(axis_label(context, pair[1]))
    panel.ticklabel_format(useOffset=False)
    panel.locator_params(nbins=4)


def curves(panel: Axes, item: dict, rows: pd.DataFrame, context: ReportContext) -> None:
    """Spearman's correlation over the classes, a band of ± 1 sd, the paper's value dashed."""
    for number, pair in enumerate(item["pairs"]):
        names = titles(context, pair["methods"])
        chosen = rows[(rows["first"] == names[0]) & (rows["second"] == names[1])]
        label, color = " – ".join(names), OTHER_COLORS[number % len(OTHER_COLORS)]
        if "paper" in pair:
            label += f" (paper: {statement(pair)})"
            panel.axhline(stated(pair)[1], color=color, linewidth=0.7, linestyle=(0, (2, 2)))
        line(panel, chosen, "spearman", number, label)
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.4g} %"))
    panel.set_xlabel("Classes C")


def line(panel: Axes, rows: pd.DataFrame, value: str, number: int, label: str) -> None:
    """The mean of a column pair ``value``_mean, ``value``_sd over the classes, with a band."""
    mean, sd = rows[f"{value}_mean"], rows[f"{value}_sd"]
    color = OTHER_COLORS[number % len(OTHER_COLORS)]
    panel.plot(
        rows["classes"],
        mean,
        color=color,
        linestyle=OTHER_LINES[number % len(OTHER_LINES)],
        marker=OTHER_MARKERS[number % len(OTHER_MARKERS)],
        markersize=4,
        linewidth=1.1,
        label=label,
    )
    panel.fill_between(rows["classes"], mean - sd, mean + sd, color=color, alpha=0.15, linewidth=0)
    panel.set_xscale("log")


def _matrix(panel: Axes, scores: np.ndarray, methods: list[str], context: ReportContext) -> None:
    """Correlations of all methods from their scores [R, M, N], means over the repeats."""
    values = spearman(scores[:, :, None], scores[:, None]).mean(0)  # [M, M]
    panel.imshow(values, cmap="cividis", vmin=-1, vmax=1)
    names = titles(context, methods)
    panel.set_xticks(range(len(names)), names, rotation=45, ha="right", rotation_mode="anchor")
    panel.set_yticks(range(len(names)), names)
    panel.tick_params(labelsize=6, length=0)
    panel.grid(False)
    for (row, column), value in np.ndenumerate(values):
        color = "black" if value > 0.3 else "white"
        panel.text(
            column, row, f"{100 * value:.1f}", ha="center", va="center", fontsize=5.5, color=color
        )


def note(scale: str, settings: dict) -> str:
    """The scale, and what dots, lines and bands are."""
    repeats = settings["repeats"]
    bands = f"bands: ± 1 standard deviation of n = {repeats} repeats; " if repeats > 1 else ""
    return (
        f"{scale} scale: {settings['points']} random points a repeat, "
        f"{sample_counts(settings)} samples a point; {bands}\ndashed: the paper"
    )


def sample_counts(settings: dict) -> str:
    """How many samples the study's generators draw of a point: "1,000", or "100 or 1,000"."""
    every = settings["generators"].values()
    counts = {generator.get("samples", settings["samples"]) for generator in every}
    return " or ".join(f"{count:,}" for count in sorted(counts))
