"""Points to measure with: real images where they are, else random ones; random features.

Times depend on shapes alone, but for BADGE's draws, which depend a little on values.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from balent.data.registry import known, mirror_folder
from balent.files import save_npz
from balent.forecast import Points
from balent.streams import Streams

RAW = Path("data/raw")


def sizes(settings: Mapping[str, Any], width: int) -> Points:
    """What a scenario's networks see, before copies; width: features of a point."""
    images = images_of(settings["data"])
    return images._replace(shape=(width,), width=4) if "features" in settings else images


def images_of(name: str) -> Points:
    """Those of a data set."""
    data = known(name)
    return Points(data.n_train, data.n_test, data.shape, data.n_classes, width=1)


def file_of(settings: Mapping[str, Any], width: int, folder: Path) -> Path:
    """The points of a scenario: a real data set's file, else random ones written to ``folder``."""
    name = settings["data"]
    if "features" not in settings:
        for place in (RAW, mirror_folder(None)):
            if place is not None and (place / f"{name}.npz").is_file():
                return place / f"{name}.npz"
    path = folder / f"{name}_{'features' if 'features' in settings else 'images'}.npz"
    if not path.exists():
        _write(path, sizes(settings, width))
    return path


def _write(path: Path, points: Points) -> None:
    generator = Streams(0).numpy("noise")
    arrays: dict[str, np.ndarray] = {}
    for part, n in (("train", points.n_train), ("test", points.n_test)):
        shape = (n, *points.shape)
        if points.width == 1:
            arrays[f"x_{part}"] = generator.integers(0, 256, shape, dtype=np.uint8)
        else:
            arrays[f"x_{part}"] = generator.standard_normal(shape, dtype=np.float32)
        arrays[f"y_{part}"] = generator.permutation(np.arange(n) % points.n_classes)
    save_npz(path, **arrays)
