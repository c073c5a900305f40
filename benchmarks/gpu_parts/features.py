"""CIFAR-100 with fixed features, once and three times: choosing a batch, and training."""

from __future__ import annotations

from collections.abc import Iterator

from gpu_parts.bench import Bench
from gpu_parts.figures import Figure
from gpu_parts.projection import sizes
from gpu_parts.steps import METHOD

SCENARIOS = ("fixed_features", "redundant_features")
TARGET = 0.050
"""Seconds of mc_sample and acquire, BalEntAcq, at paper scale; Table 8 has 10.2 s on an A100."""


def choosing(bench: Bench) -> Iterator[Figure]:
    """mc_sample and acquire of every method of Table 8."""
    for scenario in SCENARIOS:
        steps = bench.steps(scenario)
        least = bench.ceilings.seconds(*steps.work.predict(steps.pool), "float32")
        for method in bench.plan.methods:
            target = TARGET if (scenario, method) == (SCENARIOS[0], METHOD) else None
            attainable = None if method == "random" else least
            name = f"{scenario}: mc_sample and acquire, {method}"
            yield Figure(name, steps.choose(method), "s", target, attainable)
        sample = steps.mc_sample(METHOD)
        yield Figure(f"{scenario}: mc_sample, {METHOD}", sample, "s", None, least)
        yield Figure(f"{scenario}: acquire, {METHOD}", steps.acquire(METHOD), "s")


def bfloat16(bench: Bench) -> Iterator[Figure]:
    """Products in bfloat16."""
    steps = bench.steps(SCENARIOS[0], "bfloat16")
    least = bench.ceilings.seconds(*steps.work.predict(steps.pool), "bfloat16")
    name = f"{SCENARIOS[0]}, bfloat16: mc_sample and acquire, {METHOD}"
    yield Figure(name, steps.choose(METHOD), "s", TARGET, least)
    labelled = sizes(steps.label_counts, steps.batch_size)[1]
    least = bench.ceilings.seconds(*steps.work.train(labelled), "bfloat16")
    name = f"{SCENARIOS[0]}, bfloat16: train, {labelled} labels"
    yield Figure(name, steps.train(labelled), "s", None, least)


def training(bench: Bench) -> Iterator[Figure]:
    """At the numbers of labels that the projection uses."""
    steps = bench.steps(SCENARIOS[0])
    for labelled in sizes(steps.label_counts, steps.batch_size):
        least = bench.ceilings.seconds(*steps.work.train(labelled), "float32")
        name = f"{SCENARIOS[0]}: train, {labelled} labels"
        yield Figure(name, steps.train(labelled), "s", None, least)
