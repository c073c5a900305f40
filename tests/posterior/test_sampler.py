"""The sampler against K dense passes with the same masks; tiles, budgets, what is kept."""

import weakref
from dataclasses import fields
from itertools import count

import numpy as np
import pytest
import torch

from balent.errors import InputError, MemoryBudgetError
from balent.models.build import build_model
from balent.posterior.accumulator import Accumulator
from balent.posterior.moments import Moments
from balent.posterior.sampler import PASS, TILE, mc_predict
from balent.posterior.sampling import Sampling
from balent.streams import Streams

CNN = {"family": "cnn", "channels": [4, 6], "kernels": [3, 2], "hidden": 8, "dropout": 0.25}
HEAD = {"family": "head", "hidden": 12, "dropout": 0.2, "last_bias": False}
ENCODER = {"name": "narrow_resnet", "stem": "small", "width": 4, "blocks": [1]}
SPECS = {
    "cnn": (CNN | {"last_bias": False}, (1, 8, 8)),
    "head": (HEAD, (6,)),
    "backbone": (HEAD | {"family": "backbone", "encoder": ENCODER}, (1, 8, 8)),
}
STREAMS = Streams(7)
BUDGET = 1 << 30
N = 2 * TILE + 150
EVERYTHING = {"moments", "samples", "features"}


class Array:
    """Points in a tensor."""

    def __init__(self, x):
        self.x, self.shape = x, tuple(x.shape[1:])

    def gather(self, index):
        return self.x[index]


def network(family, n=N):
    spec, shape = SPECS[family]
    model = build_model(spec, shape, 3, STREAMS.torch("weights"))
    with torch.no_grad():  # predictions that depend on the point and on the sample
        model.last.weight.mul_(8)
    if family == "backbone":  # statistics that differ from those of a batch
        model.train()(torch.randn(64, *shape, generator=STREAMS.torch("noise")))
    x = torch.randn(n, *shape, generator=STREAMS.torch("noise"))
    return model, Array(x)


def predict(model, inputs, index=None, samples=5, scope="pool", keep=EVERYTHING, budget=BUDGET):
    index = np.arange(len(inputs.x)) if index is None else index
    return mc_predict(
        model, inputs, index, Sampling(samples, scope, STREAMS, "masks", keep, budget)
    )


@torch.no_grad()
def dense(model, x, samples, scope):
    """Samples [N, K, C] and mean features [N, D] of one pass per tile and sample."""
    model.eval()
    parts = []
    for t, tile in enumerate(x.split(TILE)):
        generator = STREAMS.torch("masks", 0 if scope == "pool" else t)
        if scope == "point":
            masks = [model.draw_masks(TILE, generator) for _ in range(samples)]
            masks = [[m[: len(tile)] for m in masks_k] for masks_k in masks]
        else:
            drawn = model.draw_masks(samples, generator)
            masks = [[m[k, None] for m in drawn] for k in range(samples)]
        h = torch.stack([model.penultimate(model.stem(tile), m) for m in masks], 1)  # [n, K, D]
        parts.append((model.last(h).softmax(-1), h.mean(1)))
    probs, features = zip(*parts, strict=True)
    return torch.cat(probs), torch.cat(features)


def assert_same_bits(first, second, points=slice(None)):
    for field in fields(Moments):
        a, b = (getattr(x.moments, field.name) for x in (first, second))
        assert torch.equal(a[points], b[points]), field.name
    assert torch.equal(first.samples[points], second.samples[points])
    assert torch.equal(first.features[points], second.features[points])


@pytest.mark.parametrize("scope", ["pool", "batch", "point"])
@pytest.mark.parametrize("family", SPECS)
def test_the_sampler_equals_dense_passes_with_the_same_masks(family, scope, untouched_global_state):
    model, inputs = network(family)
    result = predict(model, inputs, scope=scope)
    probs, features = dense(model, inputs.x, 5, scope)
    assert result.n_points == N
    assert result.samples.dtype == torch.float32
    torch.testing.assert_close(result.samples, probs, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(result.features, features, rtol=1e-5, atol=1e-6)
    expected = Moments.from_probs(result.samples)
    for field in fields(Moments):
        a, b = getattr(result.moments, field.name), getattr(expected, field.name)
        assert a.dtype == torch.float64
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-7, msg=field.name)
    # the case is not trivial: points and samples differ
    assert result.samples.std(0).mean() > 0.01
    assert result.moments.variance.mean() > 1e-4


@pytest.mark.parametrize("family", ["cnn", "head"])
def test_blocks_of_samples_and_their_merging(family):
    """More samples than a block: 120 in blocks of 50 (head) or 100 (CNN)."""
    model, inputs = network(family, n=200)
    assert model.samples_at_once < 120
    result = predict(model, inputs, samples=120)
    probs, features = dense(model, inputs.x, 120, "pool")
    torch.testing.assert_close(result.samples, probs, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(result.features, features, rtol=1e-5, atol=1e-6)
    expected = Moments.from_probs(probs)
    for field in fields(Moments):
        a, b = getattr(result.moments, field.name), getattr(expected, field.name)
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-7, msg=field.name)


@pytest.mark.parametrize("scope", ["pool", "batch", "point"])
@pytest.mark.parametrize("family", ["cnn", "head"])
def test_no_bit_depends_on_the_memory_budget(family, scope):
    model, inputs = network(family)
    with pytest.raises(MemoryBudgetError) as caught:
        predict(model, inputs, scope=scope, samples=60, budget=1)
    minimum = int(str(caught.value).split("below the ")[1].split(" MiB")[0])
    small = predict(model, inputs, scope=scope, samples=60, budget=minimum << 20)
    large = predict(model, inputs, scope=scope, samples=60, budget=BUDGET)
    assert_same_bits(small, large)


