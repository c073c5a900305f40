"""Chains of the shipped small scenarios, cut to two short rounds."""

from copy import deepcopy
from pathlib import Path

import numpy as np
import pytest

from balent.config import merge_patch, read_yaml, resolve
from balent.data.fetch import fetch
from balent.files import save_npz, save_tensors
from balent.loop.chain import Chain
from balent.models.encoders import build_encoder
from balent.streams import Streams

ROOT = Path(__file__).parents[2]
SETTINGS = resolve(
    read_yaml(ROOT / "config.yaml") | {"scale": "small"}, read_yaml(ROOT / "config.schema.yaml")
)
ROLES = {"pool": {"validation": 60, "unlabelled_reference": 50}}
SHORT = {
    "training": {"steps": 4},
    "sampling": {"samples": 5},
    "acquisition": {"initial": 20, "size": 10, "budget": 40},
    "evaluation": {"samples": 5, "points": 100},
}


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    """Digits, features that are their pixels, and an encoder with random weights."""
    folder = tmp_path_factory.mktemp("data")
    fetch("digits", folder / "digits.npz")
    raw = dict(np.load(folder / "digits.npz"))
    pixels = {
        k: (v.reshape(len(v), -1) / 255).astype(np.float32) for k, v in raw.items() if v.ndim > 1
    }
    save_npz(folder / "features.npz", **{**raw, **pixels})
    spec = SETTINGS.scenarios["pretrained_backbone"]["model"]["encoder"]
    encoder = build_encoder(spec, (1, 8, 8), Streams(0).torch("weights"))
    save_tensors(folder / "encoder.safetensors", encoder.state_dict())
    return folder


@pytest.fixture
def arguments(data):
    """arguments(scenario, method, seed, patch, options) -> keyword arguments of Job.start."""

    def make(
        scenario: str,
        method: str = "bald",
        seed: int = 0,
        patch: dict | None = None,
        options: dict | None = None,
    ) -> dict:
        chain = Chain.of(SETTINGS, scenario, "random", seed)
        settings = merge_patch(merge_patch(deepcopy(chain.settings), SHORT), patch or {})
        chosen = {"method": method, "function": method, "options": options or {}}
        fields = {**vars(chain), **chosen, "settings": settings}
        backbone = settings["model"]["family"] == "backbone"
        return {
            "chain": Chain(**fields).to_json(),
            "data": str(data / ("features.npz" if "features" in settings else "digits.npz")),
            "encoder": str(data / "encoder.safetensors") if backbone else None,
        }

    return make
