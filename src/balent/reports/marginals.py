"""Beta approximations of class probabilities (Woo 2023, Figures 5 and 6), and how good they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.ticker import FuncFormatter
from scipy.stats import beta as beta_distribution

from balent.files import write_text
from balent.reports.context import ReportContext, data_title, output
from balent.reports.studies import foot, result, save
from balent.reports.style import OTHER_COLORS, WIDTH, house_style

COLUMNS, CLASSES = 5, 10
"""Panels in a row, and marginals of a point: its ten most likely classes where there are more."""
ROW, LAST = 1.0, 2.5  # inches: a row of panels, and the panel of distances with the foot
BARS, CURVE = "#9CC4E4", "#D50000"
TABLE = (
    "mean_from",
    "mean_to",
    "marginals",
    "without_fit",
    "distance_median",
    "distance_q95",
    "reference_median",
    "reference_q95",
    "share_above_reference_q95",
    "reference_draws",
    "reference_without_fit",
)
ENOUGH = 20
"""Draws that a 95 % quantile needs: of 20, one lies above it."""
PANELS = {"left": 0.01, "right": 0.985, "bottom": 0.09, "top": 0.87, "wspace": 0.08, "hspace": 0.3}
PANEL = {"left": 0.09, "right": 0.68, "bottom": 0.4, "top": 0.97}
"""Margins in shares of a part: the automatic layout of parts differs in its last bits."""
PIXELS = 400
"""Places at which a density is drawn."""


def write(item: dict, context: ReportContext, stem: Path) -> None:
    """Write the figure, and as ``stem``.csv the distances of all marginals by stratum."""
    data = result(item, context)
    save(draw(item, context, data), stem)
    write_text(output(stem, ".csv"), table(data).to_csv(index=False, float_format="%.4g"))


def table(data: dict[str, np.ndarray]) -> pd.DataFrame:
    """A row per stratum of min(m, 1 - m): distances, their reference, and how many exceed it.

    A marginal without a Beta distribution of its moments is counted as ``without_fit``, such a draw
    as ``reference_without_fit``; distances are of the others. Where fewer than ENOUGH draws have a
    fit there is no reference.
    """
    rows = []
    for t, (low, high) in enumerate(zip(data["strata"][:-1], data["strata"][1:], strict=True)):
        distances, reference = fitted(data, t)
        count, draws = (data["stratum"] == t).sum(), len(data["reference"][t])
        row = {"mean_from": low, "mean_to": high, "marginals": count}
        row["without_fit"] = count - len(distances)
        if len(distances):
            row |= {
                "distance_median": np.median(distances),
                "distance_q95": np.quantile(distances, 0.95),
                "reference_draws": draws,
                "reference_without_fit": draws - len(reference),
            }
        if len(reference) >= ENOUGH:
            bound = np.quantile(reference, 0.95)
            row |= {
                "reference_median": np.median(reference),
                "reference_q95": bound,
                "share_above_reference_q95": (distances > bound).mean(),
            }
        rows.append(row)
    return pd.DataFrame(rows, columns=TABLE)


def fitted(data: dict[str, np.ndarray], t: int) -> tuple[np.ndarray, np.ndarray]:
    """The distances of stratum t and of its reference: of those that have a fit."""
    found = data["distance"][data["stratum"] == t], data["reference"][t]
    distances, reference = (values[np.isfinite(values)] for values in found)
    return distances, reference


@house_style()
def draw(item: dict, context: ReportContext, data: dict[str, np.ndarray]) -> Figure:
    """A block of histograms with densities for each shown point; below them all distances."""
    settings, shown = context.studies[item["study"]], len(data["shown"])
    rows = -(-min(CLASSES, data["mean"].shape[1]) // COLUMNS)
    block = ROW * rows + 0.35
    figure = Figure(figsize=(WIDTH, block * shown + LAST))
    heights = [block] * shown + [LAST]
    parts: Any = figure.subfigures(len(heights), 1, height_ratios=heights)
    *points, last = parts
    for number, part in enumerate(points):
        _point(part, data, number, settings["shown"][number], rows)
    _distances(last, data)
    foot(last, note(context, settings, data))
    return figure


def _point(
    part: SubFigure, data: dict[str, np.ndarray], number: int, quantile: float, rows: int
) -> None:
    """The marginals of a shown point."""
    n = data["shown"][number]
    likely = np.sort(np.argsort(-data["mean"][n], kind="stable")[:CLASSES])
    part.suptitle(
        f"Test point {n}: quantile {quantile:g} of epistemic uncertainty, "
        f"{data['epistemic'][n]:.2g} nats",
        x=0.01,
        ha="left",
        fontsize=8,
    )
    panels = part.subplots(rows, COLUMNS, squeeze=False, gridspec_kw=PANELS).flatten()
    for panel, c in zip(panels, likely, strict=False):
        _marginal(panel, data, number, c)
    for panel in panels[len(likely) :]:
        panel.axis("off")


def _marginal(panel: Axes, data: dict[str, np.ndarray], number: int, c: int) -> None:
    """A histogram as a density, and the Beta density with its moments."""
    n, counts, edges = data["shown"][number], data["counts"][number, c], data["edges"][number, c]
    heights = counts / counts.sum() / np.diff(edges)
    panel.stairs(heights, edges, fill=True, color=BARS)
    if np.isfinite(data["distance"][n, c]):
        steps = np.linspace(0, 1, PIXELS + 1)[1:-1]
        x = edges[0] + (edges[-1] - edges[0]) * steps
        density = beta_distribution.pdf(x, data["alpha"][n, c], data["beta"][n, c])
        panel.plot(x, density, color=CURVE, linewidth=0.9)
    panel.set(ylim=(0, 1.15 * heights.max()), xlim=(edges[0], edges[-1]), yticks=[])
    low = _short(edges[0]) if edges[0] > edges[-1] / 100 else "≈ 0"
    panel.set_xticks(edges[[0, -1]], [low, _short(edges[-1])], fontsize=5.5)
    for label, side in zip(panel.get_xticklabels(), ("left", "right"), strict=True):
        label.set(ha=side)
    panel.tick_params(pad=1, length=2)
    panel.grid(False)
    text = f"$P_{{{c + 1}}}$\nmean {_short(data['mean'][n, c])}\nD = {data['distance'][n, c]:.2f}"
    x, side = (0.95, "right") if data["mean"][n, c] <= 0.5 else (0.05, "left")
    panel.annotate(text, (x, 0.95), xycoords="axes fraction", ha=side, va="top", fontsize=6)


def _distances(part: SubFigure, data: dict[str, np.ndarray]) -> None:
    """Distribution functions of the distances and of their reference, by stratum."""
    panel = part.subplots(gridspec_kw=PANEL)
    for t, (low, high) in enumerate(zip(data["strata"][:-1], data["strata"][1:], strict=True)):
        distances, reference = fitted(data, t)
        color = OTHER_COLORS[t % len(OTHER_COLORS)]
        if len(distances):
            label = f"{_short(low)} to {_short(high)}: {len(distances):,} marginals"
            panel.ecdf(distances, color=color, linewidth=1.3, label=label)
        if len(reference) >= ENOUGH:
            panel.ecdf(reference, color=color, linewidth=0.9, linestyle=(0, (2, 1.5)))
    panel.set(xlim=(0, 1), xlabel="Kolmogorov–Smirnov distance D")
    panel.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
    panel.set_ylabel("marginals below")
    panel.legend(
        title="min(m, 1 − m), m the mean", loc="center left", bbox_to_anchor=(1, 0.5), fontsize=7
    ).get_title().set_fontsize(7)


def _short(value: float) -> str:
    return f"{value:.2g}".replace("e-0", "e−")


def note(context: ReportContext, settings: dict, data: dict[str, np.ndarray]) -> str:
    """The scale, the network, and what bars and lines are."""
    title = data_title(str(data["data"]), int(data["copies"]))
    return (
        f"{context.scale} scale: {title}, {settings['labels']} labels, accuracy "
        f"{100 * data['accuracy']:.1f} % of {len(data['mean']):,} test points. Bars: "
        f"{settings['samples']:,} samples of a class\nprobability; red: the Beta density with "
        "their mean and variance; D: their distance. Solid: D of all marginals; dashed: D of\n"
        f"{settings['samples']:,} samples that are Beta, fitted alike, {settings['draws']:,} "
        "times for each range of means"
    )
