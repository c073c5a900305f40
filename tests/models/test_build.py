"""Building networks: sizes of Woo 2023, A.24; weights from the given generator alone; errors."""

import math

import pytest
import torch
from torch import nn

from balent.errors import ConfigError, DataError
from balent.models.build import build_model
from balent.models.encoders import build_encoder
from balent.streams import Streams

HEAD = {"family": "head", "hidden": 2048, "dropout": 0.2, "last_bias": False}
CNN = {"family": "cnn", "channels": [32, 64], "kernels": [5, 5], "hidden": 128, "dropout": 0.5}
NARROW = {"name": "narrow_resnet", "stem": "small", "width": 8, "blocks": [1, 2, 1]}


def backbone(name, hidden):
    return {
        "family": "backbone",
        "encoder": {"name": name, "stem": "imagenet", "pretrained": "none"},
        "hidden": hidden,
        "dropout": 0.2,
        "last_bias": False,
    }


def weights(seed=0):
    return Streams(seed).torch("weights")


def count(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("spec", "shape", "classes", "parameters"),
    [
        # convolutions 832 + 51,264; linear 1024 x 128 + 128, 128 x 10
        (CNN | {"last_bias": False}, (1, 28, 28), 10, 184_576),
        (CNN | {"last_bias": True}, (1, 28, 28), 10, 184_586),
        # linear 2048 x 2048 + 2048, 2048 x 100
        (HEAD, (2048,), 100, 4_401_152),
        # torchvision's 11,689,512 and 25,557,032 without their last layers, and the heads
        (backbone("resnet18", 512), (3, 32, 32), 10, 11_176_512 + 512 * 512 + 512 + 5120),
        (backbone("resnet50", 2048), (3, 64, 64), 200, 23_508_032 + 2048 * 2049 + 409_600),
    ],
)
def test_parameter_counts_of_the_papers_networks(
    spec, shape, classes, parameters, untouched_global_state
):
    assert count(build_model(spec, shape, classes, weights())) == parameters


@pytest.mark.parametrize("spec", [CNN | {"last_bias": True}, HEAD | {"hidden": 64}])
def test_default_distributions_are_pytorchs(spec, untouched_global_state):
    """U(-1/√fan_in, 1/√fan_in), for weights and biases."""
    model = build_model(spec, (1, 28, 28), 10, weights())
    for module in model.modules():
        if isinstance(module, nn.Linear | nn.Conv2d):
            bound = 1 / math.sqrt(module.weight[0].numel())
            assert 0.95 * bound < module.weight.abs().max() <= bound
            assert module.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.08)
            assert module.bias is None or module.bias.abs().max() <= bound


def test_residual_networks_start_as_torchvisions():
    encoder = build_encoder({"name": "resnet18", "stem": "imagenet"}, (3, 32, 32), weights())
    convolution = encoder.layer4[1].conv2.weight
    assert convolution.std().item() == pytest.approx(math.sqrt(2 / (512 * 9)), rel=0.01)
    assert torch.equal(encoder.bn1.weight, torch.ones(64))
    assert torch.equal(encoder.bn1.running_var, torch.ones(64))
    assert encoder.bn1.num_batches_tracked.item() == 0


def test_the_same_generator_gives_the_same_weights_and_another_seed_others():
    first, same, other = (
        build_model(CNN | {"last_bias": True}, (1, 28, 28), 10, weights(s)) for s in (0, 0, 1)
    )
    for a, b, c in zip(first.parameters(), same.parameters(), other.parameters(), strict=True):
        assert torch.equal(a, b)
        assert not torch.equal(a, c)


def test_narrow_resnet_halves_the_map_and_doubles_the_width_per_stage():
    encoder = build_encoder(NARROW, (1, 8, 8), weights())
    shapes = []
    for stage in encoder.stages:
        stage.register_forward_hook(
            lambda module, inputs, output: shapes.append(tuple(output.shape))
        )
    assert encoder(torch.rand(2, 1, 8, 8)).shape == (2, 32)
    assert shapes == [(2, 8, 8, 8), (2, 16, 4, 4), (2, 32, 2, 2)]
    assert encoder.out_features == 32


