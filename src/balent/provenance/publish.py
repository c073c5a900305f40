"""Publish what DVC locks: the objects in a remote, the entries of their files in git."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from balent.config import read_yaml
from balent.errors import DataError
from balent.provenance import entries, store
from balent.provenance.describe import find
from balent.provenance.entries import LOCAL, PUBLISHED, Entry
from balent.provenance.index import Index
from balent.provenance.pull import CACHE, DVC, LOCK

IN_GIT, FOLDER = "published", Path(".dvc/published")
SCALE, LIMIT = "small", 10_000_000  # bytes


def publish(remote: str = IN_GIT) -> str:
    """Push all outputs in dvc.lock, write their entries, stage both in git; returns a line on it.

    The remote in git is replaced, takes the small scale alone and at most LIMIT bytes. Raises
    DataError for more than that, for outputs that dvc.lock does not describe, and for a file
    without an entry.
    """
    if _run(*DVC, "status", "--quiet", may_fail=True):
        raise DataError("dvc.lock: does not describe what is here; run dvc repro first")
    outs = [out for stage in read_yaml(LOCK)["stages"].values() for out in stage["outs"]]
    size = sum(out["size"] + _listing(out["md5"]) for out in outs)
    paths = [Path(out["path"]) for out in outs]
    if remote == IN_GIT:
        _check_limits(paths, size)
    published = _entries_of(sorted(_files(paths)))
    if remote == IN_GIT:
        shutil.rmtree(FOLDER, ignore_errors=True)
    _run(*DVC, "push", "--quiet", "--remote", remote)
    entries.write(PUBLISHED, published)
    if remote == IN_GIT:
        _run("git", "add", "--force", "--all", str(FOLDER))
    _run("git", "add", str(LOCK), str(PUBLISHED))
    return f"{size / 1e6:.2f} MB in remote {remote!r}; now commit what is staged"


def _check_limits(paths: list[Path], size: int) -> None:
    if Path("results", SCALE) not in paths:
        raise DataError(f"{LOCK}: remote {IN_GIT!r} takes scale {SCALE} alone; publish elsewhere")
    if size > LIMIT:
        raise DataError(
            f"{LOCK}: {size / 1e6:.1f} MB are too much for remote {IN_GIT!r} "
            f"(at most {LIMIT / 1e6:.0f} MB); remove results or publish elsewhere"
        )


def _listing(md5: str) -> int:
    """The size of the object that lists a folder's files."""
    return (CACHE / md5[:2] / md5[2:]).stat().st_size if md5.endswith(".dir") else 0


def _files(paths: list[Path]) -> Iterator[str]:
    for path in paths:
        found = path.rglob("*") if path.is_dir() else [path]
        yield from (file.as_posix() for file in found if file.is_file())


def _entries_of(files: list[str]) -> list[Entry]:
    """The entries in force of files, with those files alone as outputs."""
    store.record()
    index, wanted = Index(), set(files)
    known = entries.by_output([*entries.read(PUBLISHED), *entries.read(LOCAL)])
    found: dict[str, Entry] = {}
    for file in files:
        entry = find(known, file, index.digest(file) or "", index)
        if entry is None:
            raise DataError(f"{file}: has no record; run snakemake, or remove a file of your own")
        outputs = {path: digest for path, digest in entry.outputs.items() if path in wanted}
        found[entry.id] = replace(entry, outputs=outputs)
    return list(found.values())


def _run(*command: str, may_fail: bool = False) -> int:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode and not may_fail:
        reason = " ".join((done.stderr or done.stdout).split())
        raise DataError(f"{' '.join(command)}: {reason}")
    return done.returncode
