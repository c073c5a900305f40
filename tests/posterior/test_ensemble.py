"""Ensembles: members are networks of their own, trained without dropout; a sample is a member."""

import numpy as np
import pytest
import torch

from balent.errors import InputError
from balent.models.build import build_model
from balent.models.ensemble import STEP
from balent.models.training import train
from balent.posterior.build import build_posterior
from balent.posterior.outputs import TILE
from balent.posterior.sampling import Sampling

from .test_posteriors import (
    CLASSES,
    LABELLED,
    POOL,
    SAMPLES,
    SHAPE,
    STREAMS,
    fitted,
    fresh,
    predict,
)

TRAINING = {"learning_rate": 0.01, "batch_size": 16, "steps": 5}
SPEC = {"family": "head", "hidden": 12, "dropout": 0.0, "last_bias": False}


@pytest.fixture(scope="module")
def ensemble():
    posterior = fresh("head", "ensemble")
    posterior.fit(POOL, LABELLED, POOL.y[LABELLED], TRAINING, STREAMS)
    return posterior


def test_members_are_networks_trained_alone_with_streams_of_their_own(ensemble):
    probs = predict(ensemble).samples
    for number in range(SAMPLES):
        generator = type(STREAMS)(0).at(number).torch("weights")
        model = build_model(SPEC, SHAPE, CLASSES, generator)
        train(model, POOL, POOL.y[LABELLED], LABELLED, TRAINING, STREAMS.at(number))
        with torch.no_grad():
            expected = model(POOL.x).softmax(1)
        torch.testing.assert_close(probs[:, number], expected, rtol=1e-4, atol=1e-6)
    assert (probs[:, 0] - probs[:, 1]).abs().mean() > 0.01


def test_its_error_is_that_of_the_mean_prediction(ensemble):
    wrong = predict(ensemble).moments.mean.argmax(1) != POOL.y
    assert ensemble.error_rate(POOL, POOL.y) == wrong.double().mean().item()


def test_its_features_are_the_mean_over_members(ensemble):
    with torch.no_grad():
        members = [m.penultimate(m.stem(POOL.x), None) for m in ensemble.network.members]
    found = predict(ensemble, keep={"features"}).features
    torch.testing.assert_close(found, torch.stack(members).mean(0), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("hidden", [[4000, 10], [10, 4000], [10, 4000, 10]])
def test_its_workspace_holds_the_widest_layer(hidden):
    """Layers of a member put out float32 values for so many points together."""
    spec = {"family": "mlp", "hidden": hidden}
    settings = {"model": spec | {"last_bias": False}, "posterior": {"name": "ensemble"}}
    settings["posterior"]["members"] = 2
    ensemble = build_posterior(settings, SHAPE, CLASSES, STREAMS).network
    sizes = []
    for layer in ensemble.modules():
        if isinstance(layer, torch.nn.Linear):
            layer.register_forward_hook(lambda *given: sizes.append(given[2].nbytes))
    ensemble.deterministic(POOL.x)
    assert max(sizes) == 4 * STEP * 4000
    assert 2 * max(sizes) <= ensemble.workspace(TILE) < 10 * max(sizes)


def test_another_number_of_samples_is_refused():
    with pytest.raises(InputError) as caught:
        fitted("head", "ensemble").predict(
            POOL,
            np.arange(4),
            Sampling(SAMPLES + 1, "batch", STREAMS, "masks", {"samples"}, 1 << 30),
        )
    assert "samples is 6, but the ensemble has 5 members" in str(caught.value)
