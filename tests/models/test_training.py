"""Training: fits its labelled set, the same bits again, batches, settings."""

import pytest
import torch

from balent.errors import ConfigError, InputError
from balent.models import steps, training
from balent.models.build import build_model
from balent.models.steps import Adam
from balent.models.training import batch_sizes, train
from balent.streams import Streams

HEAD = {"family": "head", "hidden": 32, "dropout": 0.2, "last_bias": False}
CNN = {"family": "cnn", "channels": [8, 12], "kernels": [3, 2], "hidden": 24, "dropout": 0.25}
BACKBONE = {
    **HEAD,
    "family": "backbone",
    "encoder": {"name": "narrow_resnet", "stem": "small", "width": 4, "blocks": [1, 1]},
}
MLP = HEAD | {"family": "mlp", "hidden": [32, 24], "dropped": [False, True]}
SPECS = [HEAD, MLP, CNN | {"last_bias": True}, BACKBONE]
SETTINGS = {"learning_rate": 3e-3, "batch_size": 16, "epochs": None, "augmentation": None}


class Images:
    """A pool of 60 images of three kinds: bright in the upper, lower or left half."""

    shape = (1, 8, 8)

    def __init__(self):
        generator = Streams(0).torch("noise")
        self.y = torch.arange(60) % 3
        self.x = torch.rand(60, 1, 8, 8, generator=generator) * 0.5
        for row, kind in zip(self.x, self.y, strict=True):
            row[(..., slice(4), slice(8)) if kind < 2 else (..., slice(8), slice(4))] += 0.5
            if kind == 1:
                row.copy_(row.flip(-2))
        self.gathered = []

    def gather(self, index):
        self.gathered.append(len(index))
        return self.normalise(self.x[index])

    def normalise(self, x):
        return (x - 0.5) / 0.25

    def denormalise(self, x):
        return x * 0.25 + 0.5


def trained(spec, images=None, index=None, seed=0, **settings):
    images = images or Images()
    index = torch.arange(0, 60, 2) if index is None else index
    model = build_model(spec, images.shape, 3, Streams(seed).torch("weights"))
    return train(model, images, images.y[index], index, SETTINGS | settings, Streams(seed))


def state(model):
    return list(model.state_dict().values())


@pytest.mark.parametrize("spec", SPECS)
def test_training_fits_its_labelled_set_and_generalises(spec, untouched_global_state):
    images = Images()
    model = trained(spec, images, steps=150)
    assert not model.training
    with torch.no_grad():
        hits = model(images.gather(torch.arange(60))).argmax(1) == images.y
    assert hits[::2].all()
    assert hits[1::2].float().mean() > 0.9


@pytest.mark.parametrize("spec", SPECS)
def test_training_again_gives_the_same_bits_and_another_seed_others(spec):
    first, again = (trained(spec, steps=5) for _ in range(2))
    other = trained(spec, steps=5, seed=1)
    assert all(torch.equal(a, b) for a, b in zip(state(first), state(again), strict=True))
    assert not torch.equal(first.last.weight, other.last.weight)


def test_holding_the_inputs_or_not_gives_the_same_bits(monkeypatch):
    held, streamed = Images(), Images()
    first = trained(HEAD, held, steps=5)
    monkeypatch.setattr(steps, "HELD_BYTES", 0)
    second = trained(HEAD, streamed, steps=5)
    assert all(torch.equal(a, b) for a, b in zip(state(first), state(second), strict=True))
    assert (max(held.gathered), max(streamed.gathered)) == (30, 16)


def test_epochs_are_steps_over_all_batches():
    """30 labelled points in batches of 16 are two steps an epoch."""
    first, second = trained(HEAD, epochs=3, steps=None), trained(HEAD, steps=6)
    assert all(torch.equal(a, b) for a, b in zip(state(first), state(second), strict=True))


@pytest.mark.parametrize("given", [{"epochs": 1, "steps": 1}, {"epochs": None, "steps": None}])
def test_both_or_neither_of_epochs_and_steps_are_refused(given):
    with pytest.raises(ConfigError, match="give one of them"):
        trained(HEAD, **given)


def test_labels_that_do_not_match_are_refused():
    images = Images()
    model = build_model(HEAD, images.shape, 3, Streams(0).torch("weights"))
    with pytest.raises(InputError, match="2 labelled points with 3 labels"):
        train(model, images, images.y[:3], torch.arange(2), SETTINGS, Streams(0))


@pytest.mark.parametrize(
    ("n", "batch", "sizes"),
    [
        (1, 4, [1]),
        (4, 4, [4]),
        (5, 4, [5]),
        (6, 4, [4, 2]),
        (9, 4, [4, 5]),
        (3, 1, [1, 2]),
        (20, 32, [20]),
    ],
)
def test_a_last_batch_of_one_point_joins_the_one_before(n, batch, sizes):
    assert batch_sizes(n, batch) == sizes


def test_every_epoch_sees_every_point_once_with_masks_of_its_own(monkeypatch):
    """Also across the borders of runs, here of 40 rows or more."""
    monkeypatch.setattr(training, "RUN_ROWS", 40)
    images = Images()
    model = build_model(HEAD, images.shape, 3, Streams(0).torch("weights"))
    seen, masks = [], []
    forward = model.forward
    model.forward = lambda x, m: (seen.append(x), masks.append(m[0]), forward(x, m))[2]
    index = torch.arange(33)
    settings = SETTINGS | {"epochs": 3}
    train(model, images, images.y[:33], index, settings, Streams(0))
    assert [len(x) for x in seen] == [16, 17] * 3
    epochs = torch.cat(seen).flatten(1).split(33)
    expected = images.gather(index).flatten(1)
    for epoch in epochs:
        assert torch.equal(epoch.sort(0).values, expected.sort(0).values)
    assert not torch.equal(epochs[0], epochs[1])
    assert len(torch.cat(masks).unique(dim=0)) == 99


def test_augmentation_works_on_unnormalised_images_with_its_own_stream(monkeypatch):
    from balent.features import augment

    ranges = []

    def build(spec):
        assert spec == {"flip": True}

        def flip(x, generator):
            ranges.append((x.min().item(), x.max().item()))
            return torch.where(
                torch.rand(len(x), 1, 1, 1, generator=generator) < 0.5, x.flip(-1), x
            )

        return flip

    monkeypatch.setattr(augment, "build_augmentation", build)
    plain, first, again = (
        trained(HEAD, steps=4, augmentation=a) for a in (None, {"flip": True}, {"flip": True})
    )
    assert len(ranges) == 8
    assert all(-1e-6 < low < 0.1 and 0.9 < high < 1 + 1e-6 for low, high in ranges)
    assert torch.equal(first.last.weight, again.last.weight)
    assert not torch.equal(plain.last.weight, first.last.weight)


def test_training_continues_from_the_weights_it_is_given():
    images = Images()
    model = trained(HEAD, images, steps=100)
    before = state(model)[0].clone()
    train(model, images, images.y, torch.arange(60), SETTINGS | {"steps": 1}, Streams(0))
    assert 0 < (state(model)[0] - before).abs().max() < 2 * SETTINGS["learning_rate"]


def test_adam_takes_the_steps_of_torchs():
    a, b = (build_model(BACKBONE, (1, 8, 8), 3, Streams(0).torch("weights")) for _ in range(2))
    ours, theirs = Adam(a, 1e-2), torch.optim.Adam(b.parameters(), lr=1e-2, fused=True)
    images = Images()
    for _ in range(5):
        for model in (a, b):
            torch.nn.functional.cross_entropy(model(images.x), images.y).backward()
        ours.step()
        theirs.step()
        theirs.zero_grad()
    for x, y in zip(a.parameters(), b.parameters(), strict=True):
        assert torch.equal(x, y)
        assert x.grad is None
