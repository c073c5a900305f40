"""Random predictions of a known distribution, streamed into moments.

Axis letters: N points, K samples, S samples of a block, C classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch

from balent.errors import InputError
from balent.posterior.accumulator import Accumulator
from balent.posterior.moments import Moments

BLOCK = 1 << 22
"""Numbers drawn at a time, about; part of what determines the draws of Dirichlet samples."""

Draw = Callable[[int], np.ndarray]
"""From S to the next S samples of all points, as logits [S, C, N]."""


def draw_moments(
    settings: Mapping[str, Any],
    points: int,
    classes: int,
    samples: int,
    generator: np.random.Generator,
) -> Moments:
    """Moments of K = ``samples`` probability vectors of each of N points, in bounded memory.

    settings  {distribution: gaussian, spread, noise} or {distribution: dirichlet, concentration}

    Raises InputError for another distribution.
    """
    name = settings["distribution"]
    if name not in DISTRIBUTIONS:
        allowed = ", ".join(DISTRIBUTIONS)
        raise InputError(f"distribution={name!r} is not allowed; give one of {allowed}")
    draw = DISTRIBUTIONS[name](settings, (classes, points), generator)
    sums = Accumulator(classes, points, torch.device("cpu"))
    depth = max(1, BLOCK // (classes * points))
    for start in range(0, samples, depth):
        sums.add(torch.from_numpy(draw(min(depth, samples - start))))
    return sums.moments()


def gaussian(
    settings: Mapping[str, Any], shape: tuple[int, int], generator: np.random.Generator
) -> Draw:
    """softmax(μ + noise · ε): μ ~ N(0, spread²) for each point and class, ε ~ N(0, 1)."""
    centre = settings["spread"] * generator.standard_normal(shape, dtype=np.float32)  # [C, N]
    noise = np.float32(settings["noise"])
    return lambda s: centre + noise * generator.standard_normal((s, *shape), dtype=np.float32)


def dirichlet(
    settings: Mapping[str, Any], shape: tuple[int, int], generator: np.random.Generator
) -> Draw:
    """Dirichlet(η), with η ~ U(concentration) for each point and class.

    softmax of logarithms of Gamma(η) variables. These are Gamma(η + 1) times U^(1/η) (Marsaglia and
    Tsang, 2000), whose logarithm does not underflow.
    """
    low, high = settings["concentration"]
    eta = generator.uniform(low, high, shape)  # [C, N]

    def draw(s: int) -> np.ndarray:
        logs = np.log(generator.standard_gamma(eta + 1, (s, *shape)))
        return logs - generator.standard_exponential((s, *shape)) / eta

    return draw


DISTRIBUTIONS = {"gaussian": gaussian, "dirichlet": dirichlet}
