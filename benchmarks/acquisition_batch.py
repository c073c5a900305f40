"""BatchBALD and Large BatchBALD: time, memory, growth, and the error of the drawn configurations.

    python benchmarks/acquisition_batch.py [--part pool|error|growth|peer ...] [--threads 2]

pool    time and peak memory for 50,000 points; 100 samples, 10 classes
error   of a gain with drawn configurations, against the enumeration of all of them
growth  exponents of the cost in N, K, C and the batch's size, beside the documented ones
peer    1,000 points against the package batchbald_redux (envs/requirements-peers.txt), and both
        errors; the peer runs once, of ours the fastest call counts

Pools are a random linear model of 16 features, so that points overlap.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from collections.abc import Callable
from importlib import util

os.environ["TQDM_DISABLE"] = "1"  # the peer's bars

import numpy as np
import torch
from torch import Tensor

from balent.acquisition import registry
from balent.acquisition.base import Context, Predictions
from balent.acquisition.joint import Joint, entropies

CONFIGURATIONS = 10000
METHODS = ("batchbald", "large_batchbald", "power_large_batchbald")


def pool(n: int, k: int, c: int, seed: int = 0) -> Tensor:
    """Probabilities, float32 [n, k, c]."""
    generator = torch.Generator().manual_seed(seed)
    features = torch.randn(n, 16, generator=generator)
    weights = torch.randn(k, 16, c, generator=generator) / 2
    weights += torch.randn(16, c, generator=generator)
    probs = torch.empty(n, k, c)
    for sample in range(k):
        probs[:, sample] = (features @ weights[sample]).softmax(dim=1)
    return probs


def select(name: str, probs: Tensor, size: int, **options: float) -> np.ndarray:
    context = Context(np.random.default_rng(0))
    return registry.acquire(name, Predictions(len(probs), samples=probs), size, context, options)[0]


def seconds(function: Callable, clock: Callable = time.perf_counter, repeats: int = 1) -> float:
    best = float("inf")
    for _ in range(repeats):
        start = clock()
        function()
        best = min(best, clock() - start)
    return best


def peak_gib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def run_pool(n: int = 50_000) -> None:
    probs = pool(n, 100, 10)
    print(f"pool: N={n:,}, K=100, C=10: {probs.nbytes / 2**30:.2f} GiB; peak {peak_gib():.2f} GiB")
    for name, size in zip(METHODS, (10, 20, 20), strict=True):
        taken = seconds(lambda name=name, size=size: select(name, probs, size))
        print(f"  {name}, size {size}: {taken:.1f} s; peak {peak_gib():.2f} GiB", flush=True)


def run_error(seeds: int = 20) -> None:
    print("error: of one gain in nats, root mean square over points and seeds; and between points")
    for k, c, size in ((100, 10, 5), (10, 10, 5), (100, 4, 8), (100, 2, 16)):
        probs = pool(200, k, c)
        batch, others, exact = _exact(probs, c, size)
        for limit in (1000, CONFIGURATIONS):
            errors = [_gains(probs, batch, others, limit, seed) - exact for seed in range(seeds)]
            print(
                f"  K={k}, C={c}, {size} points chosen, {limit} of {c**size} configurations: "
                f"{_summary(errors)}; largest gain {exact.max():.3f}",
                flush=True,
            )


def _exact(probs: Tensor, c: int, size: int) -> tuple[list[int], Tensor, Tensor]:
    """A greedy batch, the other points, and their gains by enumeration."""
    batch = select("batchbald", probs, size).tolist()
    others = torch.tensor(sorted(set(range(len(probs))) - set(batch)))
    return batch, others, _gains(probs, batch, others, c**size, 0)


def _gains(probs: Tensor, batch: list[int], others: Tensor, limit: int, seed: int) -> Tensor:
    joint = Joint(probs, limit, np.random.default_rng(seed))
    for point in batch:
        joint.add(point)
    return joint.configurations.information(probs[others], torch.float64)


def _summary(errors: list[Tensor]) -> str:
    error = torch.stack(errors)  # [seeds, n]
    between = error - error.mean(dim=1, keepdim=True)
    return f"{error.square().mean().sqrt():.1e}, between {between.square().mean().sqrt():.1e}"


GROWTH = {  # starting values, and the documented exponents
    "batchbald": ({"N": 2000, "K": 50, "C": 32, "size": 8}, (1, 1, 1, 1)),
    "batchbald, every gain of a pick": ({"N": 1000, "K": 50, "C": 10, "M": 1000}, (1, 1, 1, 1)),
    "large_batchbald": ({"N": 4000, "K": 50, "C": 10, "size": 10}, (1, 1, 2, 1)),
    "power_large_batchbald": ({"N": 4000, "K": 50, "C": 10, "size": 10}, (1, 1, 2, 1)),
}


def run_growth(repeats: int) -> None:
    """Fit the exponent over factors 1, 2, 4 of one quantity."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    print("growth: exponents of the processor time (documented, at most)")
    print("  batchbald computes a part of the gains, which depends on the pool")
    for name, (start, documented) in GROWTH.items():
        fitted = []
        for axis, exponent in zip(start, documented, strict=True):
            factors = (1, 2, 4)
            taken = [_time({**start, axis: start[axis] * f}, name, repeats) for f in factors]
            slope = np.polyfit(np.log(factors), np.log(taken), 1)[0]
            fitted.append(f"{axis} {slope:.2f} ({exponent})")
        print(f"  {name}: {', '.join(fitted)}", flush=True)
    torch.set_num_threads(threads)


