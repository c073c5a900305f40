"""Files: whole or absent, data only, one clear line for what cannot be read."""

import os
import pickle

import numpy as np
import pytest
import torch

from balent import files
from balent.errors import DataError


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    target = tmp_path / "a.txt"
    files.write_text(target, "old")

    def fail_half_way():
        with files.atomic(target) as part:
            part.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_npz_round_trip_is_byte_identical(tmp_path):
    arrays = {"a": np.arange(3), "b": np.zeros((2, 2), np.float32)}
    files.save_npz(tmp_path / "1.npz", **arrays)
    files.save_npz(tmp_path / "2.npz", **files.load_npz(tmp_path / "1.npz"))
    assert (tmp_path / "1.npz").read_bytes() == (tmp_path / "2.npz").read_bytes()


class Bomb:
    def __reduce__(self):
        return (open, ("exploded", "w"))


def test_a_pickle_in_place_of_an_artefact_is_refused_and_not_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez("object.npz", a=np.array([Bomb()], dtype=object))
    (tmp_path / "plain.npz").write_bytes(pickle.dumps(Bomb()))
    (tmp_path / "model.safetensors").write_bytes(pickle.dumps(Bomb()))
    (tmp_path / "exploded").unlink(missing_ok=True)
    for name in ("object.npz", "plain.npz"):
        with pytest.raises(DataError, match=name):
            files.load_npz(name)
    with pytest.raises(DataError, match="safetensors"):
        files.load_tensors("model.safetensors")
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 cut short"])
def test_unreadable_npz_is_one_line(tmp_path, content):
    path = tmp_path / "x.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError) as error:
        files.load_npz(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_array_is_named(tmp_path):
    files.save_npz(tmp_path / "x.npz", a=np.zeros(1))
    with pytest.raises(DataError, match=r"no array 'b', only a"):
        files.load_npz(tmp_path / "x.npz", "b")


def test_tensors_keep_their_metadata(tmp_path):
    files.save_tensors(tmp_path / "m.safetensors", {"w": torch.ones(2)}, seconds=1.5)
    assert files.load_metadata(tmp_path / "m.safetensors") == {"seconds": "1.5"}
    assert torch.equal(files.load_tensors(tmp_path / "m.safetensors")["w"], torch.ones(2))


def test_tree_digest_sees_every_changed_added_and_renamed_file(tmp_path):
    image = tmp_path / "cat" / "1.png"
    image.parent.mkdir()
    image.write_bytes(b"one")
    os.utime(image, (1, 1))
    seen = [files.tree_digest(tmp_path)]
    image.write_bytes(b"two")
    os.utime(image, (2, 2))
    seen.append(files.tree_digest(tmp_path))
    (tmp_path / "dog").mkdir()
    seen.append(files.tree_digest(tmp_path))
    assert seen[2] == seen[1]  # an empty folder holds no images
    image.rename(tmp_path / "dog" / "1.png")
    seen.append(files.tree_digest(tmp_path))
    (tmp_path / "dog" / "2.png").write_bytes(b"two")
    seen.append(files.tree_digest(tmp_path))
    assert len(set(seen)) == 4
