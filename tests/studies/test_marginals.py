"""Beta fits: distances against SciPy's, their reference, and what is Beta and what is not."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.stats import beta as beta_distribution
from scipy.stats import kstest, kstwo

from balent.acquisition.base import Predictions
from balent.posterior.moments import Moments
from balent.reports.context import ReportContext
from balent.reports.marginals import draw, table
from balent.streams import Streams
from balent.studies import beta_fit, marginals
from balent.studies.generators import dirichlet

K, POINTS, CLASSES = 400, 150, 4
SETTINGS = {"samples": K, "draws": 300}


def predictions(probs: np.ndarray) -> Predictions:
    """As a posterior gives them, from probabilities [N, K, C]."""
    samples = torch.from_numpy(probs.astype(np.float32))
    return Predictions(len(probs), probs.shape[1], Moments.from_probs(samples), samples)


def study(probs: np.ndarray) -> dict[str, np.ndarray]:
    """What a study of these probabilities stores of its fits."""
    arrays = marginals.fits(predictions(probs))
    reference = marginals.references(arrays, SETTINGS, Streams(1))
    return arrays | {"reference": reference, "strata": np.array(marginals.STRATA)}


@pytest.fixture(scope="module")
def dirichlet_probs() -> np.ndarray:
    """Probabilities whose marginals are Beta distributions, [N, K, C]."""
    generator = np.random.default_rng(0)
    draw = dirichlet({"concentration": [0.3, 4.0]}, (CLASSES, POINTS), generator)
    logs = torch.from_numpy(draw(K))  # [K, C, N]
    return logs.softmax(dim=1).permute(2, 0, 1).numpy()


def two_peaks(probs: np.ndarray) -> np.ndarray:
    """Probabilities near 0.3 and near 0.5 of the first of two classes."""
    generator = np.random.default_rng(0)
    centre = np.where(generator.random(probs.shape[:2]) < 0.5, 0.3, 0.5)
    first = centre + 0.01 * generator.standard_normal(centre.shape)
    return np.stack([first, 1 - first], axis=2)


@pytest.mark.parametrize(("alpha", "beta"), [(2.0, 3.0), (0.4, 8.0), (300.0, 2.0)])
def test_distances_are_those_of_scipy(alpha, beta):
    x = np.random.default_rng(0).beta(alpha, beta, 500)
    found = beta_fit.distances(np.log(x), alpha, beta)
    expected = kstest(x, beta_distribution(alpha, beta).cdf).statistic
    assert found == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(("alpha", "beta"), [(2.0, 3.0), (0.05, 4.0), (0.002, 3.0), (5.0, 0.01)])
def test_draws_are_beta_however_small_the_parameters(alpha, beta):
    """The p-value of the plain test applies: nothing is fitted."""
    x, rest = beta_fit.beta_logs(alpha, beta, 2000, np.random.default_rng(0))
    np.testing.assert_allclose(np.logaddexp(x, rest), 0, atol=1e-12)
    logs = x if alpha < beta else rest  # the other one is 1 up to rounding
    distance = beta_fit.distances(logs, *sorted([alpha, beta]))
    assert kstwo.sf(distance, 2000) > 0.01


def test_the_distribution_function_goes_on_where_floats_end():
    logs = np.array([-100.0, -599.0, -601.0, -5000.0])
    found = beta_fit.beta_cdf(logs, 0.001, 2.0)
    np.testing.assert_allclose(np.log(found), np.log(found[0]) + 0.001 * (logs + 100), rtol=1e-9)


def test_parameters_have_the_moments_of_the_samples(dirichlet_probs):
    arrays = marginals.fits(predictions(dirichlet_probs))
    fitted = beta_distribution(arrays["alpha"], arrays["beta"])
    samples = dirichlet_probs.astype(np.float32).astype(float)
    np.testing.assert_allclose(fitted.mean(), samples.mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(fitted.var(), samples.var(axis=1), rtol=1e-5)


def test_beta_marginals_are_within_the_reference(dirichlet_probs):
    """A share of 5 % exceeds the bootstrap's 95 % quantile, and half of all its median."""
    data = study(dirichlet_probs)
    rows = table(data).dropna()
    assert rows["marginals"].sum() == POINTS * CLASSES
    large = rows[rows["marginals"] > 100]
    assert len(large) >= 1
    for _, row in large.iterrows():
        sd = np.sqrt(0.05 * 0.95 * (1 / row["marginals"] + 1 / row["reference_draws"]))
        assert abs(row["share_above_reference_q95"] - 0.05) < 4 * sd
        assert row["distance_median"] == pytest.approx(row["reference_median"], rel=0.15)


def test_two_peaks_are_beyond_the_reference(dirichlet_probs):
    row = table(study(two_peaks(dirichlet_probs))).iloc[-1]
    assert row["marginals"] == 2 * POINTS
    assert row["share_above_reference_q95"] == 1
    assert row["distance_median"] > 3 * row["reference_q95"]


def test_marginals_above_one_half_are_as_far_as_their_complements():
    rare = np.random.default_rng(0).beta(0.02, 5, (3, K)).astype(np.float32)
    arrays = marginals.fits(predictions(np.stack([1 - rare.astype(float), rare], axis=2)))
    # Up to the rounding of float32; from 1 - rare itself the distances would be above 0.7.
    np.testing.assert_allclose(arrays["distance"][:, 0], arrays["distance"][:, 1], rtol=1e-6)


