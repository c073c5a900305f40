"""How far samples of a class probability are from the Beta distribution of their moments.

Axis letters: N points, K samples, C classes; R random draws of a reference.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betainc, betaln

SMALLEST = -600.0
"""Logarithms below this are taken to the first term of the incomplete Beta function's series: its
relative error is of the order of exp(-600), and exp(-745) would be 0."""


def distances(logs: np.ndarray, alpha: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """Kolmogorov–Smirnov distances sup |F_K - F| of samples from Beta distributions, float64 [...].

    logs         logarithms of the samples, [K, ...]
    alpha, beta  parameters above 0, [...]

    F_K is the empirical distribution function. Where the parameters are fitted to the samples, the
    p-values of the Kolmogorov–Smirnov test do not apply: compare with ``reference``.
    """
    count = len(logs)
    cdf = beta_cdf(np.sort(logs, axis=0), alpha, beta)  # [K, ...]
    steps = np.arange(count + 1).reshape(-1, *[1] * np.ndim(alpha)) / count
    return np.maximum(steps[1:] - cdf, cdf - steps[:-1]).max(axis=0)


def beta_cdf(logs: np.ndarray, alpha: ArrayLike, beta: ArrayLike) -> np.ndarray:
    """P(log X ≤ logs) for X ~ Beta(α, β), also where X is below the smallest float64."""
    head = np.exp(alpha * np.minimum(logs, SMALLEST) - np.log(alpha) - betaln(alpha, beta))
    return np.where(logs < SMALLEST, head, betainc(alpha, beta, np.exp(logs)))


def parameters(
    mean: ArrayLike, complement: ArrayLike, variance: ArrayLike, spread: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """α and β of the Beta distribution with a mean and variance (Woo 2023, sec. 3.1).

    α + β = s / v, with s = m(1 - m) - v, as for the scores (balent.acquisition.beta). Not finite or
    0 where there is no such distribution: constant samples, and samples of 0 and 1 alone.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        total = np.divide(spread, variance)
    return np.multiply(mean, total), np.multiply(complement, total)


def fitted(alpha: np.ndarray, beta: np.ndarray) -> np.ndarray:
    """Whether these are the parameters of a Beta distribution, bool [...]."""
    return np.isfinite(alpha) & np.isfinite(beta) & (alpha > 0) & (beta > 0)


def reference(
    alpha: np.ndarray, beta: np.ndarray, samples: int, generator: np.random.Generator
) -> np.ndarray:
    """Distances of samples that are Beta: K draws for each pair of parameters, fitted, float64 [R].

    A parametric bootstrap: what ``distances`` gives where the marginals are Beta distributions with
    the parameters [R], and parameters are fitted by the moments of K samples. P or 1 - P is drawn,
    whichever is smaller on average: its logarithms are exact near 0. NaN where the samples have no
    fit, as of parameters so small that all of them are 0 and 1 in float64.
    """
    found = np.full(len(alpha), np.nan)
    for number, (a, b) in enumerate(np.sort([alpha, beta], axis=0).T):
        log_x, log_rest = beta_logs(a, b, samples, generator)
        x, rest = np.exp(log_x), np.exp(log_rest)
        pair = parameters(x.mean(), rest.mean(), x.var(), np.mean(x * rest))
        if fitted(*pair):
            found[number] = distances(log_x, *pair)
    return found


def beta_logs(
    alpha: float, beta: float, size: int, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Logarithms of X ~ Beta(α, β) and of 1 - X, float64 [size] each.

    From Gamma variables G(α) = G(α + 1) U^(1/α) (Marsaglia and Tsang, 2000), whose logarithms do
    not underflow however small α is.
    """
    one, two = (
        np.log(generator.standard_gamma(shape + 1, size))
        - generator.standard_exponential(size) / shape
        for shape in (alpha, beta)
    )
    total = np.logaddexp(one, two)
    return one - total, two - total
