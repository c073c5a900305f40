"""Time and memory of acquisitions: what is measured, not how long it takes."""

import json

import numpy as np
import pytest
import torch

from balent import environment, runtime
from balent.acquisition.base import Predictions
from balent.posterior.mc_dropout import MCDropout
from balent.reports.timing_table import exponent
from balent.streams import Streams
from balent.studies import timing
from balent.studies.job import run_study
from balent.studies.memory import CLEAR, Meter

SETTINGS = {
    "classes": [3, 5],
    "pools": [40, 80, 120],
    "sizes": [4, 8],
    "points": 40,
    "size": 4,
    "features": 6,
    "model": {"family": "head", "hidden": 8, "dropout": 0.2, "last_bias": False},
    "samples": 7,
    "mask_scope": "batch",
    "repeats": 2,
}
NAMES = ("balentacq", "badge", "random")


def run(monkeypatch) -> tuple[dict, list[tuple]]:
    """A study's arrays, and (points, samples, kept) of every call of the sampler."""
    calls, original = [], MCDropout.predict

    def recorded(self, inputs, index, sampling):
        calls.append((len(index), sampling.samples, sampling.keep))
        return original(self, inputs, index, sampling)

    monkeypatch.setattr(MCDropout, "predict", recorded)
    methods = {name: {"function": name, "options": {}} for name in NAMES}
    return timing.run(SETTINGS, methods, Streams(0), "cpu"), calls


def test_every_cell_is_measured(monkeypatch):
    data, _ = run(monkeypatch)
    assert data["points"].tolist() == [40, 80, 120, 40, 40]
    assert data["sizes"].tolist() == [4, 4, 4, 4, 8]
    assert data["n_pools"] == 3
    assert data["choosing"].shape == data["sampling"].shape == (3, 2, 5, 2)
    assert (data["choosing"] > 0).all()
    assert (data["sampling"][:2] > 0).all()
    assert (data["sampling"][2] == 0).all()  # random needs no samples


def test_methods_of_equal_needs_share_their_samples(monkeypatch):
    """One warm-up and two repeats for each classes, pool and set of needs; no more."""
    _, calls = run(monkeypatch)
    kept = {("moments",), ("moments", "features")}
    expected = {(points, 7, keep) for points in SETTINGS["pools"] for keep in kept}
    assert set(calls) == expected
    assert all(calls.count(call) == 2 * (1 + SETTINGS["repeats"]) for call in expected)


TOLD = pytest.mark.skipif(not CLEAR.exists(), reason="this system does not tell the peak of memory")


def study(name: str) -> dict:
    """A study of one method, as its job gets it."""
    return {
        "name": "times",
        "settings": SETTINGS | {"kind": "timing", "seed": 0},
        "methods": {name: {"function": name, "options": {}}},
        "torch_threads": 1,
        "device": "cpu",
    }


@TOLD
@pytest.mark.parametrize(("scratch", "expected"), [(96, 136), (0, 40)])
def test_memory_is_at_the_higher_peak_with_the_predictions_held(monkeypatch, scratch, expected):
    """Sampling peaks at its result of 40 MiB; choosing takes ``scratch`` MiB above that."""

    def sample(self, inputs, index, *rest):
        return Predictions(len(index), features=torch.ones(40 << 20, dtype=torch.uint8))

    def choose(*arguments):
        torch.ones(scratch << 20, dtype=torch.uint8)  # is freed at once

    monkeypatch.setattr(MCDropout, "predict", sample)
    monkeypatch.setattr(timing.registry, "acquire", choose)
    data = timing.run(SETTINGS, study("badge")["methods"], Streams(0), "cpu")
    np.testing.assert_allclose(data["memory"], expected, atol=4)


@TOLD
def test_the_record_holds_the_peak_from_before_a_reset(tmp_path, monkeypatch):
    monkeypatch.setenv(environment.DEVICE, "cpu")
    held = torch.ones(300 << 20, dtype=torch.uint8)
    peak = runtime.peak_memory_mib()
    del held
    record = tmp_path / "run.json"
    run_study(json.dumps(study("random")), tmp_path / "times.npz", record)
    assert runtime.peak_memory_mib() < peak - 200  # what was reset is not there any more
    written = json.loads(record.read_text())
    assert written["peak_memory_mib"] >= peak - 1  # both are rounded
    assert written["study"]["device"] == "cpu"


@TOLD
def test_the_meter_sees_what_is_taken_and_given_back():
    Meter("cpu")
    meter = Meter("cpu")
    torch.ones(64 << 20, dtype=torch.uint8)  # is freed at once
    assert 60 < meter.mib() < 80
    again = Meter("cpu")
    assert again.mib() < 10


def test_the_exponent_of_a_power_law_is_found():
    sizes = np.array([10, 20, 50, 100])
    assert exponent(sizes, 3.0 * sizes**1.5) == pytest.approx(1.5)
