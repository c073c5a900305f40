"""The exact Gaussian process against gpytorch's own predictions, brute force and its limits."""

import logging
import math

import gpytorch
import numpy as np
import pytest
import torch

from balent.errors import InputError, MemoryBudgetError
from balent.posterior import conditioning, joint, marginal_likelihood
from balent.posterior.accumulator import scratch_bytes
from balent.posterior.conditioning import (
    Conditioned,
    Hyperparameters,
    Labelled,
    squared_distances,
)
from balent.posterior.gaussian_process import GaussianProcess
from balent.posterior.marginal_likelihood import Processes, maximise
from balent.posterior.sampling import Sampling
from balent.streams import Streams

C, D, N = 3, 4, 40
STREAMS = Streams(5)


class Array:
    def __init__(self, x):
        self.x, self.shape = x, tuple(x.shape[1:])

    def gather(self, index):
        return self.x[index]


@pytest.fixture
def data():
    """(x float32 [40, 4], labels: of classes 0 and 1 only, 30 other points)."""
    random = STREAMS.torch("noise")
    x = torch.randn(N, D, generator=random)
    return x, (x[:, 0] > 0).long(), torch.randn(30, D, generator=random)


@pytest.fixture
def of():
    values = [[-6.0, -5.0, -7.0], [4.0, 5.0, 0.3], [2.0, 1.5, 3.0]]
    return Hyperparameters(*torch.tensor(values, dtype=torch.float64))


def labelled(data):
    return Labelled.of(*data[:2], C, 0.01)


def test_targets_and_noise_are_those_of_the_dirichlet_likelihood(data):
    """gpytorch's likelihood knows the two classes that occur; ours has the absent one, too."""
    y = data[1]
    found = labelled(data)
    likelihood = gpytorch.likelihoods.DirichletClassificationLikelihood(
        y, alpha_epsilon=0.01, dtype=torch.float64
    )
    torch.testing.assert_close(found.targets[:2], likelihood.transformed_targets)
    torch.testing.assert_close(found.noise[:2], likelihood.noise_covar.noise)
    absent = math.log(0.01) - math.log(101) / 2
    assert found.targets[2].tolist() == pytest.approx([absent] * N)
    assert found.noise[2].tolist() == pytest.approx([math.log(101)] * N)


def test_noise_and_targets_are_the_moments_of_a_lognormal_with_gammas_mean_and_variance():
    """Milios et al.: E = a and Var = a of Gamma(a, 1) for exp(N(ỹ, σ²))."""
    one = Labelled.of(torch.zeros(1, 1), torch.zeros(1, dtype=torch.int64), 2, 0.01)
    for target, noise, shape in zip(one.targets[:, 0], one.noise[:, 0], (1.01, 0.01), strict=True):
        mean = torch.exp(target + noise / 2)
        assert mean.item() == pytest.approx(shape)
        assert (noise.expm1() * mean**2).item() == pytest.approx(shape)


