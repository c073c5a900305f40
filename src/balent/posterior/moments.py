"""Moments of the class probabilities over Monte-Carlo samples.

Axis letters: N points, K samples, C classes. P_i is the random probability of class i.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass(frozen=True)
class Moments:
    """What pointwise acquisition functions need of the posterior predictive, in float64.

    mean              [N, C]  m = E[P_i]
    complement        [N, C]  1 - m, from the other classes (no cancellation near m = 1)
    variance          [N, C]  v = Var[P_i], biased (divided by K); 0 exactly where samples agree
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
        large = p[:, 0] > 0.5  # [N, C]
        x = torch.where(large[:, None], q, p)
        d = x - x[:, :1]  # [N, K, C]
        return from_deviations(
            first=x[:, 0],
            large=large,
            deviation=d.mean(dim=1),
            square=d.square_().mean(dim=1),
            spread=(p * q).mean(dim=1),
            expected_entropy=torch.special.entr(p).sum(dim=2).mean(dim=1),
        )

    @staticmethod
    def cat(parts: list[Moments]) -> Moments:
        """Join the moments of consecutive runs of points."""
        return Moments(*(torch.cat([getattr(p, f.name) for p in parts]) for f in fields(Moments)))

    def to(self, device: str | torch.device) -> Moments:
        return Moments(*(getattr(self, f.name).to(device) for f in fields(self)))


def from_deviations(
    first: Tensor,
    large: Tensor,
    deviation: Tensor,
    square: Tensor,
    spread: Tensor,
    expected_entropy: Tensor,
) -> Moments:
    """Moments from means over the samples of d and d², d being deviations from the first sample.

    A class that the first sample finds more likely than not (``large``) is given as 1 - p, which
    keeps the relative precision of nearly certain classes; ``first`` is p or 1 - p accordingly.
    Samples that agree have d = 0, so v = 0 exactly. E[d²] - E[d]² is at least E[d]²/K: at most
    log2 K bits are lost.
    """
    mean = first + deviation  # of p or 1 - p
    return Moments(
        mean=torch.where(large, 1 - mean, mean),
        complement=torch.where(large, mean, 1 - mean),
        variance=square - deviation.square(),
        spread=spread,
        expected_entropy=expected_entropy,
    )


def one_minus(p: Tensor) -> Tensor:
    """1 - p along the last axis; for the one class above one half, the sum of the others."""
    large = p > 0.5
    rest = p.masked_fill(large, 0.0).sum(dim=-1, keepdim=True)
    return torch.where(large, rest, 1.0 - p)
