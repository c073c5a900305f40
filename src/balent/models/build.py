"""Networks from their specification, with weights from one generator.

A network is built without storage; then every parameter is drawn from the generator: linear layers
and convolutions with bias from PyTorch's default distributions, convolutions without bias (those of
residual networks) from He's, as torchvision does. The global random state is not touched.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from balent.errors import ConfigError, DataError
from balent.models.backbone import Backbone
from balent.models.base import BayesianModel
from balent.models.cnn import CNN
from balent.models.head import Head
from balent.models.narrow_resnet import NarrowResNet
from balent.models.resnet import ResNetEncoder
from balent.models.spec import ENCODERS, FAMILIES, ORIGIN, STEMS, choice, settings_of

Encoder = NarrowResNet | ResNetEncoder
"""Images [n, C, H, W] → features [n, out_features]."""


def build_model(
    spec: Mapping[str, Any],
    input_shape: Sequence[int],
    n_classes: int,
    generator: torch.Generator,
    encoder_weights: Mapping[str, Tensor] | None = None,
) -> BayesianModel:
    """A Bayesian network on the CPU.

    spec             {family: cnn, channels, kernels, hidden, dropout, last_bias},
                     {family: head, hidden, dropout, last_bias} or
                     {family: backbone, encoder: as for build_encoder, hidden, dropout, last_bias}
    input_shape      of one point: (C, H, W) or (D,)
    generator        on the CPU; what it draws does not depend on encoder_weights
    encoder_weights  of a backbone's encoder, instead of drawn ones (see load_encoder)

    Raises ConfigError for what is not allowed, DataError for weights that do not fit.
    """
    family = choice("model.family", spec.get("family"), FAMILIES)
    settings = settings_of("model", spec, "family", FAMILIES[family])
    model: BayesianModel
    with torch.device("meta"):
        if family == "cnn":
            model = CNN(input_shape, n_classes, **settings)
        elif family == "head":
            model = Head(math.prod(input_shape), n_classes, **settings)
        else:
            encoder = _encoder(settings.pop("encoder"), input_shape)
            model = Backbone(encoder, encoder.out_features, n_classes, **settings)
    _initialise(model, generator)
    if encoder_weights is not None:
        if not isinstance(model, Backbone):
            raise ConfigError(f"model.family {family} has no encoder to load weights into")
        load_encoder(model.encoder, encoder_weights)
    return model


def build_encoder(
    spec: Mapping[str, Any], input_shape: Sequence[int], generator: torch.Generator
) -> Encoder:
    """An encoder on the CPU for images of input_shape (C, H, W), with ``out_features``.

    spec  {name: narrow_resnet, stem: small, width, blocks (per stage)},
          {name: resnet18 or resnet50, stem: imagenet or small}

    Raises ConfigError for what is not allowed.
    """
    with torch.device("meta"):
        encoder = _encoder(spec, input_shape)
    _initialise(encoder, generator)
    return encoder


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


def _encoder(spec: Mapping[str, Any], input_shape: Sequence[int]) -> Encoder:
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


def _initialise(model: nn.Module, generator: torch.Generator) -> None:
    """Give a model built on the meta device storage and weights, module by module."""
    for module in model.modules():
        _give_storage(module)
        if isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
        elif isinstance(module, nn.Conv2d) and module.bias is None:
            nn.init.kaiming_normal_(
                module.weight, mode="fan_out", nonlinearity="relu", generator=generator
            )
        elif isinstance(module, nn.Conv2d | nn.Linear):
            bound = module.weight[0].numel() ** -0.5  # kaiming_uniform_(a=√5), and the bias's
            for parameter in module.parameters():
                nn.init.uniform_(parameter, -bound, bound, generator=generator)
        elif any(True for _ in module.parameters(recurse=False)):
            raise TypeError(f"no initialisation for the parameters of {type(module).__name__}")
        if isinstance(module, nn.Conv2d):  # as the convolutions here work; faster on a CPU
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)


def _give_storage(module: nn.Module) -> None:
    """Do what Module.to_empty does; that imports a compiler for meta tensors, 0.25 s a process."""
    for name, parameter in module.named_parameters(recurse=False):
        module.register_parameter(name, nn.Parameter(torch.empty(parameter.shape)))
    for name, buffer in module.named_buffers(recurse=False):
        setattr(module, name, torch.empty(buffer.shape, dtype=buffer.dtype))
