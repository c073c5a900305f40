"""BADGE against dense k-means++ on its embedding: seconds, ratio, memory and growth.

    python benchmarks/acquisition_badge.py [--threads 1] [--size 500]

N = 50,000 points, D = 2,048 features, C = 100 classes. The embedding has C·D = 204,800 values a
point: 38 GiB in float32, which the peer cannot hold. So the peer runs on a subset that it holds,
one matrix-vector product for each centre, the norms and the embedding itself being there before the
clock starts; its seconds are multiplied by the number of subsets in the pool and by the number of
centres. Ours is measured as it is, from predictions and features to the batch.
"""

import argparse
import math
import resource
import time

import numpy as np
import torch
from torch import Tensor

from balent.acquisition import registry
from balent.acquisition.badge import _gradients
from balent.acquisition.base import Context, Predictions
from balent.posterior.moments import Moments
from balent.streams import Streams

N, C, D = 50_000, 100, 2048
SUBSET, PEER_CENTRES = 1000, 10
LIMIT_GIB, LIMIT_RATIO = 2, 10
GROWTH = {"n": 50_000, "c": 100, "d": 512, "size": 200}
"""Base sizes of the growth table: each in turn is halved twice."""


def peak_gib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def make(n: int, c: int, d: int) -> Predictions:
    """Predictions of varied confidence, and features as a ReLU gives them."""
    generator = Streams(0).torch("noise")
    features = torch.randn(n, d, generator=generator).relu_()
    probs = (2 * torch.randn(n, 4, c, generator=generator)).softmax(dim=2)
    parts = [Moments.from_probs(tile) for tile in probs.split(4096)]
    return Predictions(n, moments=Moments.cat(parts), features=features)


def ours(predictions: Predictions, size: int) -> float:
    """Seconds for a batch."""
    context = Context(Streams(0).numpy("acquisition"))
    start = time.perf_counter()
    registry.acquire("badge", predictions, size, context, {})
    return time.perf_counter() - start


def dense(gradients: Tensor, features: Tensor, centres: int) -> float:
    """Seconds that a centre takes with the embedding [n, C·D] in memory."""
    embedding = torch.einsum("nc,nd->ncd", gradients.float(), features).flatten(1)
    norms = torch.einsum("ne,ne->n", embedding, embedding)
    generator, nearest, chosen = Streams(0).numpy("acquisition"), norms, int(norms.argmax())
    start = time.perf_counter()
    for _ in range(centres):
        distances = norms + norms[chosen] - 2 * (embedding @ embedding[chosen])
        nearest = torch.minimum(nearest, distances.clamp_(min=0))
        weights = nearest.double().numpy()
        chosen = int(generator.choice(len(weights), p=weights / weights.sum()))
    return (time.perf_counter() - start) / centres


def exponents() -> None:
    """Fit seconds ∝ x^e over three sizes of each variable, the others at their base."""
    c, d = GROWTH["c"], GROWTH["d"]
    theory = {"n": 1.0, "c": c / (c + d), "d": d / (c + d), "size": 1.0}
    for variable, base in GROWTH.items():
        sizes = [base // 4, base // 2, base]
        seconds = []
        for size in sizes:
            at = GROWTH | {variable: size}
            predictions = make(at["n"], at["c"], at["d"])
            seconds.append(min(ours(predictions, at["size"]) for _ in range(2)))
        slope = np.polyfit(np.log(sizes), np.log(seconds), 1)[0]
        times = ", ".join(f"{size}: {s:.2f} s" for size, s in zip(sizes, seconds, strict=True))
        print(f"{variable:5} {times}; exponent {slope:.2f}, theory {theory[variable]:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--size", type=int, default=500)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    predictions = make(N, C, D)
    assert predictions.moments is not None
    assert predictions.features is not None
    before = peak_gib()
    seconds = ours(predictions, arguments.size)
    memory = peak_gib()
    print(f"ours: {arguments.size} of {N:,} points in {seconds:.1f} s; ", end="")
    print(f"peak {memory:.2f} GiB with all inputs ({before:.2f} before), limit {LIMIT_GIB}")
    subset = [
        x[:SUBSET].clone()
        for x in (
            _gradients(predictions.moments.mean, predictions.moments.complement),
            predictions.features,
        )
    ]
    del predictions
    centre = dense(*subset, PEER_CENTRES)
    peer = centre * math.ceil(N / SUBSET) * arguments.size
    gib = N * C * D * 4 / 2**30
    print(f"dense: {centre:.3f} s a centre for {SUBSET:,} points; embedding of all {gib:.0f} GiB")
    print(f"dense, all points and centres, extrapolated: {peer:.0f} s")
    print(f"ratio {peer / seconds:.0f}, at least {LIMIT_RATIO}")
    exponents()
    raise SystemExit(memory >= LIMIT_GIB or peer < LIMIT_RATIO * seconds)


if __name__ == "__main__":
    main()
