"""A small residual network for small images: basic blocks, batch normalisation (ours)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional


class NarrowResNet(nn.Module):
    """Images [n, C, H, W] → features [n, out_features], out_features = width · 2^(stages - 1).

    A 3x3 convolution without max-pooling, then ``blocks[s]`` basic blocks of width · 2^s channels
    in stage s, which halves the resolution if s > 0, then the mean over all pixels.
    """

    def __init__(self, in_channels: int, width: int, blocks: Sequence[int]) -> None:
        super().__init__()
        self.conv1 = _convolution(in_channels, width, stride=1)
        self.bn1 = nn.BatchNorm2d(width)
        planes = [width, *(width << stage for stage in range(len(blocks)))]
        self.stages = nn.Sequential(
            *(
                nn.Sequential(
                    BasicBlock(before, after, stride=2 if after > before else 1),
                    *(BasicBlock(after, after, stride=1) for _ in range(n - 1)),
                )
                for (before, after), n in zip(pairwise(planes), blocks, strict=True)
            )
        )
        self.out_features = planes[-1]

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x.contiguous(memory_format=torch.channels_last))
        x = x.contiguous(memory_format=torch.channels_last)  # it is not after one input channel
        return self.stages(self.bn1(x).relu_()).mean(dim=(2, 3))


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside the identity, or beside a 1x1 convolution where shapes differ."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _convolution(in_channels, out_channels, stride)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = _convolution(out_channels, out_channels, stride=1)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.downsample: nn.Sequential | None = None
        if stride != 1 or in_channels != out_channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False),
                nn.BatchNorm2d(out_channels),
            )

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(self.bn1(self.conv1(x)).relu_()))
        return functional.relu_(y + (x if self.downsample is None else self.downsample(x)))


def _convolution(in_channels: int, out_channels: int, stride: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
