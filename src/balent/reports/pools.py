"""The pool behind a chain's picks, without its images: which indices are copies of one point."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from balent.data import roles
from balent.data.copies import copy_and_point, pool_index
from balent.data.initial import initial_set
from balent.files import load_npz
from balent.streams import Streams


class Pool:
    """The points of a scenario's pool, from its settings and the labels ``y_train`` [N]."""

    def __init__(self, settings: dict, y_train: np.ndarray) -> None:
        source = roles.assign(y_train, settings["pool"]).pool
        self._labels = y_train[source]
        self._settings = settings
        self._n_classes = int(y_train.max()) + 1

    def points(self, index: np.ndarray) -> np.ndarray:
        """Which points stand at pool indices, int64 [m]: copies of one point are equal."""
        sizes = len(self._labels), self._settings["copies"], self._settings["layout"]
        return copy_and_point(index, *sizes)[1]

    def initial(self, seed: int) -> np.ndarray:
        """Pool indices of the initial labelled set of a seed's chains, int64, ascending."""
        sizes = self._settings["acquisition"]
        generator = Streams(seed).numpy("initial")
        n_classes, initial = self._n_classes, (sizes["initial"], sizes["balanced"])
        chosen = initial_set(self._labels, *initial, n_classes, generator)
        copies, layout = self._settings["copies"], self._settings["layout"]
        return pool_index(chosen, 0, len(self._labels), copies, layout)


def load_pool(settings: dict, folder: Path) -> Pool:
    """The pool of a scenario whose data set is ``folder``/NAME.npz; DataError if unreadable."""
    return Pool(settings, load_npz(folder / f"{settings['data']}.npz", "y_train")["y_train"])
