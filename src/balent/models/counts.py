"""How large a network is, from its specification alone: no torch here, the workflow asks.

Batch normalisation counts with its parameters; its arithmetic, and that of activations and pooling,
is left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from balent.models.spec import feature_maps

RESNETS = {
    "resnet18": ((64, 128, 256, 512), (2, 2, 2, 2), 1),
    "resnet50": ((64, 128, 256, 512), (3, 4, 6, 3), 4),
}
"""Width and blocks of the stages, and by how much a bottleneck widens its output (1: no
bottleneck)."""


@dataclass(frozen=True)
class Counts:
    """Of a part of a network.

    parameters     weights and biases
    multiply_adds  of one point's forward pass
    outputs        values that the layers put out for one point
    """

    parameters: int
    multiply_adds: int
    outputs: int

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            *(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True))
        )


NOTHING = Counts(0, 0, 0)


def network(spec: Mapping[str, Any], shape: Sequence[int], n_classes: int) -> tuple[Counts, Counts]:
    """The parts before and after the first dropout of what ``models.build_model`` builds.

    shape  of a point as stored: (H, W), (H, W, 3) or (D,)
    """
    last = linear(penultimate(spec), n_classes, bias=spec["last_bias"])
    if spec["family"] == "mlp":
        return _mlp(spec, shape, last)
    if spec["family"] == "cnn":
        return _cnn(spec, shape, last)
    if spec["family"] == "head":
        return linear(math.prod(shape), spec["hidden"]), last
    images = encoder(spec["encoder"], shape)
    return images + linear(out_features(spec["encoder"]), spec["hidden"]), last


def variational(
    spec: Mapping[str, Any], hidden: Sequence[int], shape: Sequence[int], n_classes: int
) -> tuple[Counts, Counts]:
    """The parts before and after the first random layer of ``models.build_variational``'s network.

    hidden  units of the layers with noise, whose α is counted with their weights
    """
    before, width = features(spec, shape)
    layers = [linear(a, b) for a, b in pairwise([width, *hidden])]
    alphas = Counts(len(layers), 0, 0)
    return before, sum(layers, alphas) + linear(hidden[-1], n_classes, bias=False)


def features(spec: Mapping[str, Any], shape: Sequence[int]) -> tuple[Counts, int]:
    """What ``models.make_features`` makes of a family, and its width."""
    if spec["family"] == "cnn":
        maps = feature_maps((shape[0], shape[1]), spec["kernels"])
        blocks = _convolutions(spec, shape)
        return sum(blocks, NOTHING), spec["channels"][-1] * math.prod(maps[-1])
    if spec["family"] == "backbone":
        return encoder(spec["encoder"], shape), out_features(spec["encoder"])
    return NOTHING, math.prod(shape)


def penultimate(spec: Mapping[str, Any]) -> int:
    """The inputs of a network's last layer."""
    return spec["hidden"][-1] if spec["family"] == "mlp" else spec["hidden"]


def out_features(spec: Mapping[str, Any]) -> int:
    """The features of an image that an encoder gives."""
    if spec["name"] == "narrow_resnet":
        return spec["width"] << (len(spec["blocks"]) - 1)
    widths, _, widening = RESNETS[spec["name"]]
    return widths[-1] * widening


def encoder(spec: Mapping[str, Any], shape: Sequence[int]) -> Counts:
    """What ``models.build_encoder`` builds, for images as stored: (H, W) or (H, W, 3)."""
    size = (shape[0], shape[1])
    if spec["name"] == "narrow_resnet":
        narrow = [spec["width"] << stage for stage in range(len(spec["blocks"]))]
        first = convolution(shape[2] if len(shape) == 3 else 1, spec["width"], 3, size)
        return first + _stages(narrow, spec["blocks"], 1, size)
    widths, blocks, widening = RESNETS[spec["name"]]
    if spec["stem"] == "small":
        first = convolution(3, 64, 3, size)
    else:
        size = _halved(size)
        first = convolution(3, 64, 7, size)
        size = _halved(size)  # max-pooling
    return first + _stages(widths, blocks, widening, size)


def linear(n_in: int, n_out: int, bias: bool = True) -> Counts:
    """A linear layer."""
    return Counts(n_in * n_out + n_out * bias, n_in * n_out, n_out)


def convolution(n_in: int, n_out: int, kernel: int, size: tuple[int, int]) -> Counts:
    """A convolution and its batch normalisation, or two values a channel; size: of the output."""
    weights, pixels = n_in * n_out * kernel**2, math.prod(size)
    return Counts(weights + 2 * n_out, weights * pixels, n_out * pixels)


def _mlp(spec: Mapping[str, Any], shape: Sequence[int], last: Counts) -> tuple[Counts, Counts]:
    layers = [linear(a, b) for a, b in pairwise([math.prod(shape), *spec["hidden"]])]
    first = list(spec["dropped"]).index(True) + 1
    return sum(layers[:first], NOTHING), sum(layers[first:], last)


def _cnn(spec: Mapping[str, Any], shape: Sequence[int], last: Counts) -> tuple[Counts, Counts]:
    first, *later = _convolutions(spec, shape)
    maps = feature_maps((shape[0], shape[1]), spec["kernels"])
    hidden = linear(spec["channels"][-1] * math.prod(maps[-1]), spec["hidden"])
    return first, sum(later, hidden + last)


def _convolutions(spec: Mapping[str, Any], shape: Sequence[int]) -> list[Counts]:
    maps = feature_maps((shape[0], shape[1]), spec["kernels"])
    planes = [shape[2] if len(shape) == 3 else 1, *spec["channels"]]
    blocks = []
    for (before, after), kernel, (h, w) in zip(
        pairwise(planes), spec["kernels"], maps[:-1], strict=True
    ):
        block = convolution(before, after, kernel, (h - kernel + 1, w - kernel + 1))
        blocks.append(Counts(block.parameters - after, block.multiply_adds, block.outputs))
    return blocks


def _stages(
    widths: Sequence[int], blocks: Sequence[int], widening: int, size: tuple[int, int]
) -> Counts:
    total, channels = NOTHING, widths[0]
    for stage, (width, count) in enumerate(zip(widths, blocks, strict=True)):
        for block in range(count):
            after = _halved(size) if stage and not block else size
            total += _block(channels, width, widening, size, after)
            channels, size = width * widening, after
    return total


def _block(
    n_in: int, width: int, widening: int, size: tuple[int, int], after: tuple[int, int]
) -> Counts:
    """A residual block: basic, or a bottleneck with the stride in its 3x3 convolution."""
    n_out = width * widening
    if widening == 1:
        total = convolution(n_in, width, 3, after) + convolution(width, width, 3, after)
    else:
        total = convolution(n_in, width, 1, size) + convolution(width, width, 3, after)
        total += convolution(width, n_out, 1, after)
    if size != after or n_in != n_out:
        total += convolution(n_in, n_out, 1, after)
    return total


def _halved(size: tuple[int, int]) -> tuple[int, int]:
    return (size[0] + 1) // 2, (size[1] + 1) // 2
