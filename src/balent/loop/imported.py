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
from balent.loop.chain import Chain
from balent.loop.history import Record, write_history

if TYPE_CHECKING:
    from balent.loop.jobs import Job

JOURNAL, RUN = "journal", "run.json"
FILES = ("history.csv", "picks.npz", RUN)
NAMED = {"scale": str, "scenario": str, "method": str, "seed": int}
RECORDED = {"code": str, "inputs": dict, "device": str}
"""What run.json says, of the chain and of how it was made."""

REMOVE = "remove the folder to compute the chain here"


def beside(journal: str | Path) -> Path:
    """The folder in which a chain that ran elsewhere waits, beside the chain's own journal."""
    return Path(journal).with_name("imported")


def read_run(folder: Path) -> dict[str, Any]:
    """The run.json of a folder of ``balent run``; DataError where it is none."""
    if not (folder / RUN).is_file():
        raise DataError(f"{folder}: holds no {RUN}; give a folder of balent run --out")
    run = read_json(folder / RUN)
    try:
        named = {key: type(run["chain"][key]) for key in NAMED}
        known = named == NAMED and isinstance(run["packages"]["torch"], str)
        known &= all(isinstance(run[key], kind) for key, kind in RECORDED.items())
    except (KeyError, TypeError):
        known = False
    if not known:
        raise DataError(f"{folder / RUN}: is no record of a chain; give a folder of balent run")
    return run


def finished(job: Job, folder: Path) -> tuple[list[Record], dict[str, Any]]:
    """All rounds of the chain in a folder of ``balent run``, and its run.json.

    Raises DataError in one line where the folder holds something else: another chain, code or data,
    too few rounds, or a history that its journal does not tell.
    """
    from balent.loop.journal import Journal  # torch, which the command line does without

    run = read_run(folder)
    compare(job.problem.chain, job.code, folder, run)
    if sorted(run["inputs"].values()) != sorted(job.inputs.values()):
        raise DataError(
            f"{folder / RUN}: was made from other contents of {', '.join(job.inputs)}; {REMOVE}"
        )
    base = job.base_of(run["packages"], run["device"].partition(":")[0])
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
            if not same(ours, folder / name):
                raise DataError(
                    f"{folder / name}: is not what the journal beside it tells; copy the whole "
                    "folder of a finished run"
                )
    return records, run


def same(one: Path, other: Path) -> bool:
    """Whether both files are there with equal contents."""
    return one.is_file() and other.is_file() and one.read_bytes() == other.read_bytes()


def compare(chain: Chain, code: str, folder: Path, run: dict[str, Any]) -> None:
    """Refuse, by DataError, a run record of another chain or other code."""
    if run["chain"] != asdict(chain):
        keys = ", ".join(differing(run["chain"], asdict(chain)))
        raise DataError(
            f"{folder / RUN}: is of another chain or other settings than {chain.name} here "
            f"({keys}); {REMOVE}"
        )
    if run["code"] != code:
        raise DataError(
            f"{folder / RUN}: was made by other code (git {run.get('git')}); check that version "
            f"out, or {REMOVE}"
        )


def differing(one: Any, other: Any) -> list[str]:
    """The keys, with dots, under which two nested mappings hold different values."""
    found = []
    for key in sorted({*one, *other}):
        a, b = one.get(key), other.get(key)
        if isinstance(a, dict) and isinstance(b, dict):
            found += [f"{key}.{inner}" for inner in differing(a, b)]
        elif a != b or (key in one) != (key in other):
            found.append(key)
    return found
