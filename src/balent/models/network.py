"""What the sampler asks of a network with random weights.

Axis letters: n points, S samples, C classes, D units before the last layer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor, nn

Folded = Callable[[Tensor, bool], tuple[Tensor, Tensor | None]]
"""A block of samples as one network: f(stem [n, ...], features) gives the logits [S, C, n], and the
penultimate features summed over the samples [n, D] if ``features``, else None."""

Networks = Callable[[slice], Folded]
"""The networks of consecutive blocks of samples, to be asked for in order, each once."""


class Network(Protocol):
    """A classifier with random weights, as the sampler sees it: a stem that is computed once per
    point, and the rest, which differs between samples.

    samples_at_once   how many samples the sampler evaluates together; a constant, since results may
                      depend on it in their last bits
    stem_shape        of one point after ``stem``
    last              the last layer, or one of its kind: its inputs are the penultimate features
    """

    samples_at_once: int
    stem_shape: tuple[int, ...]

    @property
    def last(self) -> nn.Linear: ...

    def eval(self) -> object: ...

    def stem(self, x: Tensor) -> Tensor:
        """Of inputs [n, ...]."""

    def networks(
        self, samples: int, generator: torch.Generator, points: int | None = None
    ) -> Networks:
        """Networks with ``samples`` draws of the random weights.

        points  None: all points share a draw. Otherwise every point has its own, drawn for so many
                points, of which there may be fewer.
        """

    def deterministic(self, stem: Tensor) -> Tensor:
        """Scores [n, C] of stems without randomness: the largest is the most likely class."""

    def workspace(self, points: int) -> int:
        """Bytes that a block of samples and its evaluation at points take, about."""


class NoisyNetwork(nn.Module, ABC):
    """A Network whose randomness is an argument: noise that stands for it in training.

    Noise is a list of tensors [n, units], one per random layer: dropout masks, for example.
    """

    samples_at_once: int
    stem_shape: tuple[int, ...]
    last: nn.Linear

    @abstractmethod
    def draw_masks(self, n: int, generator: torch.Generator) -> list[Tensor]:
        """Independent noise for n points, on the generator's device."""

    @abstractmethod
    def stem(self, x: Tensor) -> Tensor:
        """Everything before the first random layer, [n, ...]."""

    @abstractmethod
    def penultimate(self, stem: Tensor, masks: list[Tensor] | None) -> Tensor:
        """The input [n, D] of the last layer, with noise [n or 1, units], or without."""

    @abstractmethod
    def networks(
        self, samples: int, generator: torch.Generator, points: int | None = None
    ) -> Networks:
        """As Network.networks."""

    @abstractmethod
    def workspace(self, points: int) -> int:
        """As Network.workspace."""

    def forward(self, x: Tensor, masks: list[Tensor] | None = None) -> Tensor:
        """Logits [n, C] of inputs [n, ...] with noise per point, or without."""
        return self.last(self.penultimate(self.stem(x), masks))

    def deterministic(self, stem: Tensor) -> Tensor:
        """As Network.deterministic: logits without noise."""
        return self.last(self.penultimate(stem, None))

    def per_point(self, points: int, generator: torch.Generator) -> Networks:
        """Networks whose noise is drawn for every one of so many points, sample by sample."""

        def network(block: slice) -> Folded:
            samples = block.stop - block.start

            def evaluate(stem: Tensor, features: bool) -> tuple[Tensor, Tensor | None]:
                n = len(stem)
                logits = stem.new_empty(samples, self.last.out_features, n)  # [S, C, n]
                total = stem.new_zeros(n, self.last.in_features) if features else None  # [n, D]
                for k in range(samples):
                    noise = [m[:n].to(stem.device) for m in self.draw_masks(points, generator)]
                    h = self.penultimate(stem, noise)  # [n, D]
                    logits[k] = self.last(h).T
                    if total is not None:
                        total += h
                return logits, total

            return evaluate

        return network
