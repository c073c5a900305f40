"""Beta marginals against mpmath with 60 digits, fed the same float64 moments."""

import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mpf

from balent.acquisition import beta
from balent.posterior.moments import Moments

TOLERANCE = 1e-9
GRID = [*np.logspace(-8, 12, 21), 0.5, 2.0, 3.0, 7.5]


@pytest.fixture(autouse=True)
def sixty_digits():
    with mpmath.workdps(60):
        yield


def entropy(a, b):
    """h of Beta(a, b), the textbook formula."""
    n = a + b
    log_b = mpmath.loggamma(a) + mpmath.loggamma(b) - mpmath.loggamma(n)
    weighted = (a - 1) * mpmath.digamma(a) + (b - 1) * mpmath.digamma(b)
    return log_b - weighted + (n - 2) * mpmath.digamma(n)


def moments_of(a, b):
    """float64 m, 1 - m, v of Beta(a, b), and the spread of exactly these three."""
    a, b = mpf(a), mpf(b)
    n = a + b
    m, q, v = float(a / n), float(b / n), float(a * b / (n * n * (n + 1)))
    return m, q, v, float(mpf(m) * mpf(q) - mpf(v))


def expected_term(m, q, v):
    m, q, v = mpf(m), mpf(q), mpf(v)
    total = (m * q - v) / v
    return m * entropy(m * total + 1, q * total)


def error(value, expected):
    return abs(mpf(value) - expected) / max(1, abs(expected))


def test_terms_on_the_whole_grid():
    cases = [moments_of(a, b) for a in GRID for b in GRID]
    computed = beta.posterior_terms(*torch.tensor(cases, dtype=torch.float64).T)
    worst = max(
        error(x, expected_term(*case[:3])) for x, case in zip(computed.tolist(), cases, strict=True)
    )
    assert worst <= TOLERANCE


def test_entropies_on_the_whole_grid():
    a, b = torch.tensor([(a, b) for a in GRID for b in GRID], dtype=torch.float64).T
    computed = beta.posterior_entropy(a, b)
    worst = max(
        error(h, entropy(mpf(x) + 1, mpf(y)))
        for h, x, y in zip(computed.tolist(), a.tolist(), b.tolist(), strict=True)
    )
    assert worst <= 1e-12  # no unit of m to hide behind, and little of the allowed error used up


exponents = st.floats(-8, 12)


@settings(max_examples=200, deadline=None)
@given(exponents, exponents)
def test_terms_anywhere_in_the_range(log_a, log_b):
    with mpmath.workdps(60):
        case = moments_of(10**log_a, 10**log_b)
        [computed] = beta.posterior_terms(*torch.tensor([case], dtype=torch.float64).T).tolist()
        assert error(computed, expected_term(*case[:3])) <= TOLERANCE


def test_the_formula_is_the_integral():
    def surprise(p):
        density = p ** mpf("1.3") * (1 - p) ** mpf("0.7") / mpmath.beta("2.3", "1.7")
        return -density * mpmath.log(density) if density else mpf(0)

    integral = float(mpmath.quad(surprise, [0, 0.5, 1]))
    point = torch.tensor([1.3, 1.7], dtype=torch.float64)  # α, β
    assert beta.posterior_entropy(*point).item() == pytest.approx(integral, abs=1e-12)


def test_the_uniform_marginal_has_entropy_zero():
    zero, one = torch.zeros(1, dtype=torch.float64), torch.ones(1, dtype=torch.float64)
    assert beta.posterior_entropy(zero, one).item() == pytest.approx(0, abs=1e-13)


def e_function(x):
    return mpmath.loggamma(x + 1) - x * mpmath.digamma(x + 1) + x - mpmath.log(x + beta.SHIFT) / 2


def d_function(x):
    return (mpmath.digamma(x + 1) - mpmath.log(x + beta.SHIFT)) * (x + beta.SHIFT)


def interpolation(function, size):
    """Coefficients of the polynomial in u that meets function(1/u - SHIFT) at Chebyshev points."""
    angles = [mpmath.pi * (k + mpf(1) / 2) / size for k in range(size)]
    points = [(1 + mpmath.cos(angle)) / 2 / beta.SHIFT for angle in angles]
    powers = mpmath.matrix([[u**j for j in range(size)] for u in points])
    return mpmath.lu_solve(powers, mpmath.matrix([function(1 / u - beta.SHIFT) for u in points]))


