"""SimCLR's training: deterministic, resumable bit by bit, and it learns what it is asked to."""

from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from balent.data.dataset import Dataset
from balent.data.inputs import Inputs
from balent.errors import ConfigError
from balent.features import simclr
from balent.features.settings import SimclrSettings
from balent.features.simclr import Trained, learning_rate, train_simclr
from balent.streams import Streams


def train(dataset: Dataset, settings: dict, seed: int = 0, **options: object) -> Trained:
    chosen = SimclrSettings.of(settings)
    inputs = Inputs(dataset.x_train)
    return train_simclr(inputs, chosen, Streams(seed), **options)


def assert_equal(a: Trained, b: Trained) -> None:
    assert a.losses == b.losses
    ours, theirs = a.encoder.state_dict(), b.encoder.state_dict()
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), name


def interrupt_after(epoch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kill the training in the middle of the epoch that follows."""
    original = simclr._Run.epoch

    def until(self: simclr._Run, current: int) -> None:
        if current > epoch:
            self.loss(torch.arange(16), torch.Generator()).backward()
            raise KeyboardInterrupt
        original(self, current)

    monkeypatch.setattr(simclr._Run, "epoch", until)


def test_depends_on_the_seed_alone(dataset: Dataset, settings: dict) -> None:
    before = torch.get_rng_state()
    first = train(dataset, settings)
    torch.manual_seed(99)
    state = torch.get_rng_state()
    assert_equal(first, train(dataset, settings))
    assert torch.equal(torch.get_rng_state(), state)
    torch.set_rng_state(before)
    assert first.losses != train(dataset, settings, seed=1).losses
    assert not first.encoder.training


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("epoch", [1, 4])
def test_resumed_equals_uninterrupted(
    dataset: Dataset,
    settings: dict,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    epoch: int,
    precision: str,
) -> None:
    checkpoint = tmp_path / "deep" / "checkpoint.safetensors"
    settings["precision"] = precision
    whole = train(dataset, settings)
    with monkeypatch.context() as patch:
        interrupt_after(epoch, patch)
        with pytest.raises(KeyboardInterrupt):
            train(dataset, settings, checkpoint=checkpoint, key="a")
    done = []
    original = simclr._Run.epoch
    monkeypatch.setattr(
        simclr._Run, "epoch", lambda run, now: (done.append(now), original(run, now))
    )
    assert_equal(whole, train(dataset, settings, checkpoint=checkpoint, key="a"))
    assert done == list(range(epoch + 1, 6))


def test_checkpoints_are_written_no_oftener_than_asked(
    dataset: Dataset, settings: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, saved = [0.0], []
    original = simclr._Run.epoch

    def epoch_of_100_seconds(run: simclr._Run, epoch: int) -> None:
        original(run, epoch)
        now[0] += 100

    monkeypatch.setattr(simclr, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(simclr._Run, "epoch", epoch_of_100_seconds)
    monkeypatch.setattr(simclr._Run, "save", lambda run, path, key, epoch: saved.append(epoch))
    train(dataset, settings | {"checkpoint_seconds": 150}, checkpoint=tmp_path / "c", key="a")
    assert saved == [2, 4]


def test_a_foreign_or_damaged_checkpoint_is_reported_and_ignored(
    dataset: Dataset, settings: dict, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    checkpoint = tmp_path / "checkpoint.safetensors"
    whole = train(dataset, settings)
    train(dataset, settings, seed=1, checkpoint=checkpoint, key="other")
    assert_equal(whole, train(dataset, settings, checkpoint=checkpoint, key="mine"))
    assert "belongs to other settings, data or code; starting afresh" in capsys.readouterr().err
    checkpoint.write_bytes(b"not safetensors")
    assert_equal(whole, train(dataset, settings, checkpoint=checkpoint, key="mine"))
    assert "cannot be read" in capsys.readouterr().err


def test_learns_to_tell_images_apart(dataset: Dataset, settings: dict) -> None:
    """A constant encoder has loss log(2B - 1); training must end well below its start."""
    trained = train(dataset, settings | {"epochs": 20, "learning_rate": 0.01})
    assert len(trained.losses) == 20
    assert trained.losses[-1] < trained.losses[0] - 0.1


def test_images_are_resized(dataset: Dataset, settings: dict) -> None:
    large = train(dataset, settings | {"image_size": 12, "epochs": 2})
    assert large.losses != train(dataset, settings | {"epochs": 2}).losses


def test_schedules(settings: dict) -> None:
    chosen = SimclrSettings.of(settings | {"epochs": 10, "warmup_epochs": 2, "learning_rate": 1.0})
    rates = [learning_rate(chosen, step, 5) for step in range(50)]
    assert rates[:10] == pytest.approx([(step + 1) / 10 for step in range(10)])
    assert rates[10] == 1
    assert rates[30] == pytest.approx(0.5)
    assert all(a > b for a, b in pairwise(rates[10:]))
    assert 0 < rates[-1] < 0.01
    constant = SimclrSettings.of(settings | {"schedule": "constant", "warmup_epochs": 0})
    assert {learning_rate(constant, step, 5) for step in range(25)} == {0.003}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"epoch": 3}, "unknown key 'epoch'; allowed are encoder, augmentation"),
        ({"epochs": 0}, "epochs is 0, but must be at least 1"),
        ({"batch_size": 1}, "batch_size is 1"),
        ({"learning_rate": 0}, "learning_rate is 0"),
        ({"schedule": "step"}, "schedule is 'step', but must be constant or cosine"),
        ({"warmup_epochs": 5}, "warmup_epochs is 5"),
        ({"temperature": 0.0}, "temperature is 0.0"),
        ({"precision": "float16"}, "precision is 'float16'"),
        ({"batch_size": 71}, "batch_size is 71, but there are only 70 training images"),
        ({"augmentation": {"rotate": 1}}, "unknown key 'rotate'"),
    ],
)
def test_bad_settings_are_refused_in_one_line(
    dataset: Dataset, settings: dict, change: dict, words: str
) -> None:
    with pytest.raises(ConfigError) as error:
        train(dataset, settings | change)
    assert words in str(error.value)
    assert "\n" not in str(error.value)


def test_absent_settings_are_named(settings: dict) -> None:
    del settings["learning_rate"]
    with pytest.raises(ConfigError, match="learning_rate is not given"):
        SimclrSettings.of(settings)


def test_vectors_are_refused(settings: dict) -> None:
    chosen = SimclrSettings.of(settings)
    inputs = Inputs(torch.rand(70, 9).numpy())
    with pytest.raises(ConfigError, match=r"must be images \[C, H, W\]"):
        train_simclr(inputs, chosen, Streams(0))
