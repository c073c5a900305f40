"""The CNN's second block against plain PyTorch, alone and within the network."""

import pytest
import torch

from balent.models import cnn
from balent.models.build import build_model
from balent.streams import Streams

from .conftest import REASON

pytest.importorskip("triton", reason=REASON)

BLOCKS = {  # m, C1, C2, height, width, k, S
    "small": (3, 5, 7, 9, 8, 3, 4),
    "one": (1, 1, 1, 4, 4, 3, 1),
    "more_than_a_product": (2, 33, 40, 12, 12, 5, 20),
    "more_than_a_program": (2, 20, 70, 8, 11, 2, 130),
}
SPEC = {"family": "cnn", "hidden": 12, "dropout": 0.25, "last_bias": True}
NETWORKS = {
    "two_blocks": ({**SPEC, "channels": [6, 10], "kernels": [3, 2]}, (1, 8, 8)),
    "three_blocks": ({**SPEC, "channels": [4, 6, 5], "kernels": [3, 3, 2]}, (3, 24, 22)),
}


def random(*shape):
    return torch.randn(shape, generator=torch.Generator().manual_seed(sum(shape)))


def masks(s, units):
    return (random(s, units) > 0).float() * 2


@pytest.fixture(params=BLOCKS)
def block(request):
    """Stem [m, C1, h, w], weight [C1, k·k, C2], masks [S, C1], bias [C2], masks [S, C2]."""
    m, c1, c2, h, w, k, s = BLOCKS[request.param]
    return random(m, c1, h, w), random(c1, k * k, c2), masks(s, c1), random(c2), masks(s, c2)


def plain(stem, weight, first, bias, second):
    """Terms, and what the second block puts out."""
    index = cnn.pooled_patch_index(*stem.shape[2:], round(weight.shape[1] ** 0.5))
    patches = stem.flatten(2).transpose(0, 1)[..., index].reshape(len(weight), -1, weight.shape[1])
    terms = (patches @ weight).view(len(weight), len(stem), 4, -1, weight.shape[2])
    y = torch.einsum("si,imqwc->smqwc", first, terms).amax(dim=2) + bias
    return terms, y.relu() * second[:, None, None]


def assert_near(value, expected, tolerance, scale):
    assert value.shape == expected.shape
    torch.testing.assert_close(value.float().cpu(), expected, rtol=0, atol=tolerance * scale)


def test_the_block_in_float32(device, block):
    stem, weight, first, bias, second = (x.to(device) for x in block)
    terms, y = plain(*block)
    assert_near(cnn._terms(stem, weight), terms, 1e-6, terms.abs().max())
    ours = cnn._second_block(first, terms.to(device), bias, second)
    assert_near(ours, y, 1e-6, y.abs().max().clamp(min=1))
    assert ours.dtype == torch.float32


def test_the_block_in_bfloat16(device, block):
    if device.type == "cpu":
        pytest.skip("the interpreter has no products of bfloat16")
    stem, weight, first, bias, second = (x.to(device) for x in block)
    terms, y = plain(*block)
    ours = cnn._terms(stem, weight.bfloat16())
    assert_near(ours, terms, 2**-7, terms.abs().max())
    y_ours = cnn._second_block(first, ours, bias, second)
    assert_near(y_ours, y, 2**-6, y.abs().max().clamp(min=1))
    assert (ours.dtype, y_ours.dtype) == (torch.bfloat16, torch.bfloat16)


def test_what_is_not_a_number_stays_so(device, block):
    """As in plain PyTorch: a diverged network must not look like one that sees nothing."""
    stem, weight, first, bias, second = (x.clone() for x in block)
    first[:], second[:] = 2.0, 2.0
    weight[0, 0, 0] = float("nan")
    _, expected = plain(stem, weight, first, bias, second)
    assert expected.isnan().any()
    terms = cnn._terms(stem.to(device), weight.to(device))
    ours = cnn._second_block(*(x.to(device) for x in (first, terms, bias, second)))
    assert torch.equal(ours.isnan().cpu(), expected.isnan())


@torch.no_grad()
@pytest.mark.parametrize("name", NETWORKS)
def test_a_folded_network_equals_its_dense_passes(device, name):
    spec, shape = NETWORKS[name]
    model = build_model(spec, shape, 5, Streams(3).torch("weights")).eval().to(device)
    x = random(6, *shape).to(device)
    drawn = [mask.to(device) for mask in model.draw_masks(7, Streams(1).torch("masks"))]
    logits, features = model.fold(drawn)(model.stem(x), True)
    dense = [[mask[k, None] for mask in drawn] for k in range(7)]
    expected = torch.stack([model(x, m) for m in dense]).mT  # [S, C, n]
    torch.testing.assert_close(logits, expected, rtol=1e-5, atol=2e-6)
    penultimate = sum(model.penultimate(model.stem(x), m) for m in dense)
    torch.testing.assert_close(features, penultimate, rtol=1e-5, atol=2e-6)
