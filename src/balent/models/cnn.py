"""The CNN with dropout in every layer: CNNBNN of Woo 2023, A.24.

Blocks of convolution → channel-wise dropout → 2x2 max-pooling → ReLU, then linear → dropout →
ReLU → linear.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from balent.errors import ConfigError
from balent.kernels import fused
from balent.models.base import BayesianModel, Folded, drop, for_products
from balent.models.convolution import Convolution, pooled_patch_index
from balent.models.spec import feature_maps

TERMS_BYTES = 2 << 20
"""Of the second convolution's terms at a time on a CPU: the second-level cache of a core. A
constant, so that no bit depends on the machine's cache. On a GPU, OTHER_BYTES: few large kernels
are faster there."""

OTHER_BYTES = 256 << 20


class CNN(BayesianModel):
    """Images [C, H, W]; two or more blocks, given by their output channels and kernel sizes.

    Raises ConfigError when there are fewer blocks, or the images are too small for them.
    """

    samples_at_once = 100

    def __init__(
        self,
        input_shape: Sequence[int],
        n_classes: int,
        channels: Sequence[int],
        kernels: Sequence[int],
        hidden: int,
        dropout: float,
        last_bias: bool,
    ) -> None:
        super().__init__(dropout)
        maps = maps_of(input_shape, channels, kernels)
        planes = [input_shape[0], *channels]
        self.first, self.second, *later = (
            Convolution(a, b, k) for (a, b), k in zip(pairwise(planes), kernels, strict=True)
        )
        self.later = nn.ModuleList(later)
        self.hidden = nn.Linear(channels[-1] * maps[-1][0] * maps[-1][1], hidden)
        self.last = nn.Linear(hidden, n_classes, bias=last_bias)
        self.mask_sizes = (*channels, hidden)
        self.stem_shape = (channels[0], *maps[1])
        self._windows = maps[2][0] * maps[2][1]  # of the second block's pooling

    def stem(self, x: Tensor) -> Tensor:
        return _pool(self.first(x))  # [n, C1, h, w]

    def penultimate(self, stem: Tensor, masks: list[Tensor] | None) -> Tensor:
        layer_masks: list[Tensor | None] = [*masks] if masks else [None] * len(self.mask_sizes)
        y = drop(stem, layer_masks[0])
        for convolution, mask in zip([self.second, *self.later], layer_masks[1:-1], strict=True):
            y = drop(_pool(convolution(y)), mask)  # [n, C, h, w]
        return drop(self.hidden(y.flatten(1)).relu(), layer_masks[-1])

    def workspace(self, points: int) -> int:
        one, two = self.mask_sizes[:2]
        if fused(self.last.weight.device):
            blocks = 3 if self.later else 1  # a later convolution has outputs of its own
            after = blocks * self._windows * two + 2 * self.mask_sizes[-1]
            floats = 4 * self._windows * one * two + self.samples_at_once * after
        else:
            patch = self.second.kernel_size[0] ** 2
            floats = 4 * self._windows * (one * (patch + two) + 2 * two * self.samples_at_once)
        return 4 * min(points, self._points_at_once) * floats

    @property
    def _points_at_once(self) -> int:
        """A power of two, so that it divides a tile."""
        terms = 4 * self._windows * self.mask_sizes[0] * self.mask_sizes[1]
        points = (TERMS_BYTES if self.last.weight.is_cpu else OTHER_BYTES) // (4 * terms)
        return 1 << max(0, points.bit_length() - 1)

    def fold(self, masks: list[Tensor]) -> Folded:
        """The second convolution is linear in its masked input: conv(m ⊙ r) = Σ_i m_i conv_i(r_i).

        Its terms, one per input channel i, are computed once for all samples, and a sample is their
        product with its mask: for k x k kernels 1/((1-p)² k²) of the work of a convolution with the
        channels that it keeps. What follows has other inputs in every sample, and is computed for
        all samples together.
        """
        first, second, *later = masks[:-1]  # [S, C1], [S, C2], ...
        s, c1, c2 = len(first), *self.mask_sizes[:2]
        k = self.second.kernel_size[0]
        weight = for_products(self.second.weight).permute(1, 2, 3, 0).reshape(c1, k * k, c2)
        bias = self.second.bias
        assert bias is not None
        # Inputs of the linear layer by pixel, then channel, as they lie in memory here.
        hidden = for_products(self.hidden.weight)
        hidden = hidden.unflatten(1, (self.mask_sizes[-2], -1)).mT.flatten(1)
        step = self._points_at_once

        def evaluate(stem: Tensor, features: bool) -> tuple[Tensor, Tensor | None]:
            n, _, h, w = stem.shape
            results = self.last.weight  # whose type they have
            logits = results.new_empty(s, self.last.out_features, n)  # [S, C, n]
            total = results.new_empty(n, self.last.in_features) if features else None  # [n, D]
            for points in [slice(i, i + step) for i in range(0, n, step)]:
                y = _second_block(first, _terms(stem[points], weight), bias, second)
                m = y.shape[1]  # of [S, m, windows, C2]
                y = y.view(s * m, (h - k + 1) // 2, (w - k + 1) // 2, c2).permute(0, 3, 1, 2)
                for convolution, mask in zip(self.later, later, strict=True):
                    y = drop(_pool(convolution(y)), mask.repeat_interleave(m, dim=0))
                y = y.permute(0, 2, 3, 1).flatten(1)  # [S·m, pixels·C]
                y = functional.linear(y, hidden, self.hidden.bias).relu_().view(s, m, -1)
                y *= masks[-1][:, None]  # [S, m, D]
                logits[:, :, points] = self.last(y).mT
                if total is not None:
                    total[points] = y.sum(dim=0, dtype=total.dtype)
            return logits, total

        return evaluate


class Convolutions(nn.Sequential):
    """The convolutions of the CNN without dropout: images [C, H, W] → [n, out_features].

    Raises ConfigError for images that are too small for them.
    """

    def __init__(
        self, input_shape: Sequence[int], channels: Sequence[int], kernels: Sequence[int]
    ) -> None:
        maps = maps_of(input_shape, channels, kernels)
        planes = [input_shape[0], *channels]
        super().__init__(
            *(Convolution(a, b, k) for (a, b), k in zip(pairwise(planes), kernels, strict=True))
        )
        self.out_features = channels[-1] * maps[-1][0] * maps[-1][1]

    def forward(self, x: Tensor) -> Tensor:
        for convolution in self:
            x = _pool(convolution(x))
        return x.flatten(1)


def maps_of(
    input_shape: Sequence[int], channels: Sequence[int], kernels: Sequence[int]
) -> list[tuple[int, int]]:
    """Height and width before and after each block; raises ConfigError where they do not fit."""
    if len(input_shape) != 3:
        raise ConfigError(
            f"model.family cnn: inputs have shape {tuple(input_shape)}; give images [C, H, W]"
        )
    if len(channels) != len(kernels) or len(channels) < 2:
        raise ConfigError(
            f"model.channels {list(channels)} and model.kernels {list(kernels)}: give two or "
            "more, as many of one as of the other"
        )
    maps = feature_maps((input_shape[1], input_shape[2]), kernels)
    if min(maps[-1]) < 1:
        raise ConfigError(
            f"model.kernels {list(kernels)} leave nothing of images of {maps[0][0]}x"
            f"{maps[0][1]} pixels; give smaller kernels or fewer blocks"
        )
    return maps


def _terms(stem: Tensor, weight: Tensor) -> Tensor:
    """Convolutions of each channel alone: stem [m, C1, h, w], weight [C1, k·k, C2] →
    [C1, m, 4, windows, C2], the four outputs that max-pooling sees of each window."""
    if fused(stem.device):
        from balent.kernels.convolution import terms

        return terms(stem, weight)
    m, c1, h, w = stem.shape
    index = pooled_patch_index(h, w, math.isqrt(weight.shape[1])).to(stem.device)
    r = stem.flatten(2).transpose(0, 1)  # [C1, m, h·w]
    patches = r.index_select(2, index).view(c1, -1, weight.shape[1])
    return torch.bmm(patches, weight).view(c1, m, 4, -1, weight.shape[2])


def _second_block(first: Tensor, terms: Tensor, bias: Tensor, second: Tensor) -> Tensor:
    """Masked terms summed, pooled, ReLU, masks: [S, C1], [C1, m, 4, windows, C2], [C2], [S, C2] →
    [S, m, windows, C2]."""
    if fused(terms.device):
        from balent.kernels.convolution import second_block

        return second_block(first, terms, bias, second)
    y = (first @ terms.flatten(1)).view(len(first), *terms.shape[1:]).amax(dim=2)
    return y.add_(bias).relu_().mul_(second[:, None, None])


def _pool(x: Tensor) -> Tensor:
    return functional.max_pool2d(x, 2).relu()
