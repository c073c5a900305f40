"""Beta-marginal measures: the printed formulas with 60 digits, integrals, and what they imply."""

import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import digamma, log, mpf

from balent.acquisition import beta_marginal, registry
from balent.acquisition.base import Context, Predictions
from balent.posterior.moments import Moments

TOLERANCE = 1e-9
GRID = [*np.logspace(-8, 12, 21), 0.5, 2.0, 3.0, 7.5]


@pytest.fixture(autouse=True)
def sixty_digits():
    with mpmath.workdps(60):
        yield


def scores(name, moments):
    predictions = Predictions(len(moments), moments=moments)
    return registry.score(name, predictions, Context(np.random.default_rng(0)), {})


def printed_bald(a, b):
    """The summand of theorem 3.1."""
    n = a + b
    return (
        (a - 1) * digamma(n)
        - a / n * log(a / n)
        - a * (a - 1) / n * digamma(a)
        - b * (a - 1) / n * digamma(n + 1)
        + a**2 / n * (digamma(a + 1) - digamma(n + 1))
    )


def printed_aleatoric(a, b):
    """The summand of corollary 1."""
    n = a + b
    return (
        -(a - 1) * digamma(n)
        + a * (a - 1) / n * digamma(a)
        + b * (a - 1) / n * digamma(n + 1)
        - a**2 / n * (digamma(a + 1) - digamma(n + 1))
    )


def printed_loss(a, b):
    """The summand of ExpectedEffectiveLoss."""
    n = a + b
    return a / n * (log((a + 1) / (n + 1)) - log(a / n))


def printed_gain(pairs):
    """Equation 28, the double sum."""
    total = mpf(0)
    for i, (a, b) in enumerate(pairs):
        inner = mpf(0)
        for j, (c, d) in enumerate(pairs):
            p = (c + (i == j)) / (c + d + 1)
            inner += p * log(p)
        total += a / (a + b) * (inner - log(a / (a + b)))
    return total


def printed_dirichlet(eta):
    """Theorem A.1, with Ψ(Σ + 1) for "Ψ(Σ) + 1"."""
    total, n = mpmath.fsum(eta), len(eta)
    value = (total - n) * digamma(total)
    value -= mpmath.fsum((e - 1) * digamma(e) + e / total * log(e / total) for e in eta)
    for i, e in enumerate(eta):
        ratio = beta_function([*eta[:i], e + 1, *eta[i + 1 :]]) / beta_function(eta)
        value += e * ratio * (digamma(e + 1) - digamma(total + 1))
        for other in [*eta[:i], *eta[i + 1 :]]:
            value += (other - 1) * ratio * (digamma(other) - digamma(total + 1))
    return value


def beta_function(eta):
    return mpmath.exp(mpmath.fsum(map(mpmath.loggamma, eta)) - mpmath.loggamma(mpmath.fsum(eta)))


def marginal(a, b):
    """float64 m, 1 - m, v of Beta(a, b), and the spread of exactly these three."""
    a, b = mpf(a), mpf(b)
    n = a + b
    m, q, v = float(a / n), float(b / n), float(a * b / (n * n * (n + 1)))
    return m, q, v, float(mpf(m) * mpf(q) - mpf(v))


def parameters(m, q, v, s):
    """α and β of float64 moments, with 1 - m as given."""
    n = (mpf(m) * mpf(q) - mpf(v)) / mpf(v)
    return mpf(m) * n, mpf(q) * n


def terms(name, rows):
    m, q, v, s = torch.tensor(rows, dtype=torch.float64).T
    if name == "loss":
        return beta_marginal.effective_loss_terms(m, q, v, s).tolist()
    function = {
        "bald": beta_marginal.information_terms,
        "aleatoric": beta_marginal.aleatoric_terms,
    }[name]
    return function(m, q, s / v).tolist()


PRINTED = {"bald": printed_bald, "aleatoric": printed_aleatoric, "loss": printed_loss}


def error(value, expected):
    return abs(mpf(value) - expected) / max(1, abs(expected))


