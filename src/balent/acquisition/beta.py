"""Beta marginals: what the mean and the variance of a class probability say about it.

A class probability with mean m and variance v is taken as P ~ Beta(α, β),
    α + β = s / v,  α = m (α + β),  β = (1 - m)(α + β),  s = E[P (1 - P)] = m(1 - m) - v,
and as P⁺ ~ Beta(α + 1, β) once the label was that class (Woo 2023, sec. 3.1 and 3.2), with
    h = log B(α+1, β) - αΨ(α+1) - (β-1)Ψ(β) + (α+β-1)Ψ(α+β+1)
(the appendix of the paper, A.11, prints the last sign wrong).

How it is computed. For x ≥ 0, with y = x + 3/2 and u = 1/y,
    lnΓ(x+1) - xΨ(x+1) + x = ½ ln y + E(u),    Ψ(x+1) = ln y + u D(u),
where E and D are bounded and smooth in 0 ≤ u ≤ 2/3: polynomials give them to 1e-13. In h the large
terms x cancel on paper; what remains is
    h = E(u_α) + F(u_β) - F(u_α+β) + ½ ln y_α + 3/2 ln(y_β / y_α+β) - ln β + 1 - 1/β,  F = E + u D.
So there are no regimes and no differences of large numbers, whatever α and β.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from balent.acquisition.tile import tile_values
from balent.posterior.moments import Moments

SHIFT = 1.5
"""y - x. Near 3/2 the polynomials converge fastest."""

E_COEFFICIENTS = (
    0.418938533204595,
    -0.5833333332877093,
    -0.31250000441524617,
    -0.1986109441563369,
    -0.12031575164360962,
    -0.06082603612138961,
    -0.023141024002648627,
    -0.008647440980987332,
    -0.016152609713452712,
    -0.012189379251655778,
    0.0302293688917495,
    -0.03872780125493505,
    0.02232904097443589,
    -0.006441570099653849,
)
D_COEFFICIENTS = (
    -0.9999999999998073,
    -0.45833333343116933,
    -0.24999999173331697,
    -0.13229194184876944,
    -0.062495251257697074,
    -0.02745392588586905,
    -0.01532171124146582,
    -0.01312121884550964,
    -0.001506230157496822,
    0.0057622493924972575,
    -0.015433420004061364,
    0.01069847765225562,
    -0.004009916834557044,
)
"""Coefficients of u⁰, u¹, …: E and D interpolated at the Chebyshev points of [0, 2/3]."""

F_COEFFICIENTS = tuple(e + d for e, d in zip(E_COEFFICIENTS, (0.0, *D_COEFFICIENTS), strict=True))

TILE = 1 << 17
"""Marginals computed at a time on a CPU: few enough for their temporaries to stay in a cache, and
enough for torch's threads to share each of the dozens of steps."""

TINY = torch.finfo(torch.float64).tiny
"""The smallest normal number: 1/β is finite from there on."""

NEGLIGIBLE = math.sqrt(TINY)
"""Classes with a mean below it (1.5e-154) count as m = 0. Their m² underflows, so a variance of 0
does not say that P is constant; and where it is, other classes are constant, too."""


def sum_over_classes(terms: Callable[..., Tensor], moments: Moments) -> Tensor:
    """Σ_i terms(mean, complement, variance, spread), each [n, C] for a tile; float64 [N]."""
    rows = max(1, tile_values(TILE, moments.mean.device) // moments.n_classes)
    columns = (moments.mean, moments.complement, moments.variance, moments.spread)
    tiles = zip(*(column.split(rows) for column in columns), strict=True)
    return torch.cat([terms(*tile).sum(dim=1) for tile in tiles])  # [N]


def posterior_uncertainty(moments: Moments) -> Tensor:
    """S = Σ_i m_i h(P_i⁺), float64 [N], in [-∞, 0]: "posterior uncertainty", Woo 2023, eq. 3."""
    return sum_over_classes(posterior_terms, moments)


def posterior_terms(mean: Tensor, complement: Tensor, variance: Tensor, spread: Tensor) -> Tensor:
    """m h(P⁺) of each marginal, float64, in the shape of the arguments (those of Moments).

    Degenerate marginals have their limits: 0 where m is NEGLIGIBLE; else -∞ where P is constant
    (v = 0) or takes the values 0 and 1 alone (spread 0, also at m = 1). Never NaN.
    """
    total = spread / variance  # α + β
    alpha, beta = mean * total, complement * total
    # False for v = 0 (a total of ∞, or NaN), for spread 0 (β = 0), and for parameters so near to
    # these that float64 cannot hold them.
    regular = (beta >= TINY) & (alpha + beta < math.inf)
    term = torch.where(regular, mean * posterior_entropy(alpha, beta), -math.inf)
    return term.masked_fill(mean < NEGLIGIBLE, 0.0)


def posterior_entropy(alpha: Tensor, beta: Tensor) -> Tensor:
    """h, the differential entropy of Beta(α+1, β) in nats; float64, α ≥ 0, β ≥ TINY."""
    y_alpha, y_beta, y_total = alpha + SHIFT, beta + SHIFT, alpha + beta + SHIFT
    ratio = y_beta / y_total
    logs = torch.log(ratio * torch.sqrt(y_alpha * ratio) / beta)
    bounded = _polynomial(E_COEFFICIENTS, y_alpha.reciprocal())
    bounded += _polynomial(F_COEFFICIENTS, y_beta.reciprocal())
    bounded -= _polynomial(F_COEFFICIENTS, y_total.reciprocal())
    return logs + bounded + 1 - beta.reciprocal()


def digamma_remainder(x: Tensor) -> Tensor:
    """Ψ(x+1) - ln(x + SHIFT) = u D(u), float64, x ≥ 0 or ∞, elementwise, to relative 1e-13."""
    u = (x + SHIFT).reciprocal()
    return _polynomial(D_COEFFICIENTS, u).mul_(u)


def _polynomial(coefficients: tuple[float, ...], u: Tensor) -> Tensor:
    value = torch.full_like(u, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        value.mul_(u).add_(coefficient)
    return value
