"""Squared distances to the nearest of a growing set of centres, for BADGE and CoreSet.

A point is the outer product of its factors (of one factor: the factor itself), which is never
formed: inner products are products of the factors' inner products.

Axis letters: N points, M centres, D features of a factor; n points of a block.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from balent.acquisition.tile import tile_values

BLOCK = 1 << 19
"""Values of a factor brought to float64 at a time on a CPU (4 MiB): all are never in float64."""

CENTRES = 512
"""Centres brought to float64 at a time."""


class NearestCentre:
    """Upper bounds on every point's squared distance to its nearest centre, exact when asked.

    A new centre can only lower a distance, so the distance to earlier centres stays an upper bound.
    New centres wait until ``settle`` compares all points with all of them in one product, which is
    many times faster than a pass over the points for each. What is chosen by stays on the host, so
    that one value comes from the device for a distance, and [N] for all of ``settle``.

    factors  floating tensors [N, D], all on one device
    norms    squared norms, float64 [N]
    bounds   upper bounds, float64 [N]: ∞ before there is a centre; exact after ``settle``
    """

    def __init__(self, *factors: Tensor) -> None:
        self.factors = factors
        norms = [_squared_norms(block) for block in _blocks(factors)]
        self.norms = torch.cat(norms).cpu().numpy()  # [N]
        self.bounds = np.full(len(self.norms), math.inf)  # [N]
        self._waiting: list[list[Tensor]] = []
        self._largest = float(self.norms.max())

    @property
    def error(self) -> float:
        """What rounding can add to a distance, or take from it, at most."""
        terms = sum(factor.shape[1] for factor in self.factors)
        return 4 * terms * torch.finfo(torch.float64).eps * self._largest

    def add(self, index: int) -> None:
        """Make a point a centre."""
        self._waiting.append(self._point(index))
        self.bounds[index] = 0.0

    def distance(self, index: int) -> float:
        """The squared distance of a point to its nearest centre; its bound becomes that."""
        if self._waiting:
            nearest = _nearest(self._point(index), self._centres()).item()
            self.bounds[index] = np.minimum(self.bounds[index], nearest)
        return float(self.bounds[index])

    def settle(self) -> None:
        """Compare all points with the centres that wait."""
        if self._waiting:
            self.compare(self._centres())
            self._waiting.clear()

    def compare(self, centres: list[Tensor]) -> None:
        """Lower the bounds by centres given by their factors [M, D]."""
        for some in zip(*(factor.split(CENTRES) for factor in centres), strict=True):
            wide = [factor.double() for factor in some]
            self._largest = max(self._largest, _squared_norms(wide).max().item())
            new = [_nearest(block, wide) for block in _blocks(self.factors)]
            np.minimum(self.bounds, torch.cat(new).cpu().numpy(), out=self.bounds)

    def _point(self, index: int) -> list[Tensor]:
        """Its factors in float64, [1, D] each."""
        return [factor[index, None].double() for factor in self.factors]

    def _centres(self) -> list[Tensor]:
        return [torch.cat(parts) for parts in zip(*self._waiting, strict=True)]


def with_copies(
    indices: list[int], scores: list[float], size: int, order: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """A batch, int64 [size] and float64 [size], filled up with points at distance 0.

    The points that are left, all of them copies of centres, come as they stand in the permutation
    ``order`` of the pool.
    """
    left = order[np.isin(order, indices, invert=True)]
    copies = left[: size - len(indices)]
    return np.append(indices, copies).astype(np.int64), np.append(scores, np.zeros(len(copies)))


def _blocks(factors: tuple[Tensor, ...]) -> Iterator[list[Tensor]]:
    """Consecutive points' factors in float64, [n, D] each."""
    values = tile_values(BLOCK, factors[0].device)
    rows = max(1, values // max(CENTRES, *(factor.shape[1] for factor in factors)))
    for parts in zip(*(factor.split(rows) for factor in factors), strict=True):
        yield [part.double() for part in parts]


def _squared_norms(factors: list[Tensor]) -> Tensor:
    """Of points [n, D] in float64: [n]."""
    return torch.stack([factor.square().sum(dim=1) for factor in factors]).prod(dim=0)


def _nearest(points: list[Tensor], centres: list[Tensor]) -> Tensor:
    """The smallest squared distance of points [n, D] to centres [M, D], both in float64: [n].

    A distance within twice the relative rounding error of its inner product is 0: a copy.
    """
    inner = torch.stack([p @ c.T for p, c in zip(points, centres, strict=True)]).prod(dim=0)
    scale = _squared_norms(points)[:, None] + _squared_norms(centres)  # [n, M]
    distances = scale - 2 * inner  # [n, M]
    terms = sum(factor.shape[1] for factor in points)
    rounding = 2 * terms * torch.finfo(torch.float64).eps
    return distances.masked_fill_(distances <= rounding * scale, 0.0).amin(dim=1)
