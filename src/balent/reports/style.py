"""One look for all figures: a method has the same colour, line and marker everywhere.

Colours are Okabe and Ito's, safe for colour-blind readers; lines and markers tell the methods
apart in grey too. Fonts come with matplotlib, so that a figure does not depend on the machine.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.colors import to_hex

WIDTH = 7.0
"""Inches: the width of a page of text in two columns."""

SETTINGS: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 8,
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.5,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "legend.handlelength": 3.6,
    "pdf.fonttype": 42,
    "svg.hashsalt": "balent",
    "svg.fonttype": "path",
    "savefig.dpi": 200,
}

METADATA = {
    ".pdf": {"CreationDate": None},
    ".svg": {"Date": None},
    ".png": {},
}
"""Without dates, equal data give equal bytes."""


@dataclass(frozen=True)
class Look:
    """How the curve of a method is drawn."""

    color: str
    line: Any  # a matplotlib line style: a name, or (offset, (on, off, …)) in line widths
    marker: str
    width: float = 1.1
    filled: bool = True

    def arguments(self) -> dict:
        """Keyword arguments for ``Axes.plot``."""
        return {
            "color": self.color,
            "linestyle": self.line,
            "linewidth": self.width,
            "marker": self.marker,
            "markersize": 4,
            "markeredgewidth": 0.9,
            "markerfacecolor": self.color if self.filled else "white",
        }


LOOKS = {
    "random": Look("#6e6e6e", (0, (1, 1.3)), "x"),
    "bald": Look("#0072B2", (0, (5, 1.5)), "v"),
    "entropy": Look("#B5548A", (0, (5, 1.5, 1, 1.5)), "P", filled=False),
    "mean_sd": Look("#3FA2D9", (0, (3, 1.2, 1, 1.2, 1, 1.2)), "D", filled=False),
    "power_bald": Look("#009E73", (0, (8, 2)), "^", filled=False),
    "badge": Look("#000000", (0, (2.5, 1)), "s", filled=False),
    "balentacq": Look("#D55E00", "solid", "o", width=1.9),
    "balentacq_released": Look("#E69F00", "solid", "o", width=1.3, filled=False),
    # beside those above in the appendix of Woo 2023
    "variation_ratio": Look("#8C6D1F", (0, (6, 1.5, 1, 1.5, 1, 1.5)), "<"),
    "batchbald": Look("#4B3F9E", (0, (4, 1, 1, 1)), ">"),
    "coreset": Look("#9A9A00", (0, (1, 2)), "p", filled=False),
    "coremse": Look("#4B3F9E", (0, (7, 1.5)), "d"),
    "expected_effective_loss": Look("#8C6D1F", (0, (4, 1.2)), "*"),
    "beta_marginal_eig": Look("#4B3F9E", (0, (2, 1, 1, 1)), "d", filled=False),
    "mjentacq": Look("#0072B2", (0, (6, 1.2)), "X", filled=False),
    "p1": Look("#4B3F9E", (0, (5, 1.5)), "v", filled=False),
    "p3": Look("#009E73", (0, (3, 1.2, 1, 1.2)), "^"),
    "case1": Look("#4B3F9E", (0, (1, 1)), "<", filled=False),
    "case2": Look("#3FA2D9", (0, (3, 1)), "s"),
    "case4": Look("#009E73", (0, (6, 1, 1, 1)), "D"),
    "case5": Look("#8C6D1F", (0, (8, 1.2)), ">", filled=False),
}
"""The look of the methods that the project compares most; any other gets one from its name."""

OTHER_COLORS = ("#0072B2", "#D55E00", "#009E73", "#B5548A", "#3FA2D9", "#8C6D1F", "#4B3F9E")
OTHER_LINES = ("solid", (0, (5, 1.5)), (0, (1, 1.3)), (0, (5, 1.5, 1, 1.5)), (0, (8, 2)))
OTHER_MARKERS = ("h", "8", "H", "+", "1", "2", "3")
SEQUENCE_MARKERS = ("o", "s", "^", "D", "v", "P", "X")
SEQUENCE_END = 0.9  # the colours beyond are too pale on white


def look(method: str) -> Look:
    """The look of a method: from LOOKS, else chosen by a hash of the name, the same everywhere."""
    if method in LOOKS:
        return LOOKS[method]
    number = int.from_bytes(hashlib.sha256(method.encode()).digest()[:8])
    number, color = divmod(number, len(OTHER_COLORS))
    number, line = divmod(number, len(OTHER_LINES))
    marker = OTHER_MARKERS[number % len(OTHER_MARKERS)]
    return Look(OTHER_COLORS[color], OTHER_LINES[line], marker, filled=bool(number & 1))


def sequence(count: int) -> list[Look]:
    """Looks in an order, such as that of a setting's values: from dark to light, safe as above."""
    colors = matplotlib.colormaps["viridis"](np.linspace(0, SEQUENCE_END, count))
    return [
        Look(to_hex(color), "solid", SEQUENCE_MARKERS[i % len(SEQUENCE_MARKERS)])
        for i, color in enumerate(colors)
    ]


@contextmanager
def house_style() -> Iterator[None]:
    """Draw and save figures inside this; the process's own settings return afterwards."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(SETTINGS)
        yield
