"""Arrays from files: ``.npy`` mapped into memory, ``.npz`` read, never a pickle."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from balent.errors import DataError
from balent.files import load_npz


def read_array(source: str) -> np.ndarray:
    """The array of ``FILE.npy``, ``FILE.npz:NAME``, or ``FILE.npz`` with a single array.

    An ``.npy`` file is mapped into memory and read as it is needed; an ``.npz`` is read whole.
    Pickles are refused. Raises DataError in one line for what cannot be read.
    """
    path, member, name = source.rpartition(".npz:")
    if member:
        return _read_npz(Path(f"{path}.npz"), name)
    if source.endswith(".npz"):
        return _read_npz(Path(source), None)
    if source.endswith(".npy"):
        return _map_npy(Path(source))
    raise DataError(f"{source}: is no .npy or .npz file; save the array by numpy.save")


def _map_npy(path: Path) -> np.ndarray:
    try:
        return np.lib.format.open_memmap(path, mode="r")
    except (OSError, ValueError, EOFError) as error:
        raise DataError(_unreadable(path, "npy", error)) from None


def _read_npz(path: Path, name: str | None) -> np.ndarray:
    if name is None:
        try:
            with zipfile.ZipFile(path) as archive:
                names = [member.removesuffix(".npy") for member in archive.namelist()]
        except (OSError, zipfile.BadZipFile) as error:
            raise DataError(_unreadable(path, "npz", error)) from None
        if len(names) != 1:
            listed = ", ".join(names) or "none"
            raise DataError(f"{path}: holds {len(names)} arrays ({listed}); give {path}:NAME")
        [name] = names
    return load_npz(path, name)[name]


def _unreadable(path: Path, kind: str, error: Exception) -> str:
    reason = getattr(error, "strerror", None) or " ".join(str(error).split())
    return f"{path}: cannot be read as .{kind} ({reason}); save plain floats by numpy.save"
