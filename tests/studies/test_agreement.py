"""Rank correlations and values on random points, against what theory says of their generator."""

import numpy as np
import pytest
import torch
from scipy.special import digamma
from scipy.stats import spearmanr

from balent.reports.agreement_table import rmse, spearman
from balent.streams import Streams
from balent.studies import agreement
from balent.studies.generators import draw_moments
from balent.studies.scores import score

GAUSSIAN = {"distribution": "gaussian", "spread": 1.0, "noise": 1.0}
DIRICHLET = {"distribution": "dirichlet", "concentration": [0.1, 10.0]}


def run(generator: dict, classes: list[int], names: list[str], **changes) -> np.ndarray:
    """Scores [L, R, M, N]."""
    settings = {"points": 100, "repeats": 3, "samples": 200} | changes
    methods = {name: {"function": name, "options": {}} for name in names}
    settings |= {"generators": {"only": generator}, "classes": classes}
    return agreement.run(settings, methods, Streams(3))["scores"][0]


def limiting_correlation(noise: float, samples: int, n: int, classes: int = 20_000) -> float:
    """Spearman's correlation of BetaMarginalBALD and ExpectedEffectiveLoss as C → ∞.

    Softmax probabilities of independent Gaussian logits tend to independent log-normal variables
    over a constant. With r = v/m², of K samples of one class, α → 1/r and β → ∞: the scores become
    Σ m φ(r) and Σ m ψ(r), φ = Ψ(1/r + 1) + log r and ψ = log(1 + r), means weighted by m. By the
    delta method both are normal, with the correlation ρ of m(φ - φ̄) and m(ψ - ψ̄) over classes.
    The rank correlation of n normal points is on average [3 τ + (n - 2) s] / (n + 1), where
    Kendall's τ = 2/π asin ρ and Spearman's s = 6/π asin(ρ/2).
    """
    draws = np.random.default_rng(11)
    sample = np.exp(noise * draws.standard_normal((classes, samples)))
    mean = sample.mean(axis=1)
    m, r = mean * np.exp(draws.standard_normal(classes)), sample.var(axis=1) / mean**2
    terms = np.stack([digamma(1 / r + 1) + np.log(r), np.log1p(r)])
    influence = m * (terms - (m * terms).sum(axis=1, keepdims=True) / m.sum())
    rho = np.corrcoef(influence)[0, 1]
    kendall, rank = 2 / np.pi * np.arcsin(rho), 6 / np.pi * np.arcsin(rho / 2)
    return (3 * kendall + (n - 2) * rank) / (n + 1)


def test_beta_marginal_bald_ranks_as_expected_effective_loss():
    """Above a bound from the limit; twice its distance from 1 allows for 1,000 classes."""
    names = ["beta_marginal_bald", "expected_effective_loss", "entropy"]
    scores = run(GAUSSIAN, [1000], names)[0]  # [R, M, N]
    bound = 1 - 2 * (1 - limiting_correlation(noise=1.0, samples=200, n=100))
    assert 0.99 < bound < 1
    assert spearman(scores[:, 0], scores[:, 1]).mean() > bound
    assert spearman(scores[:, 0], scores[:, 2]).mean() < bound - 0.1


def test_dirichlet_bald_is_the_mutual_information_of_dirichlet_samples():
    """Both estimates tend to the exact value, with errors that shrink as K^(-1/2) or faster."""
    eta = np.array([0.3, 1.0, 2.5, 6.0])
    total = eta.sum()
    exact = np.sum(eta / total * (digamma(eta + 1) - digamma(total + 1) - np.log(eta / total)))
    errors = {}
    for samples in (200, 20_000):
        draws = np.random.default_rng(5)
        probs = draws.dirichlet(eta, (40, samples))  # [N, K, C]
        moments = _moments(probs)
        for name in ("bald", "dirichlet_bald", "beta_marginal_bald"):
            found = score({"function": name, "options": {}}, moments, draws, samples)
            errors[name, samples] = np.sqrt(np.mean((found - exact) ** 2))
    for name in ("bald", "dirichlet_bald", "beta_marginal_bald"):
        # a hundred times the samples: a tenth of the error, up to 40 points' chance
        assert errors[name, 20_000] < errors[name, 200] / 5
        assert errors[name, 20_000] < 0.005


def _moments(probs):
    from balent.posterior.moments import Moments

    return Moments.from_probs(torch.from_numpy(probs))


def test_values_agree_for_dirichlet_samples_and_are_shifted_for_gaussian_ones():
    """Beta marginals hold for Dirichlet samples, and do not for log-normal ones."""
    names = ["bald", "beta_marginal_bald"]
    dirichlet, gaussian = (run(g, [50], names, samples=1000)[0] for g in (DIRICHLET, GAUSSIAN))
    errors = [rmse(s[:, 0], s[:, 1]).mean() for s in (dirichlet, gaussian)]
    assert errors[0] < 0.002  # the paper's bound holds for this generator
    assert errors[1] > 10 * errors[0]
    shift = (gaussian[:, 1] - gaussian[:, 0]).mean()
    assert shift == pytest.approx(errors[1], rel=0.05)  # the difference is a shift


def test_a_cell_depends_on_its_own_streams_alone():
    names = ["bald", "power_bald"]
    both = run(GAUSSIAN, [3, 8], names, repeats=2, samples=20)
    np.testing.assert_array_equal(run(GAUSSIAN, [8], names, repeats=1, samples=20)[0], both[1, :1])
    assert len(np.unique(both[:, :, 0])) == both[:, :, 0].size


def test_a_further_generator_changes_no_others_points():
    """The place of a generator among the others does not matter; its name does."""
    settings = {"points": 10, "repeats": 1, "samples": 20, "classes": [3]}
    methods = {"bald": {"function": "bald", "options": {}}}

    def scores(*names: str) -> dict[str, list[float]]:
        generators = dict.fromkeys(names, GAUSSIAN)
        found = agreement.run(settings | {"generators": generators}, methods, Streams(0))
        return {name: found["scores"][g].flatten().tolist() for g, name in enumerate(names)}

    alone, among = scores("first"), scores("second", "first")
    assert among["first"] == alone["first"]
    assert among["second"] != alone["first"]


def test_scores_are_those_of_the_moments():
    stream = Streams(3).numpy("noise", agreement.number("only"), 8, 0)  # as the study says
    moments = draw_moments(GAUSSIAN, 100, 8, 20, stream)
    expected = score({"function": "mean_sd", "options": {}}, moments, np.random.default_rng(0), 20)
    found = run(GAUSSIAN, [8], ["mean_sd"], repeats=1, samples=20)[0, 0, 0]
    np.testing.assert_array_equal(found, expected)


def test_spearman_is_scipys_ties_included():
    draws = np.random.default_rng(2)
    first, second = draws.integers(0, 9, (2, 4, 30)), draws.normal(size=(2, 4, 30))
    found = spearman(first, second)
    for place in np.ndindex(2, 4):
        assert found[place] == pytest.approx(spearmanr(first[place], second[place]).statistic)
