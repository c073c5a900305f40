"""A Bayesian neural network as encoder and decoder (Woo 2023, A.1, Figure 4)."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from balent.reports.context import ReportContext
from balent.reports.studies import SMALL, save
from balent.reports.style import WIDTH, house_style

HEIGHT = 1.6  # inches
ROW = 0.72
"""Height of messages and boxes; the notes are below."""


class Box(NamedTuple):
    """A part of the channel: its middle, and what it does."""

    x: float
    name: str
    note: str
    color: str


class Message(NamedTuple):
    """What passes: its middle, its symbol, and what that is."""

    x: float
    symbol: str
    note: str


HALF_BOX, HALF_MESSAGE, BOX_HEIGHT = 0.075, 0.058, 0.3  # in shares of the figure
BOXES = (
    Box(0.30, "Encoder", "network with weights ω,\nthen softmax", "#DCEBF7"),
    Box(0.72, "Decoder", "draws a label:\n$Y$ ~ Categorical(Φ)", "#FBE7D3"),
)
PASSED = (
    Message(0.10, "(x, ω)", "input, and random weights\nfrom the posterior"),
    Message(0.51, "Φ(x, ω)", "probabilities of the classes,\n$(P_1, …, P_C)$, $Σ_i P_i$ = 1"),
    Message(0.92, "Y(x, ω)", "label, one of C"),
)


def write(item: dict, context: ReportContext, stem: Path) -> None:
    """Write the figure; it shows no data."""
    save(draw(), stem)


@house_style()
def draw() -> Figure:
    """Messages in a row, a box between each two of them, and below what each of them is."""
    figure = Figure(figsize=(WIDTH, HEIGHT))
    panel = figure.add_axes((0, 0, 1, 1))
    panel.set(xlim=(0, 1), ylim=(0, 1))
    panel.axis("off")
    for box in BOXES:
        _box(panel, box)
        _note(panel, box.x, box.note)
    for message in PASSED:
        panel.text(message.x, ROW, message.symbol, ha="center", va="center", fontsize=12)
        _note(panel, message.x, message.note)
    for left, box, right in zip(PASSED, BOXES, PASSED[1:], strict=False):
        _arrow(panel, left.x + HALF_MESSAGE, box.x - HALF_BOX)
        _arrow(panel, box.x + HALF_BOX, right.x - HALF_MESSAGE)
    bald = "Y depends on ω through Φ alone, so BALD = I(ω; Y) = I(Φ; Y) (equations 5 and 6)"
    panel.text(0.5, 0.08, bald, ha="center", va="center", fontsize=8)
    return figure


def _box(panel: Axes, box: Box) -> None:
    patch = FancyBboxPatch(
        (box.x - HALF_BOX, ROW - BOX_HEIGHT / 2),
        2 * HALF_BOX,
        BOX_HEIGHT,
        boxstyle="round,pad=0,rounding_size=0.02",
        mutation_aspect=WIDTH / HEIGHT,
        facecolor=box.color,
        edgecolor="#333333",
        linewidth=0.8,
    )
    panel.add_patch(patch)
    panel.text(box.x, ROW, box.name, ha="center", va="center", fontsize=10)


def _note(panel: Axes, x: float, text: str) -> None:
    panel.text(x, 0.49, text, ha="center", va="top", **SMALL)


def _arrow(panel: Axes, start: float, end: float) -> None:
    style = {"arrowstyle": "-|>", "color": "#333333", "lw": 0.9, "shrinkA": 0, "shrinkB": 0}
    panel.annotate("", (end, ROW), (start, ROW), arrowprops=style)
