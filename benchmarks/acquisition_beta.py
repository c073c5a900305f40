"""How fast Beta-marginal scores are, beside the plain formulas in torch.lgamma and torch.digamma.

    python benchmarks/acquisition_beta.py [--threads 2] [--full]

Both get the same float64 moments of 100 classes in the same tiles and threads, and take turns, a
block of 2 million marginals each; a speed is that of the median block. The plain formulas lose
digits where α + β is large, ours do not. Means are softmax of N(0, 2²) logits, α + β is
log-uniform. --full streams 2,500,000 points, a block at a time in memory.
"""

from __future__ import annotations

import argparse
import math
import resource
import time
from collections.abc import Callable
from statistics import median

import torch
from torch import Tensor

from balent.acquisition.base import Context, Predictions
from balent.acquisition.beta import posterior_uncertainty, sum_over_classes
from balent.acquisition.beta_marginal import beta_marginal_bald
from balent.posterior.moments import Moments
from balent.streams import Streams

CLASSES = 100
BLOCK = 20_000
SIZE = BLOCK * CLASSES / 1e6
RANGES = {"α + β from 0.01 to 10,000": (-2, 4), "α + β from 100 to 1e8": (2, 8)}


def plain_uncertainty(mean: Tensor, complement: Tensor, variance: Tensor, spread: Tensor) -> Tensor:
    alpha = mean * mean * (1 - mean) / variance - mean
    beta = (1 / mean - 1) * alpha
    total = alpha + beta
    log_b = torch.lgamma(alpha + 1) + torch.lgamma(beta) - torch.lgamma(total + 1)
    entropy = log_b - alpha * torch.digamma(alpha + 1) - (beta - 1) * torch.digamma(beta)
    return mean * (entropy + (total - 1) * torch.digamma(total + 1))


def printed_bald(mean: Tensor, complement: Tensor, variance: Tensor, spread: Tensor) -> Tensor:
    """Theorem 3.1, each digamma computed once."""
    alpha = mean * mean * (1 - mean) / variance - mean
    beta = (1 / mean - 1) * alpha
    total = alpha + beta
    last = torch.digamma(total + 1)
    inner = torch.digamma(total) - beta / total * last - alpha / total * torch.digamma(alpha)
    raised = alpha * alpha / total * (torch.digamma(alpha + 1) - last)
    return (alpha - 1) * inner - mean * torch.log(mean) + raised


def plain_bald(mean: Tensor, complement: Tensor, variance: Tensor, spread: Tensor) -> Tensor:
    """The same with the recurrence of Ψ, which leaves two."""
    alpha = mean * mean * (1 - mean) / variance - mean
    total = alpha / mean
    return mean * (torch.digamma(alpha + 1) - torch.digamma(total + 1) - torch.log(mean))


def bald(moments: Moments) -> Tensor:
    context = Context(Streams(0).numpy("acquisition"))
    return beta_marginal_bald(Predictions(len(moments), moments=moments), context)


SCORES: dict[str, tuple[Callable, Callable]] = {
    "posterior uncertainty (BalEntAcq)": (posterior_uncertainty, plain_uncertainty),
    "BetaMarginalBALD, as printed": (bald, printed_bald),
    "BetaMarginalBALD, simplified": (bald, plain_bald),
}


def block_of_moments(low: float, high: float, generator: torch.Generator) -> Moments:
    """Moments of BLOCK points whose α + β lie between 10^low and 10^high."""
    shape = (BLOCK, CLASSES)
    logits = 2 * torch.randn(shape, generator=generator, dtype=torch.float64)
    mean = torch.softmax(logits, dim=1)
    exponent = low + (high - low) * torch.rand(shape, generator=generator, dtype=torch.float64)
    total = torch.exp(exponent * math.log(10))
    variance = mean * (1 - mean) / (total + 1)
    return Moments(mean, 1 - mean, variance, variance * total, mean[:, 0])


def seconds(function: Callable, argument: Moments) -> float:
    start = time.perf_counter()
    function(argument)
    return time.perf_counter() - start


def run(title: str, span: tuple[float, float], blocks: int) -> None:
    generator = Streams(0).torch("noise")
    ours, plain = ({name: [] for name in SCORES} for _ in range(2))
    for _ in range(blocks):
        moments = block_of_moments(*span, generator)
        for name, (function, terms) in SCORES.items():
            ours[name].append(seconds(function, moments))
            plain[name].append(seconds(lambda m, t=terms: sum_over_classes(t, m), moments))
    for name in SCORES:
        fast, slow = median(ours[name]), median(plain[name])
        print(
            f"{title}, {name}: ours {SIZE / fast:.1f} million marginals a second, "
            f"plain torch {SIZE / slow:.1f}, ratio {slow / fast:.2f}",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--full", action="store_true", help="2,500,000 points instead of 200,000")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"{arguments.threads} threads, torch {torch.__version__}")
    for title, span in RANGES.items():
        run(title, span, 125 if arguments.full else 10)
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB")


if __name__ == "__main__":
    main()