@pytest.mark.parametrize("name", PRINTED)
def test_terms_equal_the_printed_ones_on_the_whole_grid(name):
    rows = [marginal(a, b) for a in GRID for b in GRID]
    expected = [PRINTED[name](*parameters(*row)) for row in rows]
    computed = terms(name, rows)
    assert max(map(error, computed, expected)) <= TOLERANCE
    assert max(abs(e) for e in expected) > 0.1


@pytest.mark.parametrize("name", PRINTED)
@settings(max_examples=150, deadline=None)
@given(log_a=st.floats(-8, 12), log_b=st.floats(-8, 12))
def test_terms_equal_the_printed_ones_anywhere(name, log_a, log_b):
    with mpmath.workdps(60):
        row = marginal(10**log_a, 10**log_b)
        [computed] = terms(name, [row])
        assert error(computed, PRINTED[name](*parameters(*row))) <= TOLERANCE


@pytest.mark.parametrize("name", PRINTED)
def test_small_terms_keep_their_order(name):
    """Concentrated marginals: what is left to learn is about 1/α, and known to many digits."""
    rows = [marginal(a, b) for a in (1e2, 1e5, 1e8, 1e11) for b in (a, 30 * a)]
    for computed, row in zip(terms(name, rows), rows, strict=True):
        expected = PRINTED[name](*parameters(*row))
        assert abs(computed / expected - 1) < 1e-10


@pytest.mark.parametrize(("a", "b"), [(0.7, 2.3), (4.0, 1.5), (30.0, 50.0)])
def test_terms_are_integrals(a, b):
    """E[P log P] is what samples leave of the entropy of a class."""
    a, b = mpf(a), mpf(b)

    def weighted(p):
        return p**a * (1 - p) ** (b - 1) * log(p) / mpmath.beta(a, b)

    expected = float(-mpmath.quad(weighted, [0, a / (a + b), 1]))
    m, n = torch.tensor([[float(a / (a + b))], [float(a + b)]], dtype=torch.float64)
    aleatoric = beta_marginal.aleatoric_terms(m, 1 - m, n).item()
    information = beta_marginal.information_terms(m, 1 - m, n).item()
    assert aleatoric == pytest.approx(expected, rel=1e-12)
    assert information == pytest.approx(-m.item() * math.log(m.item()) - expected, rel=1e-12)


def dirichlet(etas):
    """The exact moments of Dirichlet distributions [N, C]; their expected entropy is not used."""
    eta = torch.tensor(etas, dtype=torch.float64)
    total = eta.sum(dim=1, keepdim=True)
    mean, complement = eta / total, (total - eta) / total
    variance = mean * complement / (total + 1)
    return Moments(mean, complement, variance, variance * total, total[:, 0])


ETAS = [[1.0, 1.0, 1.0], [0.1, 2.0, 7.0], [30.0, 0.5, 1e-3], [1e4, 2e4, 3e5], [1e-6, 2e-6, 3e-6]]


@pytest.mark.parametrize("name", ["dirichlet_bald", "beta_marginal_bald"])
def test_both_equal_theorem_a_1_for_dirichlet_moments(name):
    expected = [printed_dirichlet([mpf(e) for e in eta]) for eta in ETAS]
    assert max(map(error, scores(name, dirichlet(ETAS)), expected)) <= TOLERANCE


def test_dirichlet_bald_is_the_mutual_information_of_samples():
    """Woo 2022 against 200,000 draws; standard errors below 0.001."""
    rng = np.random.default_rng(0)
    for eta in ([1.0, 1.0, 1.0], [0.3, 2.0, 7.0]):
        draws = rng.dirichlet(eta, size=200_000)
        mean = draws.mean(axis=0)
        sampled = -(mean * np.log(mean)).sum() + (draws * np.log(draws)).sum(axis=1).mean()
        assert scores("dirichlet_bald", dirichlet([eta])) == pytest.approx(sampled, abs=0.004)


def samples(seed=0, n=30, k=9, c=4):
    rng = np.random.default_rng(seed)
    width = rng.uniform(0.001, 4, size=(n, 1, 1))
    logits = 2 * rng.normal(size=(n, 1, c)) + width * rng.normal(size=(n, k, c))
    return torch.softmax(torch.from_numpy(logits), dim=2)


