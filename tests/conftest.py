"""What tests of several folders share."""

import random
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from balent.cli.check import laid_over

ROOT = Path(__file__).parents[1]
TINY = {
    "seeds": [0],
    "scenarios": {
        "full_dropout": {
            "small": {
                "training": {"steps": 5},
                "sampling": {"samples": 5},
                "acquisition": {"budget": 40},
                "evaluation": {"samples": 5, "points": 20},
            }
        }
    },
    "reports": {"table1": {"budgets": {"small": {"full_dropout": [40]}}}},
}


@pytest.fixture(scope="session")
def tiny_project():
    """Writes a configuration with one report and a tiny scenario, and its schema, to a folder."""

    def write(folder):
        config = yaml.safe_load((ROOT / "config.yaml").read_text())
        tiny = laid_over(config, TINY)
        tiny["reports"] = {name: tiny["reports"][name] for name in TINY["reports"]}
        (folder / "config.yaml").write_text(yaml.safe_dump(tiny))
        shutil.copy(ROOT / "config.schema.yaml", folder)

    return write


@pytest.fixture
def untouched_global_state():
    """Fails the test if it drew from, or set, a global random state: torch's, NumPy's, Python's."""
    before = global_states()
    yield
    assert global_states() == before


def global_states():
    """Of torch, of NumPy's legacy functions and of Python's random."""
    numpy_state = np.random.get_state(legacy=False)["state"]  # noqa: NPY002  what is watched
    return (
        torch.get_rng_state().tolist(),
        (numpy_state["key"].tolist(), numpy_state["pos"]),
        random.getstate(),
    )
