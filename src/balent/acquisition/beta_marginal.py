"""Uncertainty measures as functions of Beta marginals (Woo 2023, sec. 3.4, A.4 and A.6).

P_i ~ Beta(α, β) has the mean m and variance v of class i (beta.py), s = m(1 - m) - v. Entropies in
nats. The printed formulas are sums of large terms that cancel; the equal ones used here are sums
of terms of one sign, with limits at v = 0, s = 0 and m = 0 instead of special cases. None is ever
NaN or infinite.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from balent.acquisition.base import Context, Predictions, register
from balent.acquisition.beta import NEGLIGIBLE, SHIFT, digamma_remainder, sum_over_classes
from balent.acquisition.uncertainty import mean_deviation


def information_terms(mean: Tensor, complement: Tensor, total: Tensor) -> Tensor:
    """m[Ψ(α+1) - Ψ(α+β+1) - log m], in [0, -m log m]; total is α + β, in [0, ∞]."""
    logs = torch.log1p(SHIFT * complement / (mean * (total + SHIFT)))
    gap = digamma_remainder(mean * total) - digamma_remainder(total)
    return (mean * (logs + gap)).masked_fill(mean < NEGLIGIBLE, 0.0)


def aleatoric_terms(mean: Tensor, complement: Tensor, total: Tensor) -> Tensor:
    """m[Ψ(α+β+1) - Ψ(α+1)], in [0, -m log m]; total is α + β, in [0, ∞]."""
    logs = torch.log1p(complement / (mean + SHIFT / total))
    gap = digamma_remainder(total) - digamma_remainder(mean * total)
    return (mean * (logs + gap)).masked_fill(mean < NEGLIGIBLE, 0.0)


def _total(variance: Tensor, spread: Tensor) -> Tensor:
    """α + β, ∞ where P is constant."""
    return (spread / variance).masked_fill(variance == 0, math.inf)


@register(
    name="beta_marginal_bald",
    title="BetaMarginalBALD",
    kind="score",
    needs=("moments",),
    paper="Woo 2023, th. 3.1",
    cost="O(N·C)",
    least_samples=2,
)
def beta_marginal_bald(predictions: Predictions, context: Context) -> Tensor:
    """Σ_i m[Ψ(α+1) - Ψ(α+β+1) - log m], float64 [N], in [0, log C] up to rounding.

    Equal to the printed sum. The term of a class is 0 where P is constant, and -m log m where it is
    0 or 1 in every sample.
    """
    assert predictions.moments is not None
    return sum_over_classes(
        lambda m, q, v, s: information_terms(m, q, _total(v, s)), predictions.moments
    )


@register(
    name="dirichlet_bald",
    title="DirichletBALD",
    kind="score",
    needs=("moments",),
    paper="Woo 2023, th. A.1; the estimate of Σ η is ours",
    cost="O(N·C)",
    least_samples=2,
)
def dirichlet_bald(predictions: Predictions, context: Context) -> Tensor:
    """I(ω, Y) of Dirichlet(η): Σ_i m[Ψ(η_i+1) - Ψ(Σ η + 1) - log m], η = m Σ η.

    float64 [N], in [0, log C] up to rounding. Equal to the printed sum, whose "Ψ(Σ η) + 1" is
    Ψ(Σ η + 1). The paper gives no estimate of Σ η: here Σ_i s_i / Σ_i v_i, so that the variances
    of the Dirichlet distribution add up to those of the samples.
    """
    assert predictions.moments is not None

    def terms(mean: Tensor, complement: Tensor, variance: Tensor, spread: Tensor) -> Tensor:
        variances, spreads = (x.sum(dim=1, keepdim=True) for x in (variance, spread))  # [n, 1]
        return information_terms(mean, complement, _total(variances, spreads))

    return sum_over_classes(terms, predictions.moments)


@register(
    name="beta_marginal_aleatoric",
    title="BetaMarginalAleatoricUncertainty",
    kind="score",
    needs=("moments",),
    paper="Woo 2023, cor. 1",
    cost="O(N·C)",
)
def beta_marginal_aleatoric(predictions: Predictions, context: Context) -> Tensor:
    """Σ_i m[Ψ(α+β+1) - Ψ(α+1)], float64 [N], in [0, log C] up to rounding.

    Equal to the printed sum, and to H(Y) minus ``beta_marginal_bald``.
    """
    assert predictions.moments is not None
    return sum_over_classes(
        lambda m, q, v, s: aleatoric_terms(m, q, _total(v, s)), predictions.moments
    )


@register(
    name="expected_effective_loss",
    title="ExpectedEffectiveLoss",
    kind="score",
    needs=("moments",),
    paper="Woo 2023, sec. 3.4",
    cost="O(N·C)",
    least_samples=2,
)
def expected_effective_loss(predictions: Predictions, context: Context) -> Tensor:
    """Σ_i m[log E[P⁺] - log m] = Σ_i m log(1 + v/m²), float64 [N], in [0, log C] up to rounding.

    E[P⁺] = (α+1)/(α+β+1) is m + v/m, so Beta marginals are not computed.
    """
    assert predictions.moments is not None
    return sum_over_classes(effective_loss_terms, predictions.moments)


def effective_loss_terms(
    mean: Tensor, complement: Tensor, variance: Tensor, spread: Tensor
) -> Tensor:
    gain = torch.log1p(variance / (mean * mean))
    return (mean * gain).masked_fill(mean < NEGLIGIBLE, 0.0)


@register(
    name="beta_marginal_eig",
    title="BetaMarginalEIG",
    kind="score",
    needs=("moments",),
    paper="Woo 2023, eq. 28",
    cost="O(N·C)",
    least_samples=2,
)
def beta_marginal_eig(predictions: Predictions, context: Context) -> Tensor:
    """H(Y) - E H(Y⁺ | Y), float64 [N], from 0 up to rounding.

    As printed: Y⁺ has the probabilities (α_j + δ_ij)/(α_j + β_j + 1) given Y = i, which need not
    sum to 1 over j. As Σ_i m_i = 1, the double sum is one over the classes j,
    Σ_j (1 - m) a log(a/m) + m b log(b/m), with a = α/(α+β+1) and b = (α+1)/(α+β+1), that is
    Σ_j (m² + v) log(1 + v/m²) - s log(1 + v/s).
    """
    assert predictions.moments is not None
    return sum_over_classes(gain_terms, predictions.moments)


def gain_terms(mean: Tensor, complement: Tensor, variance: Tensor, spread: Tensor) -> Tensor:
    square = mean * mean
    gain = ((square + variance) * torch.log1p(variance / square)).masked_fill(
        mean < NEGLIGIBLE, 0.0
    )
    loss = (spread * torch.log1p(variance / spread)).masked_fill(spread < NEGLIGIBLE, 0.0)
    return gain - loss


@register(
    name="beta_marginal_mean_sd",
    title="BetaMarginalMeanSD",
    kind="score",
    needs=("moments",),
    paper="Woo 2023, eq. 27",
    cost="O(N·C)",
    least_samples=2,
)
def beta_marginal_mean_sd(predictions: Predictions, context: Context) -> Tensor:
    """(1/C) Σ_i sd of Beta(α, β), float64 [N], in [0, 1/2].

    The marginals have the variances of the samples, so it is ``mean_sd``.
    """
    assert predictions.moments is not None
    return mean_deviation(predictions.moments)
