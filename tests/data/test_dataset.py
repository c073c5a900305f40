"""The canonical form: what is accepted, and one line for everything that is not."""

import pickle
import zipfile

import numpy as np
import pytest

from balent.data.dataset import load_dataset, validated
from balent.errors import DataError
from balent.files import save_npz


def images(**changes):
    """Six grey training images of three classes and three test images, with some arrays changed."""
    rng = np.random.default_rng(0)
    arrays = {
        "x_train": rng.integers(0, 256, (6, 4, 5), dtype=np.uint8),
        "y_train": np.array([0, 1, 2, 0, 1, 2]),
        "x_test": rng.integers(0, 256, (3, 4, 5), dtype=np.uint8),
        "y_test": np.array([2, 1, 0]),
    }
    return arrays | changes


@pytest.mark.parametrize(
    ("shape", "dtype"),
    [((4, 5), np.uint8), ((4, 5, 3), np.uint8), ((7,), np.float32), ((7,), np.float64)],
)
def test_every_canonical_form_is_read_as_written(tmp_path, shape, dtype):
    arrays = images(x_train=np.ones((6, *shape), dtype), x_test=np.zeros((3, *shape), dtype))
    save_npz(tmp_path / "a.npz", **arrays)
    data = load_dataset(tmp_path / "a.npz")
    assert data.n_classes == 3
    for name, array in arrays.items():
        got = getattr(data, name)
        assert got.dtype == array.dtype
        np.testing.assert_array_equal(got, array)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"x_train": np.zeros((6, 4), np.uint8)}, "x_train is uint8 [6, 4]; allowed"),
        ({"x_train": np.zeros((6, 4, 5, 4), np.uint8)}, "x_train is uint8 [6, 4, 5, 4]"),
        ({"x_train": np.zeros((6, 4, 5), np.float32)}, "x_train is float32 [6, 4, 5]"),
        ({"x_train": np.zeros((6, 4), np.int64)}, "x_train is int64"),
        ({"x_train": np.zeros((0, 4, 5), np.uint8), "y_train": np.zeros(0, int)}, "is empty"),
        ({"x_test": np.zeros((0, 4, 5), np.uint8), "y_test": np.zeros(0, int)}, "x_test is empty"),
        ({"x_test": np.zeros((3, 5, 4), np.uint8)}, "give both the same form"),
        ({"x_test": np.zeros((3, 20), np.float32)}, "give both the same form"),
        ({"y_train": np.array([0, 1, 2, 0, 1, 2], np.int32)}, "y_train is int32 [6]"),
        ({"y_train": np.array([0.0, 1, 2, 0, 1, 2])}, "y_train is float64"),
        ({"y_train": np.eye(6, dtype=np.int64)}, "y_train is int64 [6, 6]"),
        ({"y_train": np.array([0, 1, 2, 0, 1])}, "y_train has 5 labels for 6 points"),
        ({"y_test": np.array([0, 1, 2, 0])}, "y_test has 4 labels for 3 points"),
        ({"y_train": np.array([0, -1, 2, 0, 1, 2])}, "y_train has label -1"),
        ({"y_train": np.array([0, 3, 2, 0, 3, 2])}, "no example of class 1 of 0..3"),
        ({"y_train": np.zeros(6, np.int64), "y_test": np.zeros(3, np.int64)}, "only class 0"),
        ({"y_test": np.array([0, 1, 3])}, "y_test has label 3, outside 0..2"),
    ],
)
def test_a_wrong_array_is_named_in_one_line(changes, says):
    with pytest.raises(DataError) as caught:
        validated(images(**changes), "a.npz")
    assert says in str(caught.value)
    assert str(caught.value).startswith("a.npz: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (np.eye(3)[[0, 1, 2, 0, 1, 2]], "for one-hot rows save y.argmax(axis=1)"),
        (np.eye(3, dtype=bool)[[0, 1, 2, 0, 1, 2]], "for one-hot rows save y.argmax(axis=1)"),
        (np.array([[0], [1], [2], [0], [1], [2]]), "save y[:, 0].astype(numpy.int64)"),
        (np.array([0.0, 1, 2, 0, 1, 2]), "save y.astype(numpy.int64)"),
        (np.array([0, 1, 2, 0, 1, 2], np.uint8), "save y.astype(numpy.int64)"),
    ],
)
def test_the_advice_for_labels_of_another_form_works(labels, says):
    with pytest.raises(DataError) as caught:
        validated(images(y_train=labels), "a.npz")
    advice = str(caught.value).rpartition("; ")[2]
    assert advice == says
    mended = eval(advice.rpartition("save ")[2], {"y": labels, "numpy": np})
    np.testing.assert_array_equal(
        validated(images(y_train=mended), "a.npz").y_train, images()["y_train"]
    )


@pytest.mark.parametrize("labels", [["a", "b", "c"] * 2, [b"a", b"b", b"c"] * 2, [["a"]] * 6])
def test_names_of_classes_need_numbers(labels):
    with pytest.raises(DataError, match="; number the classes 0 to C-1, alike in training and"):
        validated(images(y_train=np.array(labels)), "a.npz")


def test_labels_of_no_known_form_are_refused():
    with pytest.raises(DataError, match="; save one class number per point"):
        validated(images(y_train=np.zeros((6, 2, 2))), "a.npz")


def test_values_that_are_not_finite_are_refused():
    x = np.zeros((6, 2), np.float32)
    x[3, 1] = np.nan
    with pytest.raises(DataError, match="x_train has values that are not finite"):
        validated(images(x_train=x, x_test=np.zeros((3, 2), np.float32)), "a.npz")


def test_a_missing_array_is_named(tmp_path):
    arrays = images()
    del arrays["y_test"]
    save_npz(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match="has no array 'y_test'"):
        load_dataset(tmp_path / "a.npz")


class Trap:
    """Writes a file when it is unpickled."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return open, (str(self.marker), "w")


def test_objects_in_the_file_are_refused_and_nothing_runs(tmp_path):
    marker = tmp_path / "ran"
    trap = np.array([Trap(marker)] * 6, dtype=object)
    np.savez(tmp_path / "a.npz", **images(x_train=trap))
    with pytest.raises(DataError, match=r"array 'x_train' holds Python objects\); save numbers"):
        load_dataset(tmp_path / "a.npz")
    (tmp_path / "b.npz").write_bytes(pickle.dumps(Trap(marker)))
    with pytest.raises(
        DataError, match=r"is no whole \.npz archive\); make the file by numpy"
    ) as no:
        load_dataset(tmp_path / "b.npz")
    assert "allow_pickle" not in str(no.value)
    assert not marker.exists()


@pytest.mark.parametrize("content", [None, b"", b"not an archive"])
def test_an_absent_or_damaged_file_is_one_line(tmp_path, content):
    path = tmp_path / "a.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"cannot be read as \.npz") as caught:
        load_dataset(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", ["single", "compressed", "image", "cut"])
def test_what_is_no_archive_of_arrays_is_one_line(tmp_path, kind):
    path, says = tmp_path / "a.npz", "cannot be read as .npz"
    if kind == "single":
        with path.open("wb") as handle:
            np.save(handle, np.zeros(3))
        says = "is a single array, not an .npz archive; save it by numpy.savez"
    elif kind == "compressed":
        np.savez_compressed(path, **images())
        content = bytearray(path.read_bytes())
        content[40:200] = bytes(160)
        path.write_bytes(content)
    elif kind == "image":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("oak/1.png", b"x")
        says = "'oak/1.png' in it is no array"
    else:
        save_npz(path, **images())
        path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(DataError) as caught:
        load_dataset(path)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
