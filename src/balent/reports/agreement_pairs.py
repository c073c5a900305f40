"""Acquisition functions against each other on random points (Woo 2023, Figure 9)."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from balent.reports.agreement import FIRST, sample_counts
from balent.reports.agreement_table import spearman
from balent.reports.context import ReportContext
from balent.reports.studies import axis_label, foot, position, result, save, titles
from balent.reports.style import WIDTH, house_style


def write(item: dict, context: ReportContext, stem: Path) -> None:
    """Write the figure."""
    save(draw(item, context), stem)


@house_style()
def draw(item: dict, context: ReportContext) -> Figure:
    """Below the diagonal scatters of the first repeat, above it mean rank correlations.

    All at the most classes that the study has.
    """
    data, settings = result(item, context), context.studies[item["study"]]
    names = titles(context, item["methods"])
    labels = [axis_label(context, method) for method in item["methods"]]
    chosen = [position(data["methods"], name) for name in item["methods"]]
    (scores,) = data["scores"]  # of one generator, [L, R, M, N]
    scores = scores[-1][:, chosen]  # [R, M, N]
    count = len(names)
    figure = Figure(figsize=(WIDTH, WIDTH * 0.9), layout="constrained")
    panels = figure.subplots(count, count, squeeze=False, sharex="col", sharey="row")
    for row in range(count):
        for column in range(count):
            panel = panels[row, column]
            panel.locator_params(nbins=3)
            if row > column:
                x, y = scores[0, column], scores[0, row]
                panel.plot(x, y, ".", color=FIRST, markersize=3, alpha=0.7, markeredgewidth=0)
                panel.tick_params(labelsize=5.5)
                for axis in (panel.xaxis, panel.yaxis):
                    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.5g}"))
            else:
                text = names[row]
                if row < column:
                    rank = spearman(scores[:, row], scores[:, column]).mean()
                    text = f"{100 * rank:.1f} %".replace("-", "−")
                panel.text(
                    *(0.5, 0.5, text),
                    ha="center",
                    va="center",
                    fontsize=8 if row < column else 6.5,
                    transform=panel.transAxes,
                )
                panel.axis("off")
    for number in range(count - 1):
        panels[-1, number].set_xlabel(labels[number], fontsize=5.5)
        panels[number + 1, 0].set_ylabel(labels[number + 1], fontsize=5.5)
    foot(
        figure,
        f"{context.scale} scale: C = {data['classes'][-1]:,}, {settings['points']} random points, "
        f"{sample_counts(settings)} samples a point; percentages: rank correlations, "
        f"mean of n = {settings['repeats']} repeats",
    )
    return figure
