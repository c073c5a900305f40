"""The data sets that the project knows by name: what they hold, where they come from, their hash.

Read by the configuration in every job, so this module imports neither torch nor NumPy.
"""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from balent.environment import DATA_MIRROR as MIRROR_VARIABLE
from balent.errors import ConfigError


@dataclass(frozen=True)
class DataSet:
    """One known data set in its canonical form (dataset.py).

    n_train, n_test  numbers of images
    shape            one image as stored: (H, W) grey or (H, W, 3) colour, uint8
    source           who provides it: scikit-learn, torchvision's downloader or an archive
    sha256           of the bytes of x_train, y_train, x_test, y_test, one after another; None where
                     it is not known to us: sizes and classes are checked then, beside the hashes
                     of the downloaded files (torchvision's, or ``md5`` here)
    url, md5         of the archive
    """

    name: str
    title: str
    n_classes: int
    n_train: int
    n_test: int
    shape: tuple[int, ...]
    source: Literal["scikit-learn", "torchvision", "archive"] = "torchvision"
    sha256: str | None = None
    url: str = ""
    md5: str = ""


DATASETS: dict[str, DataSet] = {
    entry.name: entry
    for entry in (
        DataSet(
            "digits",
            "scikit-learn's handwritten digits",
            10,
            1_297,
            500,
            (8, 8),
            source="scikit-learn",
            sha256="8c9d5263195a530e3d2cccf1e821e622937795b8001bf6be79cc6644bc5bc1b1",
        ),
        DataSet(
            "mnist",
            "MNIST",
            10,
            60_000,
            10_000,
            (28, 28),
            sha256="1e35582d42a90940c55b956deb61875c020b567ed20e3c5b174f52bf7809ed9b",
        ),
        DataSet(
            "fashion_mnist",
            "Fashion-MNIST",
            10,
            60_000,
            10_000,
            (28, 28),
            sha256="ece172613115fb18b120bec8f6c02271af90b8b8f0a5af5c51cbd5ceed68e619",
        ),
        DataSet("kmnist", "Kuzushiji-MNIST", 10, 60_000, 10_000, (28, 28)),
        DataSet("emnist_balanced", "EMNIST-Balanced", 47, 112_800, 18_800, (28, 28)),
        DataSet("emnist_byclass", "EMNIST-ByClass", 62, 697_932, 116_323, (28, 28)),
        DataSet("emnist_bymerge", "EMNIST-ByMerge", 47, 697_932, 116_323, (28, 28)),
        DataSet("emnist_letters", "EMNIST-Letters", 26, 124_800, 20_800, (28, 28)),
        DataSet("cifar10", "CIFAR-10", 10, 50_000, 10_000, (32, 32, 3)),
        DataSet(
            "cifar100",
            "CIFAR-100",
            100,
            50_000,
            10_000,
            (32, 32, 3),
            sha256="ce046832bab115ddc5dec09ddaeb8339c7a9fc00cb9d3f6aebdfd619f125d129",
        ),
        DataSet("svhn", "SVHN", 10, 73_257, 26_032, (32, 32, 3)),
        DataSet(
            # Its test part is the labelled validation part of the archive. No content hash: the
            # images are JPEG, and decoders may differ in the last bit.
            "tiny_imagenet",
            "TinyImageNet",
            200,
            100_000,
            10_000,
            (64, 64, 3),
            source="archive",
            url="http://cs231n.stanford.edu/tiny-imagenet-200.zip",
            md5="90528d7ca1a48142e341f4ef8d21d0de",
        ),
    )
}


def known(name: str) -> DataSet:
    """The data set of that name; raises ConfigError with the nearest and all known names."""
    if name in DATASETS:
        return DATASETS[name]
    near = difflib.get_close_matches(name, DATASETS, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ConfigError(
        f"unknown data set {name!r}{hint} (known: {', '.join(DATASETS)}); "
        f"for your own data give data_sets.{name}.path in config.yaml"
    )


def mirror_folder(configured: str | None) -> Path | None:
    """The mirror: the configured folder, else the environment's BALENT_DATA_MIRROR, else none.

    Raises ConfigError if the folder that is named does not exist.
    """
    for value, where in (
        (configured, "data_mirror"),
        (os.environ.get(MIRROR_VARIABLE), f"the environment variable {MIRROR_VARIABLE}"),
    ):
        if value:
            folder = Path(value).expanduser()
            if not folder.is_dir():
                raise ConfigError(
                    f"{where}: {value!r} is not a folder; name the folder that holds NAME.npz "
                    "files, or leave it empty"
                )
            return folder
    return None


def mirror_words(mirror: Path | None) -> str:
    """Where a file would go to be found in the mirror, for messages."""
    if mirror is not None:
        return f"the mirror folder {mirror}"
    return f"a mirror folder (data_mirror in config.yaml, or {MIRROR_VARIABLE})"
