"""Every acquisition function: how its time grows, and the limits of the fast ones.

    python benchmarks/acquisition.py [--only growth|beta|badge|batch ...] [--threads 2]

growth prints, for each method, the fitted exponents of its time in the points N, samples K, classes
C and batch size b beside those of its documented cost (a product of powers; of a sum, its largest
term). Fixed parts and memory make measured exponents smaller. Inputs are prepared before the clock
starts. The other parts are scripts of their own and run in processes of their own, so that peak
memory is theirs.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import torch

from balent.acquisition import catalog, registry
from balent.acquisition.base import Context, Predictions
from balent.posterior.moments import Moments
from balent.streams import Streams

PARTS = ("growth", "beta", "badge", "batch")
BASE = {"N": 8000, "K": 40, "C": 10, "b": 10}
FACTORS = (1, 2, 4)
FEATURES, LABELLED, REFERENCE = 64, 100, 200
DOCUMENTED = {
    "badge": (1, 0, 1, 1),
    "coreset": (1, 0, 0, 1),
    "balance": (1, 1, 1, 0),
    "balance_partition": (1, 2, 1, 0),
    "batch_balance": (1, 2, 1, 1),
    "coremse": (1, 2, 1, 0),
    "batchbald": (1, 1, 1, 1),
    "large_batchbald": (1, 1, 2, 1),
    "power_large_batchbald": (1, 1, 2, 1),
    "random": (1, 0, 0, 0),
}
"""Exponents in N, K, C and b; every other method reads moments: (1, 0, 1, 0)."""


def inputs(n: int, k: int, c: int) -> tuple[Predictions, Context]:
    """Everything that any method may need, from softmax logits that share a linear model."""
    generator = Streams(0).numpy("acquisition")
    weights = generator.normal(size=(2, k, FEATURES, c)) / 4

    def probs(points: np.ndarray, which: int) -> torch.Tensor:
        logits = np.einsum("nd,kdc->nkc", points, weights[which])
        return torch.from_numpy(logits).softmax(dim=2).float()

    points, reference = (generator.normal(size=(m, FEATURES)) for m in (n, REFERENCE))
    samples = probs(points, 0)
    predictions = Predictions(
        n_points=n,
        n_samples=k,
        moments=Moments.cat([Moments.from_probs(tile) for tile in samples.split(1000)]),
        samples=samples,
        features=torch.from_numpy(points).float(),
        pairs=probs(points, 1),
        reference=probs(reference, 0),
        reference_pairs=probs(reference, 1),
    )
    labelled = torch.from_numpy(generator.normal(size=(LABELLED, FEATURES))).float()
    return predictions, Context(generator, labelled, validation_error=0.1)


def seconds(name: str, given: tuple[Predictions, Context], size: int) -> float:
    """The fastest of a few calls."""
    found: list[float] = []
    while len(found) < 2 or (sum(found) < 0.2 and len(found) < 20):
        start = time.perf_counter()
        registry.acquire(name, given[0], size, given[1], {})
        found.append(time.perf_counter() - start)
    return min(found)


def growth() -> None:
    names = list(catalog.catalog())
    slopes: dict[str, list[float]] = {name: [] for name in names}
    for axis in BASE:
        times: dict[str, list[float]] = {name: [] for name in names}
        for factor in FACTORS:
            sizes = BASE | {axis: BASE[axis] * factor}
            given = inputs(sizes["N"], sizes["K"], sizes["C"])
            for name in names:
                times[name].append(seconds(name, given, sizes["b"]))
        for name in names:
            slopes[name].append(np.polyfit(np.log(FACTORS), np.log(times[name]), 1)[0])
    print(f"{'exponents, fitted (documented)':32}" + "".join(f"{axis:>14}" for axis in BASE))
    for name in names:
        documented = DOCUMENTED.get(name, (1, 0, 1, 0))
        cells = (f"{x:8.2f} ({y})" for x, y in zip(slopes[name], documented, strict=True))
        print(f"{name:32}" + "".join(f"{cell:>14}" for cell in cells))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", choices=PARTS, nargs="+", default=PARTS)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    for part in args.only:
        print(f"## {part}", flush=True)
        if part == "growth":
            torch.set_num_threads(args.threads)
            growth()
        else:
            script = Path(__file__).with_name(f"acquisition_{part}.py")
            command = [sys.executable, str(script), "--threads", str(args.threads)]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
