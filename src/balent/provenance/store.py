"""Record what runs made here. The main process of the workflow alone does so."""

from __future__ import annotations

import datetime
import json
import os
import platform
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from balent.files import read_json, write_json
from balent.provenance import entries, records
from balent.provenance.entries import FOLDERS, LOCAL, Entry
from balent.provenance.index import Index

RUNS = Path(".provenance/runs")  # one file for each run that goes on or was killed
RESTORED = 946_684_800.0  # 2000-01-01: the time of pulled outputs, older than any source


def begin(facts: dict[str, Any]) -> None:
    """Remember the facts of the run that starts (versions.facts) and the outputs it has locked."""
    record()
    write_json(_own_run(), {"facts": facts, "outputs": records.newest_lock()})


def record() -> None:
    """Add an entry for every output that Snakemake made here and that has none yet."""
    index = Index()
    made = _made(index)
    if made:
        recorded = entries.read(LOCAL)
        known = {entry.id for entry in recorded}
        new = [entry for entry in made if entry.state or entry.id not in known]
        entries.write(LOCAL, [*recorded, *new])
        for entry in made:
            for output, digest in entry.outputs.items():
                index.note(output, entry.id, digest)
        index.digest(str(LOCAL))
        index.save(index.state)
    _own_run().unlink(missing_ok=True)


def files() -> Iterator[str]:
    """All files where outputs are kept, but hidden ones, which are parts of unfinished files."""
    for top in FOLDERS:
        for folder, _, names in os.walk(top, followlinks=True):
            yield from (os.path.join(folder, name) for name in names if not name.startswith("."))


def made_here(output: str) -> bool:
    """Whether Snakemake wrote the file as it is now."""
    found = records.read(output)
    if found is None or not os.path.isfile(output) or records.is_incomplete(output):
        return False
    return found["endtime"] == os.stat(output).st_mtime and found["endtime"] > RESTORED


def _own_run() -> Path:
    return RUNS / f"{platform.node()}-{os.getpid()}.json"


def _made(index: Index) -> list[Entry]:
    """New entries, one a job; of all outputs if the entries were changed by someone else."""
    unchanged = index.unchanged(str(LOCAL))
    jobs: dict[str, dict[str, str]] = defaultdict(dict)
    found: dict[str, dict[str, Any]] = {}
    for output in records.outputs():
        recorded = unchanged and index.entry(output) is not None
        if output.startswith(FOLDERS) and not recorded and made_here(output):
            was = records.read(output) or {}
            job = json.dumps(records.kept(was), sort_keys=True)
            jobs[job][output] = index.digest(output) or ""
            found[job] = was
    runs = _runs() if jobs else []
    return [
        Entry(
            dict(sorted(jobs[job].items())),
            records.kept(was),
            _facts(runs, jobs[job], was),
            _hashed(was, index),
        )
        for job, was in sorted(found.items(), key=lambda item: item[1]["endtime"])
    ]


def _hashed(was: dict[str, Any], index: Index) -> dict[str, str]:
    """SHA-256 of the inputs that Snakemake did not hash and that did not change since then."""
    rest = set(was["input"] or ()).difference(was["input_checksums"] or ())
    same = [
        p for p in sorted(rest) if os.path.isfile(p) and os.stat(p).st_ctime <= was["starttime"]
    ]
    return {path: index.digest(path) or "" for path in same}


def _runs() -> list[dict[str, Any]]:
    """Facts, locked outputs and start of the runs, oldest first."""
    found = [read_json(path) | {"start": path.stat().st_mtime} for path in RUNS.glob("*.json")]
    return sorted(found, key=lambda run: run["start"])


def _facts(
    runs: list[dict[str, Any]], outputs: dict[str, str], was: dict[str, Any]
) -> dict[str, Any]:
    """The facts of a job: those of its run, its end, and the device that its run record names."""
    end = datetime.datetime.fromtimestamp(was["endtime"], datetime.UTC)
    of_run = [
        run["facts"]
        for run in runs
        if run["start"] <= was["starttime"] and not outputs.keys().isdisjoint(run["outputs"])
    ]
    devices = [read_json(path)["device"] for path in outputs if path.endswith("/run.json")]
    return {
        **(of_run[-1] if of_run else {}),
        **({"device": devices[0]} if devices else {}),
        "date": end.isoformat(timespec="seconds"),
    }
