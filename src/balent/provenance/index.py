"""The index: what every known file was when it was last read, so that a start reads none again."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import NamedTuple

from balent.files import read_json, sha256_file, write_text

INDEX = Path(".snakemake/provenance.json")  # deleted together with Snakemake's records


class Known(NamedTuple):
    """A file's size, modification time (ns), inode and SHA-256, and the entry that it stands for.

    entry  the id of the entry whose record Snakemake has for the file; None if it has another one
    """

    size: int
    mtime_ns: int
    inode: int
    digest: str
    entry: str | None = None


class Index:
    """Known files by path; None for a known file that is absent.

    state  of code and configuration when the index was written
    """

    def __init__(self) -> None:
        stored: dict = read_json(INDEX) if INDEX.is_file() else {"state": "", "files": {}}
        self.state: str = stored["state"]
        self.files: dict[str, Known | None] = {
            path: Known(*values) if values else None for path, values in stored["files"].items()
        }

    def save(self, state: str) -> None:
        """Replace the stored index; ``state``: of code and configuration."""
        write_text(INDEX, json.dumps({"state": state, "files": self.files}))

    def unchanged(self, path: str) -> bool:
        """Whether a known file is as it was, by size, modification time and inode."""
        known = self.files.get(path)
        return _signature(path) == (known and known[:3])

    def digest(self, path: str) -> str | None:
        """The SHA-256 of a file, read only if it changed; None for an absent one."""
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


def _signature(path: str) -> tuple[int, int, int] | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_size, found.st_mtime_ns, found.st_ino
