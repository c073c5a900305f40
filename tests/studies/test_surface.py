"""Acquisition functions of two classes over Beta parameters."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import beta as beta_distribution

from balent.streams import Streams
from balent.studies import surface

BALENT = {"function": "balentacq", "options": {"priority": "P3"}}


def run(side: int = 41, limits: tuple = (0.05, 500.0), **methods: dict) -> dict:
    settings = {"range": list(limits), "side": side}
    return surface.run(settings, methods or {"balent": BALENT}, Streams(0))


def plain(name: str) -> dict:
    return {"function": name, "options": {}}


def test_balent_of_the_uniform_distribution():
    """P⁺ ~ Beta(2, 1) has the entropy ½ - log 2, so BalEnt(1, 1) = ½ / (2 log 2)."""
    data = run(side=3, limits=(0.5, 2.0))
    assert data["parameters"][1] == pytest.approx(1)
    assert data["scores"][0, 1, 1] == pytest.approx(0.5 / (2 * np.log(2)), rel=1e-12)


def test_the_sign_structure_of_figure_13():
    """Positive on one connected, bounded region around (1, 1), and far below 0 at the border."""
    data = run()
    scores, parameters = data["scores"][0], data["parameters"]
    np.testing.assert_allclose(scores, scores.T, rtol=1e-9)
    border = np.concatenate([scores[0], scores[-1, :-1], scores[:-1, 0]])
    assert border.max() < -1
    for line in (np.diagonal(scores), *scores[(parameters > 0.7) & (parameters < 2)]):
        signs = line >= 0
        assert np.abs(np.diff(signs.astype(int))).sum() == 2  # one interval
    positive = np.argwhere(scores >= 0)
    low, high = parameters[positive.min()], parameters[positive.max()]
    assert 0.3 < low < 1 < high < 12
    assert 0.3 < scores.max() < 0.4


def test_surfaces_are_what_integration_gives():
    """Mutual information and standard deviation of P ~ Beta(α, β), by quadrature."""
    data = run(3, (0.5, 3.0), bald=plain("bald"), sd=plain("beta_marginal_mean_sd"))
    for row, column in np.ndindex(3, 3):
        law = beta_distribution(data["parameters"][column], data["parameters"][row])

        def entropy(p):
            return -p * np.log(p) - (1 - p) * np.log1p(-p)

        # the density is infinite at 0 or 1 below α = 1; substitution by quantiles removes that
        conditional, _ = quad(lambda u, law=law: entropy(law.ppf(u)), 0, 1, limit=400)
        expected = entropy(law.mean()) - conditional
        assert data["scores"][0, row, column] == pytest.approx(expected, abs=1e-6)
        assert data["scores"][1, row, column] == pytest.approx(law.std(), rel=1e-12)


def test_bald_and_beta_marginal_bald_are_one_for_two_classes():
    names = {"bald": plain("bald"), "marginal": plain("beta_marginal_bald")}
    bald, marginal = run(**names)["scores"]
    np.testing.assert_allclose(bald, marginal, atol=1e-12)
