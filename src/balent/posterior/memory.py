"""Whether the samples that a method keeps fit the device."""

from __future__ import annotations

import os

import torch

from balent.errors import MemoryBudgetError


def check_samples(points: int, samples: int, classes: int, device: torch.device) -> None:
    """Refuse, by MemoryBudgetError, float32 samples [points, samples, classes] beyond its memory.

    It is what the device has in all: the same on every start, whatever else runs there.
    """
    wanted, there = 4 * points * samples * classes, device_memory(device)
    if wanted > there:
        raise MemoryBudgetError(
            f"samples of {points} points x {samples} masks x {classes} classes take "
            f"{wanted / 2**30:.1f} GiB, but {device.type} has {there / 2**30:.1f} GiB; lower "
            "sampling.samples or pool.pool, or choose a method that needs moments only"
        )


def device_memory(device: torch.device) -> int:
    """Bytes of a GPU's memory, or of the machine's."""
    if device.type == "cuda":
        return torch.cuda.get_device_properties(device).total_memory
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
