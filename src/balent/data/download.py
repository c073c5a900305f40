"""Downloads: checked by hash, with a time limit for silence, failing in one line."""

from __future__ import annotations

import hashlib
import http.client
import shutil
import socket
import tarfile
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tqdm import tqdm

from balent.errors import DataError

SILENCE_S = 60
BLOCK = 1 << 20


@contextmanager
def network(what: str, remedy: str) -> Iterator[None]:
    """Turn what can go wrong in a download into one DataError: ``what`` failed, do ``remedy``.

    A connection that is silent for a minute fails instead of waiting for ever (torchvision's
    downloader sets no limit of its own, so the limit is the process's while the block runs).
    """
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENCE_S)
    try:
        yield
    except (
        OSError,  # includes URLError, time limits and a full disk
        RuntimeError,  # torchvision: a damaged or missing file
        EOFError,
        http.client.HTTPException,
        tarfile.TarError,
        zipfile.BadZipFile,
    ) as error:
        reason = " ".join(str(error).split())[:300]
        raise DataError(
            f"{what}: the download failed ({type(error).__name__}: {reason}); {remedy}"
        ) from None
    finally:
        socket.setdefaulttimeout(before)


@contextmanager
def temporary_folder(target: Path) -> Iterator[Path]:
    """A folder beside ``target`` for downloads; gone afterwards, and so are a killed run's."""
    folder = target.with_name(f".{target.name}.download")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def download(url: str, path: Path, algorithm: str, digest: str) -> None:
    """Fetch ``url`` to ``path``; its hash must begin with ``digest``.

    Raises DataError on another hash, OSError and the like without a network (see ``network``).
    """
    with urllib.request.urlopen(url) as response, open(path, "wb") as handle:
        size = response.headers.get("Content-Length")
        with tqdm(total=int(size) if size else None, unit="B", unit_scale=True, desc=url) as bar:
            while block := response.read(BLOCK):
                handle.write(block)
                bar.update(len(block))
    check_hash(path, algorithm, digest, url)


def check_hash(path: Path, algorithm: str, digest: str, where: str) -> None:
    """Raise DataError unless the file's hash begins with ``digest`` (hexadecimal digits)."""
    with open(path, "rb") as handle:
        got = hashlib.file_digest(handle, algorithm).hexdigest()
    if not got.startswith(digest):
        raise DataError(
            f"{where}: {algorithm} {got[: len(digest)]} is not the recorded {digest}; the file is "
            "damaged or another one: remove it and fetch it again"
        )
