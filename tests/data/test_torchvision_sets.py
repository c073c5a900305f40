"""torchvision's own readers on made-up files in its formats, and our conversion behind them."""

import pickle
import struct

import numpy as np
import pytest

from balent.data.registry import DATASETS
from balent.data.torchvision_sets import CLASSES, read_torchvision
from balent.models.torchvision_ops import import_torchvision

RNG = np.random.default_rng(0)


def write_idx(path, array):
    """An IDX file of unsigned bytes, the format of the MNIST family."""
    path.parent.mkdir(parents=True, exist_ok=True)
    head = struct.pack(">BBBB", 0, 0, 8, array.ndim) + struct.pack(f">{array.ndim}i", *array.shape)
    path.write_bytes(head + array.astype(np.uint8).tobytes())


def grey(n):
    return RNG.integers(0, 256, (n, 28, 28), dtype=np.uint8)


@pytest.mark.parametrize(
    ("name", "folder"),
    [("mnist", "MNIST"), ("fashion_mnist", "FashionMNIST"), ("kmnist", "KMNIST")],
)
def test_the_mnist_family_is_taken_as_it_is(tmp_path, name, folder):
    x, y = {"train": grey(5), "t10k": grey(3)}, {"train": [9, 0, 3, 2, 1], "t10k": [4, 5, 6]}
    for part in x:
        write_idx(tmp_path / folder / "raw" / f"{part}-images-idx3-ubyte", x[part])
        write_idx(tmp_path / folder / "raw" / f"{part}-labels-idx1-ubyte", np.array(y[part]))
    got = read_torchvision(name, tmp_path, "remedy")
    for part, theirs in (("train", "train"), ("test", "t10k")):
        np.testing.assert_array_equal(got[f"x_{part}"], x[theirs])
        np.testing.assert_array_equal(got[f"y_{part}"], y[theirs])
        assert got[f"x_{part}"].dtype == np.uint8
        assert got[f"y_{part}"].dtype == np.int64


@pytest.mark.parametrize(
    ("name", "labels", "want"),
    [
        ("emnist_letters", [1, 26, 13, 2], [0, 25, 12, 1]),
        ("emnist_balanced", [0, 46, 13, 2], [0, 46, 13, 2]),
        ("emnist_byclass", [0, 61, 13, 2], [0, 61, 13, 2]),
        ("emnist_bymerge", [0, 46, 13, 2], [0, 46, 13, 2]),
    ],
)
def test_emnist_is_turned_upright_and_letters_start_at_0(tmp_path, name, labels, want):
    stored = {part: grey(4) for part in ("train", "test")}
    for part, x in stored.items():
        prefix = tmp_path / "EMNIST" / "raw" / f"emnist-{name.partition('_')[2]}-{part}"
        write_idx(prefix.with_name(f"{prefix.name}-images-idx3-ubyte"), x)
        write_idx(prefix.with_name(f"{prefix.name}-labels-idx1-ubyte"), np.array(labels))
    got = read_torchvision(name, tmp_path, "remedy")
    for part, x in stored.items():
        assert got[f"x_{part}"][2, 3, 20] == x[2, 20, 3]
        np.testing.assert_array_equal(got[f"x_{part}"], np.swapaxes(x, 1, 2))
        assert got[f"x_{part}"].flags.c_contiguous
        np.testing.assert_array_equal(got[f"y_{part}"], want)


@pytest.mark.parametrize(
    ("name", "label_key"), [("cifar10", "labels"), ("cifar100", "fine_labels")]
)
def test_cifar_is_height_width_colour_in_file_order(tmp_path, monkeypatch, name, label_key):
    source = getattr(import_torchvision().datasets, CLASSES[name][0])
    for listing in ("train_list", "test_list"):  # made-up files have no recorded hash
        files = [[file, None] for file, _ in getattr(source, listing)]
        monkeypatch.setattr(source, listing, files)
    monkeypatch.setattr(source, "meta", source.meta | {"md5": None})
    folder = tmp_path / source.base_folder
    folder.mkdir()
    (folder / source.meta["filename"]).write_bytes(pickle.dumps({source.meta["key"]: ["a", "b"]}))
    want = {"x_train": [], "y_train": [], "x_test": [], "y_test": []}
    for part, listing in (("train", source.train_list), ("test", source.test_list)):
        for file, _ in listing:
            x = RNG.integers(0, 256, (4, 3, 32, 32), dtype=np.uint8)
            y = RNG.integers(0, 2, 4).tolist()
            (folder / file).write_bytes(pickle.dumps({"data": x.reshape(4, -1), label_key: y}))
            want[f"x_{part}"].append(np.moveaxis(x, 1, 3))
            want[f"y_{part}"].append(y)
    got = read_torchvision(name, tmp_path, "remedy")
    for key, parts in want.items():
        np.testing.assert_array_equal(got[key], np.concatenate(parts))
    assert got["x_train"].dtype == np.uint8
    assert got["x_train"].flags.c_contiguous
    assert got["y_train"].dtype == np.int64


def test_svhn_is_height_width_colour_and_its_label_10_is_0(tmp_path, monkeypatch):
    from scipy.io import savemat

    source = import_torchvision().datasets.SVHN
    unchecked = {part: [url, file, None] for part, (url, file, _) in source.split_list.items()}
    monkeypatch.setattr(source, "split_list", unchecked)
    stored = {}
    for part in ("train", "test"):
        stored[part] = RNG.integers(0, 256, (32, 32, 3, 4), dtype=np.uint8)
        labels = np.array([[1], [10], [9], [3]], dtype=np.uint8)
        savemat(tmp_path / f"{part}_32x32.mat", {"X": stored[part], "y": labels})
    got = read_torchvision("svhn", tmp_path, "remedy")
    for part, x in stored.items():
        np.testing.assert_array_equal(got[f"x_{part}"], np.moveaxis(x, 3, 0))
        np.testing.assert_array_equal(got[f"y_{part}"], [1, 0, 9, 3])
        assert got[f"x_{part}"].flags.c_contiguous


def test_every_torchvision_set_of_the_registry_can_be_read():
    assert set(CLASSES) == {n for n, entry in DATASETS.items() if entry.source == "torchvision"}
