"""Uncertainty of the prediction: BALD, PowerBALD, entropy, mean standard deviation.

P_i is the random probability of class i, Y the label, ω the weights; entropies in nats.
"""

from __future__ import annotations

import torch
from torch import Tensor

from balent.acquisition.base import Context, Predictions, register
from balent.posterior.moments import Moments


def label_entropy(moments: Moments) -> Tensor:
    """H(Y) = -Σ_i E[P_i] log E[P_i], float64 [N], in [0, log C]."""
    return torch.special.entr(moments.mean).sum(dim=1)  # [N]


def mutual_information(moments: Moments) -> Tensor:
    """I(ω, Y) = H(Y) - E[H(Y | ω)], float64 [N], in [0, log C] up to rounding."""
    return label_entropy(moments) - moments.expected_entropy  # [N]


def mean_deviation(moments: Moments) -> Tensor:
    """(1/C) Σ_i sqrt(Var[P_i]), float64 [N], in [0, 1/2]."""
    return moments.variance.sqrt().mean(dim=1)  # [N]


@register(
    name="bald",
    title="BALD",
    kind="score",
    needs=("moments",),
    paper="Houlsby 2011; Woo 2023, sec. 2.2",
    cost="O(N·C)",
    least_samples=2,
)
def bald(predictions: Predictions, context: Context) -> Tensor:
    """I(ω, Y), float64 [N], in [0, log C] up to rounding."""
    assert predictions.moments is not None
    return mutual_information(predictions.moments)  # [N]


@register(
    name="entropy",
    title="Entropy",
    kind="score",
    needs=("moments",),
    paper="Woo 2023, sec. 2.2",
    cost="O(N·C)",
)
def entropy(predictions: Predictions, context: Context) -> Tensor:
    """H(Y), float64 [N], in [0, log C]."""
    assert predictions.moments is not None
    return label_entropy(predictions.moments)  # [N]


@register(
    name="mean_sd",
    title="MeanSD",
    kind="score",
    needs=("moments",),
    paper="Woo 2023, sec. 2.2",
    cost="O(N·C)",
    least_samples=2,
)
def mean_sd(predictions: Predictions, context: Context) -> Tensor:
    """(1/C) Σ_i sqrt(Var[P_i]), float64 [N], in [0, 1/2]."""
    assert predictions.moments is not None
    return mean_deviation(predictions.moments)


@register(
    name="power_bald",
    title="PowerBALD",
    kind="score",
    needs=("moments",),
    paper="Kirsch 2021; Woo 2023, sec. 2.2",
    cost="O(N·C)",
    allowed={"gumbel_scale": "[0, 1000000]"},
    least_samples=2,
)
def power_bald(predictions: Predictions, context: Context, *, gumbel_scale: float = 1.0) -> Tensor:
    """log I(ω, Y) + Z with Z ~ Gumbel(0, gumbel_scale) for each point, float64 [N], in [-∞, ∞).

    gumbel_scale  β in the paper, finite and not negative; 0 ranks as BALD does.

    Differs from the released code, whose noise is Pareto(1, 1).
    """
    assert predictions.moments is not None
    noise = context.generator.gumbel(0.0, gumbel_scale, predictions.n_points)  # [N]
    # By Jensen's inequality only rounding makes it negative. A point without information: -∞.
    information = mutual_information(predictions.moments).clamp(min=0.0)  # [N]
    return information.log() + torch.from_numpy(noise).to(information.device)
