"""TinyImageNet: the official archive, converted to the canonical arrays."""

from __future__ import annotations

import re
import zipfile
from functools import partial
from pathlib import Path

import numpy as np

from balent.data.download import download, network
from balent.data.images import Source, read_images
from balent.data.registry import DATASETS

ROOT = "tiny-imagenet-200"
SIZE = (64, 64)
TRAIN_IMAGE = re.compile(rf"{ROOT}/train/[^/]+/images/[^/]+\.JPEG")


def read_tiny_imagenet(folder: Path, remedy: str) -> dict[str, np.ndarray]:
    """Download the archive into ``folder`` and convert; DataError ends in ``remedy``."""
    known = DATASETS["tiny_imagenet"]
    path = folder / "archive.zip"
    with network(f"data set {known.name!r}", remedy):
        download(known.url, path, "md5", known.md5)
    return convert(path)


def convert(path: Path) -> dict[str, np.ndarray]:
    """The four canonical arrays of an archive; nothing of it is unpacked on disk.

    Classes are numbered in the order of their WordNet names. Training images come class by class in
    the order of file names; the test part is the archive's validation part in the order of its
    annotations (its own test part has no labels). Grey files become colour.
    """
    with zipfile.ZipFile(path) as archive:
        classes = sorted(archive.read(f"{ROOT}/wnids.txt").decode().split())
        number = {wnid: i for i, wnid in enumerate(classes)}
        train = sorted(name for name in archive.namelist() if TRAIN_IMAGE.fullmatch(name))
        annotations = archive.read(f"{ROOT}/val/val_annotations.txt").decode().splitlines()
        rows = [line.split("\t") for line in annotations]  # file, class, four box coordinates
        test = [f"{ROOT}/val/images/{row[0]}" for row in rows]
        return {
            "x_train": read_images(_sources(archive, train), "RGB", SIZE),
            "y_train": np.array([number[name.split("/")[2]] for name in train], dtype=np.int64),
            "x_test": read_images(_sources(archive, test), "RGB", SIZE),
            "y_test": np.array([number[row[1]] for row in rows], dtype=np.int64),
        }


def _sources(archive: zipfile.ZipFile, names: list[str]) -> list[Source]:
    return [(name, partial(archive.open, name)) for name in names]
