"""CoreMSE: the expected change of the predictions elsewhere (Tan et al. 2021).

Axis letters: N points, K samples, C classes, R reference points; n points of a tile.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from balent.acquisition.base import Context, Predictions, register
from balent.acquisition.tile import tile_values

TILE = 1 << 17
"""Probabilities brought to float64 at a time on a CPU (1 MiB)."""


@register(
    name="coremse",
    title="CoreMSE",
    kind="score",
    needs=("samples", "reference"),
    masks="pool",
    roles=("unlabelled_reference",),
    paper="Tan et al. 2021, with the squared error; Woo 2023, A.17",
    cost="O(N·K²·C + R·K²·C)",
    least_samples=2,
)
def coremse(predictions: Predictions, context: Context) -> Tensor:
    """Σ_y p(y|x) (1/R) Σ_x' Σ_c (p(c|x', x, y) - p(c|x'))², float64 [N], at least 0.

    Knowing y gives sample k the weight w_k ∝ p(y|x, ω_k), so p(c|x', x, y) = Σ_k w_k p(c|x', ω_k).
    The change is linear in d = w - 1/K, and the mean of its square over x' and c is the square of
    one K x K matrix times d. So the reference set is read once, the cost is linear in the pool, and
    nothing of size N x R is formed.

    A batch is the points of largest score; copies of a point score alike.
    """
    assert predictions.samples is not None
    assert predictions.reference is not None
    change = _change(predictions.reference)  # [K, K]
    samples = predictions.samples
    rows = max(1, tile_values(TILE, samples.device) // (samples.shape[1] * samples.shape[2]))
    return torch.cat([_expected(tile.double(), change) for tile in samples.split(rows)])


def _expected(p: Tensor, change: Tensor) -> Tensor:
    """Scores [n] of points p [n, K, C]."""
    k = p.shape[1]
    total = p.sum(dim=1, keepdim=True)  # [n, 1, C]
    # A label that no sample allows changes nothing: it never comes.
    weights = torch.where(total > 0, p / total, 1 / k)  # [n, K, C]
    squares = (change @ (weights - 1 / k)).square().sum(dim=1)  # [n, C]
    return (total[:, 0] / k * squares).sum(dim=1)


def _change(reference: Tensor) -> Tensor:
    """A, [K, K], with |A d|² = (1/R) Σ_x' Σ_c (Σ_k d_k p(c|x', ω_k))² for d that sum to 0.

    reference [R, K, C]. The triangular factor of the matrix of deviations from the mean over the
    samples, [R·C, K], taken block by block: unlike the matrix of their products it never turns a
    small change negative.
    """
    r, k, c = reference.shape
    factor = torch.zeros(0, k, dtype=torch.float64, device=reference.device)
    rows = tile_values(TILE, reference.device) // (k * c)
    for block in reference.split(max(1, rows, 4 * k // c)):
        p = block.double().transpose(1, 2).flatten(0, 1)  # [r·C, K]
        deviations = p - p.mean(dim=1, keepdim=True)
        factor = torch.linalg.qr(torch.cat([factor, deviations]), mode="r").R
    return factor / math.sqrt(r)
