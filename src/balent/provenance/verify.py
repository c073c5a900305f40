"""Hash every recorded file again and name what differs."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

from balent.files import sha256_file
from balent.provenance import entries, store
from balent.provenance.entries import LOCAL, PUBLISHED, Entry

UNRECORDED = ("reports/captions/", "reports/report.html")  # in git; snakemake --report


class Verdict(NamedTuple):
    """How many recorded outputs are here, how many are absent, and a line for each problem."""

    here: int
    absent: int
    problems: list[str]


def verify() -> Verdict:
    """Hash all recorded outputs and their inputs; nothing is taken from the index.

    A problem is an output whose content no entry knows, or one that was made from other contents
    than its inputs have now, or a file among the outputs that neither an entry nor Snakemake knows.
    Absent files are none.
    """
    digest = cache(_digest)
    here, absent, problems = 0, 0, []
    known = entries.by_output([*entries.read(LOCAL), *entries.read(PUBLISHED)])
    for output, versions in sorted(known.items()):
        found = digest(output)
        if found is None:
            absent += 1
            continue
        here += 1
        matching = [entry for entry in versions if entry.outputs[output] == found]
        if not matching:
            recorded = versions[-1].outputs[output]
            problems.append(f"{output}: has SHA-256 {found[:16]}…, recorded is {recorded[:16]}…")
            continue
        changed = [_changed_inputs(entry, digest) for entry in matching]
        if all(changed):
            problems.append(f"{output}: was made from another {', '.join(changed[-1])}")
    problems += [
        f"{path}: has no record; let snakemake make it, or remove a file of your own"
        for path in sorted(set(store.files()).difference(known))
        if not path.startswith(UNRECORDED) and not store.made_here(path)
    ]
    return Verdict(here, absent, problems)


def _digest(path: str) -> str | None:
    return sha256_file(path) if Path(path).is_file() else None


def _changed_inputs(entry: Entry, digest) -> list[str]:
    return [path for path, was in entry.inputs.items() if digest(path) not in (was, None)]
