"""The public face: score a pool with your own model's samples, or select what to label next.

>>> import balent
>>> balent.select("balentacq", probs, size=10)  # probs [N, K, C]: N points, K samples, C classes
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from balent import scoring
from balent.acquisition import catalog
from balent.errors import InputError
from balent.pool import Array, Pool


def methods() -> list[dict[str, Any]]:
    """The acquisition functions, one row each: the fields of Spec, and options with defaults."""
    return [
        asdict(entry.spec) | {"options": entry.options} for entry in catalog.every_method().values()
    ]


def score(
    name: str,
    probs: Array,
    *,
    seed: int = 0,
    features: Array | None = None,
    labelled_features: Array | None = None,
    pairs: Array | None = None,
    reference_probs: Array | None = None,
    reference_pairs: Array | None = None,
    validation_error: float | None = None,
    **options: Any,
) -> np.ndarray:
    """The scores of every point, float64 [N]; a larger score is labelled sooner.

    name               an acquisition function; ``methods()`` lists them
    probs              [N, K, C] probabilities of C classes in K weight samples; K = 1 is refused
                       by methods that compare samples
    seed               of the methods that draw at random
    features           [N, D] mean penultimate features, for the need "mean_and_features"
    labelled_features  [L, D] those of the labelled points, for "labelled_features"
    pairs              [N, K, C] probabilities in K further, independent samples, for "pairs"
    reference_probs    [R, K, C] the samples of ``probs`` at unlabelled points, for "reference"
    reference_pairs    [R, K, C] the samples of ``pairs`` there, for "reference" with "pairs"
    validation_error   in [0, 1], without dropout, for methods with the role "validation"
    options            of the method

    Arrays are of NumPy or torch, on any device, of 16- to 64-bit floats. An input that the method
    does not use is refused. Raises MethodError (unknown method or option, missing or superfluous
    input, a method that builds batches) or InputError (an array or value that is not allowed).
    """
    pool = Pool(
        probs,
        features,
        labelled_features,
        pairs,
        reference_probs,
        reference_pairs,
        validation_error,
    )
    return scoring.score(name, pool, seed, options)


def select(
    name: str,
    probs: Array,
    size: int,
    seed: int = 0,
    *,
    features: Array | None = None,
    labelled_features: Array | None = None,
    pairs: Array | None = None,
    reference_probs: Array | None = None,
    reference_pairs: Array | None = None,
    validation_error: float | None = None,
    **options: Any,
) -> np.ndarray:
    """The ``size`` points to label next, best first: indices int64 [size] into the pool.

    Points with equal scores are ordered at random by ``seed``. Arguments and errors are those of
    ``score``; size is 1 to N.
    """
    if isinstance(size, bool) or not isinstance(size, int | np.integer):
        what = f"={size!r}" if np.isscalar(size) else f": a {type(size).__name__}"
        raise InputError(f"size{what} is not allowed; give a whole number")
    pool = Pool(
        probs,
        features,
        labelled_features,
        pairs,
        reference_probs,
        reference_pairs,
        validation_error,
    )
    return scoring.choose(name, pool, size, seed, options)[0]
