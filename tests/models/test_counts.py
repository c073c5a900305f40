"""Counts from a specification against those of the network that is built from it."""

import pytest
import torch
from torch import nn

from balent.models import counts
from balent.models.build import build_model, build_variational
from balent.models.encoders import build_encoder
from balent.posterior.spec import USED
from balent.streams import Streams

HEAD = {"family": "head", "hidden": 12, "dropout": 0.2, "last_bias": False}
CNN = {"family": "cnn", "hidden": 16, "dropout": 0.5, "last_bias": True}
NARROW = {"name": "narrow_resnet", "stem": "small", "width": 4, "blocks": [1, 2, 1]}
NETWORKS = [  # specification, point as stored
    (HEAD, (30,)),
    (HEAD | {"last_bias": True}, (9, 7)),
    (HEAD | {"family": "mlp", "hidden": [5, 6, 7], "dropped": [False, True, True]}, (9, 7)),
    (CNN | {"channels": [4, 6], "kernels": [5, 5]}, (28, 28)),
    (CNN | {"channels": [4, 6, 5], "kernels": [3, 2, 2]}, (21, 22, 3)),
    (HEAD | {"family": "backbone", "encoder": NARROW}, (9, 13)),
]
ENCODERS = [
    (NARROW, (8, 8)),
    ({"name": "resnet18", "stem": "imagenet"}, (64, 64, 3)),
    ({"name": "resnet18", "stem": "small"}, (17, 20)),
    ({"name": "resnet50", "stem": "imagenet"}, (50, 64, 3)),
    ({"name": "resnet50", "stem": "small"}, (32, 32, 3)),
]


def counted(module, x):
    """Counts of a network, by looking at every layer while it computes one point."""
    seen = {"multiply_adds": 0, "outputs": 0}

    def look(layer, inputs, output):
        values = output.numel() / len(output)
        seen["outputs"] += int(values)
        seen["multiply_adds"] += int(values * layer.weight[0].numel())

    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            layer.register_forward_hook(look)
    with torch.no_grad():
        module.eval()(x)
    parameters = sum(p.numel() for p in module.parameters())
    return counts.Counts(parameters, **seen)


def point(shape):
    channels = shape[2:] or (1,)
    return torch.zeros(2, *(shape if len(shape) == 1 else (*channels, *shape[:2])))


@pytest.mark.parametrize(("spec", "shape"), NETWORKS)
def test_a_network(spec, shape):
    x = point(shape)
    model = build_model(spec, x.shape[1:], 7, Streams(0).torch("weights"))
    before, after = counts.network(spec, shape, 7)
    assert before + after == counted(model, x)
    model = build_model(spec, x.shape[1:], 7, Streams(0).torch("weights"))
    if spec["family"] == "backbone":  # all but the last layer, behind the dropout
        assert after == counted(model.last, torch.zeros(len(x), model.last.in_features))
    elif spec["family"] != "mlp":  # tests/models/test_mlp.py
        stem = model.first if spec["family"] == "cnn" else model.hidden
        assert before == counted(stem, x if spec["family"] == "cnn" else x.flatten(1))


@pytest.mark.parametrize(("spec", "shape"), ENCODERS)
def test_an_encoder(spec, shape):
    x = point(shape)
    network = build_encoder(spec, x.shape[1:], Streams(0).torch("weights"))
    assert counts.encoder(spec, shape) == counted(network, x)
    assert counts.out_features(spec) == network(x).shape[1]


@pytest.mark.parametrize(("spec", "shape"), NETWORKS)
def test_a_network_with_variational_dropout(spec, shape):
    x = point(shape)
    weights = Streams(0).torch("weights")
    build = {"hidden": [6, 5], "alpha": 0.25}
    keys = {"family", *USED["variational_dropout"]}
    spec = {key: value for key, value in spec.items() if key in keys}
    model = build_variational(spec, x.shape[1:], 7, weights, **build)
    before, after = counts.variational(spec, [6, 5], shape, 7)
    assert before + after == counted(model, x)
    assert counts.features(spec, shape)[1] == model.stem(x).shape[1]
    assert before == counted(model.features, x)
