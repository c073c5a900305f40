"""Milliseconds per training step of small networks, everything of a step included.

    python benchmarks/training.py [--threads 1]

300 steps (fewer for the slow ones) of balent.models.training.train on 200 labelled points; the
fastest of four trainings counts.
"""

import argparse
import time

import numpy as np
import torch

from balent.data.inputs import Inputs
from balent.models.build import build_model
from balent.models.training import train
from balent.streams import Streams

N = 200
CNN = {"family": "cnn", "channels": [32, 64], "hidden": 128, "last_bias": False}
SMALL_CNN = CNN | {"kernels": [3, 2], "dropout": 0.25}
MNIST = CNN | {"kernels": [5, 5], "dropout": 0.5}
HEAD = {"family": "head", "hidden": 64, "dropout": 0.2, "last_bias": False}


def backbone(width: int) -> dict:
    encoder = {"name": "narrow_resnet", "stem": "small", "width": width, "blocks": [1, 1, 1]}
    return {**HEAD, "family": "backbone", "encoder": encoder}


CASES = [  # title, specification, pixels a side or features, batch sizes, steps
    ("CNN 8x8", SMALL_CNN, (8, 8), (32, 64, 128), 300),
    ("head 64-64-10", HEAD, (64,), (32, 128), 300),
    ("narrow ResNet, width 8, 8x8", backbone(8), (8, 8), (32, 64, 128), 60),
    ("narrow ResNet, width 16, 8x8", backbone(16), (8, 8), (32, 64, 128), 60),
    ("CNN 28x28 (MNIST)", MNIST, (28, 28), (16, 32), 60),
]


def milliseconds(spec: dict, shape: tuple[int, ...], batch: int, steps: int) -> float:
    streams = Streams(0)
    generator = streams.numpy("noise")
    if len(shape) == 1:
        points = Inputs(generator.random((N, *shape), dtype=np.float32))
    else:
        points = Inputs(generator.integers(0, 256, (N, *shape), dtype=np.uint8))
    y, index = torch.from_numpy(generator.integers(0, 10, N)), torch.arange(N)
    settings = {"learning_rate": 3e-3, "batch_size": batch, "steps": steps}
    seconds = []
    for _ in range(4):
        model = build_model(spec, points.shape, 10, streams.torch("weights"))
        start = time.perf_counter()
        train(model, points, y, index, settings, streams)
        seconds.append(time.perf_counter() - start)
    return 1000 * min(seconds) / steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"{arguments.threads} threads, torch {torch.__version__}")
    for title, spec, shape, batches, steps in CASES:
        for batch in batches:
            value = milliseconds(spec, shape, batch, steps)
            print(f"{title}, batch {batch}: {value:.3f} ms a step", flush=True)


if __name__ == "__main__":
    main()
