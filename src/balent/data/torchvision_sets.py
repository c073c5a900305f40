"""Data sets that torchvision downloads, converted to the canonical arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from balent.data.download import network
from balent.models.torchvision_ops import import_torchvision

# name: (torchvision's class, its arguments for the training part, for the test part)
TRAIN, TEST = {"train": True}, {"train": False}
CLASSES: dict[str, tuple[str, dict, dict]] = {
    "mnist": ("MNIST", TRAIN, TEST),
    "fashion_mnist": ("FashionMNIST", TRAIN, TEST),
    "kmnist": ("KMNIST", TRAIN, TEST),
    **{
        f"emnist_{split}": ("EMNIST", {"split": split, **TRAIN}, {"split": split, **TEST})
        for split in ("balanced", "byclass", "bymerge", "letters")
    },
    "cifar10": ("CIFAR10", TRAIN, TEST),
    "cifar100": ("CIFAR100", TRAIN, TEST),
    "svhn": ("SVHN", {"split": "train"}, {"split": "test"}),  # without its "extra" images
}


def read_torchvision(name: str, folder: Path, remedy: str) -> dict[str, np.ndarray]:
    """Download into ``folder`` and convert; raises DataError, ending in ``remedy``.

    torchvision checks the MD5 of every file against its own list before it reads it. It reads
    CIFAR's files as pickles, so nothing but these exact files is ever unpickled.
    """
    class_name, *parts = CLASSES[name]
    make = getattr(import_torchvision().datasets, class_name)
    arrays = {}
    for part, arguments in zip(("train", "test"), parts, strict=True):
        with network(f"data set {name!r}", remedy):
            source = make(str(folder), download=True, **arguments)
        arrays[f"x_{part}"], arrays[f"y_{part}"] = _canonical(name, source)
    return arrays


def _canonical(name: str, source) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [N, H, W] or [N, H, W, 3] and labels int64 [N] from 0."""
    x = np.asarray(source.data)
    y = np.asarray(source.labels if name == "svhn" else source.targets).astype(np.int64)
    if name.startswith("emnist"):
        x = x.transpose(0, 2, 1)  # EMNIST's files hold each image transposed: store it upright
    if name == "emnist_letters":
        y = y - 1  # the files number the letters 1..26
    if name == "svhn":
        x = x.transpose(0, 2, 3, 1)  # [N, 3, H, W] -> [N, H, W, 3]
    return np.ascontiguousarray(x), y
