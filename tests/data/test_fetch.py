"""Sources and their order, identity checks, and a set that cannot be had."""

import dataclasses
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import numpy as np
import pytest

from balent.data import fetch as fetching
from balent.data.dataset import load_dataset
from balent.data.fetch import fetch
from balent.data.registry import DATASETS, DataSet, known, mirror_folder
from balent.errors import ConfigError, DataError
from balent.files import load_npz, save_npz, sha256_file


@pytest.fixture(autouse=True)
def _no_network(monkeypatch):
    """No test leaves the machine; a file:// address still opens."""
    real = urllib.request.urlopen

    def urlopen(request, *args, **kwargs):
        url = request if isinstance(request, str) else request.full_url
        if not url.startswith("file:"):
            raise urllib.error.URLError("no route to host\nat all")
        return real(request, *args, **kwargs)

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)


def digits(tmp_path):
    fetch("digits", tmp_path / "digits.npz")
    return load_npz(tmp_path / "digits.npz")


def test_digits_come_from_scikit_learn_without_network(tmp_path):
    fetch("digits", tmp_path / "raw" / "digits.npz")
    data = load_dataset(tmp_path / "raw" / "digits.npz")
    assert data.x_train.shape == (1_297, 8, 8)
    assert data.x_test.shape == (500, 8, 8)
    assert data.sha256 == DATASETS["digits"].sha256
    assert data.x_train.dtype == np.uint8
    assert np.bincount(data.y_test).min() >= 48  # stratified


def test_digits_are_scikit_learns_values_scaled(tmp_path):
    from sklearn.datasets import load_digits

    source = load_digits()
    want = sorted(
        (label, np.rint(image * 255 / 16).astype(np.uint8).tobytes())
        for image, label in zip(source.images, source.target, strict=True)
    )
    a = digits(tmp_path)
    got = sorted(
        (int(label), image.tobytes())
        for part in ("train", "test")
        for image, label in zip(a[f"x_{part}"], a[f"y_{part}"], strict=True)
    )
    assert got == want


def test_fetching_twice_gives_the_same_bytes(tmp_path):
    for name in ("a.npz", "b.npz"):
        fetch("digits", tmp_path / name)
    assert sha256_file(tmp_path / "a.npz") == sha256_file(tmp_path / "b.npz")


def test_the_mirror_comes_before_the_source(tmp_path, monkeypatch):
    arrays = digits(tmp_path)
    mirror = tmp_path / "mirror"
    save_npz(mirror / "digits.npz", **arrays)
    monkeypatch.setattr(fetching, "read_digits", lambda: pytest.fail("the source was read"))
    fetch("digits", tmp_path / "out.npz", mirror)
    np.testing.assert_array_equal(load_npz(tmp_path / "out.npz")["x_test"], arrays["x_test"])


def test_a_mirror_file_with_another_content_is_refused_and_not_replaced(tmp_path):
    arrays = digits(tmp_path)
    arrays["x_train"][700, 3, 3] ^= 1
    save_npz(tmp_path / "mirror" / "digits.npz", **arrays)
    with pytest.raises(DataError, match=r"mirror/digits\.npz: content hash .* is recorded with"):
        fetch("digits", tmp_path / "out.npz", tmp_path / "mirror")
    assert not (tmp_path / "out.npz").exists()


def test_a_set_without_a_recorded_hash_is_checked_for_its_size(tmp_path):
    arrays = digits(tmp_path)
    assert not DATASETS["kmnist"].sha256
    save_npz(tmp_path / "mirror" / "kmnist.npz", **arrays)
    with pytest.raises(
        DataError, match="training points 1297, but 'kmnist' is recorded with 60000"
    ):
        fetch("kmnist", tmp_path / "out.npz", tmp_path / "mirror")


