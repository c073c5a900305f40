"""torchvision's ResNet-18 and ResNet-50 without their last layer, as image encoders."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from balent.models.torchvision_ops import import_torchvision


class ResNetEncoder(nn.Sequential):
    """Images [n, 1 or 3, H, W] → features [n, out_features]; greyscale is repeated to 3 channels.

    name  resnet18 or resnet50
    stem  "imagenet" as published; "small" for images of about 32x32 pixels: a 3x3 convolution of
          stride 1 instead of the 7x7 one of stride 2, and no max-pooling (SimCLR paper, B.9)

    The keys of the state dict are torchvision's, without ``fc``.
    """

    def __init__(self, name: str, stem: str) -> None:
        network = getattr(import_torchvision().models, name)(weights=None)
        layers = OrderedDict(network.named_children())
        in_features = layers.pop("fc").in_features
        if stem == "small":
            layers["conv1"] = nn.Conv2d(3, 64, kernel_size=3, padding=1, bias=False)
            layers["maxpool"] = nn.Identity()
        super().__init__(layers)
        self.out_features = in_features

    def forward(self, x: Tensor) -> Tensor:
        x = x.expand(-1, 3, -1, -1).contiguous(memory_format=torch.channels_last)
        return super().forward(x).flatten(1)
