"""The networks against their definition in Woo 2023, A.24, and folding against dense passes."""

import pytest
import torch
from torch.nn import functional

from balent.errors import ConfigError
from balent.models.build import build_model
from balent.models.cnn import CNN
from balent.models.convolution import Convolution, patch_index, pooled_patch_index
from balent.models.steps import products_in
from balent.posterior.accumulator import Accumulator
from balent.streams import Streams

SAMPLES = 7
HEADS = ["head", "head_most", "head_half", "head_bias", "head_certain", "backbone"]


def masks_of(model, samples=SAMPLES):
    return model.draw_masks(samples, Streams(1).torch("masks"))


@torch.no_grad()
def test_folded_equals_dense_passes_with_the_same_masks(network):
    model, x = network
    masks = masks_of(model)
    logits, features = model.fold(masks)(model.stem(x), True)
    dense = [[mask[k, None] for mask in masks] for k in range(SAMPLES)]
    expected = torch.stack([model(x, m) for m in dense], dim=1)  # [n, S, C]
    penultimate = sum(model.penultimate(model.stem(x), m) for m in dense)
    torch.testing.assert_close(logits.permute(2, 0, 1), expected, rtol=1e-5, atol=2e-6)
    torch.testing.assert_close(model.folded(model.stem(x), masks), expected, rtol=1e-5, atol=2e-6)
    torch.testing.assert_close(features, penultimate, rtol=1e-5, atol=2e-6)
    assert model.fold(masks)(model.stem(x), False)[1] is None


@torch.no_grad()
@pytest.mark.parametrize("network", HEADS, indirect=True)
def test_samples_of_a_head_together_equal_those_one_by_one(network):
    """What a GPU computes."""
    model, x = network
    (mask,) = masks_of(model)
    stem = model.stem(x)
    logits, features = model._fold_together(mask)(stem, True)
    expected, expected_features = model._fold_by_unit(mask)(stem, True)
    torch.testing.assert_close(logits, expected, rtol=1e-5, atol=2e-6)
    torch.testing.assert_close(features, expected_features)
    assert logits.is_contiguous()
    assert model._fold_together(mask)(stem, False)[1] is None


@torch.no_grad()
def test_products_in_bfloat16_change_little_and_no_type_of_a_result(network):
    """Inputs of products keep 8 bits: 0.4 % of each, and less of their sums."""
    model, x = network
    masks = masks_of(model, 40)

    def predict():
        logits, features = model.fold(masks)(model.stem(x), True)
        sums = Accumulator(5, len(x), logits.device)
        sums.add(logits)
        return logits, features, sums.moments()

    expected_logits, expected_features, expected = predict()
    with products_in("bfloat16", x.device):
        logits, features, moments = predict()
    assert (logits.dtype, features.dtype) == (torch.float32, torch.float32)
    assert not torch.equal(logits, expected_logits)
    torch.testing.assert_close(logits, expected_logits, rtol=0, atol=0.03)
    torch.testing.assert_close(
        features, expected_features, rtol=0, atol=0.02 * expected_features.abs().max().item()
    )
    torch.testing.assert_close(moments.mean, expected.mean, rtol=0, atol=2e-3)
    torch.testing.assert_close(
        moments.variance, expected.variance, rtol=0, atol=0.03 * expected.variance.max().item()
    )
    torch.testing.assert_close(
        moments.expected_entropy, expected.expected_entropy, rtol=0, atol=2e-3
    )


@torch.no_grad()
def test_masks_that_drop_everything_or_nothing(network):
    model, x = network
    masks = [mask[:2].clone() for mask in masks_of(model)]
    for mask in masks:
        mask[0], mask[1] = 0.0, 1 / (1 - model.dropout)
    folded = model.folded(model.stem(x), masks)
    for k in range(2):
        expected = model(x, [mask[k, None] for mask in masks])
        torch.testing.assert_close(folded[:, k], expected, rtol=1e-5, atol=2e-6)
    bias = torch.zeros(5) if model.last.bias is None else model.last.bias
    torch.testing.assert_close(folded[:, 0], bias.expand(6, 5), rtol=1e-5, atol=2e-6)


@torch.no_grad()
def test_stem_shape_is_the_shape_of_the_stem(network):
    model, x = network
    assert model.stem(x).shape[1:] == model.stem_shape
    assert model.workspace(2) > 0


