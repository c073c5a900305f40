"""Every posterior on every family: fits, predicts, goes on, is saved and loaded; no bit of a
prediction depends on the memory budget, and no global random state is touched."""

from copy import deepcopy
from dataclasses import fields
from functools import cache

import numpy as np
import pytest
import torch

from balent.errors import ConfigError, InputError, MemoryBudgetError
from balent.models.network import Network
from balent.posterior.build import build_posterior
from balent.posterior.moments import Moments
from balent.posterior.networks import NetworkPosterior
from balent.posterior.outputs import TILE
from balent.posterior.sampling import Sampling
from balent.posterior.spec import POSTERIORS, used
from balent.streams import Streams

SHAPE = (1, 8, 8)
CLASSES = 3
SAMPLES = 5
STREAMS = Streams(3)
EVERYTHING = {"moments", "samples", "features"}
FAMILIES = {
    "cnn": {"family": "cnn", "channels": [4, 6], "kernels": [3, 2], "hidden": 8},
    "head": {"family": "head", "hidden": 12},
    "mlp": {"family": "mlp", "hidden": [10, 8], "dropped": [True, False]},
    "backbone": {
        "family": "backbone",
        "encoder": {"name": "narrow_resnet", "stem": "small", "width": 4, "blocks": [1]},
        "hidden": 8,
    },
}
OPTIONS = {
    "mc_dropout": {},
    "variational_dropout": {"hidden": [24, 16], "alpha": 0.25, "kl_weight": 0.01},
    "ensemble": {"members": SAMPLES},
    "gaussian_process": {"alpha_epsilon": 0.01},
}
EVERY = [(family, name) for family in FAMILIES for name in OPTIONS]


class Images:
    """Images whose class is where they are bright: above, below or left."""

    shape = SHAPE

    def __init__(self, n, stream="noise"):
        self.y = torch.arange(n) % CLASSES
        self.x = torch.rand(n, *SHAPE, generator=STREAMS.torch(stream)) * 0.5
        for row, kind in zip(self.x, self.y, strict=True):
            half = (..., slice(0, 4), slice(None)) if kind == 0 else (..., slice(4, 8), slice(None))
            row[half if kind < 2 else (..., slice(None), slice(0, 4))] += 0.5

    def gather(self, index):
        return self.x[index]

    def normalise(self, x):
        return x

    denormalise = normalise


POOL = Images(TILE + 150)
LABELLED = torch.arange(0, 90, 2)


def settings(family, name):
    model = FAMILIES[family] | {"dropout": 0.25, "last_bias": False}
    chosen = {"posterior": {"name": name, **OPTIONS[name]}}
    keys = used(chosen)
    return {"model": {k: v for k, v in model.items() if k == "family" or k in keys}, **chosen}


def fresh(family, name, seed=0):
    return build_posterior(settings(family, name), SHAPE, CLASSES, Streams(seed))


def fit(posterior, name, index=LABELLED, steps=None):
    training = {"learning_rate": 0.01, "batch_size": 16, "steps": steps or 150}
    if name == "gaussian_process":
        training = {"learning_rate": 0.1, "steps": steps or 30}
    posterior.fit(POOL, index, POOL.y[index], training, STREAMS)
    return posterior


@cache
def fitted(family, name):
    return fit(fresh(family, name), name)


def predict(posterior, scope="batch", index=None, keep=EVERYTHING, budget=1 << 30, stream="masks"):
    index = np.arange(len(POOL.x)) if index is None else index
    sampling = Sampling(SAMPLES, scope, STREAMS, stream, keep, budget)
    return posterior.predict(POOL, index, sampling)


def assert_same_bits(first, second):
    for field in fields(Moments):
        a, b = (getattr(x.moments, field.name) for x in (first, second))
        assert torch.equal(a, b), field.name
    assert torch.equal(first.samples, second.samples)
    assert torch.equal(first.features, second.features)


def test_every_posterior_of_the_configuration_is_here():
    assert set(OPTIONS) == set(POSTERIORS)
    assert {name: tuple(options) for name, options in OPTIONS.items()} == POSTERIORS


@pytest.mark.parametrize(("family", "name"), EVERY)
def test_it_learns_without_touching_the_global_random_state(family, name, untouched_global_state):
    before = fresh(family, name)
    after = fitted(family, name)
    found = predict(after)
    accuracy = (found.moments.mean.argmax(1) == POOL.y).double().mean()
    assert accuracy > 0.75
    assert after.error_rate(POOL, POOL.y) < 0.25
    if isinstance(before, NetworkPosterior):
        assert before.error_rate(POOL, POOL.y) > 0.3


@pytest.mark.parametrize("scope", ["pool", "batch", "point"])
@pytest.mark.parametrize(("family", "name"), EVERY)
def test_predictions_are_probabilities_that_differ_between_samples(family, name, scope):
    found = predict(fitted(family, name), scope)
    n = len(POOL.x)
    assert found.samples.shape == (n, SAMPLES, CLASSES)
    torch.testing.assert_close(found.samples.sum(2), torch.ones(n, SAMPLES))
    assert found.features.shape[0] == n
    expected = Moments.from_probs(found.samples)
    for field in fields(Moments):
        a, b = getattr(found.moments, field.name), getattr(expected, field.name)
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-6, msg=field.name)
    assert found.moments.variance.mean() > 1e-9
    assert_same_bits(found, predict(fitted(family, name), scope))
    other = predict(fitted(family, name), scope, stream="evaluation")
    assert torch.equal(found.samples, other.samples) == (name == "ensemble")


