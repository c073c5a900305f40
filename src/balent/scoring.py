"""Scoring and choosing from a pool given as arrays; pointwise methods in bounded memory."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from balent.acquisition import registry
from balent.pool import Checked, Pool, check, pieces, prepare


def score(
    name: str, pool: Pool, seed: int, options: Mapping[str, Any], *, progress: bool = False
) -> np.ndarray:
    """The scores of every point, float64 [N]; arguments and errors as of balent.score."""
    registry.check_scores(name)
    checked = check(name, pool, seed, options)
    if checked.pointwise:
        return _pointwise(name, checked, options, progress)
    predictions = prepare(checked, progress=progress)
    return registry.score(name, predictions, checked.context, options)


def choose(
    name: str,
    pool: Pool,
    size: int,
    seed: int,
    options: Mapping[str, Any],
    *,
    progress: bool = False,
) -> tuple[np.ndarray, np.ndarray]:
    """(indices int64 [size], scores float64 [size]); arguments and errors as of balent.select."""
    checked = check(name, pool, seed, options)
    registry.check_size(size, len(checked.arrays["probs"]))
    if checked.pointwise:
        scores = _pointwise(name, checked, options, progress)
        return registry.largest(scores, size, checked.context)
    predictions = prepare(checked, progress=progress)
    return registry.acquire(name, predictions, size, checked.context, options)


def _pointwise(
    name: str, checked: Checked, options: Mapping[str, Any], progress: bool
) -> np.ndarray:
    """Piece by piece; draws follow each other as they would for the whole pool at once."""
    found = []
    for piece in pieces(checked, progress=progress):
        found.append(registry.score(name, piece, checked.context, options))
    return np.concatenate(found)
