"""The real MNIST and CIFAR-100, where a mirror has them."""

import os

import numpy as np
import pytest

from balent.data.dataset import load_dataset
from balent.data.fetch import fetch
from balent.data.registry import DATASETS, MIRROR_VARIABLE, mirror_folder

pytestmark = [
    pytest.mark.real_data,
    pytest.mark.skipif(MIRROR_VARIABLE not in os.environ, reason=f"{MIRROR_VARIABLE} is not set"),
]


@pytest.mark.parametrize(
    ("name", "shape", "per_class"), [("mnist", (28, 28), None), ("cifar100", (32, 32, 3), 500)]
)
def test_a_real_set_is_fetched_from_the_mirror(tmp_path, name, shape, per_class):
    fetch(name, tmp_path / f"{name}.npz", mirror_folder(None))
    data = load_dataset(tmp_path / f"{name}.npz")
    known = DATASETS[name]
    assert data.x_train.shape == (known.n_train, *shape)
    assert data.x_test.shape == (known.n_test, *shape)
    assert data.n_classes == known.n_classes
    assert data.sha256 == known.sha256
    assert data.x_train.dtype == np.uint8
    if per_class:
        np.testing.assert_array_equal(np.bincount(data.y_train), per_class)
