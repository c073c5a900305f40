"""Hidden layers on vectors, some with dropout: the BNN of the toy example of Woo 2023, A.24.

Each hidden layer is linear → (dropout) → ReLU; a linear layer follows. What stands before the first
dropout is the stem.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from balent.models.base import BayesianModel, Folded, drop, for_products
from balent.models.spec import check_dropped


class MLP(BayesianModel):
    """Inputs of any shape, flattened to ``in_features``; C classes.

    hidden   units of each hidden layer
    dropped  whether a hidden layer has dropout, one for each

    Raises ConfigError when there are not as many of one as of the other, or no layer has dropout.
    """

    samples_at_once = 50

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        hidden: Sequence[int],
        dropped: Sequence[bool],
        dropout: float,
        last_bias: bool,
    ) -> None:
        super().__init__(dropout)
        check_dropped(hidden, dropped)
        first = list(dropped).index(True) + 1
        layers = [nn.Linear(a, b) for a, b in pairwise([in_features, *hidden])]
        self.before, self.after = nn.ModuleList(layers[:first]), nn.ModuleList(layers[first:])
        self.last = nn.Linear(hidden[-1], n_classes, bias=last_bias)
        self.dropped = tuple(dropped[first - 1 :])  # of the stem's last layer and of those after
        self.mask_sizes = tuple(u for u, d in zip(hidden, dropped, strict=True) if d)
        self.stem_shape = (hidden[first - 1],)

    def stem(self, x: Tensor) -> Tensor:
        y = x.flatten(1)
        for layer in self.before:
            y = layer(y).relu_()
        return y  # [n, D₁]

    def penultimate(self, stem: Tensor, masks: list[Tensor] | None) -> Tensor:
        first, *later = self._masks(masks)
        y = drop(stem, first)
        for layer, mask in zip(self.after, later, strict=True):
            y = drop(layer(y).relu(), mask)
        return y  # [n, D]

    def workspace(self, points: int) -> int:
        layers = self._folding
        weights = sum(layer.weight.numel() for layer in layers)
        widest = max(sum(layer.weight.shape) for layer in layers)
        return 4 * self.samples_at_once * (weights + points * widest)

    def fold(self, masks: list[Tensor]) -> Folded:
        """A mask folds into the weights of the layer that follows: W (m ⊙ r) = (W ⊙ m) r.

        The first layer after the stem sees the same r in every sample: one product for all of them.
        """
        every = self._masks(masks)  # before each of these layers
        weights = [
            for_products(layer.weight if mask is None else layer.weight * mask[:, None])
            for layer, mask in zip(self._folding, every, strict=True)
        ]  # [S, out, in] or [out, in]

        def evaluate(stem: Tensor, features: bool) -> tuple[Tensor, Tensor | None]:
            y = stem.T.contiguous()  # [D₁, n]; then [S, D, n]
            for layer, weight in zip(self._folding[:-1], weights[:-1], strict=True):
                y = torch.matmul(weight, y).add_(layer.bias[:, None]).relu_()
            logits = torch.matmul(weights[-1], y).to(self.last.weight.dtype)  # [S, C, n]
            if self.last.bias is not None:
                logits += self.last.bias[:, None]
            if not features:
                return logits, None
            mask = torch.ones_like(masks[0][:, :1]) if every[-1] is None else every[-1]
            return logits, (y * mask[:, :, None]).sum(dim=0).T  # [n, D]

        return evaluate

    @property
    def _folding(self) -> list[nn.Linear]:
        """The layers after the stem."""
        return cast("list[nn.Linear]", [*self.after, self.last])

    def _masks(self, masks: list[Tensor] | None) -> list[Tensor | None]:
        """For the stem's end and every layer after it: its mask, or None."""
        given = iter(masks or ())
        return [next(given) if masks and dropped else None for dropped in self.dropped]
