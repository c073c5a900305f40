"""What all figures of studies share: their data, their texts, and how they are saved."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from balent.errors import DataError
from balent.files import atomic, load_npz
from balent.reports.context import ReportContext, output
from balent.reports.style import METADATA, house_style

SMALL: dict[str, Any] = {"fontsize": 7, "color": "#555555"}
"""The look of notes."""


def result(item: dict, context: ReportContext) -> dict[str, np.ndarray]:
    """The arrays of an item's study; raises DataError where they cannot be read."""
    return load_npz(context.study_folder / f"{item['study']}.npz")


def position(methods: np.ndarray, name: str) -> int:
    """Where a method stands along the axis of methods; raises DataError where it does not."""
    known = methods.tolist()
    if name not in known:
        raise DataError(f"the study's result has no {name!r}, only {known}; make it again")
    return known.index(name)


UNITS = {
    "mean_sd": "probability",
    "beta_marginal_mean_sd": "probability",
    "balentacq": "ratio",
}
"""The unit of an acquisition function's scores, where that is not the nat."""


def axis_label(context: ReportContext, name: str) -> str:
    """The printed name of a method with the unit of its scores."""
    method = context.methods[name]
    return f"{method['title']} ({UNITS.get(method['function'], 'nats')})"


def titles(context: ReportContext, names: Sequence[str]) -> list[str]:
    """The printed names of methods."""
    return [context.methods[name]["title"] for name in names]


def foot(figure: Figure, text: str) -> None:
    """A line at the foot of a figure."""
    figure.supxlabel(text, x=0.01, ha="left", **SMALL)


def save(figure: Figure, stem: Path) -> None:
    """Write ``stem``.pdf, ``stem``.svg and ``stem``.png; equal figures give equal bytes."""
    with house_style():
        for suffix, metadata in METADATA.items():
            with atomic(output(stem, suffix)) as part:
                figure.savefig(part, metadata=metadata)
