"""How much faster the folded sampler is than K dense passes with the same masks.

    python benchmarks/sampler.py [--threads 2] [--repeats 3]

A dense pass is what a user writes: softmax(model(x, masks_k)) in batches of 1,024 for every k, with
the same moments accumulated. For the CNN there is a second line: the passes of A.24's layers as
torch.nn has them (convolution, channel mask, max-pooling, ReLU), without this package's choice of
memory layout. All run in one process; the dense ones once, of the folded ones the fastest counts.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from balent.models.base import BayesianModel
from balent.models.build import build_model
from balent.models.cnn import CNN
from balent.posterior.sampler import TILE, mc_predict
from balent.posterior.sampling import Sampling
from balent.streams import Streams

HEAD = {"family": "head", "hidden": 2048, "dropout": 0.2, "last_bias": False}
MNIST = {
    "family": "cnn",
    "channels": [32, 64],
    "kernels": [5, 5],
    "hidden": 128,
    "dropout": 0.5,
    "last_bias": False,
}
SMALL_CNN = {**MNIST, "kernels": [3, 2], "dropout": 0.25}
SMALL_HEAD = {**HEAD, "hidden": 64}
CASES = {  # points, samples, shape of a point, classes, specification
    "head 2048-2048-100": (4096, 100, (2048,), 100, HEAD),
    "CNN 28x28 (MNIST)": (2000, 100, (1, 28, 28), 10, MNIST),
    "CNN 8x8 (digits)": (1300, 50, (1, 8, 8), 10, SMALL_CNN),
    "head 64-64-10": (1300, 50, (64,), 10, SMALL_HEAD),
}


class Array:
    """Points in a tensor."""

    def __init__(self, x: Tensor) -> None:
        self.x, self.shape = x, tuple(x.shape[1:])

    def gather(self, index: Tensor) -> Tensor:
        return self.x[index]


class Plain(nn.Module):
    """The CNN of A.24 with torch.nn's layers and its default memory layout."""

    def __init__(self, model: CNN) -> None:
        super().__init__()
        self.layers = [
            (c.weight.detach().contiguous(), c.bias) for c in (model.first, model.second)
        ]
        self.model = model

    def forward(self, x: Tensor, masks: list[Tensor]) -> Tensor:
        for (weight, bias), mask in zip(self.layers, masks, strict=False):
            x = functional.conv2d(x, weight, bias) * mask[:, :, None, None]
            x = functional.relu(functional.max_pool2d(x, 2))
        x = functional.relu(self.model.hidden(x.flatten(1)) * masks[2])
        return self.model.last(x)


@torch.no_grad()
def dense(network: Callable, x: Tensor, masks: list[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, variance and expected entropy from one pass per sample and batch."""
    mean, square, entropy = 0.0, 0.0, 0.0
    for k in range(len(masks[0])):
        parts = x.split(TILE)
        p = torch.cat([network(part, [m[k, None] for m in masks]).softmax(1) for part in parts])
        p = p.double()
        mean, square = mean + p, square + p * p
        entropy = entropy + torch.special.entr(p).sum(1)
    n = len(masks[0])
    return mean / n, square / n - (mean / n) ** 2, entropy / n


def seconds(function: Callable, repeats: int = 1) -> float:
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        best = min(best, time.perf_counter() - start)
    return best


def run(title: str, repeats: int) -> None:
    n, k, shape, classes, spec = CASES[title]
    streams = Streams(0)
    model: BayesianModel = build_model(spec, shape, classes, streams.torch("weights")).eval()
    x = torch.rand(n, *shape, generator=streams.torch("noise"))
    index = torch.arange(n).numpy()
    masks = model.draw_masks(k, streams.torch("masks", 0))

    def folded():
        sampling = Sampling(k, "pool", streams, "masks", {"moments"}, 1 << 30)
        return mc_predict(model, Array(x), index, sampling).moments

    functions = {"dense passes": model}
    if isinstance(model, CNN):
        functions["dense passes of torch.nn"] = Plain(model)
    print(f"{title}, N={n}, K={k}: folded", end=" ", flush=True)
    mean = folded().mean
    fast = seconds(folded, repeats)
    print(f"{fast:.3f} s", end="", flush=True)
    for name, network in functions.items():
        start = time.perf_counter()
        other = dense(network, x, masks)[0]
        slow = time.perf_counter() - start
        print(f"; {name} {slow:.3f} s, {slow / fast:.1f} times as long", end="", flush=True)
    print(f"; means differ by at most {(mean - other).abs().max():.1e}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"{arguments.threads} threads, torch {torch.__version__}")
    for title in CASES:
        run(title, arguments.repeats)


if __name__ == "__main__":
    main()
