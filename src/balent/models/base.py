"""Bayesian networks with MC dropout: masks as noise, folded into weights where points share them.

A network is cut before its first dropout. The stem is computed once per point; the rest depends on
the dropout masks. A mask holds 0 or 1/(1-p) per unit of a linear layer, or per channel of a
convolution (Woo 2023, A.24: dropout is channel-wise). Masks are never negative, so that dropout
commutes with ReLU and with max-pooling, and can follow them.

Axis letters: n points, S samples, C classes, D units before the last layer.
"""

from __future__ import annotations

from abc import abstractmethod

import torch
from torch import Tensor

from balent.errors import ConfigError
from balent.models.network import Folded, Networks, NoisyNetwork


class BayesianModel(NoisyNetwork):
    """A classifier whose dropout masks are arguments: a Network.

    mask_sizes        units or channels of each dropout layer, in order
    dropout           p, the same in every layer
    samples_at_once   how many samples the sampler folds together; a constant of the family, since
                      results may depend on it in their last bits
    stem_shape        of one point after ``stem``
    """

    mask_sizes: tuple[int, ...]

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
    def fold(self, masks: list[Tensor]) -> Folded:
        """The network with S samples' masks [S, units], each shared by all points, folded in.

        For use under torch.no_grad: what is returned computes no gradients.
        """

    def networks(
        self, samples: int, generator: torch.Generator, points: int | None = None
    ) -> Networks:
        """As Network.networks; masks that points share are drawn for all samples at once."""
        if points is not None:
            return self.per_point(points, generator)
        device = self.last.weight.device
        masks = [mask.to(device) for mask in self.draw_masks(samples, generator)]
        return lambda block: self.fold([mask[block] for mask in masks])

    @torch.no_grad()
    def folded(self, stem: Tensor, masks: list[Tensor]) -> Tensor:
        """Logits [n, S, C] of all points under masks [S, units] that they share."""
        return self.fold(masks)(stem, False)[0].permute(2, 0, 1)


def drop(x: Tensor, mask: Tensor | None) -> Tensor:
    """Units or channels (axis 1 of x) times their mask [n or 1, units]; x itself without a mask."""
    return x if mask is None else x * mask.view(*mask.shape, *[1] * (x.dim() - 2))


def for_products(x: Tensor) -> Tensor:
    """x in the type that products are computed in: autocast's where it is on."""
    kind = x.device.type
    return x.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else x
