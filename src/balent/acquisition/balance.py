"""BALanCe: cut the edges between hypotheses that differ on the pool (Zhang 2023).

Hypotheses are the 2K networks of K pairs (ω_k, ω'_k) of posterior samples. A pair is an edge if the
labels that its two networks predict on the unlabelled reference set differ in a share of more than
τ. A label y of a point leaves of an edge's weight λ_k(y) λ'_k(y), where λ_k(y) = p(y | ω_k) /
max_y' p(y' | ω_k). The score is the weight that the point's label is expected to cut.

Axis letters: N points, K pairs, H = 2K hypotheses, E edges, C classes, R reference points; n points
of a tile.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from balent.acquisition.base import Context, Predictions, register
from balent.acquisition.greedy import first_of_largest
from balent.acquisition.tile import tile_values
from balent.bars import bar
from balent.errors import MethodError

TILE = 1 << 17
"""Probabilities brought to float64 at a time on a CPU (1 MiB)."""


@register(
    name="balance",
    title="BALanCe",
    kind="score",
    needs=("samples", "pairs", "reference"),
    masks="pool",
    roles=("validation", "unlabelled_reference"),
    allowed={"tau": "[0, 1)", "divisor": (2, 4, 8)},
    paper="Zhang 2023, eq. 3 and algorithm 1",
    cost="O(R·K·C + N·K·C)",
)
def balance(
    predictions: Predictions, context: Context, *, tau: float = 0.0, divisor: int = 2
) -> Tensor:
    """Σ_y p(y) (1/K) Σ_{k edge} (1 - λ_k(y) λ'_k(y)), float64 [N], in [0, 1].

    p(y) is the mean over all 2K hypotheses. Without edges all scores are 0, so that points are
    chosen at random.

    tau      threshold on the share of reference points, in [0, 1); 0: ε / divisor, where ε is the
             error rate on the validation set
    divisor  2, 4 or 8
    """
    threshold = _threshold("balance", context, tau, divisor)
    return _cut_weight(predictions, _edges(predictions, threshold))


@register(
    name="batch_balance",
    title="Batch-BALanCe",
    kind="batch",
    needs=("samples", "pairs", "reference"),
    masks="pool",
    roles=("validation", "unlabelled_reference"),
    allowed={"tau": "[0, 1)", "divisor": (2, 4, 8)},
    paper="Zhang 2023, eq. 4 and algorithm 2; the sum over configurations in closed form (ours)",
    cost="O(R·K·C + size·N·K²·C)",
)
def batch_balance(
    predictions: Predictions,
    context: Context,
    size: int,
    *,
    tau: float = 0.0,
    divisor: int = 2,
) -> tuple[np.ndarray, np.ndarray]:
    """Greedily the batch whose labels y_1..y_b are expected to cut the largest weight of edges,

        Δ = Σ_y p(y_1..y_b) (1/K) Σ_{k edge} (1 - Π_i λ_k(y_i) λ'_k(y_i)).

    p(y_1..y_b) is the mean over the 2K hypotheses of Π_i p(y_i | ω). So the sum over all C^b
    configurations is a sum of products, and equal to a product of sums,

        Δ = |edges| / K - 1/(2K²) Σ_h Σ_{k edge} Π_i Σ_y p(y | x_i, ω_h) λ_k(y) λ'_k(y),

    exact for every b, at the cost of H·E·C for a candidate. The paper enumerates configurations for
    b < 4 and draws 10,000 beyond. Δ is monotone and submodular in the batch (every factor lies in
    [0, 1]), so the greedy reaches at least 1 - 1/e of the best batch.

    Returns the points in order, int64 [size], and the gain in Δ of each, float64 [size]. Without
    edges points are chosen at random and their gains are 0. Options as for ``balance``. Values come
    from the device twice, and once more for each point after the first.
    """
    edges = _edges(predictions, _threshold("batch_balance", context, tau, divisor))
    rank = context.generator.permutation(predictions.n_points)  # of equal candidates
    uncut = _Uncut(predictions, edges)
    gains, error = uncut.to_host(_cut_weight(predictions, edges))
    left = np.arange(len(gains))
    indices: list[int] = []
    scores: list[float] = []
    for step in bar(
        range(size), desc="batch_balance", unit="point", delay=3, disable=None, leave=False
    ):
        if step > 0:
            uncut.label(indices[-1])
            gains, error = uncut.to_host(uncut.gains())
        chosen, gain = first_of_largest(gains[left], left, rank, error)
        indices.append(chosen)
        scores.append(gain)
        left = left[left != chosen]
    return np.array(indices, dtype=np.int64), np.array(scores, dtype=np.float64)


@register(
    name="balance_partition",
    title="BALanCe-Partition",
    kind="score",
    needs=("samples", "pairs", "reference"),
    masks="pool",
    roles=("validation", "unlabelled_reference"),
    allowed={"tau": "[0, 1)", "divisor": (2, 4, 8)},
    paper="Zhang 2023, B.3",
    cost="O(cells·R·K + N·K·C·cells)",
)
def balance_partition(
    predictions: Predictions, context: Context, *, tau: float = 0.0, divisor: int = 2
) -> Tensor:
    """As ``balance`` with explicit cells of hypotheses: float64 [N], in [0, 1] up to rounding.

    Farthest-first traversal splits the 2K hypotheses into cells: a hypothesis farther than τ from
    all centres becomes a centre, the farthest first; each belongs to its nearest centre. The first
    centre is the first sample: samples are exchangeable. All unordered pairs of different cells are
    edges; the sum over them is divided by the number of all unordered pairs. A value comes from the
    device for each cell.
    """
    threshold = _threshold("balance_partition", context, tau, divisor)
    cells = _cells(predictions, threshold)  # [H, cells]
    pairs = len(cells) * (len(cells) - 1) / 2
    edges = (len(cells) ** 2 - cells.sum(dim=0).square().sum()) / 2
    scores = []
    for p in _tiles(predictions):  # [n, H, C]
        sums = cells.T @ _likelihood_ratio(p)  # of each cell, [n, cells, C]
        within = sums.square().sum(dim=1)  # [n, C]
        across = (sums.sum(dim=1).square() - within) / 2  # Σ λ λ' over edges, [n, C]
        scores.append((p.mean(dim=1) * (edges - across)).sum(dim=1) / pairs)
    return torch.cat(scores)


class _Uncut:
    """The weight that the labels of a batch leave, for every hypothesis and edge.

    weights [H, E] are Π_i Σ_y p(y | x_i, ω_h) λ_k(y) λ'_k(y) over the points of the batch, divided
    by their sum, so that long batches do not underflow; ``total`` [] is Σ weights / (2K²) before
    that division.
    """

    def __init__(self, predictions: Predictions, edges: Tensor) -> None:
        assert predictions.samples is not None
        self.predictions, self.edges = predictions, edges
        _, k, self.n_classes = predictions.samples.shape
        self.weights = edges.new_ones(2 * k, len(edges), dtype=torch.float64)
        self.total = edges.new_full((), 1.0 / k / (2 * k), dtype=torch.float64)

    def rounding(self) -> Tensor:
        """A bound of the error of a gain, []: of the additions behind it and 16 other roundings."""
        hypotheses, edges = self.weights.shape
        additions = hypotheses * self.n_classes + edges + 16
        return self.total * self.weights.sum() * additions * torch.finfo(torch.float64).eps

    def to_host(self, gains: Tensor) -> tuple[np.ndarray, float]:
        """Gains [N] and the bound of their error, in one transfer."""
        values = torch.cat([gains, self.rounding()[None]]).cpu().numpy()
        return values[:-1], float(values[-1])

    def label(self, index: int) -> None:
        """Add a point to the batch."""
        p = _probabilities(self.predictions, slice(index, index + 1))  # [1, H, C]
        left = _joint_ratio(p)[:, self.edges]  # [1, E, C]
        self.weights *= p[0] @ left[0].T  # [H, E]
        share = self.weights.sum()
        self.total *= share
        self.weights /= torch.where(share > 0, share, 1.0)

    def gains(self) -> Tensor:
        """The weight that each point would cut of what is left, float64 [N]."""
        kept = [self._kept(p) for p in _tiles(self.predictions)]  # shares of what is left
        return self.total * (self.weights.sum() - torch.cat(kept))

    def _kept(self, p: Tensor) -> Tensor:
        """The share of what is left that points p [n, H, C] would keep: [n]."""
        left = _joint_ratio(p)[:, self.edges].transpose(0, 1)  # [E, n, C]
        kept = (self.weights @ left.flatten(1)).view(-1, *left.shape[1:])  # [H, n, C]
        return (kept * p.transpose(0, 1)).sum(dim=(0, 2))


def _cut_weight(predictions: Predictions, edges: Tensor) -> Tensor:
    """The expected weight that each point's label cuts, float64 [N]; edges int64 [E]."""
    scores = []
    for p in _tiles(predictions):  # [n, H, C]
        cut = (1 - _joint_ratio(p)[:, edges]).sum(dim=1) / (p.shape[1] // 2)  # [n, C]
        scores.append((p.mean(dim=1) * cut).sum(dim=1))
    return torch.cat(scores)


def _likelihood_ratio(p: Tensor) -> Tensor:
    """λ = p(y) / max_y' p(y'), in [0, 1]; the maximum is at least 1/C."""
    return p / p.amax(dim=-1, keepdim=True)


def _joint_ratio(p: Tensor) -> Tensor:
    """λ_k λ'_k [n, K, C] of p [n, H, C]."""
    first, second = _likelihood_ratio(p).chunk(2, dim=1)
    return first * second


def _tiles(predictions: Predictions) -> Iterator[Tensor]:
    """Probabilities of consecutive points, float64 [n, H, C]."""
    assert predictions.samples is not None
    n, k, c = predictions.samples.shape
    rows = max(1, tile_values(TILE, predictions.samples.device) // (2 * k * c))
    for start in range(0, n, rows):
        yield _probabilities(predictions, slice(start, start + rows))


def _probabilities(predictions: Predictions, points: slice) -> Tensor:
    """[n, H, C], divided by their sums: those of float32 are 1 only up to its rounding."""
    assert predictions.samples is not None
    assert predictions.pairs is not None
    p = torch.cat([predictions.samples[points], predictions.pairs[points]], dim=1).double()
    return p / p.sum(dim=-1, keepdim=True)


def _threshold(name: str, context: Context, tau: float, divisor: int) -> float:
    """τ; raises MethodError for a missing validation error."""
    if tau > 0:
        return tau
    if context.validation_error is None:
        raise MethodError(
            f"{name} with tau=0 needs validation_error, which was not computed or given; "
            "give it, or tau above 0"
        )
    return context.validation_error / divisor


def _labels(predictions: Predictions) -> Tensor:
    """The labels that every hypothesis predicts on the reference set, int64 [2, R, K]."""
    assert predictions.reference is not None
    assert predictions.reference_pairs is not None
    both = (predictions.reference, predictions.reference_pairs)
    return torch.stack([samples.argmax(dim=2) for samples in both])


def _edges(predictions: Predictions, threshold: float) -> Tensor:
    """The pairs whose two hypotheses differ on more than the threshold, int64 [E]."""
    first, second = _labels(predictions)
    edges = ((first != second).double().mean(dim=0) > threshold).nonzero().squeeze(1)
    if not len(edges):
        _at_random(threshold)
    return edges


def _cells(predictions: Predictions, threshold: float) -> Tensor:
    """The cells of farthest-first traversal as indicators, float64 [H, cells]."""
    labels = torch.cat([*_labels(predictions)], dim=1)  # [R, H]
    distance, cell = _hamming(labels, labels[:, :1]), torch.zeros_like(labels[0])  # [H]
    cells = 1
    while distance.max() > threshold:
        new = _hamming(labels, labels.index_select(1, distance.argmax()))
        cell.masked_fill_(new < distance, cells)
        distance = torch.minimum(distance, new)
        cells += 1
    if cells == 1:
        _at_random(threshold)
    return (cell[:, None] == torch.arange(cells, device=cell.device)).double()


def _hamming(labels: Tensor, centre: Tensor) -> Tensor:
    """Normalised Hamming distances of all hypotheses [R, H] to one [R, 1], float64 [H]."""
    return (labels != centre).double().mean(dim=0)


def _at_random(threshold: float) -> None:
    logging.getLogger(__name__).warning(
        "no two hypotheses differ on more than tau=%g of the reference set: random points",
        threshold,
    )
