"""A chain that ran elsewhere (``balent run``): checked against this checkout, then taken over.

Its journal tells whether it is what a job here would compute: an entry's key hashes the chain, the
code, the data, the labelled set, and the kind of device and version of torch that run.json names.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from balent.errors import DataError
from balent.files import read_json
from balent.loop.history import Record, write_history
from balent.loop.journal import Journal

if TYPE_CHECKING:
    from balent.loop.jobs import Job

JOURNAL, RUN = "journal", "run.json"
FILES = ("history.csv", "picks.npz", RUN)


def beside(journal: str | Path) -> Path:
    """The folder in which a chain that ran elsewhere waits, beside the chain's own journal."""
    return Path(journal).with_name("imported")


def finished(job: Job, folder: Path) -> tuple[list[Record], dict[str, Any]]:
    """All rounds of the chain in a folder of ``balent run``, and its run.json.

    Raises DataError in one line where the folder holds something else: another chain, code or data,
    too few rounds, or a history that its journal does not tell.
    """
    run = read_json(folder / RUN)
    _compare(job, folder, run)
    base = job.base_of(run["packages"]["torch"], run["device"].partition(":")[0])
    count = len(job.problem.chain.sizes)
    journal = Journal(folder / JOURNAL, base, job.problem.chain.sizes, with_model=False)
    records, _ = journal.resume(job.problem.initial, [], count)
    if len(records) < count:
        raise DataError(
            f"{folder}: {len(records)} of {count} rounds in its journal are of this chain, code "
            "and data; copy the whole folder of a finished run"
        )
    with TemporaryDirectory() as place:
        again = [Path(place, name) for name in FILES[:2]]
        write_history(records, *again)
        for ours, name in zip(again, FILES, strict=False):
            if ours.read_bytes() != (folder / name).read_bytes():
                raise DataError(f"{folder / name}: is not what the journal beside it tells")
    return records, run


def _compare(job: Job, folder: Path, run: dict[str, Any]) -> None:
    """Refuse a run record of another chain, other code or other data."""
    chain = job.problem.chain
    if run.get("chain") != asdict(chain):
        raise DataError(f"{folder / RUN}: is of another chain or other settings than {chain.name}")
    if run["code"] != job.code:
        raise DataError(
            f"{folder / RUN}: was made by other code (git {run['git']}, {chain.name}); check that "
            "version out, or remove the folder to compute the chain here"
        )
    if sorted(run["inputs"].values()) != sorted(job.inputs.values()):
        raise DataError(f"{folder / RUN}: was made from other contents of {', '.join(job.inputs)}")
