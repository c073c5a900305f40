"""BalEntAcq: the balanced entropy learning principle (Woo 2023, sec. 4 and its variants).

S = Σ_i E[P_i] h(P_i⁺) is the posterior uncertainty (beta.py), H = H(Y) the label's entropy in nats,
and MJEnt = S + H. S is -∞ where a class has no posterior uncertainty: where its probability is the
same in every sample, or 0 or 1 in every sample.
"""

from __future__ import annotations

import logging
import math

import torch
from torch import Tensor

from balent.acquisition.base import Context, Predictions, register
from balent.acquisition.beta import NEGLIGIBLE, posterior_uncertainty
from balent.acquisition.uncertainty import label_entropy
from balent.posterior.moments import Moments


@register(
    name="balentacq",
    title="BalEntAcq",
    kind="score",
    needs=("moments",),
    paper="Woo 2023, eq. 4 and sec. 4.1",
    cost="O(N·C)",
    allowed={
        "priority": ("P1", "P2", "P3"),
        "precision": (1, 2, 3, 4, 5),
        "numerator": ("mjent", "fano"),
    },
    least_samples=2,
)
def balentacq(
    predictions: Predictions,
    context: Context,
    *,
    priority: str = "P2",
    precision: int = 3,
    numerator: str = "mjent",
) -> Tensor:
    """The reciprocal priority of BalEnt = (S + H)/(H + log 2), which is below 1.

    float64 [N], in [-∞, 0) or (1, +∞] with the default options. S = -∞ ranks last.

    priority   A.13.2: P2, 1/BalEnt where BalEnt ≥ 0 and BalEnt below; P3, BalEnt; P1, -BalEnt,
               where a constant class still ranks last, and one of zeros and ones alone first
    precision  k of A.13.3, 1 to 5: the precision level L = H + (k - 2) log 2 of Fano's inequality
               is the denominator. Where L ≤ 0 it says nothing: such points rank last, and their
               number is logged
    numerator  mjent, S + H at every precision; fano, S + L - log 2, the bound of A.5 at level L;
               the same at precision 3. BalEnt ≤ 1, except for mjent at precision 1

    Differs from the released code: see balentacq_released.
    """
    assert predictions.moments is not None
    entropy = label_entropy(predictions.moments)  # [N]
    level = entropy + (precision - 2) * math.log(2)  # [N]
    bound = entropy if numerator == "mjent" else level - math.log(2)
    balance = (posterior_uncertainty(predictions.moments) + bound) / level
    scores = _prioritise(balance, priority, predictions.moments)
    return scores.masked_fill(_without_level(level), -math.inf)


@register(
    name="mjentacq",
    title="MJEntAcq",
    kind="score",
    needs=("moments",),
    paper="Woo 2023, A.20",
    cost="O(N·C)",
    least_samples=2,
)
def mjentacq(predictions: Predictions, context: Context) -> Tensor:
    """The reciprocal priority of MJEnt = S + H, float64 [N], in [-∞, 0) or [1/log C, +∞]."""
    assert predictions.moments is not None
    entropy = label_entropy(predictions.moments)  # [N]
    return reciprocal_priority(posterior_uncertainty(predictions.moments) + entropy)


def reciprocal_priority(balance: Tensor) -> Tensor:
    """Rank balances [N]: 1/B where B ≥ 0, so that 0 comes first (+∞); B itself below 0."""
    return torch.where(balance >= 0, balance.abs().reciprocal(), balance)  # abs: -0.0 is 0


def _prioritise(balance: Tensor, priority: str, moments: Moments) -> Tensor:
    if priority == "P1":
        constant = (moments.variance == 0) & (moments.mean >= NEGLIGIBLE)  # [N, C]
        return (-balance).masked_fill(constant.any(dim=1), -math.inf)
    return reciprocal_priority(balance) if priority == "P2" else balance


def _without_level(level: Tensor) -> Tensor:
    """Points [N] whose precision level is not positive; says how many there are."""
    without = level <= 0
    count = int(without.sum())
    if count:
        logging.getLogger(__name__).warning(
            "balentacq: %d of %d points rank last, their entropy leaves no positive precision "
            "level; raise precision",
            count,
            len(level),
        )
    return without
