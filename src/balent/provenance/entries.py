"""Entries: how the outputs of one job came to be. A file of entries has one JSON object a line."""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from balent.errors import DataError
from balent.files import write_text

PUBLISHED = Path("provenance.jsonl")
LOCAL = Path(".provenance/records.jsonl")


@dataclass(frozen=True)
class Entry:
    """The outputs of one job.

    outputs  SHA-256 of each file's content, by path
    record   what Snakemake compares with the workflow (records.KEPT)
    run      state (of code and configuration), config, code, date, device, packages
    """

    outputs: dict[str, str]
    record: dict[str, Any]
    run: dict[str, Any]

    @cached_property
    def id(self) -> str:
        """Equal for equal outputs made from the same inputs, parameters and code."""
        text = json.dumps([self.outputs, self.record], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def state(self) -> str | None:
        """The state of code and configuration when the job ran; None if it was not recorded."""
        return self.run.get("state")

    @property
    def inputs(self) -> dict[str, str]:
        """SHA-256 of each input's content, by path."""
        found = self.record["input_checksums"] or {}
        return {path: digest.removeprefix("sha256:") for path, digest in found.items()}


def read(path: Path) -> list[Entry]:
    """The entries of a file, oldest first; none where it is absent.

    Raises DataError with the line that is no entry.
    """
    if not path.is_file():
        return []
    entries = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            entry = Entry(**json.loads(line))
            assert isinstance(entry.outputs, dict)
            assert isinstance(entry.record["input_checksums"], dict | None)
        except (ValueError, TypeError, KeyError, AssertionError):
            raise DataError(
                f"{path}:{number}: is no provenance entry; "
                f"{'git restore' if path == PUBLISHED else 'remove'} the file"
            ) from None
        entries.append(entry)
    return entries


def write(path: Path, entries: Iterable[Entry]) -> None:
    """Replace a file of entries. Of equal entries the last one stays, in its place."""
    unique: dict[str, Entry] = {}
    for entry in reversed(list(entries)):
        unique.setdefault(entry.id, entry)
    lines = [json.dumps(asdict(entry), sort_keys=True) for entry in unique.values()][::-1]
    write_text(path, "".join(f"{line}\n" for line in lines))


def by_output(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    """The entries of each output, in the order given."""
    table = defaultdict(list)
    for entry in entries:
        for output in entry.outputs:
            table[output].append(entry)
    return table
