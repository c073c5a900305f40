"""What commands write: scores as CSV, to a file or to standard output, and tables to read."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

from balent.errors import DataError
from balent.files import atomic


def check_target(target: Path | None, inputs: Iterable[str] = ()) -> None:
    """Refuse, by DataError, a file that cannot or must not be written, before any computation.

    inputs  files that the command reads
    """
    if target is None:
        return
    if target.suffix.lower() in (".npy", ".npz"):
        raise DataError(f"{target}: is the name of an array; the output is CSV, name a .csv file")
    if target.exists():
        if any(os.path.exists(name) and target.samefile(name) for name in inputs):
            raise DataError(f"{target}: is an input of this command; name another file")
        if not (target.is_file() or target.is_dir()):
            raise DataError(f"{target}: is no regular file; leave --out out for standard output")
        if not os.access(target, os.W_OK):
            raise DataError(f"{target}: cannot be written to; name another file")
    if target.is_dir():
        raise DataError(f"{target}: is a folder; name a file")
    if not target.parent.is_dir():
        raise DataError(f"{target}: the folder {target.parent} does not exist; make it first")
    if not os.access(target.parent, os.W_OK):
        raise DataError(f"{target}: the folder {target.parent} cannot be written to")


def write_scores(indices: Iterable[int], scores: Iterable[float], target: Path | None) -> None:
    """Write the columns index and score: to a file, whole or not at all, or to standard output.

    A score is written with the digits that give the same float64 back, infinity as ``inf``. Raises
    DataError where the file cannot be written.
    """
    rows = (f"{i},{s!r}\n" for i, s in zip(indices, scores, strict=True))
    lines = chain(["index,score\n"], rows)
    if target is None:
        _print(lines)
        return
    try:
        with atomic(target) as part, open(part, "w", encoding="utf-8", newline="\n") as handle:
            handle.writelines(lines)
    except OSError as error:
        raise DataError(f"{target}: cannot be written ({error.strerror})") from None


def print_table(rows: Sequence[Sequence[str]]) -> None:
    """Print columns as wide as their cells; the first row holds their names."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        print("  ".join(cells).rstrip())


def _print(lines: Iterable[str]) -> None:
    try:
        sys.stdout.writelines(lines)
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        silence_output()
        raise DataError(f"standard output: cannot be written ({error.strerror})") from None


def silence_output() -> None:
    """Send the rest of standard output nowhere: Python's flush at the end would fail once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
