"""A user's own data: folders of images and .npz files."""

import numpy as np
import pytest
from PIL import Image

from balent.data.dataset import validated
from balent.data.own import read_own
from balent.data.split import held_out
from balent.errors import BalentError, ConfigError, DataError
from balent.files import save_npz

RNG = np.random.default_rng(0)


def put(path, shape=(6, 4, 3), mode=None):
    """Write a random image (height, width[, 3]) losslessly; returns its pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = RNG.integers(0, 256, shape, dtype=np.uint8)
    image = Image.fromarray(pixels)
    (image.convert(mode) if mode else image).save(path)
    return pixels


def read(folder, **entry):
    arrays = read_own("data_sets.mine", {"path": str(folder), **entry})
    validated(arrays, "mine")
    return arrays


def test_a_folder_with_both_parts(tmp_path):
    pixels = {
        name: put(tmp_path / name)
        for name in ("train/dog/1.png", "train/cat/2.png", "train/cat/1.png", "test/dog/9.png")
    }
    (tmp_path / "train" / "cat" / ".hidden").touch()
    got = read(tmp_path)
    order = ["train/cat/1.png", "train/cat/2.png", "train/dog/1.png"]
    np.testing.assert_array_equal(got["x_train"], [pixels[name] for name in order])
    np.testing.assert_array_equal(got["y_train"], [0, 0, 1])
    np.testing.assert_array_equal(got["x_test"], [pixels["test/dog/9.png"]])
    np.testing.assert_array_equal(got["y_test"], [1])


def test_grey_images_stay_grey_and_one_colour_image_makes_all_colour(tmp_path):
    for name in ("train/a/1.png", "train/b/1.png", "test/a/1.png"):
        put(tmp_path / name, (6, 4))
    assert read(tmp_path)["x_train"].shape == (2, 6, 4)
    put(tmp_path / "test/b/1.png", (6, 4, 3), "P")
    assert read(tmp_path)["x_train"].shape == (2, 6, 4, 3)


def test_images_of_several_sizes_need_a_size(tmp_path):
    put(tmp_path / "train/a/1.png", (8, 8))
    put(tmp_path / "train/b/1.png", (10, 8))
    put(tmp_path / "test/a/1.png", (8, 8))
    with pytest.raises(DataError, match=r"differ in size; give data_sets\.mine\.size"):
        read(tmp_path)
    assert read(tmp_path, size=[5, 7])["x_train"].shape == (2, 5, 7)


def test_class_folders_alone_hold_out_a_fixed_stratified_share(tmp_path):
    for label, n in (("a", 12), ("b", 8)):
        for i in range(n):
            put(tmp_path / label / f"{i:02}.png", (3, 3))
    got, again = read(tmp_path, test_share=0.25), read(tmp_path, test_share=0.25)
    np.testing.assert_array_equal(np.bincount(got["y_test"]), [3, 2])
    np.testing.assert_array_equal(np.bincount(got["y_train"]), [9, 6])
    for name in got:
        np.testing.assert_array_equal(got[name], again[name])
    seen = {x.tobytes() for part in ("x_train", "x_test") for x in got[part]}
    assert len(seen) == 20  # every image once
    assert len(read(tmp_path)["y_test"]) == 4  # the default share


@pytest.mark.parametrize(("n", "n_test"), [(1797, 500), (20, 4), (7, 3), (100, 99)])
def test_the_held_out_share_is_exact_and_even_over_classes(n, n_test):
    y = RNG.integers(0, 5, n)
    mask = held_out(y, n_test)
    assert mask.sum() == n_test
    want = np.bincount(y, minlength=5) * n_test / n
    assert np.abs(np.bincount(y[mask], minlength=5) - want).max() < 1


def test_an_npz_with_and_without_a_test_part(tmp_path):
    x, y = RNG.normal(size=(20, 3)), np.arange(20) % 4
    save_npz(tmp_path / "a.npz", x_train=x, y_train=y, x_test=x[:2], y_test=y[:2])
    np.testing.assert_array_equal(read(tmp_path / "a.npz")["x_train"], x)
    save_npz(tmp_path / "b.npz", x_train=x, y_train=y, x_test=x[:0], y_test=y[:0])
    got = read(tmp_path / "b.npz")
    assert (len(got["x_train"]), len(got["x_test"])) == (16, 4)
    np.testing.assert_array_equal(np.bincount(got["y_test"]), [1, 1, 1, 1])
    for row, label in zip(got["x_test"], got["y_test"], strict=True):
        assert y[(x == row).all(axis=1)] == [label]


def arrange(tmp_path, case):
    """Make one wrong folder or file; returns its entry."""
    good = ("train/a/1.png", "train/b/1.png", "test/a/1.png")
    for name in good:
        put(tmp_path / name)
    entry = {"path": str(tmp_path)}
    if case == "absent":
        entry["path"] = str(tmp_path / "absent")
    elif case == "no path":
        del entry["path"]
    elif case == "empty path":
        entry["path"] = ""
    elif case == "key":
        entry["sise"] = [2, 2]
    elif case == "size":
        entry["size"] = [0, 4]
    elif case == "share":
        entry["test_share"] = 1.5
    elif case == "one part":
        (tmp_path / "test").rename(tmp_path / "other")
    elif case == "one class":
        (tmp_path / "train" / "b").rename(tmp_path / "b")
    elif case == "new class":
        put(tmp_path / "test/c/1.png")
    elif case == "no images":
        (tmp_path / "test/a/1.png").unlink()
    elif case == "a class without images":
        (tmp_path / "train/b/1.png").unlink()
    elif case == "hidden files alone":
        (tmp_path / "train/b/1.png").rename(tmp_path / "train/b/.1.png")
    elif case == "no class folders":
        (tmp_path / "test/a").rename(tmp_path / "a")
    elif case == "not an image":
        (tmp_path / "train/a/notes.txt").touch()
    elif case == "damaged":
        path = tmp_path / "train/a/1.png"
        path.write_bytes(path.read_bytes()[:60])
    elif case == "not a png":
        (tmp_path / "train/a/1.png").write_text("hello")
    elif case == "16 bits":
        Image.fromarray(np.zeros((6, 4), np.uint16)).save(tmp_path / "train/a/1.png")
    elif case == "one example":
        entry["path"] = str(tmp_path / "a.npz")
        x = np.zeros((3, 2), np.float32)
        y = np.array([0, 0, 1])
        save_npz(tmp_path / "a.npz", x_train=x, y_train=y, x_test=x[:0], y_test=y[:0])
        entry["test_share"] = 0.7
    elif case == "labels":
        entry["path"] = str(tmp_path / "a.npz")
        x, y = np.zeros((3, 2), np.float32), np.zeros((3, 1))
        save_npz(tmp_path / "a.npz", x_train=x, y_train=y, x_test=x[:0], y_test=y[:0])
    return entry


@pytest.mark.parametrize(
    ("case", "kind", "says"),
    [
        ("absent", DataError, "absent' is neither an .npz file nor a folder"),
        ("no path", ConfigError, "data_sets.mine.path: None is not a path"),
        ("empty path", ConfigError, "data_sets.mine.path: '' is not a path"),
        ("key", ConfigError, "unknown key 'sise' (allowed: path, size, test_share)"),
        ("size", ConfigError, "data_sets.mine.size: [0, 4] is not allowed"),
        ("share", ConfigError, "data_sets.mine.test_share: 1.5 is not between 0 and 1"),
        ("one part", DataError, "has train/ without test/"),
        ("one class", DataError, "holds 1 class folder(s)"),
        ("new class", DataError, "test/c: is not one of the class folders (a, b)"),
        ("no images", DataError, "test/a: is a class folder without images; add images or remove"),
        ("a class without images", DataError, "train/b: is a class folder without images"),
        ("hidden files alone", DataError, "train/b: is a class folder without images"),
        ("no class folders", DataError, "test: holds no images in its class folders"),
        ("not an image", DataError, "notes.txt: is not an image file"),
        ("damaged", DataError, "train/a/1.png: cannot be read as an image"),
        ("not a png", DataError, "train/a/1.png: cannot be read as an image"),
        ("16 bits", DataError, "of mode 'I;16'; allowed: 8-bit"),
        ("one example", DataError, "class 1 has 1 example(s), all held out"),
        ("labels", DataError, "y_train is float64 [3, 1]"),
    ],
)
def test_wrong_data_are_answered_in_one_line(tmp_path, case, kind, says):
    entry = arrange(tmp_path, case)
    with pytest.raises(BalentError) as caught:
        validated(read_own("data_sets.mine", entry), "mine")
    assert type(caught.value) is kind
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