@pytest.mark.parametrize(("family", "name"), EVERY)
def test_a_saved_state_predicts_the_same_bits(family, name):
    state = {key: value.clone() for key, value in fitted(family, name).state_dict().items()}
    assert all(isinstance(value, torch.Tensor) for value in state.values())
    loaded = fresh(family, name, seed=9)
    loaded.load_state_dict(state)
    assert_same_bits(predict(fitted(family, name)), predict(loaded))
    assert loaded.error_rate(POOL, POOL.y) == fitted(family, name).error_rate(POOL, POOL.y)


@pytest.mark.parametrize(("family", "name"), EVERY)
def test_it_goes_on_from_a_loaded_state(family, name):
    """A step of training after a fit is not a step from the start, and does not depend on whether
    the state was saved in between."""
    index = torch.arange(1, 90, 2)
    loaded = fresh(family, name, 5)
    loaded.load_state_dict(fitted(family, name).state_dict())
    loaded, going_on, scratch = (
        predict(fit(posterior, name, index, steps=1))
        for posterior in (loaded, deepcopy(fitted(family, name)), fresh(family, name, 5))
    )
    assert_same_bits(loaded, going_on)
    assert not torch.equal(loaded.samples, scratch.samples)


@pytest.mark.parametrize(
    ("part", "change", "message"),
    [
        ("posterior", {"name": "foo"}, "posterior.name is 'foo'; allowed: mc_dropout, variat"),
        ("posterior", {"kl_weight": ...}, "posterior.kl_weight: is missing; variational_dropout"),
        ("posterior", {"members": 5}, "posterior.members: is unknown; variational_dropout has"),
        ("posterior", {"alpha": 1.5}, "posterior.alpha: 1.5 is not above 0 and below 1"),
        ("posterior", {"alpha": 0.0}, "posterior.alpha: 0.0 is not above 0 and below 1"),
        ("model", {"family": "vit"}, "model.family is 'vit'; allowed: cnn, head, mlp, backbone"),
        ("model", {"hidden": 9}, "model.hidden: variational_dropout does not use it; remove it"),
        ("model", {"kernels": ...}, "model.kernels is missing; model.family cnn has channels"),
    ],
)
def test_settings_that_no_posterior_is_built_from_are_refused(part, change, message):
    given = settings("cnn", "variational_dropout")
    given[part] = {k: v for k, v in {**given[part], **change}.items() if v is not ...}
    with pytest.raises(ConfigError) as caught:
        build_posterior(given, SHAPE, CLASSES, STREAMS)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("scope", ["pool", "batch", "point"])
@pytest.mark.parametrize("name", OPTIONS)
def test_no_bit_depends_on_the_memory_budget(name, scope):
    posterior = fitted("cnn", name)
    with pytest.raises(MemoryBudgetError) as caught:
        predict(posterior, scope, budget=1)
    minimum = int(str(caught.value).split("below the ")[1].split(" MiB")[0])
    assert_same_bits(predict(posterior, scope, budget=minimum << 20), predict(posterior, scope))


@pytest.mark.parametrize("scope", ["pool", "batch", "point"])
@pytest.mark.parametrize("name", OPTIONS)
def test_scopes_say_which_points_share_a_function(name, scope):
    """A point in three places of the call: its samples agree where it meets the same function."""
    posterior = fitted("head", name)
    least_certain = int(predict(posterior).moments.variance.sum(1).argmax())
    index = np.full(2 * TILE, least_certain)
    samples = predict(posterior, scope, index, {"samples"}).samples
    tile, call = ((samples[[0]] - samples[[i]]).abs().max() < 1e-3 for i in (1, TILE))
    same = {"pool": (True, True), "batch": (True, False), "point": (False, False)}[scope]
    assert (tile, call) == ((True, True) if name == "ensemble" else same)


@pytest.mark.parametrize("name", OPTIONS)
def test_only_what_is_asked_is_there_and_arguments_are_checked(name):
    posterior = fitted("head", name)
    for kept in EVERYTHING:
        found = predict(posterior, keep={kept}, index=np.arange(20))
        assert {k for k in EVERYTHING if getattr(found, k) is not None} == {kept}
    assert predict(posterior, index=np.arange(0)).samples.shape == (0, SAMPLES, CLASSES)
    with pytest.raises(InputError, match="mask_scope is 'tile'"):
        predict(posterior, scope="tile")


def test_the_posteriors_networks_are_networks():
    methods = [m for m in vars(Network) if not m.startswith("_")]
    for name in ("mc_dropout", "variational_dropout", "ensemble"):
        network = fresh("cnn", name).network
        assert all(hasattr(network, m) for m in (*methods, "samples_at_once", "stem_shape"))
