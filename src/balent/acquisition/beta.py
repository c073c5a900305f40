"""Beta marginals: the differential entropy of a class probability after its class was observed.

A class probability with mean m and variance v is taken as P ~ Beta(α, β),
    α + β = s / v,  α = m (α + β),  β = (1 - m)(α + β),  s = E[P (1 - P)] = m(1 - m) - v,
and as P⁺ ~ Beta(α + 1, β) once the label was that class (Woo 2023, sec. 3.1 and 3.2), with
    h = log B(α+1, β) - αΨ(α+1) - (β-1)Ψ(β) + (α+β-1)Ψ(α+β+1)
(the appendix of the paper, A.11, prints the last sign wrong).

How it is computed. Each of the three arguments x = α+1, β+1, α+β+1 is at least 1 and is raised by
the recurrences of lnΓ and Ψ to y = x + SHIFT, where the asymptotic series
    lnΓ(y) = (y - ½) ln y - y + ½ ln 2π + R(y),    Ψ(y) = ln y - 1/(2y) - T(y)
are exact to 1e-14. In their sum the terms y and y ln y cancel; here they cancel on paper, and what
remains is a sum of a few terms of order one plus -1/β, which is the value itself when β is small.
So there are no regimes and no differences of large numbers, whatever α and β.
"""

from __future__ import annotations

import math
from fractions import Fraction

import torch
from torch import Tensor

from balent.posterior.moments import Moments

SHIFT = 6
BERNOULLI = tuple(
    Fraction(text) for text in ("1/6", "-1/30", "1/42", "-1/30", "5/66", "-691/2730", "7/6")
)
R_SERIES = tuple(float(b / (2 * j * (2 * j - 1))) for j, b in enumerate(BERNOULLI, 1))
T_SERIES = tuple(float(b / (2 * j)) for j, b in enumerate(BERNOULLI, 1))
TILE = 1 << 14
"""Marginals computed at a time: their temporaries stay in a core's cache."""


def posterior_uncertainty(moments: Moments) -> Tensor:
    """S = Σ_i m_i h(P_i⁺), float64 [N], in [-∞, 0]: "posterior uncertainty", Woo 2023, eq. 3."""
    rows = max(1, TILE // moments.n_classes)
    columns = (moments.mean, moments.complement, moments.variance, moments.spread)
    tiles = zip(*(column.split(rows) for column in columns), strict=True)
    return torch.cat([posterior_terms(*tile).sum(dim=1) for tile in tiles])  # [N]


def posterior_terms(mean: Tensor, complement: Tensor, variance: Tensor, spread: Tensor) -> Tensor:
    """m h(P⁺) of each marginal, float64, in the shape of the arguments (those of Moments).

    Degenerate marginals have their limits: 0 where m = 0; -∞ where m > 0 and P is constant
    (v = 0) or takes the values 0 and 1 alone (spread 0, also at m = 1). Never NaN.
    """
    total = spread / variance  # α + β
    alpha, beta = mean * total, complement * total
    # False for v = 0 (a total of ∞, or NaN), for spread 0 (β = 0), and for parameters so near to
    # these that float64 cannot hold them.
    regular = (beta > 0) & (alpha + beta < math.inf)
    entropy = posterior_entropy(alpha.where(regular, 1.0), beta.where(regular, 1.0))
    term = (mean * entropy).where(regular, -math.inf)
    return term.masked_fill(mean == 0, 0.0)


def posterior_entropy(alpha: Tensor, beta: Tensor) -> Tensor:
    """h, the differential entropy of Beta(α+1, β) in nats: float64, α ≥ 0, β > 0, elementwise."""
    x = torch.stack([alpha + 1, beta + 1, alpha + beta + 1])  # [3, ...]
    u = (x + SHIFT).reciprocal()
    w = u * u
    # Π = Γ(y)/Γ(x) u^SHIFT, the product of (x+j)u over 0 ≤ j < SHIFT, and r = Ψ(y) - Ψ(x), the sum
    # of 1/(x+j): factors j and SHIFT-1-j make a pair, z + j(SHIFT-1-j)w, scaled against overflow.
    t = x * u
    edge = t + (SHIFT - 1) * u
    z = t * edge
    product, slope = z, torch.ones_like(z)  # Π and dΠ/dz
    for j in range(1, SHIFT // 2):
        pair = z + (j * (SHIFT - 1 - j)) * w
        slope = slope * pair + product
        product = product * pair
    r = (t + edge) * slope / product * u
    # ln y - Ψ(x), weighted by α, β-1 and -(α+β-1).
    gap = 0.5 * u + w * _horner(T_SERIES, w) + r
    gaps = alpha * gap[0] + (beta - 1) * gap[1] - (alpha + beta - 1) * gap[2]
    rest = u * _horner(R_SERIES, w)
    logs = (
        torch.log(product[2] / (product[0] * product[1]))
        - 0.5 * torch.log(u[0])
        + 1.5 * torch.log(u[2] / u[1])
        - torch.log(beta)
    )
    constant = 0.5 * math.log(2 * math.pi) - SHIFT
    return constant + logs + gaps + (rest[0] + rest[1] - rest[2]) - beta.reciprocal()


def _horner(coefficients: tuple[float, ...], w: Tensor) -> Tensor:
    value = torch.full_like(w, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        value.mul_(w).add_(coefficient)
    return value
