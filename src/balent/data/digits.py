"""scikit-learn's handwritten digits: real images that come inside a dependency."""

from __future__ import annotations

import numpy as np

from balent.data.split import by_mask, held_out

N_TEST = 500


def read_digits() -> dict[str, np.ndarray]:
    """1,297 training and 500 test images [8, 8]; the values 0..16 become round(v · 255/16).

    The set has no official split; ours is the stratified one of split.py.
    """
    from sklearn.datasets import load_digits

    source = load_digits()
    values = source.images.astype(np.int64)  # [N, 8, 8]
    x = ((values * 255 + 8) // 16).astype(np.uint8)  # in integers: the same on every machine
    y = source.target.astype(np.int64)
    return by_mask(x, y, held_out(y, N_TEST))
