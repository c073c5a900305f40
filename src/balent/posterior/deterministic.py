"""Predictions without dropout."""

from __future__ import annotations

import torch
from torch import Tensor

from balent.models.base import BayesianModel
from balent.posterior.mc_dropout import TILE, Points, stems


@torch.no_grad()
def error_rate(model: BayesianModel, inputs: Points, labels: Tensor) -> float:
    """The share of points whose most likely class is not their label, in [0, 1].

    model   is put into evaluation mode
    labels  of all points of ``inputs``, int64 [N], N > 0, on the device of the model

    Every unit is kept with factor 1, the mean of its dropout mask. Points are computed in the fixed
    tiles of the sampler.
    """
    model.eval()
    wrong = 0
    for rows in torch.arange(len(labels), device=labels.device).split(TILE):
        features = model.penultimate(stems(model, inputs, rows), None)  # [n and padding, D]
        predicted = model.last(features)[: len(rows)].argmax(dim=1)  # [n]
        wrong += int((predicted != labels[rows]).sum())
    return wrong / len(labels)
