"""Acquisition time against the sizes of pool and batch (Woo 2023, Figure 21)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from balent.reports.context import ReportContext
from balent.reports.studies import foot, position, result, save, titles
from balent.reports.style import WIDTH, house_style, look
from balent.reports.timing_table import exponent, total

ROW_HEIGHT = 2.1  # inches


def write(item: dict, context: ReportContext, stem: Path) -> None:
    """Write the figure."""
    save(draw(item, context), stem)


@house_style()
def draw(item: dict, context: ReportContext) -> Figure:
    """A column per number of classes; over the pool (top) and over the batch (bottom)."""
    data, settings = result(item, context), context.studies[item["study"]]
    count, pools = len(data["classes"]), int(data["n_pools"])
    figure = Figure(figsize=(WIDTH, 2 * ROW_HEIGHT), layout="constrained")
    panels = figure.subplots(2, count, squeeze=False)
    for c, classes in enumerate(data["classes"].tolist()):
        rows = (
            (slice(None, pools), "points", f"batch of {settings['size']:,}", "Pool (points)"),
            (slice(pools, None), "sizes", f"{settings['points']:,} points", "Batch (points)"),
        )
        for row, (cells, key, fixed, label) in enumerate(rows):
            panel = panels[row, c]
            _lines(panel, item, context, data, c, cells, key)
            panel.set_title(f"C = {classes}, {fixed}")
            panel.set(xlabel=label, ylabel="Seconds")
            panel.legend(fontsize=6)
    foot(
        figure,
        f"{context.scale} scale: {settings['samples']} samples a point, sampling included; lines: "
        f"median of n = {settings['repeats']} runs, bands: their range;\ne: fitted exponent, "
        "seconds ∝ size^e",
    )
    return figure


def _lines(
    panel: Axes,
    item: dict,
    context: ReportContext,
    data: dict[str, np.ndarray],
    c: int,
    cells: slice,
    key: str,
) -> None:
    for name, title in zip(item["methods"], titles(context, item["methods"]), strict=True):
        seconds = total(data)[position(data["methods"], name), c, cells]  # [J, R]
        sizes, median = data[key][cells], np.median(seconds, axis=1)
        label = f"{title}, e = {exponent(sizes, median):z.2f}"
        style = look(name)
        panel.plot(sizes, median, label=label, **style.arguments())
        band = (seconds.min(axis=1), seconds.max(axis=1))
        panel.fill_between(sizes, *band, color=style.color, alpha=0.15, linewidth=0)
    panel.set_ylim(bottom=0)
    panel.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