def fail(monkeypatch, calls):
    """Let the device run out of memory at these calls, counted from 1, that take in samples."""
    add, number = Accumulator.add, count(1)

    def failing(sums, logits):
        if next(number) in calls:
            raise torch.OutOfMemoryError("CUDA out of memory")
        add(sums, logits)

    monkeypatch.setattr(Accumulator, "add", failing)


@pytest.mark.parametrize("scope", ["pool", "batch", "point"])
@pytest.mark.parametrize("call", [1, 5])  # 3 tiles, 2 blocks: at the start, or with sums under way
def test_no_bit_depends_on_a_device_that_runs_out_of_memory(scope, call, monkeypatch, caplog):
    model, inputs = network("head")
    whole = predict(model, inputs, scope=scope, samples=60)
    fail(monkeypatch, {call})
    assert_same_bits(whole, predict(model, inputs, scope=scope, samples=60))
    assert caplog.text.count("out of memory on the device with 3 tiles held: going on with 1") == 1


def test_a_device_without_room_for_a_tile_is_refused_with_the_same_minimum(monkeypatch):
    model, inputs = network("head")
    with pytest.raises(MemoryBudgetError) as below:
        predict(model, inputs, budget=1)
    minimum = str(below.value).split("below the ")[1].split(" of")[0]
    fail(monkeypatch, range(1, 100))
    with pytest.raises(MemoryBudgetError) as caught:
        predict(model, inputs)
    assert f"with one tile held, which takes {minimum} beside data and results" in str(caught.value)


@pytest.mark.parametrize("scope", ["pool", "batch", "point"])
@pytest.mark.parametrize("family", SPECS)
def test_points_in_full_tiles_do_not_depend_on_how_many_follow(family, scope):
    model, inputs = network(family)
    full = predict(model, inputs, scope=scope)
    cut = predict(model, inputs, np.arange(TILE + 30), scope=scope)
    assert_same_bits(full, cut, slice(TILE))


@pytest.mark.parametrize("family", SPECS)
def test_the_last_tile_depends_on_its_size_only_by_multiples_of_a_pass(family):
    model, inputs = network(family)
    some = predict(model, inputs, np.arange(PASS + 3))
    more = predict(model, inputs, np.arange(2 * PASS))
    assert_same_bits(some, more, slice(PASS + 3))


def test_scopes_share_and_separate_masks():
    """Two copies of every point: under pool they tie, under batch only within a tile."""
    model, inputs = network("head", n=TILE // 2)
    index = np.tile(np.arange(TILE // 2), 3)
    tiles = {}
    for scope in ("pool", "batch", "point"):
        mean = predict(model, inputs, index, scope=scope).moments.mean
        copies = mean.view(3, TILE // 2, 3)
        tiles[scope] = [torch.allclose(copies[0], copies[i], atol=1e-6) for i in (1, 2)]
    assert tiles == {"pool": [True, True], "batch": [True, False], "point": [False, False]}
    first = np.arange(TILE // 2)
    assert_same_bits(
        predict(model, inputs, first, scope="pool"), predict(model, inputs, first, scope="batch")
    )


def test_the_order_of_the_index_is_that_of_the_result():
    model, inputs = network("head", n=300)
    index = np.random.default_rng(0).permutation(300)
    forward, shuffled = predict(model, inputs), predict(model, inputs, index)
    torch.testing.assert_close(forward.samples[index], shuffled.samples)


@pytest.mark.parametrize("kept", ["moments", "samples", "features"])
def test_only_what_is_asked_is_there(kept):
    model, inputs = network("head", n=20)
    result = predict(model, inputs, keep={kept})
    present = {name for name in EVERYTHING if getattr(result, name) is not None}
    assert present == {kept}
    whole = predict(model, inputs)
    for name in present - {"moments"}:
        assert torch.equal(getattr(result, name), getattr(whole, name))


def test_no_points():
    model, inputs = network("head", n=4)
    result = predict(model, inputs, np.arange(0))
    assert (result.n_points, len(result.moments)) == (0, 0)
    assert (result.samples.shape, result.features.shape) == ((0, 5, 3), (0, 12))


@pytest.mark.parametrize("scope", ["pool", "batch"])
def test_one_block_of_weights_is_held_at_a_time(scope, monkeypatch):
    """When the weights of a block are made, those of the block before are gone."""
    model, inputs = network("cnn")
    fold, held = type(model).fold, []

    def recorded(self, masks):
        alive = sum(network() is not None for network in held)
        evaluate = fold(self, masks)
        held.append(weakref.ref(evaluate))
        assert alive == 0
        return evaluate

    monkeypatch.setattr(type(model), "fold", recorded)
    predict(model, inputs, samples=3 * model.samples_at_once, scope=scope)
    assert len(held) == (3 if scope == "pool" else 9)


def test_the_result_carries_no_gradient_and_the_model_is_in_evaluation_mode():
    model, inputs = network("backbone", n=4)
    before = model.encoder.bn1.running_mean.clone()
    assert not predict(model, inputs).samples.requires_grad
    assert not model.training
    assert torch.equal(model.encoder.bn1.running_mean, before)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"samples": 0}, "samples is 0; give at least 1"),
        ({"scope": "tile"}, "mask_scope is 'tile'; allowed: pool, batch, point"),
        ({"keep": {"moments", "pairs"}}, "allowed: one or more of moments, samples, features"),
        ({"keep": set()}, "keep is []; allowed: one or more of"),
    ],
)
def test_arguments_that_are_refused(arguments, message):
    model, inputs = network("head", n=4)
    with pytest.raises(InputError) as caught:
        predict(model, inputs, **arguments)
    assert message in str(caught.value)
