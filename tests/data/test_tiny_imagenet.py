"""A made-up archive in the layout of the official one."""

import dataclasses
import hashlib
import io
import zipfile

import numpy as np
import pytest
from PIL import Image

from balent.data import tiny_imagenet
from balent.data.dataset import load_dataset
from balent.data.fetch import fetch
from balent.data.registry import DATASETS
from balent.errors import DataError

ROOT = "tiny-imagenet-200"
VALUES = {  # one flat colour per image; flat JPEG blocks survive to within rounding
    "train/n02/images/n02_1.JPEG": (200, 10, 30),
    "train/n02/images/n02_0.JPEG": (20, 110, 230),
    "train/n01/images/n01_0.JPEG": 90,  # a grey file
    "val/images/val_1.JPEG": (1, 2, 250),
    "val/images/val_0.JPEG": (100, 100, 0),
}


def jpeg(value):
    mode = "L" if isinstance(value, int) else "RGB"
    buffer = io.BytesIO()
    Image.new(mode, (64, 64), value).save(buffer, "JPEG", quality=100)
    return buffer.getvalue()


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """The archive, and a registry entry that says that it is TinyImageNet."""
    path = tmp_path / "server" / "tiny.zip"
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as out:
        out.writestr(f"{ROOT}/", "")
        out.writestr(f"{ROOT}/wnids.txt", "n02\nn01\n")
        out.writestr(f"{ROOT}/train/n02/n02_boxes.txt", "n02_0.JPEG\t0\t0\t62\t62\n")
        out.writestr(
            f"{ROOT}/val/val_annotations.txt",
            "val_0.JPEG\tn02\t0\t32\t44\t62\nval_1.JPEG\tn01\t52\t55\t57\t59\n",
        )
        out.writestr(f"{ROOT}/test/images/test_0.JPEG", jpeg(3))
        for name, value in VALUES.items():
            out.writestr(f"{ROOT}/{name}", jpeg(value))
    entry = dataclasses.replace(
        DATASETS["tiny_imagenet"],
        n_classes=2,
        n_train=3,
        n_test=2,
        url=path.as_uri(),
        md5=hashlib.md5(path.read_bytes()).hexdigest(),
    )
    monkeypatch.setitem(DATASETS, "tiny_imagenet", entry)
    return path


def test_the_archive_is_fetched_and_converted(archive, tmp_path):
    target = tmp_path / "raw" / "tiny_imagenet.npz"
    fetch("tiny_imagenet", target)
    data = load_dataset(target)
    assert data.x_train.shape == (3, 64, 64, 3)
    np.testing.assert_array_equal(data.y_train, [0, 1, 1])  # class by class, sorted names
    np.testing.assert_array_equal(data.y_test, [1, 0])  # in the order of the annotations
    want_train = [(90, 90, 90), (20, 110, 230), (200, 10, 30)]
    want_test = [(100, 100, 0), (1, 2, 250)]
    for x, want in ((data.x_train, want_train), (data.x_test, want_test)):
        assert np.ptp(x.astype(int), axis=(1, 2)).max() == 0
        np.testing.assert_allclose(x[:, 0, 0].astype(int), want, atol=2)
    assert list(target.parent.iterdir()) == [target]


def test_a_damaged_archive_is_refused_before_it_is_opened(archive, tmp_path, monkeypatch):
    archive.write_bytes(archive.read_bytes()[:-1])
    monkeypatch.setattr(tiny_imagenet, "convert", lambda path: pytest.fail("it was opened"))
    with pytest.raises(DataError, match=r"md5 .* is not the recorded"):
        fetch("tiny_imagenet", tmp_path / "raw" / "tiny_imagenet.npz")
    assert list((tmp_path / "raw").iterdir()) == []
