"""BADGE: k-means++ seeding on the gradients of the last layer (Ash 2020)."""

from __future__ import annotations

from itertools import count

import numpy as np
from torch import Tensor

from balent.acquisition.base import Context, Predictions, register
from balent.acquisition.centres import NearestCentre, with_copies

DRAWS = 64
"""Draws from the same bounds. More see staler bounds, fewer narrow the products; same law."""


@register(
    name="badge",
    title="BADGE",
    kind="batch",
    needs=("mean_and_features",),
    paper="Ash 2020; with MC dropout: mean prediction and mean feature (ours)",
    cost="O(size·N·(C + D))",
)
def badge(predictions: Predictions, context: Context, size: int) -> tuple[np.ndarray, np.ndarray]:
    """A batch by D² sampling of the embeddings e = (1[c = argmax p] - p_c) ⊗ feature, [C·D] each.

    The first centre is the embedding of largest norm (one of them at random, if several); each next
    one is drawn with probability proportional to the squared distance to the nearest centre, and
    uniformly from what is left where all distances are 0. Embeddings are never formed: their inner
    products are products of the two factors' inner products.

    A point is drawn with probability proportional to an upper bound of its squared distance, and
    taken with probability distance/bound, else another is drawn: points taken follow the distances
    themselves, whatever the bounds. So many centres share one pass over the pool (centres.py).
    NumPy draws on the host: one value comes from the device for each draw, [N] for DRAWS of them.

    Returns the points in order, int64 [size], and, float64 [size], the squared norm of the first
    and the squared distance of each other to its nearest predecessor when drawn.
    """
    assert predictions.moments is not None
    assert predictions.features is not None
    gradients = _gradients(predictions.moments.mean, predictions.moments.complement)  # [N, C]
    nearest = NearestCentre(gradients, predictions.features)
    norms, generator = nearest.norms, context.generator
    indices = [int(generator.choice(np.flatnonzero(norms >= norms.max() - nearest.error)))]
    scores = [norms[indices[0]]]
    nearest.add(indices[0])
    for draw in count():
        if draw % DRAWS == 0:
            nearest.settle()
        bounds = nearest.bounds  # [N]
        if len(indices) == size or not bounds.any():
            break
        chosen = int(generator.choice(len(bounds), p=bounds / bounds.sum()))
        bound = bounds[chosen]
        distance = nearest.distance(chosen)
        if generator.random() * bound < distance:
            indices.append(chosen)
            scores.append(distance)
            nearest.add(chosen)
    return with_copies(indices, scores, size, generator.permutation(len(norms)))


def _gradients(mean: Tensor, complement: Tensor) -> Tensor:
    """The loss's gradient by the logits, 1[c = argmax p] - p_c, float64 [N, C]."""
    top = mean.argmax(dim=1, keepdim=True)  # [N, 1]
    return (-mean).scatter(1, top, complement.gather(1, top))  # [N, C]
