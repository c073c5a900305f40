"""The joint distribution of the labels of a growing batch (Kirsch 2019, sec. 3.3 and app. C).

A configuration ŷ assigns a label to every point of the batch A. Labels are independent given the
weights ω. So all that a configuration says is its posterior p(ω | ŷ) over the K samples, and the
label y of another point has p(y | ŷ) = Σ_k p(ω_k | ŷ) p(y | ω_k). The paper keeps p(ŷ | ω_k)
instead, which underflows for a large batch.

Axis letters: N points, K samples, C classes, M configurations; n points and m rows of a tile.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from balent.acquisition.tile import tile_values

ROWS = 2048
"""Configurations of a matrix product."""

ELEMENTS = 1 << 19
"""Values of a product, and probabilities converted at a time, on a CPU: few enough for the cache,
enough for several threads."""

LEVELS = 16
"""Steps of the probability by which configurations are merged: with 8 the bounds are looser, with
32 there are twice as many rows."""


@dataclass(frozen=True)
class Configurations:
    """Configurations of labels.

    posterior  float64 [M, K], p(ω | ŷ)
    weights    float64 [M], their probabilities, together 1
    """

    posterior: Tensor
    weights: Tensor

    def __len__(self) -> int:
        return len(self.weights)

    def information(self, probs_n_k_c: Tensor, dtype: torch.dtype) -> Tensor:
        """I(y; ω | ŷ) in nats of the label y of other points, float64 [n], in [0, log C].

        The mean over configurations of BALD under p(ω | ŷ). Products and logarithms are computed
        in ``dtype``, with an error by rounding of at most ``rounding(K + C, C, dtype)``.
        """
        entropy = torch.special.entr(probs_n_k_c.double()).sum(dim=2)  # [n, K]
        return self._entropy(probs_n_k_c.to(dtype)) - entropy @ (self.weights @ self.posterior)

    def _entropy(self, probs_n_k_c: Tensor) -> Tensor:
        """H(y | ŷ), float64 [n]: Kirsch 2019, eq. 12 or 36, without the terms of ŷ alone."""
        n, k, c = probs_n_k_c.shape
        probs = probs_n_k_c.permute(2, 0, 1).reshape(c * n, k)  # [C·n, K]
        total = self.weights.new_zeros(n)
        for posterior, weights in zip(
            self.posterior.to(probs.dtype).split(ROWS), self.weights.split(ROWS), strict=True
        ):
            p = probs @ posterior.T  # [C·n, m]
            p_log_p = p.clamp(min=torch.finfo(p.dtype).tiny).log_().mul_(p)  # 0 log 0 = 0
            total -= p_log_p.view(c, n, len(weights)).sum(dim=0).double() @ weights
        return total

    def block(self, classes: int) -> int:
        """How many points to ask about at a time: a tile's; with fewer, products are slow."""
        rows, k = self.posterior.shape
        values = tile_values(ELEMENTS, self.posterior.device)
        return max(1, min(16, 4096 // classes), values // (classes * max(k, min(rows, ROWS))))

    def merged(self) -> Configurations:
        """Fewer configurations, whose ``information`` is an upper bound.

        The entropy of a mean of distributions is at least the mean of their entropies (Jensen).
        Rows are merged whose likeliest ω is the same, with about the same probability.
        """
        likelihood, sample = self.posterior.max(dim=1)  # [M]
        key = sample * (LEVELS + 1) + (likelihood * LEVELS).long()
        keys, group = key.unique(return_inverse=True)  # [M]
        weights = self.weights.new_zeros(len(keys)).index_add_(0, group, self.weights)
        posterior = self.posterior.new_zeros(len(keys), self.posterior.shape[1])
        posterior.index_add_(0, group, self.posterior * self.weights[:, None])
        return Configurations(posterior / weights[:, None], weights)


class Joint:
    """The labels of a batch A, which is empty at first.

    All their configurations are held while they are at most ``limit``, C^|A|. Beyond, ``limit`` are
    drawn: ω stratified over the K samples, then each label given ω, evenly within a stratum. They
    are kept, and followed by one more label for each point added.

    samples         [N, K, C] probabilities of the pool, any floating type
    batch           the points of A in order
    configurations  of their labels
    exact           whether these are all
    """

    def __init__(self, samples: Tensor, limit: int, generator: np.random.Generator) -> None:
        self.samples, self.limit, self.generator = samples, limit, generator
        self.batch: list[int] = []
        self.exact = True
        self.configurations = self._unlabelled(1)

    def add(self, point: int) -> None:
        """Add a point to the batch."""
        self.batch.append(point)
        if self.exact and len(self.configurations) * self.samples.shape[2] <= self.limit:
            self._enumerate(point)
        elif self.exact:
            self.exact = False
            self.strata = _strata(self.samples.shape[1], self.limit, self.generator)  # [M]
            self.configurations = self._unlabelled(self.limit)
            for earlier in self.batch:
                self._draw(earlier)
        else:
            self._draw(point)

    def _unlabelled(self, rows: int) -> Configurations:
        k = self.samples.shape[1]
        empty = torch.empty(0, dtype=torch.float64, device=self.samples.device)
        return Configurations(empty.new_full((rows, k), 1 / k), empty.new_full((rows,), 1 / rows))

    def _enumerate(self, point: int) -> None:
        """Follow every configuration by every label."""
        old, probs = self.configurations, self.samples[point].double()  # [K, C]
        joint = (old.posterior[:, None] * probs.T).flatten(0, 1)  # [M·C, K]
        mass = joint.sum(dim=1)  # [M·C], p(y | ŷ)
        weights = old.weights.repeat_interleave(probs.shape[1]) * mass
        possible = (weights > 0).nonzero().squeeze(1)  # the others have no posterior
        self.configurations = Configurations(
            joint[possible] / mass[possible, None], weights[possible] / weights.sum()
        )

    def _draw(self, point: int) -> None:
        """Follow every configuration by a label drawn given its ω.

        Drawn on the host: the cumulative sums of a GPU have no fixed order.
        """
        old, probs = self.configurations, self.samples[point].double()  # [K, C]
        cumulative = probs.cpu().cumsum(dim=1)
        cumulative /= cumulative[:, -1:].clone()  # ends at exactly 1, above every uniform number
        uniform = torch.from_numpy(_even_uniforms(self.strata, self.generator))
        strata = torch.from_numpy(self.strata)
        labels = (cumulative[strata] <= uniform[:, None]).sum(dim=1).to(probs.device)  # [M]
        joint = old.posterior * probs.T[labels]  # [M, K]
        self.configurations = Configurations(joint / joint.sum(dim=1, keepdim=True), old.weights)


def _strata(k: int, m: int, generator: np.random.Generator) -> np.ndarray:
    """Which of k samples each of m configurations is drawn from, in order, all equally likely."""
    return (np.arange(m) * k + generator.integers(k)) // m


def _even_uniforms(strata: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """U(0, 1) for each configuration, [M]; in a stratum of s, one in each s-th of the interval."""
    counts = np.bincount(strata)  # [K]
    shuffled = np.lexsort((generator.random(len(strata)), strata))  # [M], within strata
    part = np.empty(len(strata))
    part[shuffled] = np.arange(len(strata)) - (counts.cumsum() - counts)[strata]
    return (part + generator.random(len(strata))) / counts[strata]


def tiles(samples: Tensor, outcomes: int = 0) -> Iterator[Tensor]:
    """Consecutive runs of samples [N, K, C] in float64; short for many outcomes of a point."""
    _, k, c = samples.shape
    values = tile_values(ELEMENTS, samples.device)
    for tile in samples.split(max(1, values // max(k * c, outcomes))):
        yield tile.double()


def entropies(samples: Tensor) -> tuple[Tensor, Tensor]:
    """H(y) and E[H(y | ω)] of every point in nats, float64 [N] each, from samples [N, K, C]."""
    parts = [
        (
            torch.special.entr(tile.mean(dim=1)).sum(dim=1),
            torch.special.entr(tile).sum(dim=2).mean(dim=1),
        )
        for tile in tiles(samples)
    ]
    marginal, conditional = zip(*parts, strict=True)
    return torch.cat(marginal), torch.cat(conditional)


def rounding(terms: int, outcomes: int, dtype: torch.dtype) -> float:
    """A bound in nats of an entropy's error by rounding in ``dtype``.

    terms     additions behind a value: those of its probability, and those of the entropy
    outcomes  of the variable

    A relative error δ of p makes -p log p err by δ p (1 + |log p|), in all δ (1 + log outcomes).
    Besides the additions, 8 roundings (of factors, products, the logarithm, weights) are allowed.
    """
    return (terms + 8) * torch.finfo(dtype).eps * (1 + math.log(outcomes))
