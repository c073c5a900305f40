"""BalEntAcq as in the code released with Woo 2023, as far as it departs from the paper.

S, H as in balentacq.py.
"""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor

from balent.acquisition.balentacq import reciprocal_priority
from balent.acquisition.base import Context, Predictions, register
from balent.acquisition.beta import posterior_uncertainty, sum_over_classes
from balent.acquisition.uncertainty import label_entropy

MOMENT_FLOOR = 1e-9
BETA_FLOOR = 1e-32
"""Both as released; no number of ours is floored."""


@register(
    name="balentacq_released",
    title="BalEntAcq (released formula)",
    kind="score",
    needs=("moments",),
    paper="code released with Woo 2023",
    cost="O(N·C)",
    least_samples=2,
)
def balentacq_released(
    predictions: Predictions, context: Context, *, released_floors: bool = False
) -> Tensor:
    """The reciprocal priority of (S + 2H)/(H + log 2): the released code counts H twice.

    float64 [N], in [-∞, 0) or (1/2, +∞]. By default only this differs from ``balentacq``, so that
    the effect of the second H stands alone.

    released_floors  compute S as released, too: unbiased variances; means and variances of at
                     least 1e-9; log(B(α+1, β) + 1e-32) with B exponentiated, wrong below
                     log B = -73.7; positive terms 0, so that a concentrated class counts as
                     perfectly uncertain; NaN ranks last.
                     The record of that code leaves open, and here it is: arithmetic in float64,
                     H from means without floor, and the clamp applied to m h of each class.
    """
    assert predictions.moments is not None
    moments = predictions.moments
    entropy = label_entropy(moments)  # [N]
    if released_floors:
        assert predictions.n_samples is not None
        terms = partial(_floored_terms, predictions.n_samples)
        uncertainty = sum_over_classes(terms, moments)  # [N]
        uncertainty = uncertainty.masked_fill(uncertainty.isnan(), -math.inf)
    else:
        uncertainty = posterior_uncertainty(moments)
    balance = (uncertainty + 2 * entropy) / (entropy + math.log(2))
    return reciprocal_priority(balance)


def _floored_terms(
    samples: int, mean: Tensor, complement: Tensor, variance: Tensor, spread: Tensor
) -> Tensor:
    """m h(P⁺) with the released floors, from the textbook formula; NaN where that is."""
    m = mean.clamp(min=MOMENT_FLOOR)
    v = (variance * (samples / (samples - 1))).clamp(min=MOMENT_FLOOR)
    alpha = m * m * (1 - m) / v - m
    beta = (1 / m - 1) * alpha
    total = alpha + beta
    log_b = torch.lgamma(alpha + 1) + torch.lgamma(beta) - torch.lgamma(total + 1)
    entropy = (
        torch.log(log_b.exp() + BETA_FLOOR)
        - alpha * torch.digamma(alpha + 1)
        - (beta - 1) * torch.digamma(beta)
        + (total - 1) * torch.digamma(total + 1)
    )
    return (m * entropy).clamp(max=0.0)
