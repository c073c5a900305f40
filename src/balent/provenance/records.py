"""Snakemake's own records: one JSON file an output below .snakemake/metadata (format 6).

The file's name is the output's path in base64, cut into pieces where it is longer than a file name
may be. A file of that name below .snakemake/incomplete makes Snakemake make the output again.
"""

from __future__ import annotations

import json
import os
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

METADATA, INCOMPLETE, LOCKS = (
    Path(".snakemake", name) for name in ("metadata", "incomplete", "locks")
)
KEPT = (
    "rule",
    "input",
    "log",
    "params",
    "code",
    "record_format_version",
    "container_img_url",
    "software_stack_hash",
    "input_checksums",
)
"""What Snakemake compares with the workflow, and the log. Times and job numbers belong to one
machine; the command line and the environment's file say nothing more."""
PIECE = 254


def locked() -> bool:
    """Whether Snakemake works here now, or was killed and its lock is still there."""
    return LOCKS.is_dir() and any(LOCKS.iterdir())


def newest_lock() -> list[str]:
    """The outputs of the run that locked last; in its ``onstart`` a run finds its own."""
    found = sorted(LOCKS.glob("*.output.lock"), key=lambda path: path.stat().st_mtime_ns)
    return found[-1].read_text().splitlines() if found else []


def kept(record: dict[str, Any]) -> dict[str, Any]:
    """The part of a record that holds on any machine."""
    return {key: record.get(key) for key in KEPT}


def read(output: str) -> dict[str, Any] | None:
    """Snakemake's record of an output; None where there is none, or half of one after a kill."""
    try:
        return json.loads(_path(METADATA, output).read_text())
    except (FileNotFoundError, ValueError):
        return None


def write(output: str, record: dict[str, Any], mtime: float) -> None:
    """Write a record as if Snakemake had made the output at ``mtime``; the output is complete."""
    moment = {"starttime": mtime, "endtime": mtime, "incomplete": False, "job_hash": 0}
    path = _path(METADATA, output)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**record, **moment}))
    # without this folder Snakemake converts the records from an old format
    INCOMPLETE.mkdir(parents=True, exist_ok=True)
    _path(INCOMPLETE, output).unlink(missing_ok=True)


def mark_incomplete(output: str) -> None:
    """Let Snakemake make the output again, whatever its record says."""
    path = _path(INCOMPLETE, output)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"external_jobid": None}))


def is_incomplete(output: str) -> bool:
    """Whether Snakemake will make the output again."""
    return _path(INCOMPLETE, output).is_file()


def outputs() -> Iterator[str]:
    """The outputs that Snakemake has records of."""
    for folder, _, names in os.walk(METADATA):
        yield from (_output(Path(folder, name)) for name in names)


def _path(folder: Path, output: str) -> Path:
    text = urlsafe_b64encode(output.encode()).decode()
    pieces = [text[start : start + PIECE] for start in range(0, len(text), PIECE)]
    return folder.joinpath(*(f"@{piece}" for piece in pieces[:-1]), pieces[-1])


def _output(path: Path) -> str:
    pieces = path.relative_to(METADATA).parts
    return urlsafe_b64decode("".join(piece.removeprefix("@") for piece in pieces)).decode()
