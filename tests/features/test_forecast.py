"""Forecasts of memory against the peaks of the two jobs of a feature set."""

import json
import os
import subprocess
import sys

import pytest

from balent.data.fetch import fetch
from balent.features import extract, forecast
from balent.features.probe import ProbeSettings
from balent.forecast import CORE, Points

RUN = """
import json, sys
from balent.features.pipeline import extract_features, train_encoder
data, encoder, out, step = sys.argv[1:5]
settings, probe = map(json.loads, sys.argv[5:])
if step == "simclr":
    part = encoder + ".part"
    train_encoder(data, settings, encoder, out, checkpoint=part, seed=0, progress=False)
else:
    extract_features(data, encoder, settings, probe, out + ".npz", out, seed=0)
print(open("/proc/self/status").read())
"""
SIMCLR = {
    "encoder": {"name": "narrow_resnet", "stem": "small", "width": 16, "blocks": [1, 1, 1]},
    "augmentation": {"crop": [0.4, 1.0]},
    "epochs": 1,
    "batch_size": 128,
    "learning_rate": 0.003,
    "image_size": 16,
}
PROBE = {"max_iter": 20, "references": ["pixels", "random"]}
SETTINGS = {"simclr": SIMCLR, "probe": PROBE}
DIGITS = Points(1_297, 500, (8, 8), 10, 1)


def peak(*arguments):
    """The largest resident size in bytes of a process that runs a step."""
    done = subprocess.run(
        [sys.executable, "-c", RUN, *map(str, arguments), *map(json.dumps, (SIMCLR, PROBE))],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="the peak is read from /proc")
def test_both_jobs_stay_below_their_forecast(tmp_path):
    fetch("digits", tmp_path / "digits.npz")
    files = tmp_path / "digits.npz", tmp_path / "encoder.safetensors"
    trained = peak(*files, tmp_path / "simclr.json", "simclr")
    wanted = forecast.simclr_bytes(SIMCLR, DIGITS, gpu=False)
    assert 0.6 * wanted < trained <= wanted
    extracted = peak(*files, tmp_path / "probe.json", "extract")
    wanted = forecast.extract_bytes(SETTINGS, DIGITS, gpu=False)
    assert 0.6 * wanted < extracted <= wanted


def test_time_grows_with_epochs_pixels_and_references():
    seconds = forecast.simclr_seconds(SIMCLR, DIGITS, CORE)
    assert forecast.simclr_seconds(SIMCLR | {"epochs": 3}, DIGITS, CORE) == 3 * seconds
    assert forecast.simclr_seconds(SIMCLR | {"image_size": 32}, DIGITS, CORE) > 3 * seconds
    every = forecast.extract_seconds(SETTINGS, DIGITS, CORE)
    fewer = SETTINGS | {"probe": PROBE | {"references": []}}
    assert forecast.extract_seconds(fewer, DIGITS, CORE) < 0.6 * every


def test_constants_are_those_of_the_modules_that_they_describe():
    """The forecast imports no torch, so it repeats them."""
    settings = ProbeSettings()
    assert forecast.EXTRACTED == extract.TILE
    assert settings.references == forecast.REFERENCES
    assert settings.max_iter == forecast.ITERATIONS
