"""BalEntAcq: the balanced entropy learning principle (Woo 2023, sec. 4), and as released.

S = Σ_i E[P_i] h(P_i⁺) is the posterior uncertainty (beta.py), H = H(Y) the label's entropy in nats.
S is -∞ where the samples leave no posterior uncertainty in a class; such a point ranks last.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from balent.acquisition.base import Context, Predictions, register
from balent.acquisition.beta import posterior_uncertainty
from balent.acquisition.uncertainty import label_entropy


def reciprocal_priority(balance: Tensor) -> Tensor:
    """Rank balances [N]: 1/B where B ≥ 0, so that 0 comes first (+∞); B itself below 0."""
    return torch.where(balance >= 0, balance.abs().reciprocal(), balance)  # abs: -0.0 is 0


@register(
    name="balentacq",
    title="BalEntAcq",
    kind="score",
    needs=("moments",),
    paper="Woo 2023, eq. 4 and sec. 4.1",
    cost="O(N·C)",
)
def balentacq(predictions: Predictions, context: Context) -> Tensor:
    """The reciprocal priority of BalEnt = (S + H)/(H + log 2), which is below 1.

    float64 [N], in [-∞, 0) or (1, +∞]. Differs from the released code: see balentacq_released; and
    log B is never exponentiated, variances are biased, no mean or variance has a floor.
    """
    assert predictions.moments is not None
    entropy = label_entropy(predictions.moments)  # [N]
    joint = posterior_uncertainty(predictions.moments) + entropy  # [N]
    return reciprocal_priority(joint / (entropy + math.log(2)))


@register(
    name="balentacq_released",
    title="BalEntAcq (released formula)",
    kind="score",
    needs=("moments",),
    paper="code released with Woo 2023",
    cost="O(N·C)",
)
def balentacq_released(predictions: Predictions, context: Context) -> Tensor:
    """The reciprocal priority of (S + 2H)/(H + log 2): the released code counts H twice.

    float64 [N], in [-∞, 0) or (1/2, +∞]. Only this differs from ``balentacq``, so that the effect
    of the second H stands alone.
    """
    assert predictions.moments is not None
    entropy = label_entropy(predictions.moments)  # [N]
    joint = posterior_uncertainty(predictions.moments) + 2 * entropy  # [N]
    return reciprocal_priority(joint / (entropy + math.log(2)))
