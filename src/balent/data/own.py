"""A user's own data: a canonical ``.npz`` or a folder of images."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import IO

import numpy as np

from balent.data.dataset import ARRAYS, check_part
from balent.data.images import Source, common_form, read_images
from balent.data.split import TEST_SHARE, by_mask, held_out
from balent.errors import ConfigError, DataError
from balent.files import load_npz

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp")
KEYS = ("path", "size", "test_share")


def read_own(where: str, entry: dict) -> dict[str, np.ndarray]:
    """The four arrays of a user's data set; ``where`` is its configuration key.

    entry: ``path`` (of an ``.npz`` or a folder, relative to the working directory), ``size``
    ([height, width] to which images are resized; without it all must share one size) and
    ``test_share`` (default 0.2).

    A folder holds train/CLASS/* and test/CLASS/*, or CLASS/* alone. Classes are numbered in the
    order of their folders' names. Hidden files are passed over. Without a test part (CLASS/*
    alone, or an ``.npz`` whose x_test is empty) the share ``test_share`` of the points, stratified
    by class, becomes the test part, always the same one (split.py).

    Raises ConfigError for a wrong entry, DataError for wrong files.
    """
    path, size, share = _entry(where, entry)
    if path.suffix == ".npz" and path.is_file():
        arrays = load_npz(path, *ARRAYS)
        if arrays["x_test"].size:
            return arrays
        return _split(arrays["x_train"], arrays["y_train"], share, str(path))
    if not path.is_dir():
        raise DataError(
            f"{where}.path: {str(path)!r} is neither an .npz file nor a folder; give the path of "
            "your data"
        )
    parts = [path / "train", path / "test"]
    present = [part.is_dir() for part in parts]
    if all(present):
        classes = _classes(parts[0])
        (x_train, y_train), (x_test, y_test) = _read(parts, classes, size, where)
        return {"x_train": x_train, "y_train": y_train, "x_test": x_test, "y_test": y_test}
    if any(present):
        has, lacks = ("train", "test") if present[0] else ("test", "train")
        raise DataError(
            f"{path}: has {has}/ without {lacks}/; give both, or class folders alone to hold out a "
            "test share"
        )
    ((x, y),) = _read([path], _classes(path), size, where)
    return _split(x, y, share, str(path))


def _entry(where: str, entry: dict) -> tuple[Path, tuple[int, int] | None, float]:
    """The path, size and test share of a valid entry."""
    unknown = sorted(set(entry) - set(KEYS))
    if unknown:
        raise ConfigError(f"{where}: unknown key {unknown[0]!r} (allowed: {', '.join(KEYS)})")
    path, size, share = entry.get("path"), entry.get("size"), entry.get("test_share", TEST_SHARE)
    if not isinstance(path, str) or not path:
        raise ConfigError(f"{where}.path: {path!r} is not a path; name an .npz file or a folder")
    if size is not None and not (len(size) == 2 and all(type(s) is int and s > 0 for s in size)):
        raise ConfigError(f"{where}.size: {size!r} is not allowed; give [height, width] in pixels")
    if not 0 < share < 1:
        raise ConfigError(f"{where}.test_share: {share} is not between 0 and 1; choose e.g. 0.2")
    return Path(path).expanduser(), size and (size[0], size[1]), share


def _split(x: np.ndarray, y: np.ndarray, share: float, where: str) -> dict[str, np.ndarray]:
    check_part(x, y, "train", where)
    test = held_out(y, round(share * len(y)))
    lost = sorted(set(y[test].tolist()) - set(y[~test].tolist()))
    if lost:
        raise DataError(
            f"{where}: class {lost[0]} has {np.sum(y == lost[0])} example(s), all held out for "
            "testing; add examples, lower test_share or give a test part"
        )
    return by_mask(x, y, test)


def _classes(folder: Path) -> list[str]:
    classes = sorted(p.name for p in folder.iterdir() if p.is_dir() and p.name[0] != ".")
    if len(classes) < 2:
        raise DataError(
            f"{folder}: holds {len(classes)} class folder(s); at least 2 are needed, with images "
            f"as {folder.name}/CLASS/*.png"
        )
    return classes


def _read(
    folders: list[Path], classes: list[str], size: tuple[int, int] | None, where: str
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Images and labels per folder, all in one form."""
    listed = [_list(folder, classes) for folder in folders]
    mode, shared = common_form([source for sources, _ in listed for source in sources])
    form = size or shared
    if form is None:
        raise DataError(
            f"{folders[0]}: the images differ in size; give {where}.size: [height, width] to "
            "resize them"
        )
    return [(read_images(sources, mode, form), y) for sources, y in listed]


def _list(folder: Path, classes: list[str]) -> tuple[list[Source], np.ndarray]:
    """The images of a folder in order of class and name, and their labels."""
    sources: list[Source] = []
    labels: list[int] = []
    strange = sorted({p.name for p in folder.iterdir() if p.name[0] != "."} - set(classes))
    if strange:
        raise DataError(
            f"{folder / strange[0]}: is not one of the class folders ({', '.join(classes[:9])}"
            f"{', …' if len(classes) > 9 else ''}); remove it or add the class for training"
        )
    for label, name in enumerate(classes):
        inside = folder / name
        if not inside.is_dir():
            continue  # a class may be absent from the test part
        files = sorted(file for file in inside.iterdir() if file.name[0] != ".")
        if not files:
            raise DataError(
                f"{inside}: is a class folder without images; add images or remove the folder"
            )
        for file in files:
            if file.suffix.lower() not in SUFFIXES:
                raise DataError(f"{file}: is not an image file ({', '.join(SUFFIXES)}); remove it")
            sources.append((str(file), partial(_reader, file)))
            labels.append(label)
    if not sources:
        raise DataError(f"{folder}: holds no images in its class folders; add them")
    return sources, np.array(labels, dtype=np.int64)


def _reader(path: Path) -> IO[bytes]:
    return path.open("rb")