@pytest.mark.parametrize(
    ("coefficients", "function"),
    [(beta.E_COEFFICIENTS, e_function), (beta.D_COEFFICIENTS, d_function)],
)
def test_coefficients_are_those_of_interpolation(coefficients, function):
    expected = interpolation(function, len(coefficients))
    assert coefficients == pytest.approx([float(c) for c in expected], rel=1e-14)


@pytest.mark.parametrize("x", [0.0, 1e-8, 0.3, 1.0, 8.0, 1e3, 1e8, 1e12, 1e300, math.inf])
def test_digamma_remainder_keeps_its_relative_precision(x):
    computed = beta.digamma_remainder(torch.tensor([x], dtype=torch.float64)).item()
    with mpmath.workdps(700):  # 1e300 + 3/2 in full
        exact = float(mpmath.digamma(mpf(x) + 1) - mpmath.log(mpf(x) + 1.5)) if x < math.inf else 0
    assert computed == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize(
    ("m", "q", "v", "s", "term"),
    [
        (0.0, 1.0, 0.0, 0.0, 0.0),  # the class never has probability
        (1.0, 0.0, 0.0, 0.0, -math.inf),  # always all of it
        (0.5, 0.5, 0.0, 0.25, -math.inf),  # the same in every sample
        (0.5, 0.5, 0.25, 0.0, -math.inf),  # 0 or 1 in every sample
        (1e-150, 1.0, 0.0, 1e-150, -math.inf),
        (1e-160, 1.0, 0.0, 1e-160, 0.0),  # a variance of 0 says nothing: m² underflows
        (5e-324, 1.0, 0.0, 5e-324, 0.0),
        (0.5, 0.5, 5e-324, 0.25, -math.inf),  # α beyond what float64 holds
        (1.0, 5e-324, 5e-324, 5e-324, -math.inf),  # β below it: 1/β overflows
    ],
)
def test_degenerate_marginals_have_their_limits(m, q, v, s, term):
    row = torch.tensor([[m], [q], [v], [s]], dtype=torch.float64)
    assert beta.posterior_terms(*row).item() == term


numbers = st.sampled_from([0.0, 5e-324, 1e-310, 1e-200, 1e-20, 1e-3, 0.5, 1.0]) | st.floats(0, 1)


@settings(max_examples=300, deadline=None)
@given(numbers, numbers, numbers, numbers)
def test_no_moments_whatever_give_nan(m, q, v, s):
    row = torch.tensor([[m], [q], [v], [s]], dtype=torch.float64)
    assert not beta.posterior_terms(*row).isnan().any()


@settings(max_examples=300, deadline=None)
@given(exponents, exponents)
def test_terms_are_never_positive(log_a, log_b):
    with mpmath.workdps(60):
        case = moments_of(10**log_a, 10**log_b)
    assert beta.posterior_terms(*torch.tensor([case], dtype=torch.float64).T).item() <= 1e-12


def test_tiny_classes_and_extreme_parameters_stay_finite():
    """Probabilities down to 1e-150: α + β reaches 1e150, and its terms vanish with m."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(50, 20, 6, generator=generator, dtype=torch.float64)
    logits[..., 3:] -= torch.tensor([50.0, 200.0, 340.0])
    moments = Moments.from_probs(torch.softmax(logits, dim=2))
    terms = beta.posterior_terms(moments.mean, moments.complement, moments.variance, moments.spread)
    assert terms.isfinite().all()
    assert (terms[:, 3:].abs() < 1e-15).all()


def test_one_sample_leaves_no_posterior_uncertainty():
    probs = torch.full((3, 1, 4), 0.25, dtype=torch.float64)
    assert (beta.posterior_uncertainty(Moments.from_probs(probs)) == -math.inf).all()


@pytest.mark.parametrize("n_classes", [2, 7, 100])
def test_sums_do_not_depend_on_neighbours_or_tiles(n_classes, monkeypatch):
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(301, 9, n_classes, generator=generator, dtype=torch.float64)
    probs = torch.softmax(3 * logits, dim=2)
    whole = beta.posterior_uncertainty(Moments.from_probs(probs))
    alone = [beta.posterior_uncertainty(Moments.from_probs(p[None])).item() for p in probs]
    assert whole.tolist() == alone
    monkeypatch.setattr(beta, "TILE", 5 * n_classes)
    assert beta.posterior_uncertainty(Moments.from_probs(probs)).tolist() == alone
