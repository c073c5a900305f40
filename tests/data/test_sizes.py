"""Sizes of a user's data from the headers of its file."""

import numpy as np
import pytest

from balent.data.own import read_own
from balent.data.sizes import Sizes, own_sizes
from balent.errors import DataError
from balent.files import save_npz


def put(path, n_test=5, shape=(4, 3), dtype=np.uint8):
    """23 training points of three classes and ``n_test`` test points."""
    x, y = np.zeros((23 + n_test, *shape), dtype), np.arange(23 + n_test) % 3
    save_npz(path, x_train=x[:23], y_train=y[:23], x_test=x[23:], y_test=y[23:])
    return {"path": str(path)}


@pytest.mark.parametrize("n_test", [0, 5])
@pytest.mark.parametrize("share", [{}, {"test_share": 0.5}])
@pytest.mark.parametrize(
    ("shape", "dtype"), [((4, 3), np.uint8), ((4, 3, 3), np.uint8), ((7,), np.float32)]
)
def test_they_are_those_of_the_arrays_that_are_read(tmp_path, n_test, share, shape, dtype):
    entry = put(tmp_path / "a.npz", n_test, shape, dtype) | share
    arrays = read_own("mine", entry)
    assert own_sizes(entry) == Sizes(len(arrays["x_train"]), len(arrays["x_test"]), shape)


def test_the_arrays_themselves_are_not_read(tmp_path):
    entry = put(tmp_path / "a.npz", shape=(40, 40))
    content = bytearray((tmp_path / "a.npz").read_bytes())
    content[3000:3100] = b"x" * 100  # inside x_train: its checksum is wrong now
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(DataError, match="Bad CRC"):
        read_own("mine", entry)
    assert own_sizes(entry) == Sizes(23, 5, (40, 40))


def test_a_folder_is_left_to_its_job(tmp_path):
    assert own_sizes({"path": str(tmp_path)}) is None


def test_a_wrong_form_is_refused(tmp_path):
    entry = put(tmp_path / "a.npz", shape=(3, 4, 3, 2))
    with pytest.raises(DataError, match=r"a\.npz: x_train is uint8 \[23, 3, 4, 3, 2\]; allowed"):
        own_sizes(entry)
    (tmp_path / "a.npz").write_bytes(b"not an archive")
    with pytest.raises(DataError, match=r"is no whole \.npz archive"):
        own_sizes(entry)
