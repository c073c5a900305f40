"""Greedy choice: the point of largest gain, ties at random; gains computed only where needed."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Gains = Callable[[np.ndarray], np.ndarray]
"""From points, int64 [n], to float64 [n]."""


def first_of_largest(
    gains: np.ndarray, points: np.ndarray, rank: np.ndarray, error: float
) -> tuple[int, float]:
    """The point of largest gain, and its gain.

    Of points whose gains are the same up to ``error`` each, it is the first by rank.

    gains, points  [n], the candidates
    rank           [N], the place of every point in a random order
    """
    tied = np.flatnonzero(gains >= gains.max() - 2 * error)
    best = tied[rank[points[tied]].argmin()]
    return int(points[best]), float(gains[best])


def contenders(
    bounds: np.ndarray,
    left: np.ndarray,
    gains: Gains,
    gain_bounds: Gains | None,
    block: int,
    error: float,
    spare: float,
) -> np.ndarray:
    """The points of ``left`` that may have the largest gain, by lazy evaluation (Minoux 1978).

    bounds       float64 [N], no gain is larger; lowered in place to what is found
    left         int64, the candidates
    gains        correct up to ``error``
    gain_bounds  where there are cheap ones: values that gains exceed by ``error`` at most
    block        how many gains to compute at a time
    spare        0; or a point may be left out whose gain is larger by no more than this

    Gains are computed in the order of the bounds, until no other point can have the largest one.
    """
    queue = _by_bound(bounds, left)
    found, values = [queue[:block]], [gains(queue[:block])]
    largest = values[0].max()  # up to error
    rest = queue[block:]
    rest = rest[bounds[rest] >= largest - error + spare]
    if gain_bounds and len(rest):
        bounds[rest] = np.minimum(bounds[rest], gain_bounds(rest) + error)
        rest = _by_bound(bounds, rest)
    for start in range(0, len(rest), block):
        points = rest[start : start + block]
        if bounds[points[0]] < largest - error + spare:
            break
        found.append(points)
        values.append(gains(points))
        largest = max(largest, values[-1].max())
    points = np.concatenate(found)
    bounds[points] = np.concatenate(values) + error
    return points[bounds[points] >= largest - error]


def _by_bound(bounds: np.ndarray, points: np.ndarray) -> np.ndarray:
    return points[np.argsort(-bounds[points], kind="stable")]
