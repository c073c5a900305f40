"""The state of an interrupted training: a file that only its own successor continues."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from balent import files
from balent.errors import DataError

SLOTS = ("step", "exp_avg", "exp_avg_sq")
"""What Adam keeps for a parameter."""


def load(path: Path, key: str) -> dict[str, Tensor] | None:
    """The tensors at ``path`` if they were saved with ``key``; else None, and it is said why."""
    if not path.exists():
        return None
    try:
        if files.load_metadata(path).get("key") == key:
            return files.load_tensors(path)
    except DataError as error:
        _tell(f"{error}; starting afresh")
        return None
    _tell(f"{path}: belongs to other settings, data or code; starting afresh")
    return None


def state_of(model: nn.Module, optimiser: torch.optim.Adam) -> dict[str, Tensor]:
    """Weights, buffers and Adam's moments by name."""
    tensors = {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    for name, parameter in model.named_parameters():
        for slot, tensor in optimiser.state[parameter].items():
            tensors[f"{slot}.{name}"] = tensor
    return tensors


def set_state(model: nn.Module, optimiser: torch.optim.Adam, tensors: dict[str, Tensor]) -> None:
    """The inverse of ``state_of``, onto the model's device."""
    model.load_state_dict(_below("model.", tensors))
    step, mean, square = (_below(f"{slot}.", tensors) for slot in SLOTS)
    for name, parameter in model.named_parameters():
        # the fused optimiser needs moments in the parameter's own memory layout
        optimiser.state[parameter] = {
            "step": step[name].to(parameter.device),
            "exp_avg": torch.empty_like(parameter).copy_(mean[name]),
            "exp_avg_sq": torch.empty_like(parameter).copy_(square[name]),
        }


def _below(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names start with ``prefix``, without it."""
    return {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}


def _tell(message: str) -> None:
    print(f"simclr: {message}", file=sys.stderr)
