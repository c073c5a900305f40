"""What networks and posteriors need of data, wherever it lies."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor


class Points(Protocol):
    """Points as networks see them: balent.data.inputs has two kinds.

    shape  of one point: (C, H, W) or (D,)
    """

    shape: tuple[int, ...]

    def gather(self, index: Tensor) -> Tensor:
        """The points at ``index`` (int64 [n]): float32 [n, *shape]."""

    def normalise(self, x: Tensor) -> Tensor:
        """What networks see of points in [0, 1] that augmentations work on."""

    def denormalise(self, x: Tensor) -> Tensor:
        """The inverse of ``normalise``, up to rounding."""
