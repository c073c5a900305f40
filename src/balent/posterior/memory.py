"""Memory of the device: whether samples fit it, and work in smaller runs when it is full."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

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


def in_runs(count: int, held: int, work: Callable[[int, int], None], minimum: str) -> None:
    """Call ``work(first, last)`` for consecutive runs of ``count`` tiles, ``held`` at a time.

    When a run raises torch.OutOfMemoryError, it is repeated with half as many tiles, and so are
    those that follow; a line in the log says so. ``work`` must give the same results for any run.

    minimum  what one tile takes, for the error
    Raises MemoryBudgetError when the device has no room for one tile.
    """
    first = 0
    while first < count:
        tiles = min(held, count - first)
        if _fits(work, first, first + tiles):
            first += tiles
        elif tiles > 1:
            held = tiles // 2
            logging.getLogger(__name__).warning(
                "out of memory on the device with %d tiles held: going on with %d, with the same "
                "results; memory_budget_mib and jobs_per_gpu say how much is used",
                tiles,
                held,
            )
        else:
            raise MemoryBudgetError(
                f"out of memory on the device with one tile held, which takes {minimum} beside "
                "data and results; free memory there, lower jobs_per_gpu or set device: cpu"
            )


def _fits(work: Callable[[int, int], None], first: int, last: int) -> bool:
    """Whether a run went through; on return, what it held when it did not is free again."""
    try:
        work(first, last)
    except torch.OutOfMemoryError:
        return False
    return True
