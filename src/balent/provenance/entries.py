"""Entries: how the outputs of one job came to be. A file of entries has one JSON object a line."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from balent.errors import DataError
from balent.files import write_text
from balent.provenance import records

PUBLISHED = Path("provenance.jsonl")
LOCAL = Path(".provenance/records.jsonl")
FOLDERS = ("data/raw/", "data/features/", "results/", "reports/")  # work/ is for working files
DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Entry:
    """The outputs of one job.

    outputs  SHA-256 of each file's content, by path
    record   what Snakemake compares with the workflow (records.KEPT)
    run      state (of code and configuration), config, code, date, device, packages
    hashed   SHA-256 of the inputs that Snakemake did not hash (--max-checksum-file-size)
    """

    outputs: dict[str, str]
    record: dict[str, Any]
    run: dict[str, Any]
    hashed: dict[str, str] = field(default_factory=dict)

    @cached_property
    def id(self) -> str:
        """Equal for equal outputs made from the same inputs, parameters and code."""
        text = json.dumps([self.outputs, self.record, self.hashed], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def state(self) -> str | None:
        """The state of code and configuration when the job ran; None if it was not recorded."""
        return self.run.get("state")

    @property
    def inputs(self) -> dict[str, str]:
        """SHA-256 of each input's content, by path."""
        found = self.record["input_checksums"] or {}
        return self.hashed | {path: value.removeprefix("sha256:") for path, value in found.items()}


def read(path: Path) -> list[Entry]:
    """The entries of a file, oldest first; none where it is absent.

    Raises DataError with the line that is no entry, and why.
    """
    if not path.is_file():
        return []
    entries = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            entries.append(_entry(line))
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise DataError(
                f"{path}:{number}: is no provenance entry ({error}); "
                f"{'git restore' if path == PUBLISHED else 'remove'} the file"
            ) from None
    return entries


def _entry(line: bytes) -> Entry:
    """One checked entry: it may come from someone else, and names files that are looked at."""
    entry = Entry(**json.loads(line))
    if set(entry.record) != set(records.KEPT):
        raise ValueError(f"its record has not the keys {', '.join(records.KEPT)}")
    if not isinstance(entry.run.get("packages", {}), dict):
        raise ValueError("its packages are no versions by name")
    if "date" not in entry.run:
        raise ValueError("it has no date")
    for output in entry.outputs:
        _check_place(output)
    for path, digest in (*entry.outputs.items(), *entry.inputs.items()):
        if b"\0" in os.fsencode(path):
            raise ValueError(f"{path!r} is no path")
        if not DIGEST.fullmatch(digest):
            raise ValueError(f"{digest!r} is no SHA-256 of {path}")
    return entry


def _check_place(output: str) -> None:
    plain = PurePosixPath(output)
    if not output.startswith(FOLDERS) or ".." in plain.parts or plain.as_posix() != output:
        raise ValueError(f"output {output!r} is no plain path below {', '.join(FOLDERS)}")


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
