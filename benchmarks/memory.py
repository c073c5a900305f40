"""Peak memory of scoring a pool of 150,000 x 2,048 float32 features, everything included.

    python benchmarks/memory.py [--samples 100] [--budget-mib 1024] [--threads 2]

The head of Woo 2023, A.24 (2048-2048-100, dropout 0.2), mask scope batch. The peak does not
depend on the number of samples once it is 50, a block; fewer only shorten the run.
"""

import argparse
import resource
import time

import numpy as np
import torch

from balent.data.inputs import Inputs
from balent.models.build import build_model
from balent.posterior.sampler import mc_predict
from balent.posterior.sampling import Sampling
from balent.streams import Streams

HEAD = {"family": "head", "hidden": 2048, "dropout": 0.2, "last_bias": False}
N, D, C = 150_000, 2048, 100
LIMIT_GIB = 4


def peak_gib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=100)
    parser.add_argument("--budget-mib", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    streams = Streams(0)
    print(f"imports: {peak_gib():.2f} GiB")
    features = np.empty((N, D), np.float32)
    streams.numpy("noise").random(out=features, dtype=np.float32)
    inputs = Inputs(features)
    print(f"input: {features.nbytes / 2**30:.2f} GiB; peak so far {peak_gib():.2f} GiB", flush=True)
    model = build_model(HEAD, inputs.shape, C, streams.torch("weights"))
    start = time.perf_counter()
    budget = arguments.budget_mib << 20
    sampling = Sampling(arguments.samples, "batch", streams, "masks", {"moments"}, budget)
    moments = mc_predict(model, inputs, np.arange(N), sampling).moments
    seconds = time.perf_counter() - start
    assert moments is not None
    assert bool(moments.mean.isfinite().all())
    output = sum(value.nbytes for value in vars(moments).values())
    print(
        f"output: {output / 2**30:.2f} GiB; K={arguments.samples} in {seconds:.0f} s; "
        f"peak {peak_gib():.2f} GiB, limit {LIMIT_GIB}"
    )
    raise SystemExit(peak_gib() >= LIMIT_GIB)


if __name__ == "__main__":
    main()