@torch.no_grad()
def test_the_cnn_is_convolution_dropout_pooling_relu_in_this_order():
    spec = {"family": "cnn", "channels": [6, 10], "kernels": [3, 2], "hidden": 12}
    model = build_model(
        spec | {"dropout": 0.5, "last_bias": True}, (1, 8, 8), 5, Streams(0).torch("weights")
    )
    assert isinstance(model, CNN)
    x = torch.randn(4, 1, 8, 8, generator=Streams(0).torch("noise"))
    masks = model.draw_masks(4, Streams(0).torch("masks"))
    y = x
    for convolution, mask in zip((model.first, model.second), masks, strict=False):
        y = functional.conv2d(y, convolution.weight, convolution.bias) * mask[:, :, None, None]
        y = functional.relu(functional.max_pool2d(y, 2))
    y = functional.relu(model.hidden(y.flatten(1)) * masks[2])
    torch.testing.assert_close(model(x, masks), model.last(y), rtol=1e-5, atol=1e-6)


def test_masks_scale_or_drop_whole_channels():
    spec = {"family": "cnn", "channels": [16, 24], "kernels": [3, 2], "hidden": 32}
    model = build_model(
        spec | {"dropout": 0.25, "last_bias": True}, (1, 8, 8), 5, Streams(0).torch("weights")
    )
    masks = masks_of(model, 500)
    assert [tuple(mask.shape) for mask in masks] == [(500, 16), (500, 24), (500, 32)]
    for mask in masks:
        assert sorted(mask.unique().tolist()) == [0.0, pytest.approx(1 / 0.75)]
        assert mask.mean().item() == pytest.approx(1.0, abs=0.03)  # 4 to 6 standard errors
    with torch.no_grad():
        stem = model.stem(torch.rand(1, 1, 8, 8))
        seen = []
        model.hidden.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
        model.penultimate(stem, [mask[:1] for mask in masks])
        model.penultimate(stem, [masks[0][:1], torch.ones(1, 24), masks[2][:1]])
    dropped, kept = (y.view(24, -1) for y in seen)
    torch.testing.assert_close(dropped, kept * masks[1][0, :, None])


def test_masks_follow_their_generator_alone(network, untouched_global_state):
    model, _ = network
    for first, second in zip(masks_of(model), masks_of(model), strict=True):
        assert torch.equal(first, second)


@pytest.mark.parametrize(("channels", "kernel"), [(2, 3), (20, 5)])
def test_convolution_equals_the_librarys_with_gradients(channels, kernel):
    """Below SMALL_PATCH (18 values) and above (500)."""
    generator = Streams(0).torch("noise")
    layer = Convolution(channels, 4, kernel)
    x = torch.randn(3, channels, 9, 7, generator=generator, requires_grad=True)
    y, expected = layer(x), functional.conv2d(x, layer.weight, layer.bias)
    torch.testing.assert_close(y, expected, rtol=1e-5, atol=1e-5)
    assert y.is_contiguous(memory_format=torch.channels_last)
    g = torch.randn(y.shape, generator=generator)
    variables = [x, layer.weight, layer.bias]
    for a, b in zip(
        torch.autograd.grad(y, variables, g),
        torch.autograd.grad(expected, variables, g),
        strict=True,
    ):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-4)


def test_patch_indices_made_in_inference_mode_serve_training():
    patch_index.cache_clear()
    layer, x = Convolution(1, 2, 3), torch.rand(1, 1, 6, 6)
    with torch.inference_mode():
        layer(x)
    layer(x).sum().backward()
    assert layer.weight.grad is not None


def test_pooled_patches_are_grouped_by_window():
    """A 5x4 map, 2x2 kernels: 4x3 outputs, of which pooling sees 4x2 in 2x1 windows."""
    index = pooled_patch_index(5, 4, 2).view(4, 2, 4)
    assert index[:, 0].tolist() == [[0, 1, 4, 5], [1, 2, 5, 6], [4, 5, 8, 9], [5, 6, 9, 10]]
    assert index[0, 1].tolist() == [8, 9, 12, 13]


@pytest.mark.parametrize("dropout", [-0.1, 1.0])
def test_dropout_outside_its_range_is_refused(dropout):
    spec = {"family": "head", "hidden": 3, "dropout": dropout, "last_bias": False}
    with pytest.raises(ConfigError, match=r"model\.dropout is"):
        build_model(spec, (2,), 2, Streams(0).torch("weights"))
