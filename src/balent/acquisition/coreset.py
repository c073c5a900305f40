"""CoreSet: greedy k-centre on the features of the last layer (Sener & Savarese 2018)."""

from __future__ import annotations

import math
from itertools import count

import numpy as np

from balent.acquisition.base import Context, Predictions, register
from balent.acquisition.centres import NearestCentre, with_copies

LOOKS = 64
"""Points looked at between two passes over the pool; the batch does not depend on it."""


@register(
    name="coreset",
    title="CoreSet",
    kind="batch",
    needs=("mean_and_features", "labelled_features"),
    masks="pool",
    paper="Sener & Savarese 2018, algorithm 1; with MC dropout: mean feature (ours)",
    cost="O((L + size)·N·D), L labelled points",
)
def coreset(predictions: Predictions, context: Context, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Take, one after another, the point farthest from all labelled and all taken points.

    The largest distance of a point to its nearest centre is then at most twice the smallest that
    any batch of this size reaches. Of points that are equally far
    up to rounding, one at random. The farthest of
    upper bounds is looked at first, and taken when its bound is exact: the same points as with a
    pass over the pool for each (centres.py). One value comes from the device for each look, [N] for
    LOOKS of them.

    Returns the points in order, int64 [size], and their Euclidean distances to the nearest centre
    when taken, float64 [size].
    """
    assert predictions.features is not None
    assert context.labelled_features is not None
    order = context.generator.permutation(predictions.n_points)  # of equally far points
    nearest = NearestCentre(predictions.features)
    nearest.compare([context.labelled_features])
    indices: list[int] = []
    scores: list[float] = []
    for look in count():
        if look % LOOKS == 0:
            nearest.settle()
        bounds = nearest.bounds  # [N]
        bound = bounds.max()
        if len(indices) == size or bound == 0:
            break
        tied = bounds[order] >= bound - nearest.error
        farthest = int(order[tied.argmax()])  # the first of them
        distance = nearest.distance(farthest)
        if distance > 0 and distance >= bound - nearest.error:
            indices.append(farthest)
            scores.append(math.sqrt(distance))
            nearest.add(farthest)
    return with_copies(indices, scores, size, order)
