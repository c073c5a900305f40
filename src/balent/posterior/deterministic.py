"""Predictions without randomness."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from balent.data.points import Points
from balent.models.network import Network
from balent.posterior.base import Validation
from balent.posterior.outputs import TILE
from balent.posterior.sampler import stems


@torch.no_grad()
def error_rate(model: Network, inputs: Points, labels: Tensor) -> float:
    """The share of points whose most likely class is not their label, in [0, 1].

    model   is put into evaluation mode; every unit is kept with factor 1, the mean of its mask
    labels  of all points of ``inputs``, int64 [N], N > 0, on the device of the model

    Points are computed in the fixed tiles of the sampler.
    """
    model.eval()
    wrong = 0
    for rows in torch.arange(len(labels), device=labels.device).split(TILE):
        scores = model.deterministic(stems(model, inputs, rows))  # [n and padding, C]
        wrong += int((scores[: len(rows)].argmax(dim=1) != labels[rows]).sum())
    return wrong / len(labels)


def validation_error(model: Network, validation: Validation | None) -> Callable[[], float] | None:
    """What early stopping asks of a network: its error rate on the validation set, if any."""
    return None if validation is None else lambda: error_rate(model, *validation)