def test_the_users_file_may_provide_a_known_set_but_no_other_under_its_name(tmp_path):
    arrays = digits(tmp_path)
    own = tmp_path / "own.npz"
    save_npz(own, **arrays)
    fetch("digits", tmp_path / "out.npz", user={"path": str(own)})
    assert load_dataset(tmp_path / "out.npz").sha256 == DATASETS["digits"].sha256
    save_npz(own, **(arrays | {"y_test": arrays["y_test"][::-1].copy()}))
    with pytest.raises(DataError, match=r"^data_sets\.digits: content hash .* another name"):
        fetch("digits", tmp_path / "out2.npz", user={"path": str(own)})
    fetch("mine", tmp_path / "out3.npz", user={"path": str(own)})
    assert len(load_dataset(tmp_path / "out3.npz").y_test) == 500


@pytest.mark.parametrize("name", ["mnist", "emnist_letters", "cifar10", "svhn", "tiny_imagenet"])
def test_without_network_one_line_names_three_ways(tmp_path, name):
    target = tmp_path / "raw" / f"{name}.npz"
    limit = socket.getdefaulttimeout()
    with pytest.raises(DataError) as caught:
        fetch(name, target, mirror=tmp_path)
    line = str(caught.value)
    assert line.startswith(f"data set '{name}': the download failed (")
    assert "no route to host" in line
    assert f"put {name}.npz into the mirror folder {tmp_path}" in line
    assert "network access" in line
    assert f"data_sets.{name}.path in config.yaml" in line
    assert "\n" not in line
    assert list(target.parent.iterdir()) == []  # neither a target nor the temporary folder
    assert socket.getdefaulttimeout() == limit


def test_the_remains_of_a_killed_download_are_removed(tmp_path):
    remains = tmp_path / ".mnist.npz.download"
    remains.mkdir()
    (remains / "half").touch()
    with pytest.raises(DataError):
        fetch("mnist", tmp_path / "mnist.npz")
    assert not remains.exists()


@pytest.mark.parametrize("mirrored", [False, True])
def test_an_unknown_name_is_answered_with_the_nearest(tmp_path, mirrored):
    if mirrored:
        save_npz(tmp_path / "fashion_mnst.npz", **digits(tmp_path))
    with pytest.raises(ConfigError, match=r"'fashion_mnst'; did you mean 'fashion_mnist'\?") as e:
        fetch("fashion_mnst", tmp_path / "out.npz", tmp_path)
    assert "data_sets.fashion_mnst.path" in str(e.value)


def test_the_registry_describes_every_set_by_its_own_name():
    assert known("mnist") is DATASETS["mnist"]
    for name, entry in DATASETS.items():
        assert isinstance(entry, DataSet)
        assert entry.name == name
        assert len(entry.shape) in (2, 3)
        assert (entry.source == "archive") == bool(entry.url) == bool(entry.md5)
    with pytest.raises(dataclasses.FrozenInstanceError):
        DATASETS["mnist"].n_train = 1


def test_the_mirror_folder_is_the_configured_one_then_the_environments(tmp_path, monkeypatch):
    monkeypatch.delenv("BALENT_DATA_MIRROR", raising=False)
    assert mirror_folder(None) is None
    assert mirror_folder("") is None
    (tmp_path / "a").mkdir()
    monkeypatch.setenv("BALENT_DATA_MIRROR", str(tmp_path))
    assert mirror_folder(None) == tmp_path
    assert mirror_folder(str(tmp_path / "a")) == tmp_path / "a"
    with pytest.raises(ConfigError, match=r"data_mirror: .*absent' is not a folder"):
        mirror_folder(str(tmp_path / "absent"))
    monkeypatch.setenv("BALENT_DATA_MIRROR", str(tmp_path / "absent"))
    with pytest.raises(ConfigError, match="variable BALENT_DATA_MIRROR: "):
        mirror_folder(None)


def test_the_registry_imports_neither_torch_nor_numpy():
    code = (
        "import sys, balent.data.registry; sys.exit({'torch', 'numpy'} & set(sys.modules) != set())"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
