"""GPUs shared between processes: each process holds a share of one, by a lock on a file.

A lock ends with its process, however that ends, so nothing is left behind by kill -9. All
processes of a user on one machine share one folder of lock files, named after the GPUs' identities;
what CUDA_VISIBLE_DEVICES hides, by hand or by a scheduler, is never taken.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

POLL = 0.5
"""Seconds between two looks for a free share."""


@dataclass
class Lease:
    """A share of a device, held until ``release`` or the end of the process.

    index  the device's place in the list that was asked for
    """

    index: int
    _handle: int

    def release(self) -> None:
        os.close(self._handle)  # closing drops the lock


def lock_folder() -> Path:
    """The user's folder of lock files on this machine."""
    return Path(tempfile.gettempdir(), f"balent-devices-{os.getuid()}")


def acquire(
    devices: Sequence[str],
    shares: int,
    folder: Path | None = None,
    waiting: Callable[[], None] = lambda: None,
) -> Lease:
    """Hold a share of the least used of ``devices``; wait while all shares of all are held.

    devices  identities, each a file name
    shares   how many processes may hold a device at once
    folder   of the lock files (default: lock_folder())
    waiting  called once if there is nothing free at first
    """
    folder = folder or lock_folder()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    told = False
    while True:
        for share in range(shares):  # every device gets a first process before one gets a second
            for index, device in enumerate(devices):
                handle = lock(folder / f"{device}.{share}")
                if handle is not None:
                    return Lease(index, handle)
        if not told:
            waiting()
            told = True
        time.sleep(POLL)


def lock(path: Path) -> int | None:
    """An open file that holds the lock, or None where another process holds it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle
