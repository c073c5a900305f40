"""Image encoders from their specification, and weights for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from balent.errors import ConfigError, DataError
from balent.models.initialise import initialise
from balent.models.narrow_resnet import NarrowResNet
from balent.models.resnet import ResNetEncoder
from balent.models.spec import ENCODERS, ORIGIN, STEMS, choice, settings_of

Encoder = NarrowResNet | ResNetEncoder
"""Images [n, C, H, W] → features [n, out_features]."""


def build_encoder(
    spec: Mapping[str, Any], input_shape: Sequence[int], generator: torch.Generator
) -> Encoder:
    """An encoder on the CPU for images of input_shape (C, H, W), with ``out_features``.

    spec  {name: narrow_resnet, stem: small, width, blocks (per stage)},
          {name: resnet18 or resnet50, stem: imagenet or small}

    Raises ConfigError for what is not allowed.
    """
    with torch.device("meta"):
        encoder = make_encoder(spec, input_shape)
    initialise(encoder, generator)
    return encoder


def make_encoder(spec: Mapping[str, Any], input_shape: Sequence[int]) -> Encoder:
    """As ``build_encoder``, on the device of the context and without weights drawn."""
    name = choice("encoder.name", spec.get("name"), ENCODERS)
    settings = settings_of("encoder", spec, "name", ENCODERS[name], ORIGIN)
    if len(input_shape) != 3:
        raise ConfigError(
            f"encoder {name}: inputs have shape {tuple(input_shape)}; give images [C, H, W]"
        )
    if name == "narrow_resnet":
        choice(f"encoder.stem of {name}", settings.pop("stem"), STEMS[name])
        return NarrowResNet(input_shape[0], **settings)
    if input_shape[0] not in (1, 3):
        raise ConfigError(f"encoder {name}: images have {input_shape[0]} channels; allowed: 1, 3")
    return ResNetEncoder(name, choice("encoder.stem", settings["stem"], STEMS[name]))


def load_encoder(encoder: nn.Module, weights: Mapping[str, Tensor]) -> None:
    """Load an encoder's state dict, or torchvision's (whose ``fc`` is left out), strictly.

    Raises DataError when a tensor is missing, superfluous or of another shape.
    """
    own = encoder.state_dict()
    given = {name: value for name, value in weights.items() if not name.startswith("fc.")}
    for name in (*own, *given):
        shapes = [tuple(state[name].shape) if name in state else None for state in (own, given)]
        if shapes[0] != shapes[1]:
            raise DataError(
                f"encoder weights: {name} has shape {shapes[1]}, the encoder's has {shapes[0]}; "
                "give weights of the same architecture"
            )
    encoder.load_state_dict(given)
