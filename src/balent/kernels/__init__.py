"""Triton kernels for GPUs. Plain PyTorch computes the same where they are not: the reference."""

from functools import cache
from importlib.util import find_spec

import torch

from balent.errors import ConfigError


def fused(device: torch.device) -> bool:
    """Whether the kernels run on this device: a GPU, and Triton is installed."""
    return device.type == "cuda" and _triton()


def check(device: torch.device) -> None:
    """Refuse, by ConfigError, a GPU for which Triton can not build what launches its kernels."""
    if not fused(device):
        return
    from triton.runtime import driver

    try:
        _ = driver.active.utils  # built by a C compiler at its first use on a machine
    except Exception as error:
        raise ConfigError(
            f"Triton can not build its launcher here ({type(error).__name__}: "
            f"{str(error).partition(chr(10))[0]}); install a C compiler and Python's headers, or "
            "uninstall triton for slower kernels"
        ) from None


@cache
def _triton() -> bool:
    return find_spec("triton") is not None
