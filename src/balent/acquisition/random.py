"""Random acquisition: the baseline."""

from __future__ import annotations

import torch
from torch import Tensor

from balent.acquisition.base import Context, Predictions, register


@register(name="random", title="Random", kind="score", paper="Woo 2023, sec. 2.2", cost="O(N)")
def random(predictions: Predictions, context: Context) -> Tensor:
    """U(0, 1) for every point, float64 [N], in [0, 1)."""
    return torch.from_numpy(context.generator.random(predictions.n_points))
