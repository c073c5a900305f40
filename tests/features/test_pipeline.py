"""The two steps of a feature set, from file to file."""

import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from balent.data.dataset import Dataset, load_dataset
from balent.data.inputs import Inputs
from balent.errors import ConfigError, DataError
from balent.features import simclr
from balent.features.extract import extract
from balent.features.pipeline import extract_features, train_encoder
from balent.features.probe import REFERENCES, ProbeSettings, probe
from balent.features.settings import SimclrSettings
from balent.files import load_tensors, read_json, save_npz, save_tensors
from balent.streams import Streams


def build(
    data: Path, settings: dict, folder: Path, seed: int = 0, references: tuple = REFERENCES
) -> None:
    finished = train_encoder(
        data,
        settings,
        folder / "encoder.safetensors",
        folder / "simclr.json",
        checkpoint=folder / "work" / "checkpoint.safetensors",
        seed=seed,
        progress=False,
    )
    assert finished
    extract_features(
        data,
        folder / "encoder.safetensors",
        settings,
        {"references": list(references)},
        folder / "features.npz",
        folder / "probe.json",
        seed=seed,
    )


FILES = ("encoder.safetensors", "simclr.json", "features.npz", "probe.json")


def test_writes_features_in_the_form_of_a_data_set(
    data: Path, dataset: Dataset, settings: dict, tmp_path: Path
) -> None:
    build(data, settings, tmp_path)
    features = load_dataset(tmp_path / "features.npz")
    assert features.x_train.dtype == np.float32
    assert features.x_train.shape == (70, features.x_test.shape[1])
    assert np.array_equal(features.y_train, dataset.y_train)
    assert np.array_equal(features.y_test, dataset.y_test)
    report = read_json(tmp_path / "simclr.json")
    assert len(report["loss"]) == 5
    assert report["images"] == 70
    accuracy = read_json(tmp_path / "probe.json")["accuracy"]
    assert set(accuracy) == {"pixels", "random", "features"}
    assert accuracy["pixels"]["test"] > 0.9
    assert not (tmp_path / "work" / "checkpoint.safetensors").exists()


