"""Steps in fixed memory: the same training as the eager steps, up to rounding.

They run on the CPU here, one kernel at a time; a GPU replays them as a graph.
"""

import pytest
import torch

from balent.models import static_steps, training
from balent.models.build import build_model
from balent.models.steps import Training
from balent.streams import Streams

from .test_training import BACKBONE, CNN, HEAD, MLP, SETTINGS, Images, state, trained

SPECS = [HEAD, MLP, CNN | {"last_bias": True}]


@pytest.fixture
def captured(monkeypatch):
    """Let trainings use steps in fixed memory, and tell how many were made and loaded."""
    made, loaded = [], []
    monkeypatch.setattr(static_steps, "_kept", {})

    def find(training):
        if not static_steps.suits(training):
            return None
        steps = static_steps.prepare(training)
        loaded.append(steps)
        if steps not in made:
            made.append(steps)
        return steps

    monkeypatch.setattr(training.static_steps, "find", find)
    return made, loaded


def close(one, other):
    return all(
        torch.allclose(a, b, rtol=1e-3, atol=2e-5)
        for a, b in zip(state(one), state(other), strict=True)
    )


def distance(one, other):
    """Root of the summed squares of all differences of weights."""
    return sum((a - b).square().sum() for a, b in zip(state(one), state(other), strict=True)) ** 0.5


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize(
    ("n", "settings"),
    [
        (30, {"steps": 12}),  # batches of 16 and 14
        (33, {"steps": 9}),  # 16 and 17: the last row joins
        (5, {"steps": 3}),  # one batch, nearly empty
        (30, {"steps": 12, "precision": "bfloat16"}),
    ],
)
def test_weights_are_those_of_eager_steps(spec, n, settings, captured, monkeypatch):
    index = torch.arange(n)
    static = trained(spec, index=index, **settings)
    assert len(captured[1]) == 1
    with monkeypatch.context() as eager:
        eager.setattr(training.static_steps, "find", lambda *_: None)
        expected = trained(spec, index=index, **settings)
        other = trained(spec, index=index, **settings | {"steps": settings["steps"] + 1})
    start = build_model(spec, (1, 8, 8), 3, Streams(0).torch("weights"))
    assert not static.training
    if "precision" not in settings:
        assert close(static, expected)
        assert not close(static, other)  # a step is not below the tolerance
    else:  # rounding to 8 bits: a fraction of what the training moved
        assert distance(static, expected) < distance(expected, start) / 10


def test_more_batches_than_the_buffers_hold(captured, monkeypatch):
    monkeypatch.setattr(static_steps, "STEPS", 4)
    static = trained(HEAD, steps=21)
    with monkeypatch.context() as eager:
        eager.setattr(training.static_steps, "find", lambda *_: None)
        assert close(static, trained(HEAD, steps=21))


def test_steps_are_kept_for_the_next_training_and_start_it_anew(captured):
    made, loaded = captured
    first = trained(HEAD, steps=5)
    trained(HEAD, steps=7, seed=1, index=torch.arange(9))
    again = trained(HEAD, steps=5)
    assert (len(made), len(loaded)) == (1, 3)
    assert all(torch.equal(a, b) for a, b in zip(state(first), state(again), strict=True))


@pytest.mark.parametrize(
    "change",
    [{"batch_size": 32}, {"learning_rate": 1e-3}, {"precision": "bfloat16"}],
)
def test_other_settings_make_other_steps(change, captured):
    trained(HEAD, steps=2)
    trained(HEAD, steps=2, **change)
    assert len(captured[0]) == 2
    assert len(static_steps._kept) == 1  # the last ones


def test_networks_of_equal_shapes_are_told_apart():
    specs = [
        MLP | {"hidden": [8, 8, 8], "dropped": dropped}
        for dropped in ([True, False, True], [True, True, False])
    ]
    specs.append(specs[0] | {"dropout": 0.3})
    models = [build_model(spec, (5,), 3, Streams(0).torch("weights")) for spec in specs]
    assert len({static_steps._kind(model) for model in models}) == 3
    again = build_model(specs[0], (5,), 3, Streams(1).torch("weights")).eval()
    assert static_steps._kind(again) == static_steps._kind(models[0])


def test_what_does_not_suit_is_trained_step_by_step(captured):
    trained(BACKBONE, steps=2)  # batch normalisation
    trained(HEAD, steps=2, augmentation={"flip": True})
    assert captured == ([], [])


def test_a_cpu_trains_step_by_step():
    images = Images()
    model = build_model(HEAD, images.shape, 3, Streams(0).torch("weights"))
    given = Training(model, images, images.y, torch.arange(60), SETTINGS)
    assert static_steps.suits(given)
    assert static_steps.find(given) is None
