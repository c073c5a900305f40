"""Restore what was pulled: every output whose content an entry knows gets Snakemake's record back.

After ``git clone; dvc pull`` all files are new and Snakemake knows none of them. With its record an
output gets one fixed old time. Every source is newer than that, so Snakemake compares recorded
contents, parameters and code, not times. What no entry knows is named and made again.
"""

from __future__ import annotations

import os
from collections.abc import Callable

from balent.provenance import entries, records, store
from balent.provenance.entries import LOCAL, PUBLISHED, Entry
from balent.provenance.index import Index
from balent.provenance.store import RESTORED

OUTDATED = RESTORED - 1  # older than a restored input, so that Snakemake compares the contents
LOCKED = (
    "outputs are not compared with their records, since Snakemake works here or was killed; "
    "after a kill run snakemake --unlock"
)
UNKNOWN = "no record knows its content; it will be made again"
ELSEWHERE = "is no file of this checkout; it will be made again"


def restore(state: str, is_output: Callable[[str], bool]) -> list[str]:
    """Give pulled outputs their records; ``state``: of code and configuration (versions.state).

    is_output  whether a job makes a path; such a file without a record will be made again
    Returns lines for the user: how many outputs were recognised, and each output that Snakemake
    will make again, since no entry knows its content. Raises DataError for an unreadable file of
    entries.
    """
    index = Index()
    present = set(store.files())
    strange = any(is_output(path) for path in present.difference(index.files))
    if index.state == state and not strange and all(map(index.unchanged, index.files)):
        return []
    if records.locked():
        return [LOCKED]
    store.record()
    index = Index()
    local, published = entries.read(LOCAL), entries.read(PUBLISHED)
    known = entries.by_output([*local, *published])
    preferred = set() if index.unchanged(str(PUBLISHED)) else {entry.id for entry in published}
    index.digest(str(PUBLISHED))
    wrong = {path: UNKNOWN for path in present.difference(known) if is_output(path)}
    wrong |= {path: ELSEWHERE for path in known if _elsewhere(path)}
    matching = _matching(known, wrong, index)
    wrong |= {path: UNKNOWN for path, found in matching.items() if not found}
    for path in wrong:
        records.mark_incomplete(path)
    in_force = {
        path: _choose(found, state, index.entry(path), preferred)
        for path, found in matching.items()
        if found
    }
    restored = [path for path, entry in in_force.items() if entry.id != index.entry(path)]
    for path in restored:
        _put(path, in_force[path], RESTORED, index)
    _outdate(in_force, index)
    _adopt(in_force, local)
    index.digest(str(LOCAL))
    index.save("" if wrong else state)  # without a state the next start looks again
    lines = [f"{len(restored)} outputs recognised by content"] if restored else []
    return lines + [f"{path}: {problem}" for path, problem in sorted(wrong.items())]


def _matching(
    known: dict[str, list[Entry]], wrong: dict[str, str], index: Index
) -> dict[str, list[Entry]]:
    """The entries that know the content of each output that is here."""
    digests = {path: index.digest(path) for path in known if path not in wrong}
    return {
        path: [entry for entry in known[path] if entry.outputs[path] == digest]
        for path, digest in digests.items()
        if digest is not None
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
