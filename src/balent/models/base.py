"""What the sampler and the training loop ask of a Bayesian network with MC dropout.

A network is cut before its first dropout. The stem is computed once per point; the rest depends on
the dropout masks. A mask holds 0 or 1/(1-p) per unit of a linear layer, or per channel of a
convolution (Woo 2023, A.24: dropout is channel-wise). Masks are never negative, so that dropout
commutes with ReLU and with max-pooling, and can follow them.

Axis letters: n points, S samples, C classes, D units before the last layer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor, nn

from balent.errors import ConfigError

Folded = Callable[[Tensor, bool], tuple[Tensor, Tensor | None]]
"""What BayesianModel.fold returns: f(stem [n, ...], features) gives the logits [S, C, n], and the
penultimate features summed over the samples [n, D] if ``features``, else None."""


class BayesianModel(nn.Module, ABC):
    """A classifier whose dropout masks are arguments.

    mask_sizes        units or channels of each dropout layer, in order
    dropout           p, the same in every layer
    samples_at_once   how many samples the sampler folds together; a constant of the family, since
                      results may depend on it in their last bits
    stem_shape        of one point after ``stem``
    """

    mask_sizes: tuple[int, ...]
    samples_at_once: int
    stem_shape: tuple[int, ...]
    last: nn.Linear

    def __init__(self, dropout: float) -> None:
        if not 0 <= dropout < 1:
            raise ConfigError(f"model.dropout is {dropout}; allowed: at least 0 and below 1")
        super().__init__()
        self.dropout = dropout

    def draw_masks(self, n: int, generator: torch.Generator) -> list[Tensor]:
        """Independent masks, one [n, units] per dropout layer, on the generator's device."""
        keep = 1 - self.dropout
        masks = []
        for units in self.mask_sizes:
            u = torch.rand(n, units, generator=generator, device=generator.device)
            masks.append(torch.lt(u, keep, out=u).mul_(1 / keep))  # [n, units]
        return masks

    @abstractmethod
    def stem(self, x: Tensor) -> Tensor:
        """Everything before the first dropout, [n, ...]; ReLU and pooling are included."""

    @abstractmethod
    def penultimate(self, stem: Tensor, masks: list[Tensor] | None) -> Tensor:
        """The input [n, D] of the last layer, with masks [n or 1, units], or without dropout."""

    def forward(self, x: Tensor, masks: list[Tensor] | None = None) -> Tensor:
        """Logits [n, C] of inputs [n, ...] with masks per point, or without dropout."""
        return self.last(self.penultimate(self.stem(x), masks))

    @abstractmethod
    def fold(self, masks: list[Tensor]) -> Folded:
        """The network with S samples' masks [S, units], each shared by all points, folded in.

        For use under torch.no_grad: what is returned computes no gradients.
        """

    @abstractmethod
    def workspace(self, points: int) -> int:
        """Bytes that folding ``samples_at_once`` samples and evaluating points take, about."""

    @torch.no_grad()
    def folded(self, stem: Tensor, masks: list[Tensor]) -> Tensor:
        """Logits [n, S, C] of all points under masks [S, units] that they share."""
        return self.fold(masks)(stem, False)[0].permute(2, 0, 1)


def drop(x: Tensor, mask: Tensor | None) -> Tensor:
    """Units or channels (axis 1 of x) times their mask [n or 1, units]; x itself without a mask."""
    return x if mask is None else x * mask.view(*mask.shape, *[1] * (x.dim() - 2))
