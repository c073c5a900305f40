"""Pull with DVC, and say in one line why that failed: DVC's own messages name symptoms."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from balent.config import read_yaml
from balent.errors import DataError

LOCK, CACHE = Path("dvc.lock"), Path(".dvc/cache/files/md5")
DVC = (sys.executable, "-m", "dvc")  # of this environment, activated or not
PORTS = {"http": 80, "https": 443, "ssh": 22}
S3 = "https://s3.amazonaws.com"
TIMEOUT = 10  # seconds


def pull(targets: list[str], remote: str | None = None) -> None:
    """``dvc pull`` of some outputs or stages (all, if none is named).

    Raises DataError with the one reason: no remote, remote unreachable, disk full, object missing,
    object corrupted; or, for anything else, with what DVC says.
    """
    chosen = ["--remote", remote] if remote else []
    done = subprocess.run([*DVC, "pull", *chosen, *targets], stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise DataError(_reason(targets, remote, done.stderr))


def _reason(targets: list[str], remote: str | None, said: str) -> str:
    from dvc.repo import Repo

    repo = Repo()
    name = remote or repo.config["core"].get("remote")
    if not name:
        return "no remote: run dvc remote add --default NAME URL, or name one by --remote"
    settings = repo.config["remote"].get(name)
    if settings is None:
        return f"no remote {name!r}: there are {', '.join(repo.config['remote'])}"
    if problem := _unreachable(settings):
        return f"remote {name!r} ({settings['url']}) cannot be reached: {problem}; try again later"
    free, needed = shutil.disk_usage(".").free, sum(map(_absent_bytes, _outs(targets)))
    if "No space left" in said or free < needed:
        return (
            f"disk full: {needed / 1e6:.1f} MB are to be written, {free / 1e6:.1f} MB are free; "
            "make room and pull again"
        )
    store = repo.cloud.get_remote_odb(name)
    for path, md5 in _lacking(store, targets):
        problem = "is corrupted" if store.exists(md5) else "is missing"
        return (
            f"{path}: its object {md5} {problem} in remote {name!r}; push it again from a checkout "
            "that has it, or let snakemake make the file"
        )
    words = " ".join(said.split())
    if "--force" in words:
        return f"a file was changed here; move it away or run dvc pull --force ({words})"
    return words


def _unreachable(settings: dict[str, Any]) -> str | None:
    """Why no connection to a remote can be made; None if one can be."""
    url = settings["url"]
    if "://" not in url:
        return None if Path(url).is_dir() else "there is no such folder"
    parts = urlsplit(settings.get("endpointurl", S3) if url.startswith("s3:") else url)
    try:
        port = settings.get("port") or parts.port or PORTS[parts.scheme]
        socket.create_connection((parts.hostname or "", int(port)), TIMEOUT).close()
    except OSError as error:
        return error.strerror or str(error)
    return None


def _outs(targets: list[str]) -> Iterator[dict[str, Any]]:
    for name, stage in read_yaml(LOCK)["stages"].items():
        for out in stage["outs"]:
            if not targets or name in targets or out["path"] in targets:
                yield out


def _absent_bytes(out: dict[str, Any]) -> int:
    """How many bytes of an output are not here yet."""
    path = Path(out["path"])
    files = path.rglob("*") if path.is_dir() else [path]
    here = sum(file.stat().st_size for file in files if file.is_file())
    return max(0, out["size"] - here)


def _lacking(store: Any, targets: list[str]) -> Iterator[tuple[str, str]]:
    """(path, MD5) of every object of dvc.lock that neither the cache nor the remote has whole."""
    for out in _outs(targets):
        content = _content(store, out["md5"])
        if content is None:
            yield out["path"], out["md5"]
        elif out["md5"].endswith(".dir"):
            for file in json.loads(content):
                if _content(store, file["md5"]) is None:
                    yield f"{out['path']}/{file['relpath']}", file["md5"]


def _content(store: Any, md5: str) -> bytes | None:
    """An object from the cache, else from the remote if it is whole there; None otherwise."""
    cached = CACHE / md5[:2] / md5[2:]
    if cached.is_file():
        return cached.read_bytes()
    if not store.exists(md5):
        return None
    found = store.fs.cat_file(store.oid_to_path(md5))
    return found if hashlib.md5(found).hexdigest() == md5.removesuffix(".dir") else None
