"""BADGE: k-means++ seeding on the gradients of the last layer (Ash 2020)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from balent.acquisition.base import Context, Predictions, register

BLOCK = 1 << 17
"""Feature values brought to float64 at a time (1 MiB): in cache, and no float64 copy is held."""


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

    Returns the points in order, int64 [size], and, float64 [size], the squared norm of the first
    and the squared distance of each other to its nearest predecessor when drawn.
    """
    assert predictions.moments is not None
    assert predictions.features is not None
    gradients = _gradients(predictions.moments.mean, predictions.moments.complement)  # [N, C]
    features = predictions.features  # [N, D]
    norms = gradients.square().sum(dim=1) * _map_blocks(features, _squared_norm)  # [N]
    # Relative error of a float64 inner product of the embeddings, twice over. A squared distance
    # within it is 0: a copy of a centre.
    rounding = 2 * (gradients.shape[1] + features.shape[1]) * torch.finfo(torch.float64).eps

    left = np.ones(len(norms), dtype=bool)  # [N]
    nearest = norms  # [N]
    indices, scores = [], []
    for step in range(size):
        if step == 0:
            chosen = context.generator.choice(np.flatnonzero((norms == norms.max()).cpu().numpy()))
        else:
            chosen = _draw(nearest.cpu().numpy(), left, context.generator)
        indices.append(chosen)
        scores.append(nearest[chosen].item())
        left[chosen] = False
        centre = features[chosen].double()  # [D]
        inner = (gradients @ gradients[chosen]) * _map_blocks(features, lambda h, c=centre: h @ c)
        scale = norms + norms[chosen]
        distances = scale - 2 * inner  # [N]
        distances = distances.masked_fill(distances <= rounding * scale, 0.0)
        nearest = distances if step == 0 else torch.minimum(nearest, distances)
        nearest[chosen] = 0.0
    return np.array(indices, dtype=np.int64), np.array(scores, dtype=np.float64)


def _gradients(mean: Tensor, complement: Tensor) -> Tensor:
    """The loss's gradient by the logits, 1[c = argmax p] - p_c, float64 [N, C]."""
    top = mean.argmax(dim=1, keepdim=True)  # [N, 1]
    return (-mean).scatter(1, top, complement.gather(1, top))  # [N, C]


def _squared_norm(features: Tensor) -> Tensor:
    return features.square().sum(dim=1)


def _map_blocks(features: Tensor, function) -> Tensor:
    """Apply a function [n, D] -> [n] to consecutive blocks of features in float64; [N]."""
    rows = max(1, BLOCK // features.shape[1])
    return torch.cat([function(block.double()) for block in features.split(rows)])


def _draw(weights: np.ndarray, left: np.ndarray, generator: np.random.Generator) -> int:
    """One point with probability proportional to its weight; uniform on ``left`` if all are 0."""
    total = weights.sum()
    if total == 0:
        return int(generator.choice(np.flatnonzero(left)))
    return int(generator.choice(len(weights), p=weights / total))
