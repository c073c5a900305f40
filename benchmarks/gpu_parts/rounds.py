"""A round of the MNIST scenario: its steps, its methods, and what settings do to its time."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

from balent import environment, runtime
from balent.models import static_steps
from gpu_parts.bench import Bench
from gpu_parts.device import Child
from gpu_parts.figures import Figure
from gpu_parts.plan import Plan
from gpu_parts.roofline import Ceilings
from gpu_parts.steps import METHOD, Steps

SCENARIO, RELEASED = "full_dropout", "full_dropout_released"
METHODS = ("balentacq", "bald", "badge", "random")
TARGET = 0.10
"""Seconds of a round at paper scale."""

TIMEOUT = 180.0


def paper(bench: Bench) -> Iterator[Figure]:
    """Every step at the paper's settings, and the whole round of several methods."""
    steps = bench.steps(SCENARIO)
    yield from _round(SCENARIO, steps, bench.ceilings, TARGET)
    for method in METHODS[1:]:
        yield Figure(f"{SCENARIO}: round, {method}", _whole(steps, method), "s", TARGET)
        yield Figure(f"{SCENARIO}: mc_sample and acquire, {method}", steps.choose(method), "s")


def released(bench: Bench) -> Iterator[Figure]:
    """In the released training settings."""
    yield from _round(RELEASED, bench.steps(RELEASED), bench.ceilings)


def bfloat16(bench: Bench) -> Iterator[Figure]:
    """Products and convolutions of training and sampling in bfloat16."""
    steps = bench.steps(SCENARIO, "bfloat16")
    yield from _round(f"{SCENARIO}, bfloat16", steps, bench.ceilings, TARGET, "bfloat16")


def eager(bench: Bench) -> Iterator[Figure]:
    """Training steps kernel by kernel, without a CUDA graph."""
    for scenario in (SCENARIO, RELEASED):
        steps = bench.steps(scenario, "eager")
        with patch.object(static_steps, "find", return_value=None):
            yield Figure(f"{scenario}, steps not captured: train", _train(steps), "s")
            yield Figure(f"{scenario}, steps not captured: round", _whole(steps), "s")


def deterministic(bench: Bench) -> Iterator[Figure]:
    """Deterministic algorithms alone, in a process of its own: CUDA reads the setting once."""
    bench.steps(SCENARIO)  # writes the points that the child reads
    child = Child(_deterministic, bench.plan, bench.device, bench.folder)
    for step, value in child.result(TIMEOUT).items():
        yield Figure(f"{SCENARIO}, deterministic: {step}", value, "s")


def _deterministic(plan: Plan, device: str, folder: Path) -> dict[str, float]:
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"  # torch's notes on reproducibility ask for it
    os.environ[environment.DETERMINISTIC] = "1"
    runtime.prepare(plan.chain(SCENARIO, METHOD).torch_threads)
    steps = Steps(plan, SCENARIO, device, folder)
    return {"train": _train(steps), "mc_sample": steps.mc_sample(METHOD), "round": _whole(steps)}


def _round(
    title: str,
    steps: Steps,
    ceilings: Ceilings,
    target: float | None = None,
    precision: str = "float32",
) -> Iterator[Figure]:
    """The whole round and its steps, with the roofline of those that compute products."""
    train = ceilings.seconds(*steps.work.train(steps.label_counts[-1]), precision)
    sample = ceilings.seconds(*steps.work.predict(steps.pool), precision)
    test = ceilings.seconds(*steps.work.predict(steps.work.points.n_test), precision)
    whole = train + sample + test
    yield Figure(f"{title}: round, {METHOD}", _whole(steps), "s", target, whole)
    yield Figure(f"{title}: train", _train(steps), "s", None, train)
    yield Figure(f"{title}: mc_sample", steps.mc_sample(METHOD), "s", None, sample)
    yield Figure(f"{title}: acquire", steps.acquire(METHOD), "s")
    yield Figure(f"{title}: evaluate", steps.evaluate(), "s", None, test)


def _whole(steps: Steps, method: str = METHOD) -> float:
    return steps.round(method, steps.label_counts[-1])


def _train(steps: Steps) -> float:
    return steps.train(steps.label_counts[-1])
