"""Pool indices of copies: which point, and which of its copies, stands where in the pool."""

from __future__ import annotations

import numpy as np

from balent.errors import InputError

LAYOUTS = ("concatenated", "adjacent")


def pool_index(point: np.ndarray, copy: int, n: int, copies: int, layout: str) -> np.ndarray:
    """Pool indices, int64 [m], of copy ``copy`` of points: t·n + i, or i·τ + t if adjacent.

    point  int64 [m], in [0, n); copies  τ. Raises InputError for a layout not in LAYOUTS.
    """
    return copy * n + point if _concatenated(layout) else point * copies + copy


def copy_and_point(
    index: np.ndarray, n: int, copies: int, layout: str
) -> tuple[np.ndarray, np.ndarray]:
    """The inverse of ``pool_index``: copy and point, int64 [m] each, of pool indices."""
    if _concatenated(layout):
        copy, point = np.divmod(index, n)
    else:
        point, copy = np.divmod(index, copies)
    return copy, point


def _concatenated(layout: str) -> bool:
    if layout not in LAYOUTS:
        raise InputError(f"unknown layout {layout!r}; allowed: {', '.join(LAYOUTS)}")
    return layout == "concatenated"
