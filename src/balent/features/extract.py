"""Features of images: one pass of a trained encoder, in fixed tiles."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from balent.data.inputs import Inputs
from balent.features.simclr import resize

TILE = 256  # images a pass; fixed, because a convolution's bits may depend on the batch size


def extract(
    encoder: nn.Module, inputs: Inputs, image_size: int | None = None, batch: int = TILE
) -> np.ndarray:
    """The features of all inputs, float32 [N, D], in evaluation mode and input order.

    ``encoder`` (on the device of ``inputs``) maps [B, C, H, W] to [B, D]. Every pass sees exactly
    ``batch`` images, the last one filled up with zeros, so that an image's features do not depend
    on how many follow it. ``image_size`` resizes on the device, as in training.
    """
    encoder.eval()
    tiles = []
    with torch.inference_mode():
        for rows in torch.arange(len(inputs), device=inputs.device).split(batch):
            x = resize(inputs.gather(rows), image_size)  # [n, C, H, W]
            x = functional.pad(x, (0, 0) * 3 + (0, batch - len(rows)))  # [batch, C, H, W]
            tiles.append(encoder(x)[: len(rows)].float())
    return torch.cat(tiles).cpu().numpy()
