"""The sizes of a user's data set as far as they are known before it is read."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from balent.data.dataset import ARRAYS, check_form
from balent.data.split import TEST_SHARE
from balent.files import npz_headers


@dataclass(frozen=True)
class Sizes:
    """As of a known data set (registry.py), after a share was held out where there is no test part.

    n_classes  None: it takes the labels to count them
    """

    n_train: int
    n_test: int
    shape: tuple[int, ...]
    n_classes: None = None


def own_sizes(entry: dict) -> Sizes | None:
    """The sizes of an ``.npz`` from the headers of its arrays; None for a folder of images.

    entry: as for ``balent.data.own.read_own``. Raises DataError for an ``.npz`` that cannot be read
    or whose inputs have a form that is not canonical.
    """
    path = Path(entry["path"]).expanduser()
    if path.suffix != ".npz" or not path.is_file():
        return None
    headers = npz_headers(path, *ARRAYS)
    train, test = headers["x_train"], headers["x_test"]
    check_form(*train, f"{path}: x_train")
    n_train, *shape = train.shape
    if math.prod(test.shape):
        check_form(*test, f"{path}: x_test")
        return Sizes(n_train, test.shape[0], tuple(shape))
    n_test = round(entry.get("test_share", TEST_SHARE) * n_train)
    return Sizes(n_train - n_test, n_test, tuple(shape))
