"""Running an acquisition function: the one place that scores, ranks and breaks ties."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from importlib import import_module
from typing import Any

import numpy as np
import torch

from balent.acquisition import catalog
from balent.acquisition.base import Context, Predictions
from balent.errors import InputError, MethodError

FIELDS = {
    "mean_and_features": ("moments", "features"),
    "pairs": ("samples", "pairs"),
}
"""Fields of Predictions or Context that hold a need; by default the field of the same name."""

ARGUMENTS = {"samples": "probs", "reference": "reference_probs"}
"""What errors call a field: its argument of balent.select; by default its own name."""


def fields(needs: Collection[str]) -> list[str]:
    """The fields of Predictions and Context that hold what a method needs, each once."""
    found = [field for need in needs for field in FIELDS.get(need, (need,))]
    if {"pairs", "reference"} <= set(needs):
        found.append("reference_pairs")
    return list(dict.fromkeys(found))


def load(name: str) -> Callable:
    """Import the module of one method and return its function; raises MethodError if unknown."""
    entry = catalog.find(name)
    return getattr(import_module(entry.module), entry.function)


def score(
    name: str, predictions: Predictions, context: Context, options: Mapping[str, Any]
) -> np.ndarray:
    """The scores of a method of kind "score": float64 [N], larger is sooner, never NaN.

    Raises MethodError for an unknown method or option, a missing need, or a method that builds
    batches; RuntimeError where the method itself is at fault.
    """
    check_scores(name)
    _check(name, predictions, context, options)
    return _scores(name, predictions, context, options)


def acquire(
    name: str,
    predictions: Predictions,
    size: int,
    context: Context,
    options: Mapping[str, Any],
) -> tuple[np.ndarray, np.ndarray]:
    """Choose ``size`` of the N points: (indices int64 [size] in order, scores float64 [size]).

    Points with equal scores are ordered by a permutation that is always drawn, after the method's
    own draws. Raises InputError for a size outside 1..N, and what ``score`` raises.
    """
    entry = _check(name, predictions, context, options)
    check_size(size, predictions.n_points)
    if entry.spec.kind == "score":
        return largest(_scores(name, predictions, context, options), size, context)
    indices, scores = load(name)(predictions, context, size, **options)
    if (
        (indices.dtype, indices.shape) != (np.int64, (size,))
        or (scores.dtype, scores.shape) != (np.float64, (size,))
        or len(np.unique(indices)) < size
        or not 0 <= indices.min() <= indices.max() < predictions.n_points
    ):
        raise RuntimeError(f"method {name!r} did not return {size} different points with scores")
    return indices, scores


def check_scores(name: str) -> None:
    """Refuse, by MethodError, a method that builds batches."""
    if catalog.find(name).spec.kind != "score":
        raise MethodError(f"{name} builds batches and gives points no score; select with it")


def check_size(size: int, points: int) -> None:
    """Refuse, by InputError, a batch that is empty or larger than the pool."""
    if not 1 <= size <= points:
        raise InputError(f"size={size} is not allowed; give 1 to {points}, the points in the pool")


def largest(scores: np.ndarray, size: int, context: Context) -> tuple[np.ndarray, np.ndarray]:
    """The points of largest score and their scores, as ``acquire`` returns them."""
    indices = top(scores, size, context.generator.permutation(len(scores)))
    return indices, scores[indices]


def top(scores: np.ndarray, size: int, order: np.ndarray) -> np.ndarray:
    """The indices of the ``size`` largest scores, largest first, ties as they stand in ``order``.

    scores [N] without NaN, order [N] a permutation; O(N + size log size).
    """
    shuffled = scores[order]  # [N]
    last = np.partition(shuffled, len(scores) - size)[len(scores) - size]
    above = np.flatnonzero(shuffled > last)
    tied = np.flatnonzero(shuffled == last)[: size - len(above)]
    chosen = np.concatenate([above, tied])  # [size]
    return order[chosen[np.argsort(-shuffled[chosen], kind="stable")]]


def _scores(
    name: str, predictions: Predictions, context: Context, options: Mapping[str, Any]
) -> np.ndarray:
    scores = torch.as_tensor(load(name)(predictions, context, **options)).cpu().numpy()
    if scores.dtype != np.float64 or scores.shape != (predictions.n_points,):
        raise RuntimeError(
            f"method {name!r} returned scores {scores.dtype} {scores.shape}, "
            f"not float64 ({predictions.n_points},)"
        )
    undefined = np.flatnonzero(np.isnan(scores))
    if len(undefined):
        raise RuntimeError(
            f"method {name!r}: {len(undefined)} of {len(scores)} scores are NaN, the first of "
            f"point {undefined[0]}; the method or the predictions are at fault"
        )
    return scores


def _check(
    name: str, predictions: Predictions, context: Context, options: Mapping[str, Any]
) -> catalog.Entry:
    entry = catalog.find(name)
    catalog.check_options(name, options)
    for field in fields(entry.needs(options)):
        if getattr(predictions, field, None) is None and getattr(context, field, None) is None:
            argument = ARGUMENTS.get(field, field)
            raise MethodError(f"{name} needs {argument}, which were not computed or given")
    return entry
