"""A fixed train/test split for data that come without one."""

from __future__ import annotations

import numpy as np

from balent.streams import Streams

TEST_SHARE = 0.2


def held_out(y: np.ndarray, n_test: int) -> np.ndarray:
    """Which points are held out for testing: bool [N], exactly ``n_test`` of them.

    Stratified: the points are put in order of class, at random within a class, and the test points
    are spread evenly over that order, so that every class gives its share to within one point. The
    draw belongs to the data set, not to a run: its seed is always 0.
    """
    generator = Streams(0).numpy("roles", 1)  # the path keeps it apart from the roles' own draw
    order = np.lexsort((generator.random(len(y)), y))
    test = np.zeros(len(y), dtype=bool)
    test[order] = np.arange(len(y)) * n_test % len(y) < n_test
    return test


def by_mask(x: np.ndarray, y: np.ndarray, test: np.ndarray) -> dict[str, np.ndarray]:
    """The four canonical arrays of a split, both parts in the original order."""
    return {"x_train": x[~test], "y_train": y[~test], "x_test": x[test], "y_test": y[test]}
