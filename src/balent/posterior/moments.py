"""Moments of the class probabilities over Monte-Carlo samples.

Axis letters: N points, K samples, C classes. P_i is the random probability of class i.

A nearly certain class keeps its relative precision: 1 - p is summed from the other classes, and
where a class's mean exceeds one half, mean and variance are taken of 1 - p. Deviations are taken
from the first sample, so that v = 0 exactly where all samples agree, and only there.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from balent.posterior.cache import points_at_once

MIN_WIDTH = 16
"""Points at a time: two registers of float64, one line of float32."""


@dataclass(frozen=True)
class Moments:
    """What pointwise acquisition functions need of the posterior predictive, in float64.

    mean              [N, C]  m = E[P_i]
    complement        [N, C]  1 - m, from the other classes (no cancellation near m = 1)
    variance          [N, C]  v = Var[P_i], biased (divided by K)
    spread            [N, C]  E[P_i (1 - P_i)] = m(1 - m) - v, averaged directly
    expected_entropy  [N]     E[H(Y | ω)] in nats
    """

    mean: Tensor
    complement: Tensor
    variance: Tensor
    spread: Tensor
    expected_entropy: Tensor

    def __len__(self) -> int:
        return len(self.mean)

    @property
    def n_classes(self) -> int:
        return self.mean.shape[1]

    @staticmethod
    def from_probs(probs_n_k_c: Tensor) -> Moments:
        """Moments of probabilities [N, K, C] (any float type, any device)."""
        p = probs_n_k_c.double()  # [N, K, C]
        q = one_minus(p)  # [N, K, C]
        large = p.mean(dim=1) > 0.5  # [N, C]
        mean, complement, variance = _first_two(torch.where(large[:, None], q, p), large, dim=1)
        return Moments(
            mean=mean,
            complement=complement,
            variance=variance,
            spread=(p * q).mean(dim=1),
            expected_entropy=torch.special.entr(p).sum(dim=2).mean(dim=1),
        )

    @staticmethod
    def from_logits(logits_k_c_n: Tensor) -> Moments:
        """Moments of softmax over the classes of finite logits [K, C, N], points innermost.

        The softmax e/Z is float64, and its parts give the rest without cancellation or a second
        logarithm per class: 1 - p = (Z - e)/Z, and the entropy log Z - Σ e z / Z.
        """
        k, c, n = logits_k_c_n.shape
        mean, complement, variance, spread = logits_k_c_n.new_empty(4, c, n, dtype=torch.float64)
        entropy = mean.new_empty(n)
        width = max(MIN_WIDTH, points_at_once(3 * 8 * k * c, mean.device))
        scratch = mean.new_empty(3, k, c, min(width, n))
        for start in range(0, n, width):
            points = slice(start, start + width)
            part = logits_k_c_n[:, :, points]
            z, e, q = scratch[..., : part.shape[2]]  # [K, C, n] each
            z.copy_(part)
            z -= z.amax(dim=1, keepdim=True)
            torch.exp(z, out=e)
            total = e.sum(dim=1, keepdim=True)  # [K, 1, n], Z
            # Z - 1 without the 1 of the largest class: floor(e - 1) is 0 there and -1 elsewhere.
            # Below 3/2 no other class ties with it.
            rest = -torch.sub(e, 1, out=q).floor_().mul_(e).sum(dim=1, keepdim=True)
            rest = torch.where(total < 1.5, rest, total - 1)
            scale = total.reciprocal()
            entropies = rest.log1p() - z.mul_(e).sum(dim=1, keepdim=True) * scale  # [K, 1, n]
            torch.mean(entropies, dim=(0, 1), out=entropy[points])
            torch.sub(e, 1, out=q).sub_(rest).mul_(-scale)  # 1 - p
            p = e.mul_(scale)
            torch.mean(torch.mul(p, q, out=z), dim=0, out=spread[:, points])
            large = p.mean(dim=0) > 0.5  # [C, n]
            x = torch.where(large, q, p, out=e)
            mean[:, points], complement[:, points], variance[:, points] = _first_two(x, large, 0)
        return Moments(mean.T, complement.T, variance.T, spread.T, entropy)

    @staticmethod
    def cat(parts: list[Moments]) -> Moments:
        """Join the moments of consecutive runs of points."""
        return Moments(*(torch.cat([getattr(p, f.name) for p in parts]) for f in fields(Moments)))

    def merge(self, size: int, other: Moments, other_size: int) -> Moments:
        """Moments over both sets of samples, of which this holds ``size`` and the other the rest.

        Variances are joined as by Chan, Golub and LeVeque (1983).
        """
        here, there = size / (size + other_size), other_size / (size + other_size)
        joint = {
            f.name: here * getattr(self, f.name) + there * getattr(other, f.name)
            for f in fields(Moments)
        }
        gap = torch.where(
            joint["mean"] > 0.5, self.complement - other.complement, self.mean - other.mean
        )  # [N, C]
        joint["variance"] += here * there * gap.square()
        return Moments(**joint)

    def to(self, device: str | torch.device) -> Moments:
        return Moments(*(getattr(self, f.name).to(device) for f in fields(self)))


def one_minus(p: Tensor) -> Tensor:
    """1 - p along the last axis; for the one class above one half, the sum of the others."""
    large = p > 0.5
    rest = p.masked_fill(large, 0.0).sum(dim=-1, keepdim=True)
    return torch.where(large, rest, 1.0 - p)


def sum_of_others(p: Tensor) -> Tensor:
    """For each class, the sum of p over all other classes along the last axis."""
    zero = torch.zeros_like(p[..., :1])
    before = torch.cat([zero, p[..., :-1].cumsum(-1)], dim=-1)
    after = torch.cat([p[..., 1:].flip(-1).cumsum(-1).flip(-1), zero], dim=-1)
    return before + after


def _first_two(x: Tensor, large: Tensor, dim: int) -> tuple[Tensor, Tensor, Tensor]:
    """Mean and complement of p, and its variance, over the samples; overwrites x.

    x is p, or 1 - p where ``large``. With deviations d from the first sample, E[d²] - E[d]² is at
    least E[d]²/K, so it loses at most log2 K bits.
    """
    shift = x.select(dim, 0).clone()
    x -= shift.unsqueeze(dim)
    deviation = x.mean(dim=dim)
    centre = shift + deviation
    variance = x.square_().mean(dim=dim) - deviation.square()
    return (
        torch.where(large, 1 - centre, centre),
        torch.where(large, centre, 1 - centre),
        variance,
    )
