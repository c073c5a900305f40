"""Publish what DVC locks: the objects in a remote, the entries of their files in git."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from balent.errors import DataError
from balent.provenance import entries, store
from balent.provenance.describe import find
from balent.provenance.entries import LOCAL, PUBLISHED, Entry
from balent.provenance.index import Index
from balent.provenance.pull import CACHE, DVC, LOCK, find_remote, one_line, open_repo, outs

IN_GIT, FOLDER = "published", Path(".dvc/published")
NEW, OLD = (Path(".dvc/tmp", name) for name in ("published.new", "published.old"))
TARGETS, NOTHING = "results tables metrics", "Nothing to be done"
SNAKEMAKE = (sys.executable, "-m", "snakemake", "--dry-run", *TARGETS.split())
SCALE, LIMIT = "small", 10_000_000  # bytes


def publish(remote: str = IN_GIT) -> str:
    """Push all outputs in dvc.lock, write their entries, stage both in git; returns a line on it.

    The remote in git is replaced, takes the small scale alone and at most LIMIT bytes. Raises
    DataError for more than that, for outputs that dvc.lock does not describe or Snakemake would
    make again, for a file without an entry, and for an unknown remote.
    """
    repo = open_repo()
    find_remote(repo, remote)
    if subprocess.run([*DVC, "status", "--quiet"], capture_output=True).returncode:
        raise DataError("dvc.lock: does not describe what is here; run dvc repro first")
    if NOTHING not in _run(*SNAKEMAKE):  # DVC sees neither own data nor own methods
        raise DataError(
            f"results: Snakemake would make some again; run snakemake {TARGETS}, then dvc repro"
        )
    locked = list(outs())
    size = sum(out["size"] + _listing(out["md5"]) for out in locked)
    paths = [Path(out["path"]) for out in locked]
    if remote == IN_GIT:
        _check_limits(paths, size)
    published = _entries_of(sorted(_files(paths)))
    if remote == IN_GIT:
        _replace_folder()
    else:
        _run(*DVC, "push", "--quiet", "--remote", remote)
    entries.write(PUBLISHED, published)
    if remote == IN_GIT:
        _run("git", "add", "--force", "--all", str(FOLDER))
    _run("git", "add", str(LOCK), str(PUBLISHED))
    return f"{size / 1e6:.2f} MB in remote {remote!r}; now commit what is staged"


def _replace_folder() -> None:
    """Push beside the remote in git and exchange the folders: a failure leaves the old one."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    shutil.rmtree(NEW, ignore_errors=True)
    shutil.rmtree(OLD, ignore_errors=True)
    try:
        Repo(config={"remote": {IN_GIT: {"url": str(NEW.resolve())}}}).push(remote=IN_GIT)
    except DvcException as error:
        raise DataError(f"dvc push: {one_line(str(error))}; nothing was changed") from None
    if FOLDER.exists():
        os.replace(FOLDER, OLD)
    os.replace(NEW, FOLDER)


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


def _run(*command: str) -> str:
    """What a command prints; DataError if it fails."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise DataError(f"{' '.join(command)}: {one_line(done.stderr or done.stdout)}")
    return done.stdout + done.stderr