def _time(case: dict[str, int], name: str, repeats: int) -> float:
    probs = pool(case["N"], case["K"], case["C"])
    if "M" in case:
        joint = Joint(probs, case["M"], np.random.default_rng(0))
        for point in range(8):
            joint.add(point)
        rows = joint.configurations
        blocks = probs.split(rows.block(case["C"]))
        return seconds(
            lambda: [rows.information(block, torch.float32) for block in blocks],
            time.process_time,
            repeats,
        )
    options = {"configurations": 1000} if name == "batchbald" else {}
    return seconds(lambda: select(name, probs, case["size"], **options), time.process_time, repeats)


def run_peer(repeats: int) -> None:
    probs = pool(1000, 100, 10)
    ours = seconds(lambda: select("batchbald", probs, 10), repeats=repeats + 1)
    print(f"peer: N=1,000, K=100, C=10, size 10, {CONFIGURATIONS} configurations: {ours:.2f} s")
    if util.find_spec("batchbald_redux") is None:
        print("  batchbald_redux is not installed: pip install -r envs/requirements-peers.txt")
        return
    from batchbald_redux.batchbald import get_batchbald_batch
    from batchbald_redux.joint_entropy import SampledJointEntropy

    logs = probs.log()
    theirs = seconds(lambda: get_batchbald_batch(logs, 10, CONFIGURATIONS))
    print(f"  batchbald_redux {theirs:.1f} s: {theirs / ours:.0f} times as long", flush=True)

    batch, others, exact = _exact(probs[:60], 10, 5)
    conditional = entropies(probs)[1]
    known = conditional[batch].sum() + _information(probs, batch)  # so that gains are left
    errors, errors_theirs = [], []
    for seed in range(5):
        errors.append(_gains(probs, batch, others, CONFIGURATIONS, seed) - exact)
        torch.manual_seed(seed)  # the peer draws from the global generator
        joint = SampledJointEntropy.sample(probs[batch].double(), CONFIGURATIONS)
        entropy = joint.compute_batch(logs[others].double())
        errors_theirs.append(entropy - conditional[others] - known - exact)
    print(f"  error of I(A + x; ω) for 5 points in A: {_summary(errors)}")
    print(f"  of batchbald_redux: {_summary(errors_theirs)}")


def _information(probs: Tensor, batch: list[int]) -> float:
    """I(A; ω) of a batch, the sum of its gains."""
    joint, total = Joint(probs, probs.shape[2] ** len(batch), np.random.default_rng(0)), 0.0
    for point in batch:
        total += float(joint.configurations.information(probs[[point]], torch.float64))
        joint.add(point)
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parts = ("pool", "error", "growth", "peer")
    parser.add_argument("--part", choices=parts, nargs="+", default=parts)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"{arguments.threads} threads, torch {torch.__version__}")
    if "pool" in arguments.part:  # first: the peak counts from the start
        run_pool()
    if "error" in arguments.part:
        run_error()
    if "growth" in arguments.part:
        run_growth(arguments.repeats)
    if "peer" in arguments.part:
        run_peer(arguments.repeats)


if __name__ == "__main__":
    main()
