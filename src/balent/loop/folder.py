"""A chain in a folder of its own, without Snakemake."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from balent.devices import lock
from balent.errors import DataError
from balent.layout import chain_results
from balent.loop.chain import Chain

LOCK = ".lock"
RUN, HISTORY = "run.json", "history.csv"


def run_in(
    folder: Path,
    chain: Chain,
    data: str,
    encoder: str | None = None,
    deadline: float = math.inf,
) -> bool:
    """Write history.csv, picks.npz and run.json of a chain to the folder, as a job does.

    An interrupted chain continues from the journal in the folder. How to compute comes from the
    environment (balent.environment), which torch reads when it is imported here for the first time.

    data, encoder  files as for balent.loop.problem.load_problem
    deadline       as of time.monotonic; no round starts after it

    Returns whether the chain is finished. Raises DataError where the folder is another chain's,
    and what Job.start raises.
    """
    from balent.loop.jobs import Job, block
    from balent.loop.run import OutOfTime

    check_folder(folder, chain)
    with alone_in(folder):
        job = Job.start(chain.to_json(), data, encoder)
        out = (str(folder / HISTORY), str(folder / "picks.npz"), str(folder / RUN))
        try:
            block(job, len(chain.sizes), str(folder / "journal"), None, out, deadline)
        except OutOfTime:
            return False
    return True


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Make a folder and keep other runs out of it; DataError of a file, and of others' folders."""
    if folder.exists() and not folder.is_dir():
        raise DataError(f"--out: {folder} is a file; name a folder")
    folder.mkdir(parents=True, exist_ok=True)
    handle = lock(folder / LOCK)
    if handle is None:
        raise DataError(f"--out: another run works in {folder}; wait, or name another folder")
    try:
        yield
    finally:
        os.close(handle)
        if [path.name for path in folder.iterdir()] == [LOCK]:  # nothing was begun
            (folder / LOCK).unlink()
            folder.rmdir()


def check_folder(out: Path, chain: Chain) -> None:
    """Refuse, by DataError, a folder that holds another chain's history."""
    place, results = Path(chain_results(chain.name)).resolve(), Path("results").resolve()
    if out.resolve().is_relative_to(results) and out.resolve() != place:
        raise DataError(f"--out: {out} is not the place of {chain.name}; name a folder elsewhere")
    if (out / RUN).exists():
        if recorded(out).get("chain") != json.loads(chain.to_json()):
            raise DataError(f"--out: {out} holds the results of another chain; name another folder")
    elif (out / HISTORY).exists():
        raise DataError(f"--out: {out} holds a history of unknown origin; name another folder")


def is_finished(folder: Path, chain: Chain, code: str) -> bool:
    """Whether the folder holds the results that this code, by its digest, has made of the chain."""
    run = recorded(folder)
    same = run.get("chain") == json.loads(chain.to_json()) and run.get("code") == code
    return same and (folder / HISTORY).is_file()


def recorded(folder: Path) -> dict[str, Any]:
    """The run record in a folder; nothing where there is none that can be read."""
    try:
        found = json.loads((folder / RUN).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