def test_constant_and_certain_samples_have_no_fit():
    constant = np.full((1, K, 2), 0.5)
    certain = np.zeros((1, K, 2))
    certain[0, ::2, 0] = certain[0, 1::2, 1] = 1
    data = study(np.concatenate([constant, certain]))
    assert np.isnan(data["distance"]).all()
    rows = table(data)
    assert rows["without_fit"].tolist() == [0, 0, 0, 4]
    assert rows["distance_median"].isna().all()


def without_fit(small: int) -> dict[str, np.ndarray]:
    """A study of 60 marginals in its second stratum; draws of so many have hardly ever a fit.

    With α = 1e-7 and β = 1e-4 all of K samples are 0 and 1 in float64, mostly of one kind.
    """
    alpha, beta = np.full((2, 60, 1), [[[1e-3]], [[1e-1]]])
    alpha[:small], beta[:small] = 1e-7, 1e-4
    arrays = {
        "mean": alpha / (alpha + beta),
        "alpha": alpha,
        "beta": beta,
        "distance": np.repeat([0.9995, 0.994], [15, 45])[:, None],
        "stratum": np.ones((60, 1), dtype=int),
    }
    reference = marginals.references(arrays, {"samples": 1000, "draws": 120}, Streams(1))
    return arrays | {"reference": reference, "strata": np.array(marginals.STRATA)}


def test_no_share_is_stated_where_too_few_draws_have_a_fit():
    row = table(without_fit(60)).iloc[1]
    assert (row["marginals"], row["without_fit"], row["reference_draws"]) == (60, 0, 120)
    assert 100 < row["reference_without_fit"] <= 120
    assert row["distance_median"] == 0.994
    assert np.isnan(row["reference_median"])
    assert np.isnan(row["share_above_reference_q95"])


def test_draws_without_a_fit_are_left_out_and_counted():
    data = without_fit(30)
    row, fitted = table(data).iloc[1], data["reference"][1][np.isfinite(data["reference"][1])]
    assert 40 < row["reference_without_fit"] < 80
    assert len(fitted) == 120 - row["reference_without_fit"]
    assert row["reference_q95"] == np.quantile(fitted, 0.95)
    assert 0.994 < row["reference_q95"] < 0.9995  # of the few draws that have one
    assert row["share_above_reference_q95"] == 0.25


@pytest.mark.parametrize(("count", "lines"), [(19, 1), (20, 2)])
def test_a_reference_is_drawn_where_enough_draws_have_a_fit(dirichlet_probs, count, lines):
    data = study(dirichlet_probs)
    data |= marginals.histograms(predictions(dirichlet_probs), np.array([3]), 12)
    data |= {"accuracy": np.array(1.0), "data": np.array("digits"), "copies": np.array(1)}
    data["stratum"] = np.zeros_like(data["stratum"])
    data["reference"][:] = np.nan
    data["reference"][0, :count] = 0.1
    settings = SETTINGS | {"shown": [0.5], "labels": 10}
    context = ReportContext("small", {}, {}, {}, studies={"beta": settings})
    figure = draw({"study": "beta"}, context, data)
    assert len(figure.subfigs[-1].axes[0].lines) == lines
    assert np.isnan(table(data)["share_above_reference_q95"][0]) == (lines == 1)


def test_points_are_chosen_by_their_quantile():
    values = np.array([5.0, 1.0, 3.0, 2.0, 4.0])
    assert marginals.at_quantiles(values, [0, 0.5, 0.9, 1]).tolist() == [1, 2, 4, 0]


def test_histograms_count_every_sample(dirichlet_probs):
    found = marginals.histograms(predictions(dirichlet_probs), np.array([3, 7]), 12)
    assert found["counts"].shape == (2, CLASSES, 12)
    assert (found["counts"].sum(axis=2) == K).all()
    p = dirichlet_probs[7, :, 1]
    assert found["edges"][1, 1, [0, -1]] == pytest.approx([p.min(), p.max()], rel=1e-6)


def test_a_constant_marginal_has_one_bar():
    found = marginals.histograms(predictions(np.full((1, K, 2), 0.5)), np.array([0]), 4)
    assert found["edges"][0, 0].tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert found["counts"][0, 0].tolist() == [0, 0, K, 0]


def test_the_network_is_the_scenarios_own(monkeypatch):
    """The loop's training on the initial set, with the samples that the study asks for."""
    asked = {}

    class Posterior:
        def predict(self, inputs, index, sampling):
            asked.update(vars(sampling), n=len(index))

    monkeypatch.setattr(
        marginals.rounds, "train", lambda *given: asked.update(g=given) or Posterior()
    )
    sampling = {"samples": 77, "mask_scope": "batch"}
    problem = SimpleNamespace(
        chain=SimpleNamespace(settings={"sampling": sampling}),
        streams=lambda round: Streams(0).at(round),
        test=range(9),
        initial=np.arange(3),
        memory_budget=1,
    )
    marginals.predict(problem)
    assert asked["g"] == (problem, 0, problem.initial, None)
    assert (asked["samples"], asked["mask_scope"], asked["n"]) == (77, "batch", 9)
    assert asked["streams"].path == (0,)
