"""The canonical form of a data set: four arrays in one ``.npz``.

x_train, x_test  uint8 [N, H, W] (grey), uint8 [N, H, W, 3] (colour), or float32/float64 [N, D]
y_train, y_test  int64 [N], classes 0 to C - 1
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from balent.errors import DataError
from balent.files import load_npz, sha256_arrays

ARRAYS = ("x_train", "y_train", "x_test", "y_test")


@dataclass(frozen=True)
class Dataset:
    """A validated data set; make it with ``load_dataset`` or ``validated``."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray

    @property
    def n_classes(self) -> int:
        """C: every class has a training example, so the largest training label is C - 1."""
        return int(self.y_train.max()) + 1

    @property
    def sha256(self) -> str:
        """The content hash: over the bytes of the four arrays, one after another."""
        return sha256_arrays(self.x_train, self.y_train, self.x_test, self.y_test)

    def arrays(self) -> dict[str, np.ndarray]:
        """The four arrays by name, as ``balent.files.save_npz`` takes them."""
        return {name: getattr(self, name) for name in ARRAYS}


def load_dataset(path: str | Path) -> Dataset:
    """Read and validate a canonical ``.npz``; raises DataError in one line."""
    return validated(load_npz(path, *ARRAYS), str(path))


def validated(arrays: dict[str, np.ndarray], where: str) -> Dataset:
    """Check types, shapes and labels of the four arrays; ``where`` names them in errors.

    Raises DataError in one line.
    """
    data = Dataset(**{name: arrays[name] for name in ARRAYS})
    for part in ("train", "test"):
        check_part(arrays[f"x_{part}"], arrays[f"y_{part}"], part, where)
    if data.x_train.shape[1:] != data.x_test.shape[1:] or data.x_train.dtype != data.x_test.dtype:
        raise DataError(
            f"{where}: x_train is {data.x_train.dtype} {data.x_train.shape[1:]} per point but "
            f"x_test {data.x_test.dtype} {data.x_test.shape[1:]}; give both the same form"
        )
    counts = np.bincount(data.y_train)
    if len(counts) < 2:
        raise DataError(f"{where}: y_train holds only class 0; at least 2 classes are needed")
    if not counts.all():
        raise DataError(
            f"{where}: y_train has no example of class {int(counts.argmin())} of "
            f"0..{len(counts) - 1}; number the classes 0 to C-1 without gaps"
        )
    if data.y_test.max() >= len(counts):
        raise DataError(
            f"{where}: y_test has label {data.y_test.max()}, outside 0..{len(counts) - 1} "
            "of y_train; every class needs a training example"
        )
    return data


def check_part(x: np.ndarray, y: np.ndarray, part: str, where: str) -> None:
    """Check the inputs and labels of one part, "train" or "test"; raises DataError."""
    _check_inputs(x, f"{where}: x_{part}")
    _check_labels(y, len(x), f"{where}: y_{part}")


def check_form(dtype: np.dtype, shape: tuple[int, ...], where: str) -> None:
    """Check type and shape of inputs, given as an array has them; raises DataError."""
    is_image = dtype == np.uint8 and (len(shape) == 3 or (len(shape) == 4 and shape[3] == 3))
    is_vector = dtype in (np.float32, np.float64) and len(shape) == 2
    if not (is_image or is_vector):
        raise DataError(
            f"{where} is {dtype} {list(shape)}; allowed: uint8 [N, H, W], uint8 [N, H, W, 3], "
            "float32 or float64 [N, D]"
        )


def _check_inputs(x: np.ndarray, where: str) -> None:
    check_form(x.dtype, x.shape, where)
    if x.size == 0:
        raise DataError(f"{where} is empty ({list(x.shape)}); at least one point is needed")
    if x.dtype.kind == "f" and not np.isfinite(x).all():
        raise DataError(f"{where} has values that are not finite; remove or replace those points")


def _check_labels(y: np.ndarray, n: int, where: str) -> None:
    if y.dtype != np.int64 or y.ndim != 1:
        raise DataError(f"{where} is {y.dtype} {list(y.shape)}; allowed: int64 [N]; {_advice(y)}")
    if len(y) != n:
        raise DataError(f"{where} has {len(y)} labels for {n} points; give one label per point")
    if y.min() < 0:
        raise DataError(f"{where} has label {y.min()}; number the classes 0 to C-1")


def _advice(y: np.ndarray) -> str:
    """How labels of another form become int64 [N]."""
    if y.dtype.kind not in "biuf":
        return "number the classes 0 to C-1, alike in training and test, and save the numbers"
    if y.ndim == 1:
        return "save y.astype(numpy.int64)"
    if y.ndim == 2 and y.shape[1] > 1:
        return "for one-hot rows save y.argmax(axis=1)"
    if y.ndim == 2 and y.shape[1] == 1:
        return "save y[:, 0].astype(numpy.int64)"
    return "save one class number per point"
