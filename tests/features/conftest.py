"""A small data set of images and settings that train in a fraction of a second."""

from pathlib import Path

import numpy as np
import pytest

from balent.data.dataset import Dataset
from balent.files import save_npz

SETTINGS = {
    "encoder": {"name": "narrow_resnet", "stem": "small", "width": 4, "blocks": [1, 1]},
    "augmentation": {"crop": [0.4, 1.0], "flip": True, "jitter": 0.5},
    "epochs": 5,
    "batch_size": 16,
    "learning_rate": 0.003,
    "schedule": "cosine",
    "warmup_epochs": 1,
    "projection": 8,
    "checkpoint_seconds": 0,
}


@pytest.fixture
def settings() -> dict:
    return dict(SETTINGS)


@pytest.fixture(scope="session")
def dataset() -> Dataset:
    """70 + 50 grey images of two classes: bright at the top, or at the bottom."""
    generator = np.random.default_rng(0)

    def part(n: int) -> tuple[np.ndarray, np.ndarray]:
        y = np.arange(n) % 2
        x = generator.integers(0, 128, (n, 6, 6))
        x[y == 0, :3] += 127
        x[y == 1, 3:] += 127
        return x.astype(np.uint8), y.astype(np.int64)

    return Dataset(*part(70), *part(50))


@pytest.fixture
def data(dataset: Dataset, tmp_path: Path) -> Path:
    path = tmp_path / "data.npz"
    save_npz(path, **dataset.arrays())
    return path
