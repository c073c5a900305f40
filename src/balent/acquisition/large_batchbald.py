"""Large BatchBALD: BatchBALD with the overlap of pairs alone (Rubashevskii 2023).

BALD of every point, minus the mutual information of its label with the label of each chosen point.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from balent.acquisition.base import Context, Predictions, register
from balent.acquisition.greedy import first_of_largest
from balent.acquisition.joint import entropies, rounding, tiles
from balent.bars import bar

Pick = Callable[[np.ndarray, np.ndarray, float], int]
"""From gains [N], the points left and the gains' error by rounding, to the point to take."""


@register(
    name="large_batchbald",
    title="Large BatchBALD",
    kind="batch",
    needs=("samples",),
    masks="pool",
    paper="Rubashevskii 2023, eq. 2.12 and sec. A.2; pair_factor ours",
    cost="O(size·N·C²·K)",
    allowed={"pair_factor": "[0, inf)"},
    least_samples=2,
)
def large_batchbald(
    predictions: Predictions, context: Context, size: int, *, pair_factor: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """A batch A grown greedily by the largest gain I(y; ω) - pair_factor·Σ_{a in A} I(y; y_a).

    pair_factor  finite and not negative. 1 approximates BatchBALD; 2 is eq. 2.12 as printed, which
                 counts every pair twice; 0 is BALD.

    Returns the points in order, int64 [size], and their gains in nats when chosen, float64 [size].
    Points that double precision cannot tell apart are taken at random.

    Differs from the released code: all pairs of labels count and not equal ones alone, points are
    compared with the batch and not with a chunk of the pool, and overlap lowers the gain.
    """
    rank = context.generator.permutation(predictions.n_points)

    def pick(gains: np.ndarray, left: np.ndarray, error: float) -> int:
        return first_of_largest(gains[left], left, rank, error)[0]

    return _grow(predictions, size, pair_factor, pick, "large_batchbald")


@register(
    name="power_large_batchbald",
    title="Power Large BatchBALD",
    kind="batch",
    needs=("samples",),
    masks="pool",
    paper="Rubashevskii 2023, eq. 2.13; one point after another, alpha as in the released code",
    cost="O(size·N·C²·K)",
    allowed={"pair_factor": "[0, inf)", "alpha": "(0, inf)"},
    least_samples=2,
)
def power_large_batchbald(
    predictions: Predictions,
    context: Context,
    size: int,
    *,
    pair_factor: float = 1.0,
    alpha: float = 5.0,
) -> tuple[np.ndarray, np.ndarray]:
    """A batch drawn point by point, with probability ∝ max(gain, 0)^alpha.

    The gain is that of ``large_batchbald``, given the points drawn before; where none is positive,
    the largest is taken.

    pair_factor  as in ``large_batchbald``
    alpha        finite and positive; large values choose as ``large_batchbald`` does

    Returns the points in order, int64 [size], and their gains in nats when drawn, float64 [size].
    """
    rank = context.generator.permutation(predictions.n_points)

    def pick(gains: np.ndarray, left: np.ndarray, error: float) -> int:
        positive = np.where(gains[left] > error, gains[left], 0.0)
        if not positive.any():
            return first_of_largest(gains[left], left, rank, error)[0]
        weights = (positive / positive.max()) ** alpha  # of 1 at most: no overflow
        return int(context.generator.choice(left, p=weights / weights.sum()))

    return _grow(predictions, size, pair_factor, pick, "power_large_batchbald")


def _grow(
    predictions: Predictions, size: int, pair_factor: float, pick: Pick, name: str
) -> tuple[np.ndarray, np.ndarray]:
    """Pick ``size`` points one after another, with the penalty of every point kept up to date."""
    assert predictions.samples is not None
    samples = predictions.samples
    _, k, c = samples.shape
    marginal, conditional = entropies(samples)  # [N]
    gains = (marginal - conditional).cpu().numpy()
    # Of the entropies of a label, its label given ω, and a pair; one more pair for every pick.
    once = 3 * rounding(k + c * c, c * c, torch.float64)
    left, scores = np.arange(len(gains)), []
    batch: list[int] = []
    for step in bar(range(size), desc=name, unit="point", delay=3, disable=None, leave=False):
        if batch:
            overlap = pair_information(samples, marginal, batch[-1])
            gains = gains - pair_factor * overlap.cpu().numpy()
        batch.append(pick(gains, left, once * (1 + pair_factor * step)))
        scores.append(gains[batch[-1]])
        left = left[left != batch[-1]]
    return np.array(batch, dtype=np.int64), np.array(scores)


def pair_information(samples: Tensor, marginal: Tensor, point: int) -> Tensor:
    """I(y_x; y_point) of every x with one point, in nats, float64 [N]; Rubashevskii 2023, sec. A.2.

    samples [N, K, C], marginal entropies [N]. For ``point`` itself: with a copy of it, whose label
    is another one given ω.
    """
    probs = samples[point].double()  # [K, C]
    joint_entropies = [
        torch.special.entr(probs.T @ tile / len(probs)).sum(dim=(1, 2))  # of [n, C, C]
        for tile in tiles(samples, probs.shape[1] ** 2)
    ]
    return marginal + marginal[point] - torch.cat(joint_entropies)