def fitted(point):
    """α, β of each class from samples [K, C], with 60 digits."""
    pairs = []
    for column in point.T.tolist():
        p = [mpf(x) for x in column]
        m = mpmath.fsum(p) / len(p)
        v = mpmath.fsum((x - m) ** 2 for x in p) / len(p)
        a = m**2 * (1 - m) / v - m
        pairs.append((a, (1 / m - 1) * a))
    return pairs


SUMS = {
    "beta_marginal_bald": lambda pairs: mpmath.fsum(printed_bald(a, b) for a, b in pairs),
    "beta_marginal_aleatoric": lambda pairs: mpmath.fsum(printed_aleatoric(a, b) for a, b in pairs),
    "expected_effective_loss": lambda pairs: mpmath.fsum(printed_loss(a, b) for a, b in pairs),
    "beta_marginal_eig": printed_gain,
    "beta_marginal_mean_sd": lambda pairs: (
        mpmath.fsum(mpmath.sqrt(a * b / ((a + b) ** 2 * (a + b + 1))) for a, b in pairs)
        / len(pairs)
    ),
}


@pytest.mark.parametrize("name", SUMS)
def test_scores_of_samples_equal_the_printed_sums(name):
    probs = samples()
    expected = [float(SUMS[name](fitted(point))) for point in probs]
    assert scores(name, Moments.from_probs(probs)) == pytest.approx(expected, rel=1e-8, abs=1e-13)


def test_information_gain_needs_no_normalised_posterior():
    """Given Y = i, the printed probabilities of the other classes do not make room for class i."""
    pairs = fitted(samples()[0])
    inner = [sum((c + (i == j)) / (c + d + 1) for j, (c, d) in enumerate(pairs)) for i in range(4)]
    assert max(abs(total - 1) for total in inner) > 0.001


@pytest.mark.parametrize("total", [1e-8, 0.1, 1.0, 30.0, 1e4, 1e12])
def test_information_gain_of_dirichlet_moments(total):
    eta = [total * m for m in (0.125, 0.25, 0.625)]
    expected = printed_gain([(mpf(e), mpf(total) - mpf(e)) for e in eta])
    assert error(scores("beta_marginal_eig", dirichlet([eta]))[0], expected) <= 1e-12


def test_information_and_aleatoric_uncertainty_are_the_entropy():
    moments = Moments.from_probs(samples(n=200))
    parts = scores("beta_marginal_bald", moments) + scores("beta_marginal_aleatoric", moments)
    assert parts == pytest.approx(scores("entropy", moments), rel=1e-12)


def test_mean_deviation_is_that_of_the_samples():
    moments = Moments.from_probs(samples())
    expected = scores("mean_sd", moments).tolist()
    assert scores("beta_marginal_mean_sd", moments).tolist() == expected


LEARNT = ["beta_marginal_bald", "dirichlet_bald", "expected_effective_loss", "beta_marginal_eig"]


@pytest.mark.parametrize("name", LEARNT)
def test_nothing_is_learnt_where_all_samples_agree(name):
    probs = samples(n=20)[:, :1].expand(-1, 6, -1)
    assert scores(name, Moments.from_probs(probs)).tolist() == [0] * 20


@pytest.mark.parametrize("name", LEARNT)
def test_all_of_the_entropy_is_learnt_where_samples_are_sure_and_disagree(name):
    probs = torch.eye(4, dtype=torch.float64)[[0, 0, 1, 2, 1, 0]][None]
    moments = Moments.from_probs(probs)
    assert scores(name, moments) == pytest.approx(scores("entropy", moments), rel=1e-12)
    assert scores("beta_marginal_aleatoric", moments) == pytest.approx(0, abs=1e-15)


def test_all_of_the_entropy_is_aleatoric_where_all_samples_agree():
    moments = Moments.from_probs(samples(n=20)[:, :1].expand(-1, 6, -1))
    expected = scores("entropy", moments)
    assert scores("beta_marginal_aleatoric", moments) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", [*LEARNT, "beta_marginal_aleatoric", "beta_marginal_mean_sd"])
def test_certain_points_have_score_0(name):
    probs = torch.eye(3, dtype=torch.float64)[[1, 1, 1]][None]
    assert scores(name, Moments.from_probs(probs)).tolist() == [0]
