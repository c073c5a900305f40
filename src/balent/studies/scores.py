"""Scores of moments by the package's own acquisition functions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from balent.acquisition import registry
from balent.acquisition.base import Context, Predictions
from balent.posterior.moments import Moments


def score(
    method: Mapping, moments: Moments, generator: np.random.Generator, samples: int | None = None
) -> np.ndarray:
    """float64 [N], larger is sooner.

    method     {function, options}
    generator  of methods that draw
    samples    K behind the moments, where they come from samples
    """
    predictions = Predictions(n_points=len(moments), n_samples=samples, moments=moments)
    return registry.score(method["function"], predictions, Context(generator), method["options"])
