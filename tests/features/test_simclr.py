"""SimCLR's training: deterministic, resumable bit by bit, and it learns what it is asked to."""

import signal
from collections.abc import Iterator
from functools import partial
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


def losses(trained: Trained) -> list[float]:
    return [epoch.loss for epoch in trained.epochs]


def assert_equal(a: Trained, b: Trained) -> None:
    assert losses(a) == losses(b)
    ours, theirs = a.encoder.state_dict(), b.encoder.state_dict()
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), name


def interrupt_after(step: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kill the training in the middle of the step that follows."""
    original = simclr._Run.step

    def until(self: simclr._Run) -> None:
        if self.done == step:
            if step % self.steps == 0:
                self.begin_epoch()
            self.loss(torch.arange(16)).backward()
            raise KeyboardInterrupt
        original(self)

    monkeypatch.setattr(simclr._Run, "step", until)


def test_depends_on_the_seed_alone(dataset: Dataset, settings: dict) -> None:
    before = torch.get_rng_state()
    first = train(dataset, settings)
    torch.manual_seed(99)
    state = torch.get_rng_state()
    assert_equal(first, train(dataset, settings))
    assert torch.equal(torch.get_rng_state(), state)
    torch.set_rng_state(before)
    assert losses(first) != losses(train(dataset, settings, seed=1))
    assert not first.encoder.training


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("step", [1, 4, 6, 16, 19])  # of 20, 4 an epoch
def test_resumed_equals_uninterrupted(
    dataset: Dataset,
    settings: dict,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    step: int,
    precision: str,
) -> None:
    checkpoint = tmp_path / "deep" / "checkpoint.safetensors"
    settings["precision"] = precision
    whole = train(dataset, settings)
    with monkeypatch.context() as patch:
        interrupt_after(step, patch)
        with pytest.raises(KeyboardInterrupt):
            train(dataset, settings, checkpoint=checkpoint, key="a")
    done = []
    original = simclr._Run.step
    monkeypatch.setattr(simclr._Run, "step", lambda run: (done.append(run.done), original(run)))
    assert_equal(whole, train(dataset, settings, checkpoint=checkpoint, key="a"))
    assert done == list(range(step, 20))


def test_an_interruption_keeps_the_state(
    dataset: Dataset, settings: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the step under way; a second one does not wait for it."""
    settings["checkpoint_seconds"] = 1000
    whole, original, pressed = train(dataset, settings), simclr._Run.step, []

    def step(run: simclr._Run) -> None:
        if run.done == 6:
            pressed.append(1)
            signal.raise_signal(signal.SIGINT)
            if len(pressed) == 2:
                signal.raise_signal(signal.SIGINT)
        original(run)

    options = {"checkpoint": tmp_path / "checkpoint", "key": "a"}
    with monkeypatch.context() as patch:
        patch.setattr(simclr._Run, "step", step)
        with pytest.raises(KeyboardInterrupt):
            train(dataset, settings, **options)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    done = []
    with monkeypatch.context() as patch:
        patch.setattr(simclr._Run, "step", lambda run: (done.append(run.done), original(run)))
        assert_equal(whole, train(dataset, settings, **options))
    assert done == list(range(7, 20))
    (tmp_path / "checkpoint").unlink()
    with monkeypatch.context() as patch:
        patch.setattr(simclr._Run, "step", step)
        with pytest.raises(KeyboardInterrupt):
            train(dataset, settings, **options)
    assert not (tmp_path / "checkpoint").exists()


@pytest.fixture(autouse=True)
def interruptible() -> Iterator[None]:
    """SIGINT as in a terminal: a shell's background ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_a_training_is_left_at_its_deadline_and_continued(
    dataset: Dataset, settings: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a second a step, of which three fit before each deadline."""
    steps_of_a_second(monkeypatch)
    whole = train(dataset, settings)
    options = {"checkpoint": tmp_path / "checkpoint", "key": "a"}
    calls = 0
    while not (
        trained := train(dataset, settings, deadline=20 + 3 * (calls + 1), **options)
    ).finished:
        calls += 1
        assert len(trained.epochs) == 3 * calls // 4
    assert calls == 6
    assert_equal(whole, trained)


def test_checkpoints_are_written_no_oftener_than_asked(
    dataset: Dataset, settings: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the first step at or past 2.5 seconds, with a second a step."""
    saved = []
    steps_of_a_second(monkeypatch)
    monkeypatch.setattr(
        simclr.files, "save_tensors", lambda path, state, key: saved.append(int(state["done"]))
    )
    settings |= {"epochs": 2, "checkpoint_seconds": 2.5, "warmup_epochs": 0}
    train(dataset, settings, checkpoint=tmp_path / "c", key="a")
    assert saved == [3, 6]


def steps_of_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the clock by one that every step advances by a second."""
    now, original = [0.0], simclr._Run.step

    def step(run: simclr._Run) -> None:
        now[0] += 1
        original(run)

    monkeypatch.setattr(simclr, "time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(simclr._Run, "step", step)


def test_probes_do_not_change_a_training(dataset: Dataset, settings: dict) -> None:
    asked = []

    def probe(encoder: torch.nn.Module) -> float:
        encoder.eval()
        asked.append(1)
        return len(asked) / 10

    trained = train(dataset, settings | {"probe_every": 2}, probe=probe)
    assert_equal(train(dataset, settings), trained)
    probed = {n: epoch.probe for n, epoch in enumerate(trained.epochs, 1) if epoch.probe >= 0}
    assert probed == {2: 0.1, 4: 0.2, 5: 0.3}


def test_a_compiled_training_is_the_same_up_to_rounding(
    dataset: Dataset, settings: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Traced and differentiated ahead of time, then run as it is: a C++ compiler takes a minute."""
    traced = partial(torch.compile, backend="aot_eager")
    monkeypatch.setattr(torch, "compile", traced)
    settings |= {"epochs": 2, "encoder": settings["encoder"] | {"blocks": [1]}}
    plain, compiled = (train(dataset, settings | {"compile": on}) for on in (False, True))
    assert losses(compiled) == pytest.approx(losses(plain), rel=1e-3)
    ours, theirs = (trained.encoder.state_dict() for trained in (plain, compiled))
    assert ours.keys() == theirs.keys()
    assert ours["bn1.num_batches_tracked"] == theirs["bn1.num_batches_tracked"] == 8


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
    assert len(trained.epochs) == 20
    assert losses(trained)[-1] < losses(trained)[0] - 0.1


def test_images_are_resized(dataset: Dataset, settings: dict) -> None:
    large = train(dataset, settings | {"image_size": 12, "epochs": 2})
    assert losses(large) != losses(train(dataset, settings | {"epochs": 2}))


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
        ({"compile": 1}, "compile is 1, but must be true or false"),
        ({"probe_every": 0}, "probe_every is 0, but must be at least 1 or absent"),
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
