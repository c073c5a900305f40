"""Several hidden layers, some with dropout: the toy network of Woo 2023, A.24."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from balent.errors import ConfigError
from balent.models import counts
from balent.models.build import build_model
from balent.models.spec import check_model
from balent.streams import Streams

TOY = {
    "family": "mlp",
    "hidden": [72, 72, 72],
    "dropped": [False, True, True],
    "dropout": 0.2,
    "last_bias": False,
}


def weights():
    return Streams(0).torch("weights")


def listing(model) -> nn.Sequential:
    """The paper's listing with the weights of a model."""
    linear = iter([*model.before, *model.after, model.last])
    return nn.Sequential(
        next(linear),
        nn.ReLU(),
        next(linear),
        nn.Dropout(0.2),
        nn.ReLU(),
        next(linear),
        nn.Dropout(0.2),
        nn.ReLU(),
        next(linear),
    )


def test_the_toy_network_is_the_papers_listing():
    model = build_model(TOY, (2,), 3, weights())
    shapes = [tuple(p.shape) for p in model.parameters() if p.dim() == 2]
    assert shapes == [(72, 2), (72, 72), (72, 72), (3, 72)]
    assert model.last.bias is None
    assert model.mask_sizes == (72, 72)  # none for the first hidden layer
    x = torch.randn(9, 2, generator=Streams(0).torch("noise"))
    with torch.no_grad():
        torch.testing.assert_close(model(x), listing(model).eval()(x))


@torch.no_grad()
def test_masks_take_the_place_of_the_listings_dropout():
    """What nn.Dropout drops, given to the model as masks, gives the same logits."""
    model = build_model(TOY, (2,), 3, weights())
    x = torch.randn(9, 2, generator=Streams(0).torch("noise"))
    first, second = model.draw_masks(9, Streams(0).torch("masks"))
    y = functional.relu(model.before[0](x))
    y = functional.relu(first * model.before[1](y))
    y = functional.relu(second * model.after[0](y))
    torch.testing.assert_close(model(x, [first, second]), model.last(y))


@torch.no_grad()
@pytest.mark.parametrize(
    "dropped", [[True, False, False], [True, True, False], [False, False, True]]
)
def test_any_layers_may_have_dropout(dropped):
    model = build_model(TOY | {"dropped": dropped}, (2,), 3, weights())
    assert len(model.mask_sizes) == sum(dropped)
    assert len(model.before) == dropped.index(True) + 1
    masks = model.draw_masks(4, Streams(0).torch("masks"))
    x = torch.randn(5, 2, generator=Streams(0).torch("noise"))
    logits, features = model.fold(masks)(model.stem(x), True)
    inputs = [model.penultimate(model.stem(x), [m[k, None] for m in masks]) for k in range(4)]
    expected = torch.stack([model.last(y) for y in inputs])  # [S, n, C]
    torch.testing.assert_close(logits.mT, expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(features, sum(inputs), rtol=1e-5, atol=1e-6)


def test_counts_are_cut_before_the_first_dropout():
    before, after = counts.network(TOY, (2,), 3)
    assert before.multiply_adds == 2 * 72 + 72 * 72
    assert after.multiply_adds == 72 * 72 + 72 * 3
    assert before.parameters + after.parameters == sum(
        p.numel() for p in build_model(TOY, (2,), 3, weights()).parameters()
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"dropped": [True]},
            "model.dropped is [True] for 3 hidden layers; give true or false for",
        ),
        ({"dropped": [False] * 3}, "and true at least once"),
        (
            {"hidden": 72},
            "model.hidden is 72; model.family mlp has a list, the units of each layer",
        ),
        (
            {"family": "head"},
            "model.dropped is unknown; model.family head has hidden, dropout, last",
        ),
    ],
)
def test_what_is_refused(change, message):
    with pytest.raises(ConfigError) as caught:
        check_model(TOY | change)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_other_families_have_one_number_of_units():
    with pytest.raises(ConfigError, match=r"model.family head has one number of units"):
        check_model({"family": "head", "hidden": [3], "dropout": 0.2, "last_bias": False})
