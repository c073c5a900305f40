"""What a job of the workflow does: read files, call the steps, write files.

Two granularities share the steps: ``block`` runs many rounds in one process; ``train``,
``mc_sample``, ``acquire``, ``evaluate`` and ``history`` run one step of one round each. Both
write byte-identical histories.
"""

from __future__ import annotations

import hashlib
import math
import shutil
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from balent import kernels, runtime, sources
from balent.acquisition import catalog
from balent.files import (
    load_metadata,
    load_npz,
    load_tensors,
    save_npz,
    save_tensors,
    sha256_file,
    write_json,
)
from balent.loop import imported, rounds
from balent.loop.chain import Chain
from balent.loop.history import (
    STEPS,
    Picks,
    Record,
    labelled_set,
    load_records,
    save_records,
    write_history,
)
from balent.loop.journal import Journal
from balent.loop.predictions import load_predictions, save_predictions
from balent.loop.problem import Problem, load_problem
from balent.loop.run import NO_PICKS, run_rounds
from balent.posterior.base import Posterior
from balent.posterior.spec import packages


@dataclass(frozen=True)
class Job:
    """A chain with its files and the process's limits; started once per process."""

    problem: Problem
    code: str
    inputs: dict[str, str]

    @classmethod
    def start(
        cls,
        chain: str,
        data: str,
        encoder: str | None = None,
    ) -> Job:
        """chain: JSON as written by Chain.to_json; data, encoder: files as for load_problem.

        Device and memory budget come from the environment (balent.runtime).
        """
        parsed = Chain.from_json(chain)
        place = runtime.start(parsed.torch_threads)
        kernels.check(torch.device(place))
        budget = runtime.memory_budget()
        problem = load_problem(parsed, data, encoder, device=place, memory_budget=budget)
        files = code_files(parsed.function)
        sources.check_unchanged(files)
        code = sources.digest(files)
        inputs = {str(path): sha256_file(path) for path in (data, encoder) if path}
        return cls(problem, code, inputs)

    @property
    def base(self) -> str:
        """The hash of everything that all rounds of the chain depend on, for the journal."""
        return self.base_of(runtime.versions(), self.problem.device.type)

    def base_of(self, versions: Mapping[str, str], place: str) -> str:
        """The base with other versions of packages on another kind of device."""
        chain = self.problem.chain.without_budget()
        compiler = ("triton",) if place == "cuda" else ()
        names = ("torch", *packages(chain.settings), *compiler)
        used = [versions.get(name, "") for name in names]
        parts = [chain.to_json(), self.code, *self.inputs.values(), *used, place]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def journal(self, folder: str | Path) -> Journal:
        warm = self.problem.chain.settings["training"]["warm_start"]
        return Journal(folder, self.base, self.problem.chain.sizes, with_model=warm)

    def posterior(self, round: int, state: str) -> Posterior:
        """The fitted posterior of a round."""
        posterior = rounds.new_posterior(self.problem, round)
        posterior.load_state_dict(load_tensors(state))
        return posterior

    def labelled(self, so_far: str | None) -> np.ndarray:
        """The labelled set after the rounds in a file; the initial set without one."""
        return labelled_set(self.problem.initial, load_records(so_far) if so_far else [])


def code_files(function: str) -> set[Path]:
    """The source files that a chain with this acquisition function runs."""
    return {*sources.closure(__file__), *catalog.find(function).source_files()}


def block(
    job: Job,
    last: int,
    journal: str,
    previous: tuple[str, str] | None,
    out: tuple[str, str] | tuple[str, str, str],
    deadline: float = math.inf,
) -> None:
    """Run the chain up to round ``last`` (not included), or take over one that ran elsewhere.

    previous  (records, weights) of the block before, or None
    out       (records, weights) of this block; or, of the last block, (history, picks, run)
    deadline  as for run_rounds; nothing but the journal is written of a chain out of time
    """
    elsewhere = imported.beside(journal)
    if len(out) == 3 and elsewhere.is_dir():
        records, run = imported.finished(job, elsewhere)
        write_history(records, out[0], out[1])
        write_json(out[2], run)
        shutil.rmtree(elsewhere)  # taken over once: what is changed later is computed here
        return
    records = load_records(previous[0]) if previous else []
    state = load_tensors(previous[1]) if previous else None
    records, state = run_rounds(job.problem, last, job.journal(journal), records, state, deadline)
    if len(out) == 3:
        write_history(records, out[0], out[1])
        write_run(job, records, out[2])
    else:
        save_records(out[0], records)
        save_tensors(out[1], state)


def train(job: Job, round: int, so_far: str | None, previous: str | None, model: str) -> None:
    """Train on what the rounds ``so_far`` acquired; previous: the last weights (warm start)."""
    start = time.perf_counter()
    labelled = job.labelled(so_far)
    state = load_tensors(previous) if previous else None
    weights = rounds.train(job.problem, round, labelled, state).state_dict()
    save_tensors(model, weights, seconds=time.perf_counter() - start)


def mc_sample(job: Job, round: int, so_far: str | None, model: str, predictions: str) -> None:
    """Compute what the method needs of the remaining pool."""
    start = time.perf_counter()
    posterior = job.posterior(round, model)
    found = rounds.mc_sample(job.problem, round, job.labelled(so_far), posterior)
    save_predictions(predictions, found, seconds=time.perf_counter() - start)


def acquire(job: Job, round: int, so_far: str | None, predictions: str, picks: str) -> None:
    """Choose the next points to label."""
    start = time.perf_counter()
    labelled, size = job.labelled(so_far), job.problem.chain.sizes[round]
    found, seconds = load_predictions(predictions, job.problem.device)
    chosen = rounds.acquire(job.problem, round, labelled, found, size)
    save_npz(
        picks,
        indices=chosen.indices,
        scores=chosen.scores,
        seconds=np.array([seconds, time.perf_counter() - start]),
    )


def evaluate(
    job: Job, round: int, so_far: str | None, model: str, picks: str | None, records: str
) -> None:
    """Measure the round and append it to the rounds so far; picks: None in the last round."""
    start = time.perf_counter()
    labelled, posterior = job.labelled(so_far), job.posterior(round, model)
    data = load_npz(picks, "indices", "scores", "seconds") if picks else {}
    chosen = Picks(data["indices"], data["scores"]) if data else NO_PICKS
    metrics = rounds.evaluate(job.problem, round, labelled, posterior, chosen.indices)
    seconds = (
        float(load_metadata(model)["seconds"]),
        *map(float, data.get("seconds", np.zeros(2))),
        time.perf_counter() - start,
    )
    earlier = load_records(so_far) if so_far else []
    save_records(records, [*earlier, Record(round, len(labelled), metrics, chosen, seconds)])


def history(job: Job, records: str, out: tuple[str, str, str]) -> None:
    """Write (history, picks, run) of a finished chain."""
    finished = load_records(records)
    write_history(finished, out[0], out[1])
    write_run(job, finished, out[2])


def write_run(job: Job, records: list[Record], path: str | Path) -> None:
    """Write run.json: how the history beside it came to be."""
    total = np.sum([record.seconds for record in records], axis=0)
    write_json(
        path,
        {
            "chain": asdict(job.problem.chain),
            "inputs": job.inputs,
            "rounds": len(records),
            "seconds": dict(zip(STEPS, map(float, total.round(4)), strict=True)),
            **runtime.describe(str(job.problem.device), job.code),
        },
    )
