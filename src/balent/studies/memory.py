"""The peak memory of a piece of work."""

from __future__ import annotations

import ctypes
import math
from pathlib import Path

import torch

CLEAR = Path("/proc/self/clear_refs")
STATUS = Path("/proc/self/status")
RESET_PEAK = "5"

_peaks: list[float] = []
"""MiB: this process's peaks at the times when a meter reset them."""


def peak_before_resets() -> float:
    """The most MiB that this process held before a meter last reset its peak; 0 if none did."""
    return max(_peaks, default=0.0)


class Meter:
    """Memory taken between its making and ``mib()``, at its peak, above what was there before.

    On a GPU of torch's allocator; else of the process, where Linux and glibc tell: NaN elsewhere.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        if device.startswith("cuda"):
            torch.cuda.reset_peak_memory_stats(device)
            self.before = float(torch.cuda.memory_allocated(device)) / 2**20
        else:
            self.before = _reset_peak()

    def mib(self) -> float:
        """MiB; NaN where it is not known."""
        if self.device.startswith("cuda"):
            return torch.cuda.max_memory_allocated(self.device) / 2**20 - self.before
        return math.nan if math.isnan(self.before) else _status("VmHWM") - self.before


def _reset_peak() -> float:
    """Let the system count this process's peak anew; what it holds now in MiB, or NaN."""
    libc = ctypes.CDLL(None) if CLEAR.exists() else None
    if libc is None or not hasattr(libc, "malloc_trim"):
        return math.nan
    libc.malloc_trim(0)  # what is free goes back to the system, so that taking it counts
    _peaks.append(_status("VmHWM"))
    CLEAR.write_text(RESET_PEAK)
    return _status("VmRSS")


def _status(key: str) -> float:
    """A size of this process in MiB."""
    lines = STATUS.read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{key}:")) / 1024
