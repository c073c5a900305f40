"""The error rate without dropout."""

import pytest
import torch

from balent.models.build import build_model
from balent.posterior.deterministic import error_rate
from balent.posterior.sampler import TILE
from balent.streams import Streams

from .test_sampler import SPECS, Array, network

N = TILE + 70


@pytest.mark.parametrize("family", SPECS)
def test_equals_one_dense_pass(family):
    model, inputs = network(family, n=N)
    labels = torch.randint(3, (N,), generator=Streams(1).torch("noise"))
    model.eval()
    with torch.no_grad():
        parts = zip(inputs.x.split(1), labels.split(1), strict=True)
        wrong = [model(x).argmax(1) != y for x, y in parts]
    model.train()
    expected = torch.cat(wrong).double().mean().item()
    assert error_rate(model, inputs, labels) == expected
    assert 0.3 < expected < 0.9
    assert not model.training


@pytest.mark.parametrize("family", SPECS)
def test_of_labels_that_are_the_predictions_it_is_0(family):
    model, inputs = network(family, n=50)
    with torch.no_grad():
        labels = model.eval()(inputs.x).argmax(1)
    assert error_rate(model, inputs, labels) == 0
    assert error_rate(model, inputs, (labels + 1) % 3) == 1


def test_every_unit_is_kept_with_the_mean_of_its_mask():
    """Two layers, so that a factor would show: ones as masks give the same labels."""
    spec, shape = SPECS["cnn"]
    model = build_model(spec, shape, 3, Streams(2).torch("weights")).eval()
    x = torch.randn(200, *shape, generator=Streams(3).torch("noise"))
    ones = [torch.ones(1, units) for units in model.mask_sizes]
    with torch.no_grad():
        labels = model(x, ones).argmax(1)
    assert error_rate(model, Array(x), labels) == 0
