"""Files: atomic writes, reading without pickles, content hashes.

Every artefact is data only (npz without pickles, safetensors, CSV, JSON), and a file under its
final name is always whole: it is written under a temporary name beside it and then renamed.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.lib import format as npy

from balent.errors import DataError

if TYPE_CHECKING:
    import torch


class Header(NamedTuple):
    """What the header of an array in an ``.npz`` says."""

    dtype: np.dtype
    shape: tuple[int, ...]


@contextmanager
def atomic(target: str | Path) -> Iterator[Path]:
    """Yield a temporary path beside ``target``; rename it to ``target`` when the block succeeds."""
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.part{target.suffix}")  # a killed one is overwritten
    try:
        yield part
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text atomically, with Unix line ends everywhere."""
    with atomic(path) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON atomically, keys in the order given."""
    write_text(path, json.dumps(value, indent=1) + "\n")


def read_json(path: str | Path) -> Any:
    """Read JSON; raises DataError in one line when the file is absent or not JSON."""
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as JSON ({error}); make the file again") from None


def save_npz(path: str | Path, **arrays: np.ndarray) -> None:
    """Write arrays to an uncompressed ``.npz`` atomically; equal arrays give equal bytes."""
    with atomic(path) as part, open(part, "wb") as handle:
        np.savez(handle, **arrays)  # type: ignore[arg-type]


def load_npz(path: str | Path, *names: str) -> dict[str, np.ndarray]:
    """Read the named arrays (all, if none is named) of an ``.npz``; pickles are refused.

    Raises DataError in one line when the file is absent, damaged, holds objects or lacks a name.
    """
    with _npz(path, names) as archive:
        found = names or archive.files
        for name in found:
            _read_header(archive, name, path)
        return {name: archive[name] for name in found}


def npz_headers(path: str | Path, *names: str) -> dict[str, Header]:
    """Type and shape of the named arrays of an ``.npz``, without reading the arrays.

    Raises DataError as ``load_npz``.
    """
    with _npz(path, names) as archive:
        return {name: _read_header(archive, name, path) for name in names}


@contextmanager
def _npz(path: str | Path, names: Sequence[str]) -> Iterator[np.lib.npyio.NpzFile]:
    """An open ``.npz`` that has the named arrays; what goes wrong inside is a DataError."""
    try:
        with open(path, "rb") as handle:
            if not zipfile.is_zipfile(handle):
                handle.seek(0)
                if handle.read(len(npy.MAGIC_PREFIX)) == npy.MAGIC_PREFIX:
                    raise DataError(
                        f"{path}: is a single array, not an .npz archive; save it by numpy.savez"
                    )
                raise DataError(
                    f"{path}: cannot be read as .npz (it is no whole .npz archive); make the file "
                    "by numpy.savez"
                )
            handle.seek(0)
            with np.load(handle, allow_pickle=False) as archive:
                strange = [name for name in archive if f"{name}.npy" not in archive.zip.namelist()]
                if strange:
                    raise DataError(
                        f"{path}: cannot be read as .npz ({strange[0]!r} in it is no array); make "
                        "the file by numpy.savez"
                    )
                missing = [name for name in names if name not in archive.files]
                if missing:
                    raise DataError(
                        f"{path}: has no array {missing[0]!r}, only {', '.join(archive.files)}"
                    )
                yield archive
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{path}: cannot be read as .npz ({error}); make the file again") from None


def _read_header(archive: np.lib.npyio.NpzFile, name: str, path: str | Path) -> Header:
    with archive.zip.open(f"{name}.npy") as member:  # type: ignore[union-attr]
        version = npy.read_magic(member)
        read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, _, dtype = read(member)
    if dtype.hasobject:
        raise DataError(
            f"{path}: cannot be read as .npz (array {name!r} holds Python objects); save numbers, "
            "and names of classes as their numbers"
        )
    return Header(dtype, shape)


def save_tensors(path: str | Path, tensors: dict[str, torch.Tensor], **metadata: object) -> None:
    """Write tensors as safetensors, atomically, with metadata kept as text."""
    from safetensors.torch import save_file

    text = {key: str(value) for key, value in metadata.items()}
    with atomic(path) as part:
        save_file({k: v.detach().cpu().contiguous() for k, v in tensors.items()}, part, text)


def load_metadata(path: str | Path) -> dict[str, str]:
    """The metadata of a safetensors file; raises DataError in one line when it can't be read."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as handle:
            return handle.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise DataError(
            f"{path}: cannot be read as safetensors ({error}); make the file again"
        ) from None


def load_tensors(path: str | Path) -> dict[str, torch.Tensor]:
    """Read safetensors onto the CPU; raises DataError in one line when that is impossible."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise DataError(
            f"{path}: cannot be read as safetensors ({error}); make the file again"
        ) from None


def sha256_file(path: str | Path) -> str:
    """The SHA-256 of a file's bytes, as hexadecimal digits."""
    with open(path, "rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def tree_digest(folder: str | Path) -> str:
    """A digest of the files below a folder: names, sizes and times, not contents."""
    digest = hashlib.sha256()
    for path in sorted(Path(folder).rglob("*")):
        if path.is_file():
            stat = path.stat()
            name = path.relative_to(folder).as_posix()
            digest.update(f"{name}\0{stat.st_size}\0{stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def sha256_arrays(*arrays: np.ndarray) -> str:
    """The SHA-256 of the arrays' bytes, one after another in C order."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
