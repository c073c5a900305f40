"""Triton kernels for GPUs. Plain PyTorch computes the same where they are not: the reference."""

from functools import cache
from importlib.util import find_spec

import torch


def fused(device: torch.device) -> bool:
    """Whether the kernels run on this device: a GPU, and Triton is installed."""
    return device.type == "cuda" and _triton()


@cache
def _triton() -> bool:
    return find_spec("triton") is not None
