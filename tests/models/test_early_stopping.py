"""Early stopping: when it ends, what it goes back to, and that training needs a validation set."""

import pytest
import torch

from balent.data.inputs import Inputs
from balent.errors import ConfigError
from balent.models.build import build_model
from balent.models.early_stopping import EarlyStopping
from balent.models.training import train
from balent.streams import Streams

HEAD = {"family": "head", "hidden": 8, "dropout": 0.2, "last_bias": False}
SETTINGS = {"learning_rate": 3e-3, "batch_size": 16, "epochs": 40, "epoch_points": 64}
STREAMS = Streams(0)
X = STREAMS.numpy("noise").standard_normal((40, 5)).astype("float32")
Y = torch.as_tensor(X[:, :3].argmax(1))


def trained(errors=None, **settings):
    """A network after training, and how often its error was asked for."""
    model = build_model(HEAD, (5,), 3, STREAMS.torch("weights"))
    asked = []

    def error():
        asked.append({name: value.clone() for name, value in model.state_dict().items()})
        model.eval()
        return errors[min(len(asked), len(errors)) - 1]

    index = torch.arange(len(X))
    given = None if errors is None else error
    train(model, Inputs(X), Y, index, SETTINGS | settings, STREAMS, validation_error=given)
    return model.state_dict(), asked


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("errors", "epochs", "best"),
    [
        ([0.5, 0.4, 0.4, 0.6, 0.4], 5, 2),  # an equal error is no better
        ([0.5, 0.6, 0.4, 0.6, 0.5, 0.4], 6, 3),  # a better one starts the count again
        ([0.5, 0.6, 0.6, 0.6], 4, 1),
    ],
)
def test_training_ends_after_patience_and_goes_back_to_the_first_best(errors, epochs, best):
    state, asked = trained(errors, patience=3)
    assert len(asked) == epochs
    assert same(state, asked[best - 1])
    assert not same(asked[0], asked[-1])


def test_without_an_end_the_best_epoch_counts_all_the_same():
    state, asked = trained([0.5, 0.3, 0.4], patience=3, epochs=3)
    assert len(asked) == 3
    assert same(state, asked[1])


def test_epochs_are_those_of_a_training_without_patience():
    """Looking at the validation set changes no step."""
    for count in (1, 2, 5):
        plain, _ = trained(epochs=count)
        state, _ = trained([1 / k for k in range(1, 9)], patience=2, epochs=count)
        assert same(plain, state)


def test_epoch_points_repeat_the_labelled_points_evenly():
    seen = []
    model = build_model(HEAD, (5,), 3, STREAMS.torch("weights"))
    forward = model.forward
    model.forward = lambda x, masks: (seen.append(x), forward(x, masks))[1]
    settings = SETTINGS | {"epochs": 2, "epoch_points": 100}
    train(model, Inputs(X), Y, torch.arange(len(X)), settings, STREAMS)
    assert [len(x) for x in seen] == [16] * 6 + [4] + [16] * 6 + [4]
    for epoch in torch.cat(seen).split(100):
        _, counts = epoch.unique(dim=0, return_counts=True)
        assert sorted(counts.tolist()) == [2] * 20 + [3] * 20


def test_fewer_epoch_points_than_labelled_points_take_each_once():
    plain, _ = trained(epochs=3, epoch_points=None)
    fewer, _ = trained(epochs=3, epoch_points=39)
    assert same(plain, fewer)


def test_patience_without_a_validation_set_is_refused():
    with pytest.raises(ConfigError, match=r"give pool\.validation points"):
        trained(patience=3)


def test_the_network_is_left_in_training_mode_between_epochs():
    model = build_model(HEAD, (5,), 3, STREAMS.torch("weights"))
    stopping = EarlyStopping(model, 2, lambda: (model.eval(), 0.5)[1])
    stopping.epoch()
    assert model.training
    assert not stopping.ended
