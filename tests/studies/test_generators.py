"""The random predictions have the distribution that they are said to have."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import expit

from balent.errors import InputError
from balent.studies import generators
from balent.studies.generators import draw_moments

GAUSSIAN = {"distribution": "gaussian", "spread": 1.0, "noise": 1.0}


def rng() -> np.random.Generator:
    return np.random.default_rng(7)


def test_two_gaussian_classes_have_the_logistic_normal_variance():
    """P₁ = logistic(x), x ~ N(0, 2 noise²), when the logits have no spread between points."""
    settings = GAUSSIAN | {"spread": 0.0, "noise": 1.5}
    sd = 1.5 * np.sqrt(2)
    expected, _ = quad(
        lambda z: (expit(sd * z) - 0.5) ** 2 * np.exp(-z * z / 2) / np.sqrt(2 * np.pi), -12, 12
    )
    found = draw_moments(settings, 400, 2, 500, rng())
    error = found.variance[:, 0].std() / np.sqrt(400)
    # the biased variance of K samples has the mean (1 - 1/K) v
    assert abs(found.variance[:, 0].mean() - expected * (1 - 1 / 500)) < 4 * error
    assert abs(found.mean[:, 0].mean() - 0.5) < 4 * found.mean[:, 0].std() / np.sqrt(400)


@pytest.mark.parametrize("eta", [0.01, 2.0])
def test_dirichlet_samples_have_the_mean_and_variance_of_their_parameters(eta):
    """A symmetric distribution; where η is 0.01, Gamma(η) itself would underflow."""
    classes, samples, points = 5, 1000, 300
    total = classes * eta
    variance = (1 / classes) * (1 - 1 / classes) / (total + 1) * (1 - 1 / samples)
    settings = {"distribution": "dirichlet", "concentration": [eta, eta * (1 + 1e-9)]}
    found = draw_moments(settings, points, classes, samples, rng())
    for value, expected in ((found.mean[:, 0], 1 / classes), (found.variance[:, 0], variance)):
        assert abs(value.mean() - expected) < 4 * value.std() / np.sqrt(points)


def test_concentrations_fill_their_range():
    """η_i / Σ η is the mean, and Σ η follows from mean and variance: so η is known."""
    settings = {"distribution": "dirichlet", "concentration": [1.0, 3.0]}
    found = draw_moments(settings, 200, 4, 4000, rng())
    total = found.spread.sum(dim=1) / found.variance.sum(dim=1)
    eta = (found.mean * total[:, None]).flatten().numpy()
    assert abs(eta.mean() - 2.0) < 4 * eta.std() / np.sqrt(eta.size) + 0.02
    assert np.quantile(eta, 0.05) < 1.2
    assert np.quantile(eta, 0.95) > 2.8


def test_gaussian_draws_do_not_depend_on_the_block(monkeypatch):
    whole = draw_moments(GAUSSIAN, 10, 6, 64, rng())
    monkeypatch.setattr(generators, "BLOCK", 7 * 60)
    parts = draw_moments(GAUSSIAN, 10, 6, 64, rng())
    np.testing.assert_allclose(parts.mean, whole.mean, rtol=1e-12)
    np.testing.assert_allclose(parts.variance, whole.variance, rtol=1e-9)


def test_an_unknown_distribution_is_refused():
    with pytest.raises(InputError, match="give one of gaussian, dirichlet"):
        draw_moments({"distribution": "cauchy"}, 2, 2, 2, rng())
