"""An ensemble of networks: each sample is a member (Lakshminarayanan et al. 2017)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from balent.models.base import BayesianModel
from balent.models.network import Folded, Networks

STEP = 128
"""Points that go through a member together; a constant, since bits may depend on it."""


class Ensemble(nn.Module):
    """A Network whose K samples are its K members, whichever points share them."""

    def __init__(self, members: Sequence[BayesianModel], input_shape: Sequence[int]) -> None:
        super().__init__()
        self.trained = nn.ModuleList(members)
        self.samples_at_once = len(members)
        self.stem_shape = tuple(input_shape)

    @property
    def members(self) -> list[BayesianModel]:
        return cast("list[BayesianModel]", list(self.trained))

    @property
    def last(self) -> nn.Linear:
        """Of the first member; the others' are like it."""
        return self.members[0].last

    def stem(self, x: Tensor) -> Tensor:
        """The inputs themselves: members share no layer."""
        return x

    def networks(
        self, samples: int, generator: torch.Generator, points: int | None = None
    ) -> Networks:
        """As Network.networks: nothing is drawn."""
        return lambda block: self._evaluate(self.members[block])

    def deterministic(self, stem: Tensor) -> Tensor:
        """The mean probabilities [n, C] of the members."""
        logits, _ = self._evaluate(self.members)(stem, False)
        return logits.softmax(dim=1).mean(dim=0).T

    def workspace(self, points: int) -> int:
        """As Network.workspace; before pooling, a block puts out four times what comes after."""
        member = self.members[0]
        linear = [layer.in_features for layer in member.modules() if isinstance(layer, nn.Linear)]
        widest = max(math.prod(member.stem_shape), *linear)
        return 4 * STEP * (8 * widest + math.prod(self.stem_shape))

    @staticmethod
    def _evaluate(members: Sequence[BayesianModel]) -> Folded:
        def evaluate(stem: Tensor, features: bool) -> tuple[Tensor, Tensor | None]:
            n, last = len(stem), members[0].last
            logits = stem.new_empty(len(members), last.out_features, n)  # [S, C, n]
            total = stem.new_zeros(n, last.in_features) if features else None  # [n, D]
            for k, member in enumerate(members):
                for i in range(0, n, STEP):
                    points = slice(i, i + STEP)
                    h = member.penultimate(member.stem(stem[points]), None)
                    logits[k, :, points] = member.last(h).T
                    if total is not None:
                        total[points] += h
            return logits, total

        return evaluate
