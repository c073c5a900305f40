"""The index: what every known file was when it was last read, so that a start reads none again."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import NamedTuple

from balent.files import sha256_file, write_text

INDEX = Path(".snakemake/provenance.json")  # deleted together with Snakemake's records


class Known(NamedTuple):
    """A file's size, times (ns), inode and SHA-256, and the entry that it stands for.

    ctime_ns  no program can set it, unlike mtime_ns, which all restored files share
    entry     the id of the entry whose record Snakemake has for the file; None if it has another
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    digest: str
    entry: str | None = None


class Index:
    """Known files by path; None for a known file that is absent.

    state  of code and configuration when the index was written
    """

    def __init__(self) -> None:
        self.state, self.files = _stored()

    def save(self, state: str) -> None:
        """Replace the stored index; ``state``: of code and configuration."""
        write_text(INDEX, json.dumps({"state": state, "files": self.files}))

    def unchanged(self, path: str) -> bool:
        """Whether a known file is as it was, by size, times and inode."""
        known = self.files.get(path)
        return _signature(path) == (known and known[:4])

    def digest(self, path: str) -> str | None:
        """The SHA-256 of a regular file, read only if it changed; None for anything else."""
        if not self.unchanged(path):
            self.note(path, None)
        known = self.files.get(path)
        return known.digest if known else None

    def entry(self, path: str) -> str | None:
        """The id of the entry that is in force for a file that did not change."""
        known = self.files.get(path)
        return known.entry if known and self.unchanged(path) else None

    def note(self, path: str, entry: str | None, digest: str | None = None) -> None:
        """Remember a file as it is now; ``digest``: of its content, where it is known already."""
        signature = _signature(path)
        self.files[path] = (
            Known(*signature, digest or sha256_file(path), entry) if signature else None
        )


def _stored() -> tuple[str, dict[str, Known | None]]:
    """What was saved; nothing if it is damaged or of another form, so that all is read again."""
    try:
        stored = json.loads(INDEX.read_bytes())
        files = {path: known and Known(*known) for path, known in stored["files"].items()}
        return stored["state"], files
    except (FileNotFoundError, ValueError, TypeError, KeyError, AttributeError):
        return "", {}


def _signature(path: str) -> tuple[int, int, int, int] | None:
    """Of a regular file; None for anything else, such as a device or a folder."""
    try:
        found = os.stat(path)
    except OSError:
        return None
    if not stat.S_ISREG(found.st_mode):
        return None
    return found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino
