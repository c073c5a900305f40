"""Record what a run made; restore what was pulled. The main process of the workflow alone does so.

After ``git clone; dvc pull`` all files are new and Snakemake knows none of them. Here every file
whose content an entry knows gets Snakemake's record back and one fixed old time. Every source is
newer than that, so Snakemake compares recorded contents, parameters and code, not times.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from balent.files import read_json, write_json
from balent.provenance import entries, records
from balent.provenance.entries import FOLDERS, LOCAL, PUBLISHED, Entry
from balent.provenance.index import Index

RUNS = Path(".provenance/runs")  # one file for each run that goes on or was killed
RESTORED = 946_684_800.0  # 2000-01-01: older than any source
OUTDATED = RESTORED - 1  # older than a restored input, so that Snakemake compares the contents
LOCKED = (
    "outputs are not compared with their records, since Snakemake works here or was killed; "
    "after a kill run snakemake --unlock"
)
UNKNOWN = "no record knows its content; it will be made again"
ELSEWHERE = "is no file of this checkout; it will be made again"


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


def restore(state: str, is_output: Callable[[str], bool]) -> list[str]:
    """Give pulled outputs their records; ``state``: of code and configuration (versions.state).

    is_output  whether a job makes a path; such a file without a record will be made again
    Returns lines for the user: how many outputs were recognised, and each output that Snakemake
    will make again, since no entry knows its content. Raises DataError for an unreadable file of
    entries.
    """
    index = Index()
    present = set(files())
    strange = any(is_output(path) for path in present.difference(index.files))
    if index.state == state and not strange and all(map(index.unchanged, index.files)):
        return []
    if records.locked():
        return [LOCKED]
    record()
    index = Index()
    local, published = entries.read(LOCAL), entries.read(PUBLISHED)
    known = entries.by_output([*local, *published])
    preferred = set() if index.unchanged(str(PUBLISHED)) else {entry.id for entry in published}
    index.digest(str(PUBLISHED))
    in_force, restored = {}, 0
    wrong = {path: UNKNOWN for path in present.difference(known) if is_output(path)}
    for output, versions in known.items():
        if _elsewhere(output):
            wrong[output] = ELSEWHERE
            continue
        digest = index.digest(output)
        if digest is None:
            continue
        matching = [entry for entry in versions if entry.outputs[output] == digest]
        if matching:
            entry = _choose(matching, state, index.entry(output), preferred)
            if entry.id != index.entry(output) or records.is_incomplete(output):
                _put(output, entry, RESTORED, index)
                restored += 1
            in_force[output] = entry
        else:
            wrong[output] = UNKNOWN
    for output in wrong:
        records.mark_incomplete(output)
    _outdate(in_force, index)
    _adopt(in_force, local)
    index.digest(str(LOCAL))
    index.save("" if wrong else state)  # without a state the next start looks again
    lines = [f"{restored} outputs recognised by content"] if restored else []
    return lines + [f"{path}: {problem}" for path, problem in sorted(wrong.items())]


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


def _elsewhere(output: str) -> bool:
    """Whether an output is a link out of the checkout, or no regular file.

    The kept folders themselves may lie on another disk.
    """
    if not os.path.lexists(output):
        return False
    real, top = os.path.realpath(output), output.split("/")[0]
    homes = [os.path.join(os.path.realpath(home), "") for home in (".", top)]
    return not os.path.isfile(real) or not real.startswith(tuple(homes))


def _choose(matching: list[Entry], state: str, in_force: str | None, preferred: set[str]) -> Entry:
    """Of the entries that know a content: the one of this state of code and configuration, else
    one that was published since the last start, else the one in force, else the newest."""
    for wanted in (
        [entry for entry in matching if entry.state == state],
        [entry for entry in matching if entry.id in preferred],
        [entry for entry in matching if entry.id == in_force],
    ):
        if wanted:
            return wanted[-1]
    return matching[-1]


def _put(output: str, entry: Entry, moment: float, index: Index) -> None:
    """Let a file be the entry's, made at ``moment``."""
    digest = entry.outputs[output]
    records.write(output, entry.record, moment)
    os.utime(output, (moment, moment))
    index.note(output, entry.id, digest)


def _outdate(in_force: dict[str, Entry], index: Index) -> None:
    """Make an output older than its inputs where it was made from other contents of them.

    Snakemake compares contents only of inputs that are newer than an output; restored ones and
    a user's own may be older.
    """
    for output, entry in in_force.items():
        changed = [
            os.stat(path).st_mtime
            for path, digest in entry.inputs.items()
            if index.digest(path) not in (digest, None)
        ]
        if changed and min(changed) <= os.stat(output).st_mtime:
            _put(output, entry, min(OUTDATED, min(changed) - 1), index)


def _adopt(in_force: dict[str, Entry], local: list[Entry]) -> None:
    """Keep entries from git: the next commit may have others, while the files stay."""
    known = {entry.id for entry in local}
    adopted = {entry.id: entry for entry in in_force.values() if entry.id not in known}
    if adopted:
        entries.write(LOCAL, [*local, *adopted.values()])
