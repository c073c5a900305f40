"""Many rounds of a chain in one process, with a journal."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from torch import Tensor

from balent.bars import bar
from balent.loop import rounds
from balent.loop.history import Picks, Record, labelled_set
from balent.loop.journal import Journal, State
from balent.loop.problem import Problem
from balent.posterior.base import Posterior

T = TypeVar("T")
NO_PICKS = Picks(np.empty(0, dtype=np.int64), np.empty(0))


class OutOfTime(Exception):
    """A chain stopped between two rounds; the journal has those that are finished."""


def run_rounds(
    problem: Problem,
    last: int,
    journal: Journal,
    records: list[Record] | None = None,
    state: State | None = None,
    deadline: float = math.inf,
) -> tuple[list[Record], State]:
    """Run a chain up to round ``last`` (not included), taking finished rounds from the journal.

    records, state  the rounds of earlier blocks and the weights after them
    deadline        as of time.monotonic; no round starts after it

    Returns all rounds so far and the last weights. Raises OutOfTime.
    """
    records = list(records or [])
    found, found_state = journal.resume(problem.initial, records, last)
    records += found
    state = found_state if found and found_state is not None else state
    shown = bar(
        initial=len(records),
        total=last,
        desc=problem.chain.name,
        unit="round",
        mininterval=0.5 if sys.stderr.isatty() else 30.0,  # a log file gets few lines
    )
    with shown:
        for round in range(len(records), last):
            if time.monotonic() > deadline:
                raise OutOfTime
            labelled = labelled_set(problem.initial, records)
            record, posterior = run_round(problem, round, labelled, state)
            state = posterior.state_dict()
            journal.append(labelled, record, posterior.state_dict)
            records.append(record)
            shown.set_postfix(accuracy=f"{record.metrics.accuracy:.3f}", refresh=False)
            shown.update()
    return records, state or {}


def run_round(
    problem: Problem, round: int, labelled: np.ndarray, previous: dict[str, Tensor] | None
) -> tuple[Record, Posterior]:
    """The four steps once. The last round of a chain only trains and evaluates."""
    size = problem.chain.sizes[round]
    seconds = [0.0] * 4
    posterior = _timed(seconds, 0, lambda: rounds.train(problem, round, labelled, previous))
    picks = NO_PICKS
    if size:
        predictions = _timed(
            seconds, 1, lambda: rounds.mc_sample(problem, round, labelled, posterior)
        )
        picks = _timed(
            seconds, 2, lambda: rounds.acquire(problem, round, labelled, predictions, size)
        )
    metrics = _timed(
        seconds, 3, lambda: rounds.evaluate(problem, round, labelled, posterior, picks.indices)
    )
    return Record(round, len(labelled), metrics, picks, tuple(seconds)), posterior


def _timed(seconds: list[float], step: int, call: Callable[[], T]) -> T:
    start = time.perf_counter()
    result = call()
    seconds[step] = time.perf_counter() - start
    return result
