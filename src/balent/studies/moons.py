"""Three interleaved half circles in the plane: the toy data of Woo 2023, sec. 4.2."""

from __future__ import annotations

import numpy as np

CLASSES = 3
CENTRE = (1.0, 0.25)
"""The middle of the three moons."""


def three_moons(
    per_class: int, noise: float, generator: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Points float32 [3 · per_class, 2] and labels int64, class by class.

    Unit half circles, at angles t ~ U(0, π): (cos t, sin t), (1 - cos t, ½ - sin t) and
    (2 + cos t, sin t), with Gaussian noise added to both coordinates.
    """
    t = generator.uniform(0, np.pi, (CLASSES, per_class))
    x = np.stack([np.cos(t[0]), 1 - np.cos(t[1]), 2 + np.cos(t[2])])
    y = np.stack([np.sin(t[0]), 0.5 - np.sin(t[1]), np.sin(t[2])])
    points = np.stack([x, y], axis=-1) + noise * generator.standard_normal((*t.shape, 2))
    labels = np.repeat(np.arange(CLASSES), per_class)
    return points.reshape(-1, 2).astype(np.float32), labels


def lattice(side: int, half_width: float) -> tuple[np.ndarray, np.ndarray]:
    """(x, y) float64 [side] each: a square lattice around the moons' middle."""
    steps = np.linspace(-half_width, half_width, side)
    return CENTRE[0] + steps, CENTRE[1] + steps
