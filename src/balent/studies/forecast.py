"""How long a study takes on one core, from its settings alone: no torch.

Measured on the small scale, ± 50 %; studies of kinds that are not here are known once they ran.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

NUMBER = 3e-8
"""Seconds for a random probability and its part in all scores."""

STEP, PRODUCT = 2.5e-4, 1e-9
"""Seconds for a step of training a toy's network, and for a hidden unit of a lattice point and
sample."""

SURFACE = 2e-6
"""Seconds for a point of a surface."""


def seconds(study: dict[str, Any]) -> float | None:
    """Of a study; None where its kind has no forecast."""
    forecast = FORECASTS.get(study["kind"])
    return forecast(study) if forecast else None


def _agreement(study: dict[str, Any]) -> float:
    points = sum(study["classes"]) * study["points"] * study["repeats"]
    generators = study["generators"].values()
    return NUMBER * points * sum(g.get("samples", study["samples"]) for g in generators)


def _toy(study: dict[str, Any]) -> float:
    hidden = study["model"]["hidden"]
    units = sum(hidden) if isinstance(hidden, list) else hidden
    return (
        STEP * study["training"]["steps"] + PRODUCT * study["side"] ** 2 * study["samples"] * units
    )


def _surface(study: dict[str, Any]) -> float:
    return SURFACE * study["side"] ** 2


FORECASTS: dict[str, Callable[[dict[str, Any]], float]] = {
    "agreement": _agreement,
    "toy": _toy,
    "surface": _surface,
}
