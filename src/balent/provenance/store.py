"""Record what a run made; restore what was pulled. The main process of the workflow alone does so.

After ``git clone; dvc pull`` all files are new and Snakemake knows none of them. Here every file
whose content an entry knows gets Snakemake's record back and one fixed old time. Every source is
newer than that, so Snakemake compares recorded contents, parameters and code, not times.
"""

from __future__ import annotations

import datetime
import json
import os
from collections import defaultdict
from pathlib import Path
from typing import Any

from balent.files import read_json, write_json
from balent.provenance import entries, records
from balent.provenance.entries import LOCAL, PUBLISHED, Entry
from balent.provenance.index import Index

RUN = Path(".provenance/run.json")
KEPT = ("data/", "results/", "reports/")  # work/ is for working files
RESTORED = 946_684_800.0  # 2000-01-01: older than any source
OUTDATED = RESTORED - 1  # older than a restored input, so that Snakemake compares the contents


def begin(facts: dict[str, Any]) -> None:
    """Remember the facts of the run that starts (versions.facts), for what it will make."""
    record()
    write_json(RUN, facts)


def record() -> None:
    """Add an entry for every output that Snakemake made here and that has none yet."""
    index = Index()
    made = _made(index)
    if made:
        entries.write(LOCAL, [*entries.read(LOCAL), *made])
        for entry in made:
            for output, digest in entry.outputs.items():
                index.note(output, entry.id, digest)
        index.save(index.state)


def restore(state: str) -> list[str]:
    """Give pulled outputs their records; ``state``: of code and configuration (versions.state).

    Returns lines for the user: how many outputs were recognised, and each output whose content no
    entry knows, which Snakemake will make again. Raises DataError for an unreadable file of
    entries.
    """
    index = Index()
    if records.locked() or (index.state == state and all(map(index.unchanged, index.files))):
        return []
    record()
    index = Index()
    local, published = entries.read(LOCAL), entries.read(PUBLISHED)
    preferred = set() if index.unchanged(str(PUBLISHED)) else {entry.id for entry in published}
    index.digest(str(PUBLISHED))
    in_force, restored, wrong = {}, 0, []
    for output, versions in entries.by_output([*local, *published]).items():
        digest = index.digest(output)
        if digest is None:
            continue
        matching = [entry for entry in versions if entry.outputs[output] == digest]
        if matching:
            entry = _choose(matching, state, index.entry(output), preferred)
            if entry.id != index.entry(output):
                _put(output, entry, RESTORED, index)
                restored += 1
            in_force[output] = entry
        else:
            records.mark_incomplete(output)
            wrong.append(output)
    _outdate(in_force, index)
    _adopt(in_force, local)
    index.save("" if wrong else state)  # without a state the next start looks again
    lines = [f"{restored} outputs recognised by content"] if restored else []
    return lines + [f"{path}: no record knows its content; it will be made again" for path in wrong]


def _made(index: Index) -> list[Entry]:
    """New entries, one a job."""
    jobs: dict[str, dict[str, str]] = defaultdict(dict)
    moments = {}
    for output in records.outputs():
        if output.startswith(KEPT) and index.entry(output) is None and _made_here(output):
            found = records.read(output)
            assert found is not None
            job = json.dumps(records.kept(found), sort_keys=True)
            digest = index.digest(output)
            assert digest is not None
            jobs[job][output] = digest
            moments[job] = found["endtime"]
    facts = read_json(RUN) if jobs and RUN.is_file() else {}
    return [
        Entry(dict(sorted(outputs.items())), json.loads(job), _facts(facts, outputs, moments[job]))
        for job, outputs in sorted(jobs.items(), key=lambda item: moments[item[0]])
    ]


def _facts(facts: dict[str, Any], outputs: dict[str, str], moment: float) -> dict[str, Any]:
    """The facts of a job: those of its run, its end, and the device that its run record names."""
    made = datetime.datetime.fromtimestamp(moment, datetime.UTC).isoformat(timespec="seconds")
    runs = [read_json(path) for path in outputs if path.endswith("/run.json")]
    return {**facts, **({"device": runs[0]["device"]} if runs else {}), "date": made}


def _made_here(output: str) -> bool:
    """Whether Snakemake wrote the file as it is now."""
    found = records.read(output)
    if found is None or not os.path.exists(output) or records.is_incomplete(output):
        return False
    return found["endtime"] == os.stat(output).st_mtime and found["endtime"] > RESTORED


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

    Snakemake compares contents only of inputs that are newer than an output, and restored ones
    are not.
    """
    for output, entry in in_force.items():
        changed = [
            path
            for path, digest in entry.inputs.items()
            if path in in_force and in_force[path].outputs[path] != digest
        ]
        if any(os.stat(path).st_mtime <= os.stat(output).st_mtime for path in changed):
            _put(output, entry, OUTDATED, index)


def _adopt(in_force: dict[str, Entry], local: list[Entry]) -> None:
    """Keep entries from git: the next commit may have others, while the files stay."""
    known = {entry.id for entry in local}
    adopted = {entry.id: entry for entry in in_force.values() if entry.id not in known}
    if adopted:
        entries.write(LOCAL, [*local, *adopted.values()])
