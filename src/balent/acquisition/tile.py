"""How much a method computes at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch

GPU = 32
"""Tiles of a GPU are larger: hundreds of MiB at most, so that a kernel works longer than its launch
takes, and that where a choice waits for values they come in few pieces."""


def tile_values(values: int, device: torch.device) -> int:
    """Values of a tile on ``device``, from those that suit a CPU, where a tile stays in the cache.

    Both are constants: memory is bounded, and no result depends on what memory is free.
    """
    return values if device.type == "cpu" else GPU * values
