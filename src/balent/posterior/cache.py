"""How many points to work on at a time, so that temporaries stay in the cores' caches."""

from __future__ import annotations

import torch

CORE_BYTES = 2 << 20
"""The second-level cache of a core. A constant, so that no bit depends on the machine's cache; on
the number of threads bits depend anyway."""

OTHER_BYTES = 256 << 20
"""On a GPU few large kernels are faster."""


def scratch_bytes(device: torch.device) -> int:
    """What the temporaries of one step may take."""
    return CORE_BYTES * torch.get_num_threads() if device.type == "cpu" else OTHER_BYTES


def points_at_once(bytes_per_point: int, device: torch.device) -> int:
    """The largest power of two whose points fit scratch_bytes; at least 1."""
    return 1 << max(0, (scratch_bytes(device) // bytes_per_point).bit_length() - 1)
