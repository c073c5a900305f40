"""What a Gaussian process draws together: how many points, in what memory; no torch here."""

from __future__ import annotations

POOL_POINTS = 5000
"""Points of a call under scope "pool": their distances, covariance and factor take 200 MB each."""


def tile_bytes(
    points: int, labelled: int, samples: int, classes: int, width: int, joint: bool
) -> int:
    """Bytes that a tile of points takes on the device, at most; all values are float64.

    width  features of a point; joint  whether its points share functions
    """
    squares = 3 * points * points if joint else 0  # distances, a class's covariance and its factor
    across = 4 * points * labelled  # distances, kernel, solution and the solver's copy
    features = (5 * points + 2 * labelled) * width  # as they are, centred and squared
    drawn = samples * points * (2 * classes + 3)  # logits, probabilities; normals and a product
    return 8 * (squares + across + features + drawn + 5 * points * (classes + 1))
