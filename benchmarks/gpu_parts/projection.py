"""How long columns of Table 1 take, from measured steps at several numbers of labels."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Sequence
from itertools import pairwise

import numpy as np

from gpu_parts.bench import Bench
from gpu_parts.figures import Figure
from gpu_parts.roofline import Ceilings
from gpu_parts.steps import Steps

COLUMNS = {"full_dropout": "MNIST", "fixed_features": "CIFAR-100", "redundant_features": "3×CIFAR"}
FEW = 4
"""Batches of an epoch up to which their number is seen in the time of a training."""

MNIST_TARGET, FEATURES_TARGET = 600.0, 1800.0
"""Seconds, at paper scale: of MNIST; of CIFAR-100 and 3×CIFAR-100 together, given features."""


def float32(bench: Bench) -> Iterator[Figure]:
    """All methods and seeds of Table 1, chains one after another; MNIST also side by side."""
    mnist = yield from _columns(bench, "", "float32")
    rates = bench.rounds_per_second
    for processes in sorted(rates)[1:]:
        shared = mnist * rates[1] / rates[processes]
        name = f"Table 1, MNIST, {processes} processes"
        yield Figure(name, shared, "s", MNIST_TARGET, projected=True)


def bfloat16(bench: Bench) -> Iterator[Figure]:
    """The same with products in bfloat16."""
    yield from _columns(bench, "bfloat16", "bfloat16")


def _columns(bench: Bench, variant: str, precision: str) -> Generator[Figure, None, float]:
    """Returns the seconds of MNIST's column."""
    found, methods, seeds = {}, bench.plan.methods, bench.plan.seeds
    for scenario, title in COLUMNS.items():
        steps = bench.steps(scenario, variant)
        seconds = column(steps, methods, seeds)
        attainable = least(steps, methods, seeds, bench.ceilings, precision)
        found[title] = (seconds, attainable)
        target = MNIST_TARGET if title == "MNIST" else None
        name = f"Table 1, {title}, {precision}, one process"
        yield Figure(name, seconds, "s", target, attainable, projected=True)
    (mnist, _), *features = found.values()
    measured, attainable = (sum(values) for values in zip(*features, strict=True))
    name = f"Table 1, CIFAR-100 and 3×CIFAR, {precision}, one process"
    yield Figure(name, measured, "s", FEATURES_TARGET, attainable, projected=True)
    return mnist


def column(steps: Steps, methods: Sequence[str], seeds: int) -> float:
    """Seconds of all chains.

    Training is measured at some numbers of labels; between them its time is taken as linear. The
    pool is taken as whole in every round.
    """
    counts = steps.label_counts
    measured = sizes(counts, steps.batch_size)
    train = np.interp(counts, measured, [steps.train(n) for n in measured]).tolist()
    choose = [steps.choose(method) for method in methods]
    return seeds * _chains(train, choose, steps.evaluate())


def least(
    steps: Steps, methods: Sequence[str], seeds: int, ceilings: Ceilings, precision: str
) -> float:
    """What products and bytes of all chains take at least."""
    work = steps.work
    train = [ceilings.seconds(*work.train(n), precision) for n in steps.label_counts]
    predict = ceilings.seconds(*work.predict(steps.pool), precision)
    choose = [0.0 if method == "random" else predict for method in methods]
    evaluate = ceilings.seconds(*work.predict(work.points.n_test), precision)
    return seeds * _chains(train, choose, evaluate)


def _chains(train: Sequence[float], choose: Sequence[float], evaluate: float) -> float:
    """Seconds of a chain of each method; the last round only trains and evaluates.

    train  of every round; choose  of every method
    """
    common = sum(train) + len(train) * evaluate
    return len(choose) * common + (len(train) - 1) * sum(choose)


def sizes(label_counts: Sequence[int], batch_size: int) -> list[int]:
    """The first, the last and two between them; and where an epoch has few batches, both sides of
    every step of their number."""
    last = len(label_counts) - 1
    found = {label_counts[last * third // 3] for third in range(4)}
    batches = [math.ceil(count / batch_size) for count in label_counts]
    if batches[-1] <= FEW:
        steps = zip(pairwise(label_counts), pairwise(batches), strict=True)
        found.update(count for pair, (now, after) in steps if after > now for count in pair)
    return sorted(found)