def test_equal_inputs_give_equal_bytes(data: Path, settings: dict, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        build(data, settings, tmp_path / folder)
    for name in FILES:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_the_random_reference_is_the_encoder_before_training(
    data: Path, dataset: Dataset, settings: dict, tmp_path: Path
) -> None:
    build(data, settings, tmp_path, references=("random",))
    accuracy = read_json(tmp_path / "probe.json")["accuracy"]
    assert set(accuracy) == {"random", "features"}
    train, test = (Inputs(x) for x in (dataset.x_train, dataset.x_test))
    encoder = simclr.initial_encoder(SimclrSettings.of(settings), train.shape, Streams(0))
    features = extract(encoder, train), extract(encoder, test)
    expected = probe(features[0], dataset.y_train, features[1], dataset.y_test, ProbeSettings())
    assert accuracy["random"] == asdict(expected)


def test_labels_and_test_images_do_not_reach_the_encoder(
    data: Path, dataset: Dataset, settings: dict, tmp_path: Path
) -> None:
    build(data, settings, tmp_path / "a")
    arrays = dataset.arrays()
    changed = {"y_train": 1 - arrays["y_train"], "x_test": 255 - arrays["x_test"]}
    save_npz(tmp_path / "other.npz", **(arrays | changed))
    build(tmp_path / "other.npz", settings, tmp_path / "b")
    a, b = (load_tensors(tmp_path / folder / "encoder.safetensors") for folder in "ab")
    assert all(np.array_equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("change", ["settings", "seed", "data", "nothing"])
def test_an_interrupted_training_is_continued_only_by_its_own_successor(
    data: Path,
    dataset: Dataset,
    settings: dict,
    tmp_path: Path,
    change: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture,
) -> None:
    original, done = simclr._Run.step, []

    def record(run: simclr._Run) -> None:
        done.append(run.done)
        if len(done) == 10:
            raise KeyboardInterrupt
        original(run)

    monkeypatch.setattr(simclr._Run, "step", record)
    with pytest.raises(KeyboardInterrupt):
        build(data, settings, tmp_path)
    if change == "data":
        save_npz(data, **(dataset.arrays() | {"x_train": 255 - dataset.x_train}))
    new = {"temperature": 0.4} if change == "settings" else {"checkpoint_seconds": 1}
    build(data, settings | new, tmp_path, seed=int(change == "seed"))
    if change == "nothing":
        assert done[10:] == list(range(9, 20))
    else:
        assert done[10:] == list(range(20))
        assert "belongs to other settings, data or code" in capsys.readouterr().err


def test_a_training_is_left_after_its_minutes_and_continued_to_the_same_bytes(
    data: Path, settings: dict, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """So few that every call takes one step."""
    build(data, settings, tmp_path / "a")
    folder = tmp_path / "b"
    outputs = folder / "encoder.safetensors", folder / "simclr.json"
    calls = 1
    while not train_encoder(
        data, settings, *outputs, checkpoint=folder / "checkpoint", seed=0, minutes=1e-9
    ):
        assert not any(path.exists() for path in outputs)
        calls += 1
    assert calls == 20
    for path in outputs:
        assert path.read_bytes() == (tmp_path / "a" / path.name).read_bytes()
    rows = (folder / "progress.csv").read_text().splitlines()
    assert rows[0] == "epoch,loss,images_per_second,probe"
    assert [row.split(",")[0] for row in rows[1:]] == ["1", "2", "3", "4", "5"]
    assert all(float(row.split(",")[2]) > 0 and row.endswith(",") for row in rows[1:])
    assert capsys.readouterr().err.count("simclr: epoch") == 5


def test_probes_judge_a_training_and_leave_it_as_it_is(
    data: Path, dataset: Dataset, settings: dict, tmp_path: Path
) -> None:
    build(data, settings, tmp_path / "a")
    save_npz(data, **(dataset.arrays() | {"x_test": 255 - dataset.x_test}))
    build(data, settings | {"probe_every": 2}, tmp_path / "b")
    for name in ("encoder.safetensors", "simclr.json"):
        a, b = ((tmp_path / folder / name) for folder in "ab")
        if name == "encoder.safetensors":
            assert a.read_bytes() == b.read_bytes()
        else:
            report = read_json(b)
            probes = report.pop("probe")
            assert report == read_json(a)
    assert list(probes) == ["2", "4", "5"]
    assert all(accuracy * 20 == pytest.approx(round(accuracy * 20)) for accuracy in probes.values())
    assert probes["5"] > 0.6  # of 20 held out of 70; chance is a half
    rows = (tmp_path / "b" / "work" / "progress.csv").read_text().splitlines()[1:]
    shown = [row.rpartition(",")[2] for row in rows]
    assert shown == ["", f"{probes['2']:.4f}", "", f"{probes['4']:.4f}", f"{probes['5']:.4f}"]


def test_probes_need_scikit_learn_before_the_training_starts(
    data: Path, settings: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setattr(simclr._Run, "step", lambda run: pytest.fail("started"))
    with pytest.raises(ConfigError, match="probe_every needs scikit-learn"):
        build(data, settings | {"probe_every": 1}, tmp_path)


@pytest.mark.parametrize("minutes", [0, -1, float("nan")])
def test_minutes_must_be_above_0(
    data: Path, settings: dict, tmp_path: Path, minutes: float
) -> None:
    with pytest.raises(ConfigError, match=r"minutes is .*, but must be above 0"):
        train_encoder(
            data,
            settings,
            tmp_path / "e",
            tmp_path / "r",
            checkpoint=tmp_path / "c",
            seed=0,
            minutes=minutes,
        )


def test_weights_of_another_encoder_are_refused(data: Path, settings: dict, tmp_path: Path) -> None:
    build(data, settings, tmp_path)
    weights = load_tensors(tmp_path / "encoder.safetensors")
    weights.popitem()
    save_tensors(tmp_path / "encoder.safetensors", weights)
    with pytest.raises(DataError, match="same architecture") as error:
        extract_features(
            data,
            tmp_path / "encoder.safetensors",
            settings,
            {},
            tmp_path / "f.npz",
            tmp_path / "p.json",
            seed=0,
        )
    assert "\n" not in str(error.value)
    assert not (tmp_path / "f.npz").exists()


def test_unknown_settings_are_refused(data: Path, settings: dict, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="unknown key 'sead'"):
        build(data, settings | {"sead": 1}, tmp_path)
