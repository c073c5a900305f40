"""Rounds a second of several processes that share the device."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from multiprocessing.synchronize import Barrier
from pathlib import Path

from balent import runtime
from balent.loop.run import run_round
from gpu_parts.bench import Bench
from gpu_parts.device import CONTEXT, Child, wait
from gpu_parts.figures import Figure
from gpu_parts.plan import Plan
from gpu_parts.steps import METHOD, Steps

SCENARIO = "full_dropout"
PROCESSES = {"paper": (1, 2, 4, 8), "small": (1, 2)}
SECONDS = {"paper": 6.0, "small": 0.5}
"""For which each number of processes is measured."""

TIMEOUT = 150.0
"""Seconds until a process gives up waiting for the others, and this one for all."""


def throughput(bench: Bench) -> Iterator[Figure]:
    """The same processes throughout; those that are not needed wait."""
    counts, scale = PROCESSES[bench.plan.scale], bench.plan.scale
    bench.steps(SCENARIO)  # writes the points that children read
    barrier = CONTEXT.Barrier(max(counts))
    children = [
        Child(
            _work, barrier, number, counts, SECONDS[scale], bench.plan, bench.device, bench.folder
        )
        for number in range(max(counts))
    ]
    try:
        rates = [child.result(TIMEOUT) for child in children]
    finally:
        for child in children:
            child.stop()
    for count, of_each in zip(counts, zip(*rates, strict=True), strict=True):
        bench.rounds_per_second[count] = sum(of_each)
        yield Figure(f"{SCENARIO}: processes, {count}", sum(of_each), "rounds/s")


def _work(
    barrier: Barrier,
    number: int,
    counts: Sequence[int],
    seconds: float,
    plan: Plan,
    device: str,
    folder: Path,
) -> list[float]:
    """Rounds a second of one process while so many are at work; 0 where it is not one of them."""
    runtime.prepare(plan.chain(SCENARIO, METHOD).torch_threads)
    steps = Steps(plan, SCENARIO, device, folder)
    problem, labelled = steps.problem(METHOD), steps.labelled(steps.label_counts[-1])
    last = len(problem.chain.sizes) - 2
    run_round(problem, last, labelled, None)
    rates = []
    for count in counts:
        wait(device)
        barrier.wait(TIMEOUT)
        start, done = time.perf_counter(), 0
        while number < count and time.perf_counter() - start < seconds:
            run_round(problem, last, labelled, None)
            done += 1
        wait(device)
        rates.append(done / (time.perf_counter() - start))
    return rates