@torch.no_grad()
def test_means_and_covariances_are_gpytorchs(data, of):
    given, points = labelled(data), data[2].double()
    processes = Processes(given, of).eval()
    with gpytorch.settings.fast_computations(False, False, False):
        expected = processes(points)
    found = Conditioned(given, of)
    squared = squared_distances(points, given.x)
    within = squared_distances(points, points)
    for c in range(C):
        mean, factor = found.mean_and_root(c, squared, within)
        torch.testing.assert_close(mean, expected.mean[c], rtol=1e-8, atol=1e-8)
        covariance = expected.covariance_matrix[c]
        torch.testing.assert_close(factor @ factor.T, covariance, rtol=1e-6, atol=1e-6)
        deviation = found.mean_and_root(c, squared, None)[1]
        torch.testing.assert_close(deviation, covariance.diagonal().sqrt(), rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(found.mean(c, squared), mean)


def test_training_raises_the_marginal_likelihood(data):
    """Against the density of the targets as one Gaussian vector per class."""
    given = labelled(data)
    start = given.start()

    def log_likelihood(of):
        total = 0.0
        for c in range(C):
            squared = squared_distances(given.x, given.x)
            kernel = of.scale[c] * torch.exp(-squared / (2 * of.lengthscale[c] ** 2))
            covariance = kernel + torch.diag(given.noise[c])
            mean = of.mean[c].expand(N)
            normal = torch.distributions.MultivariateNormal(mean, covariance)
            total += normal.log_prob(given.targets[c]).item()
        return total

    unchanged = maximise(given, start, 0.1, steps=0)
    for name, value in vars(start).items():
        torch.testing.assert_close(getattr(unchanged, name), value)
    values = [log_likelihood(maximise(given, start, 0.1, steps)) for steps in (0, 20, 100)]
    assert values[0] + 1 < values[1] < values[2]
    best = maximise(given, start, 0.05, 600)
    for name in ("mean", "scale", "lengthscale"):  # a maximum: no small change is better
        for factor in (0.97, 1.03):
            moved = Hyperparameters(**(vars(best) | {name: getattr(best, name) * factor}))
            assert log_likelihood(moved) < log_likelihood(best) + 1e-3


def fitted(data, steps=20):
    x, y, _ = data
    posterior = GaussianProcess(torch.nn.Flatten(), C, 0.01, torch.device("cpu"))
    index = torch.arange(N)
    posterior.fit(Array(x), index, y, {"learning_rate": 0.1, "steps": steps}, STREAMS)
    return posterior


def predict(posterior, points, samples, scope, keep=("samples",)):
    index = np.arange(len(points))
    sampling = Sampling(samples, scope, STREAMS, "masks", set(keep), 1 << 32)
    return posterior.predict(Array(points), index, sampling)


@pytest.mark.parametrize("scope", ["pool", "batch", "point"])
def test_samples_have_the_processes_moments_and_scopes_share_them(data, scope):
    """Log ratios of probabilities are differences of the processes."""
    points = data[2][[0, 1, 0]]
    points[1] += 0.05
    posterior, samples = fitted(data), 20_000
    logs = predict(posterior, points, samples, scope).samples.double().log()  # [3, K, C]
    ratio = logs[..., 1] - logs[..., 0]  # [3, K]
    state = posterior.state_dict()
    of = Hyperparameters(*(state[name] for name in ("mean", "scale", "lengthscale")))
    found = Conditioned(labelled(data), of)
    x = points.double()
    squared, within = squared_distances(x, found.labelled.x), squared_distances(x, x)
    (m0, r0), (m1, r1) = (found.mean_and_root(c, squared, within) for c in (0, 1))
    covariance = r0 @ r0.T + r1 @ r1.T
    deviation = covariance.diagonal().sqrt()
    assert ((ratio.mean(1) - (m1 - m0)).abs() < 5 * deviation / math.sqrt(samples)).all()
    torch.testing.assert_close(ratio.std(1), deviation, rtol=0.03, atol=0)
    correlation = np.corrcoef(ratio)
    expected = covariance / (deviation[:, None] * deviation)
    expected = np.eye(3) if scope == "point" else expected.numpy()
    assert np.abs(correlation - expected).max() < 0.05


@pytest.mark.parametrize("scope", ["batch", "point"])
def test_samples_do_not_depend_on_the_points_behind(data, scope):
    posterior, points = fitted(data), torch.cat([data[2]] * 40)  # a full tile, and part of one
    every = predict(posterior, points, 5, scope).samples
    for n in (7, 1024 + 7):
        torch.testing.assert_close(predict(posterior, points[:n], 5, scope).samples, every[:n])


def test_distances_far_from_the_origin(data):
    x, y = data[0].double(), data[2].double()
    expected = (x[:, None] - y).square().sum(dim=2)
    found = squared_distances(x + 1e6, y + 1e6)
    torch.testing.assert_close(found, expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize(
    ("noise", "joint", "points"),
    [
        (-2.0, True, "labelled"),
        (-1e-3, True, "predicted"),
        (-1e-3, False, "predicted"),
        (float("nan"), False, "labelled"),
    ],
)
def test_what_is_not_positive_definite_is_refused_in_one_line(noise, joint, points):
    """A noise below zero stands for rounding: one point, where the prior variance is 1."""
    one = torch.ones(1, 1, dtype=torch.float64)
    given = Conditioned(Labelled(one, one, noise * one), Hyperparameters(one[0], one[0], one[0]))
    with pytest.raises(InputError) as caught:
        given.mean_and_root(0, 0 * one, 0 * one if joint else None)
    assert f"covariance of {points} points is not positive definite" in str(caught.value)
    assert "lower training.learning_rate or training.steps" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("learning_rate", "steps"), [(1e30, 5), (float("inf"), 1)])
def test_training_that_diverges_is_refused_in_one_line(data, learning_rate, steps):
    given = labelled(data)
    with pytest.raises(InputError) as caught:
        maximise(given, given.start(), learning_rate, steps)
    assert f"diverged (learning_rate {learning_rate}, steps {steps}); lower training.le" in str(
        caught.value
    )
    assert "\n" not in str(caught.value)


def peak_bytes(work):
    """The most bytes that torch held of what it allocated during ``work``; and its result."""
    with torch.profiler.profile(profile_memory=True) as profile:
        result = work()
    events = [e for e in profile.profiler.kineto_results.events() if e.name() == "[memory]"]
    sizes = [e.nbytes() for e in sorted(events, key=lambda e: e.start_ns())]
    return max(np.cumsum(sizes)), result


@pytest.mark.parametrize(
    ("scope", "n", "points", "samples", "classes", "width"),
    [  # each dominated by another term: squares of points, labelled points, samples, features
        ("pool", 20, 1500, 5, 3, 4),
        ("batch", 20, 2048, 5, 3, 4),
        ("point", 2000, 1024, 5, 3, 4),
        ("point", 20, 2048, 200, 10, 4),
        ("point", 20, 1024, 5, 3, 3000),
    ],
)
def test_the_memory_of_a_tile_is_what_it_takes(scope, n, points, samples, classes, width):
    random = STREAMS.torch("noise")
    x, y = torch.randn(n, width, generator=random), torch.arange(n) % classes
    posterior = GaussianProcess(torch.nn.Flatten(), classes, 0.01, torch.device("cpu"))
    found = Hyperparameters(*torch.ones(3, classes, dtype=torch.float64))
    posterior.load_state_dict({**vars(found), "x": x, "labels": y})
    others = torch.randn(points, width, generator=random)
    predict(posterior, others[:2], 5, scope)  # factorises
    peak, out = peak_bytes(lambda: predict(posterior, others, samples, scope))
    together = points if scope == "pool" else 1024
    tile = joint.tile_bytes(together, n, samples, classes, width, scope != "point")
    minimum = tile + scratch_bytes(torch.device("cpu"))
    assert 0.5 * minimum < peak - out.samples.nbytes < minimum
    sampling = Sampling(samples, scope, STREAMS, "masks", {"samples"}, minimum - 1)
    with pytest.raises(MemoryBudgetError, match=f"below the {math.ceil(minimum / 2**20)} MiB"):
        posterior.predict(Array(others), np.arange(points), sampling)


def test_a_full_device_is_named_in_one_line(data, monkeypatch):
    def full(*_):
        raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate")

    posterior = fitted(data)
    monkeypatch.setattr(conditioning, "rbf", full)
    with pytest.raises(MemoryBudgetError, match="on the device in prediction of the Gaussian"):
        predict(posterior, data[2], 5, "batch")
    monkeypatch.setattr(marginal_likelihood, "maximise", full)
    with pytest.raises(MemoryBudgetError, match="on the device in training of the Gaussian"):
        fitted(data)


def test_features_are_the_inputs_and_absent_classes_are_unlikely(data):
    found = predict(fitted(data), data[2], 50, "batch", {"features", "moments"})
    assert torch.equal(found.features, data[2])
    assert found.moments.mean[:, 2].max() < 0.05


def test_joint_samples_of_too_many_points_are_refused(data, monkeypatch):
    monkeypatch.setattr(joint, "POOL_POINTS", 20)
    posterior = fitted(data, steps=1)
    with pytest.raises(InputError) as caught:
        predict(posterior, data[2], 5, "pool")
    assert "joint samples of 30 points: a Gaussian process gives them for at most 20" in str(
        caught.value
    )
    assert predict(posterior, data[2][:20], 5, "pool").n_points == 20
    assert predict(posterior, data[2], 5, "batch").n_points == 30
    assert torch.equal(predict(posterior, data[2], 5, "pool", {"features"}).features, data[2])


def test_a_process_that_was_not_fitted_and_equal_points_are_refused(data):
    posterior = GaussianProcess(torch.nn.Flatten(), C, 0.01, torch.device("cpu"))
    with pytest.raises(InputError, match="no labelled points; fit it first"):
        posterior.state_dict()
    for keep in ("features", "samples"):
        with pytest.raises(InputError, match="no labelled points; fit it first"):
            predict(posterior, data[2], 5, "batch", {keep})
    with pytest.raises(InputError, match="the 40 labelled points are all equal"):
        fitted((torch.ones(N, D), *data[1:]))


def test_nothing_is_logged(data, caplog):
    with caplog.at_level(logging.INFO):
        predict(fitted(data), data[2], 5, "point")
    assert caplog.text == ""
