"""Bayesian networks from their specification, with weights from one generator."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from balent.errors import ConfigError
from balent.models.backbone import Backbone
from balent.models.base import BayesianModel
from balent.models.cnn import CNN, Convolutions
from balent.models.encoders import load_encoder, make_encoder
from balent.models.head import Head
from balent.models.initialise import initialise
from balent.models.mlp import MLP
from balent.models.spec import FAMILIES, choice, settings_of
from balent.models.variational import VariationalNetwork

FEATURES = {"cnn": ("channels", "kernels"), "backbone": ("encoder",)}
"""The keys of what a family computes before its linear layers; the others compute nothing."""


def build_model(
    spec: Mapping[str, Any],
    input_shape: Sequence[int],
    n_classes: int,
    generator: torch.Generator,
    encoder_weights: Mapping[str, Tensor] | None = None,
) -> BayesianModel:
    """A Bayesian network on the CPU.

    spec             {family: cnn, channels, kernels, hidden, dropout, last_bias},
                     {family: head, hidden, dropout, last_bias},
                     {family: mlp, hidden: […], dropped: […], dropout, last_bias} or
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
        elif family == "mlp":
            model = MLP(math.prod(input_shape), n_classes, **settings)
        else:
            encoder = make_encoder(settings.pop("encoder"), input_shape)
            model = Backbone(encoder, encoder.out_features, n_classes, **settings)
    initialise(model, generator)
    if encoder_weights is not None:
        if not isinstance(model, Backbone):
            raise ConfigError(f"model.family {family} has no encoder to load weights into")
        load_encoder(model.encoder, encoder_weights)
    return model


def build_variational(
    spec: Mapping[str, Any],
    input_shape: Sequence[int],
    n_classes: int,
    generator: torch.Generator,
    encoder_weights: Mapping[str, Tensor] | None = None,
    *,
    hidden: Sequence[int],
    alpha: float,
) -> VariationalNetwork:
    """A network with variational dropout on the CPU, as build_model; of a family, its features.

    hidden  units of each layer with noise; alpha: that they start with
    """
    with torch.device("meta"):
        features, width = make_features(spec, input_shape)
        model = VariationalNetwork(features, width, hidden, n_classes, alpha)
    initialise(model, generator)
    model.reset_alpha()
    if encoder_weights is not None:
        load_encoder(features, encoder_weights)
    return model


def build_features(
    spec: Mapping[str, Any],
    input_shape: Sequence[int],
    generator: torch.Generator,
    encoder_weights: Mapping[str, Tensor] | None = None,
) -> nn.Module:
    """What make_features makes, on the CPU, as build_model."""
    with torch.device("meta"):
        features, _ = make_features(spec, input_shape)
    initialise(features, generator)
    if encoder_weights is not None:
        load_encoder(features, encoder_weights)
    return features


def make_features(spec: Mapping[str, Any], input_shape: Sequence[int]) -> tuple[nn.Module, int]:
    """What a family computes before its linear layers, and its width; weights as the context says.

    cnn: the convolutions, without dropout; backbone: the encoder; others: the inputs, flattened.
    """
    family = choice("model.family", spec.get("family"), FAMILIES)
    settings = settings_of("model", spec, "family", FEATURES.get(family, ()))
    if family == "cnn":
        convolutions = Convolutions(input_shape, **settings)
        return convolutions, convolutions.out_features
    if family == "backbone":
        encoder = make_encoder(settings["encoder"], input_shape)
        return encoder, encoder.out_features
    return nn.Flatten(), math.prod(input_shape)