@pytest.mark.parametrize(("stem", "side", "map_side"), [("imagenet", 64, 2), ("small", 32, 4)])
def test_torchvisions_encoders(stem, side, map_side):
    encoder = build_encoder({"name": "resnet18", "stem": stem}, (1, side, side), weights()).eval()
    seen = []
    encoder.layer4.register_forward_hook(lambda module, inputs, output: seen.append(output.shape))
    grey = torch.rand(1, 1, side, side)
    with torch.no_grad():
        features = encoder(grey)
        torch.testing.assert_close(encoder(grey.expand(-1, 3, -1, -1)), features)
    assert features.shape == (1, encoder.out_features) == (1, 512)
    assert seen[0][2:] == (map_side, map_side)


def test_encoder_weights_replace_the_drawn_ones_and_nothing_else():
    spec = {**backbone("resnet18", 16), "encoder": NARROW}
    state = build_encoder(NARROW, (1, 8, 8), weights(5)).state_dict()
    plain = build_model(spec, (1, 8, 8), 3, weights())
    loaded = build_model(spec, (1, 8, 8), 3, weights(), state | {"fc.weight": torch.ones(2)})
    for name, value in loaded.encoder.state_dict().items():
        assert torch.equal(value, state[name])
    assert not torch.equal(plain.encoder.conv1.weight, loaded.encoder.conv1.weight)
    assert torch.equal(plain.hidden.weight, loaded.hidden.weight)


@pytest.mark.parametrize(
    "change",
    [
        lambda state: state.pop("conv1.weight"),
        lambda state: state.update({"conv1.weight": torch.zeros(8, 3, 3, 3)}),
        lambda state: state.update({"conv9.weight": torch.zeros(1)}),
    ],
)
def test_encoder_weights_that_do_not_fit_are_refused(change):
    state = dict(build_encoder(NARROW, (1, 8, 8), weights()).state_dict())
    change(state)
    spec = {**backbone("resnet18", 16), "encoder": NARROW}
    with pytest.raises(DataError, match=r"^encoder weights: conv[19]\.weight has shape .*; give "):
        build_model(spec, (1, 8, 8), 3, weights(), state)


@pytest.mark.parametrize(
    ("spec", "shape", "message"),
    [
        ({"family": "vit"}, (4,), "model.family is 'vit'; allowed: cnn, head, mlp, backbone"),
        ({"hidden": 3}, (4,), "model.family is None; allowed: cnn, head, mlp, backbone"),
        (HEAD | {"width": 3}, (4,), "model.width is unknown; model.family head has hidden, "),
        ({"family": "head", "hidden": 3}, (4,), "model.dropout is missing; model.family head has "),
        (CNN | {"last_bias": True}, (4,), "inputs have shape (4,); give images [C, H, W]"),
        (CNN | {"last_bias": True}, (1, 8, 8), "leave nothing of images of 8x8 pixels"),
        (CNN | {"last_bias": True, "kernels": [5]}, (1, 28, 28), "give two or more"),
        (backbone("vgg", 4), (3, 8, 8), "encoder.name is 'vgg'; allowed: narrow_resnet, resnet18"),
        (backbone("resnet18", 4), (2, 8, 8), "images have 2 channels; allowed: 1, 3"),
        (backbone("resnet18", 4), (9,), "inputs have shape (9,); give images [C, H, W]"),
        (backbone("narrow_resnet", 4), (1, 8, 8), "encoder.width is missing"),
    ],
)
def test_specifications_that_are_refused(spec, shape, message):
    with pytest.raises(ConfigError) as caught:
        build_model(spec, shape, 10, weights())
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_for_a_family_without_encoder_are_refused():
    with pytest.raises(ConfigError, match="head has no encoder"):
        build_model(HEAD | {"hidden": 4}, (4,), 2, weights(), {})
