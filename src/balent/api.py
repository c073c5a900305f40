"""The public face: score a pool with your own model's samples, or select what to label next.

>>> import balent
>>> balent.select("balentacq", probs, size=10)  # probs [N, K, C]: N points, K samples, C classes
"""

from __future__ import annotations

import operator
import warnings
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from torch import Tensor

from balent.acquisition import catalog, registry
from balent.acquisition.base import Context, Predictions
from balent.errors import InputError, MethodError
from balent.posterior.moments import Moments
from balent.streams import Streams

Array = np.ndarray | Tensor
TILE = 1 << 21
"""Probabilities checked and brought to float64 at a time (16 MiB)."""
SUM_TOLERANCE = 1e-3
"""Allowed deviation of Σ_c p_c from 1: rounding each p_c to float16 moves the sum by up to 2⁻¹¹,
and float16 arrays also arrive stored as float32. bfloat16 is coarser and gets its own eps."""


def methods() -> list[dict[str, Any]]:
    """The acquisition functions, one row each: the fields of Spec, and options with defaults."""
    return [
        asdict(entry.spec) | {"options": entry.options} for entry in catalog.every_method().values()
    ]


def score(
    name: str, probs: Array, *, features: Array | None = None, seed: int = 0, **options: Any
) -> np.ndarray:
    """The scores of every point, float64 [N]; a larger score is labelled sooner.

    name      an acquisition function; ``methods()`` lists them
    probs     [N, K, C] probabilities of C classes in K posterior samples, any floating type
    features  [N, D] mean features, for methods that need "mean_and_features"
    seed      of the methods that draw at random
    options   of the method

    Raises MethodError (unknown method or option, missing or superfluous features, a method that
    builds batches) or InputError (an array or value that is not allowed).
    """
    predictions = _predictions(name, probs, features)
    return registry.score(name, predictions, _context(seed), options)


def select(
    name: str,
    probs: Array,
    size: int,
    seed: int = 0,
    *,
    features: Array | None = None,
    **options: Any,
) -> np.ndarray:
    """The ``size`` points to label next, best first: indices int64 [size] into the pool.

    Points with equal scores are ordered at random by ``seed``. Arguments and errors are those of
    ``score``; size is 1 to N.
    """
    try:
        size = operator.index(size)
    except TypeError:
        raise InputError(f"size={size!r} is not allowed; give a whole number") from None
    predictions = _predictions(name, probs, features)
    return registry.acquire(name, predictions, size, _context(seed), options)[0]


def _context(seed: int) -> Context:
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"seed={seed!r} is not allowed; give a whole number of at least 0")
    return Context(generator=Streams(int(seed)).numpy("acquisition"))


def _predictions(name: str, probs: Array, features: Array | None) -> Predictions:
    """Check everything that was given, and compute what the method needs."""
    needs = set(catalog.find(name).spec.needs)
    samples = _tensor("probs", probs, "[N, K, C]")
    n, k, c = samples.shape
    if c < 2:
        raise InputError(f"probs: shape {(n, k, c)} has 1 class; give at least 2 classes")
    tolerance = max(SUM_TOLERANCE, torch.finfo(samples.dtype).eps)
    rows = max(1, TILE // (k * c))
    moments = []
    for start in range(0, n, rows):
        tile = samples[start : start + rows].double()  # [n, K, C]
        _check_probabilities(tile, start, tolerance)
        if needs & {"moments", "mean_and_features"}:
            moments.append(Moments.from_probs(tile))
    return Predictions(
        n_points=n,
        moments=Moments.cat(moments) if moments else None,
        samples=samples if "samples" in needs else None,
        features=None if features is None else _features(name, features, samples),
    )


def _features(name: str, features: Array, samples: Tensor) -> Tensor:
    if "mean_and_features" not in catalog.find(name).spec.needs:
        raise MethodError(f"{name} uses no features; leave them out")
    tensor = _tensor("features", features, "[N, D]").to(samples.device)
    if len(tensor) != len(samples):
        raise InputError(
            f"features: {len(tensor)} rows for the {len(samples)} points of probs; give a row each"
        )
    if not bool(tensor.isfinite().all()):
        raise InputError("features: hold NaN or infinity; give finite numbers")
    return tensor


def _tensor(name: str, array: Array, axes: str) -> Tensor:
    """The array as a tensor, without a copy where that can be; raises InputError."""
    if not isinstance(array, np.ndarray | Tensor):
        raise InputError(
            f"{name}: a {type(array).__name__} is not allowed; give a NumPy array or torch tensor"
        )
    if array.ndim != axes.count(",") + 1 or 0 in array.shape:
        raise InputError(
            f"{name}: shape {tuple(array.shape)} is not allowed; give {axes}, no axis empty"
        )
    floating = array.is_floating_point() if isinstance(array, Tensor) else array.dtype.kind == "f"
    if not floating or array.dtype.itemsize not in (2, 4, 8):
        raise InputError(f"{name}: type {array.dtype} is not allowed; give 16- to 64-bit floats")
    if isinstance(array, Tensor):
        return array.detach()
    with warnings.catch_warnings():  # torch warns of read-only arrays: nothing here writes to them
        warnings.simplefilter("ignore", UserWarning)
        return torch.from_numpy(np.ascontiguousarray(array, array.dtype.newbyteorder("=")))


def _check_probabilities(tile: Tensor, start: int, tolerance: float) -> None:
    """Raise InputError for the first row of [n, K, C] that is no distribution over classes."""
    for bad, problem in (
        (~tile.isfinite().all(dim=2), "holds NaN or infinity; mend the model's output"),
        ((tile < 0).any(dim=2), "holds a negative value; give probabilities, not logits"),
        ((tile.sum(dim=2) - 1).abs() > tolerance, "does not sum to 1; give probabilities"),
    ):
        if bool(bad.any()):
            point, sample = bad.nonzero()[0].tolist()
            raise InputError(f"probs: row [{start + point}, {sample}] {problem}")
