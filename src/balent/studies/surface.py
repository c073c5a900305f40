"""Acquisition functions of two classes as functions of Beta parameters (Woo 2023, A.8 and A.11)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from balent.acquisition.base import Context, Predictions
from balent.acquisition.beta_marginal import beta_marginal_aleatoric
from balent.posterior.moments import Moments
from balent.streams import Streams
from balent.studies.scores import score


def run(
    settings: Mapping[str, Any], methods: Mapping[str, Mapping], streams: Streams
) -> dict[str, np.ndarray]:
    """Scores where P₁ ~ Beta(α, β) and P₂ = 1 - P₁, on a square of parameters.

    settings  range [low, high] of α and β, side: how many values of each, equally spaced in their
              logarithm

    Returns ``parameters`` float64 [side], and ``scores`` float64 [M, side, side]: α along the last
    axis, β along the one before; with ``methods`` along the first.
    """
    low, high = settings["range"]
    parameters = np.geomspace(low, high, settings["side"])
    alpha, beta = map(torch.from_numpy, np.meshgrid(parameters, parameters))
    moments = beta_moments(alpha.flatten(), beta.flatten())
    shape = (len(methods), len(parameters), len(parameters))
    generator = streams.numpy("acquisition")
    values = [score(method, moments, generator) for method in methods.values()]
    return {
        "parameters": parameters,
        "scores": np.reshape(values, shape),
        "methods": np.array(list(methods)),
    }


def beta_moments(alpha: Tensor, beta: Tensor) -> Moments:
    """The exact moments of P₁ ~ Beta(α, β) and P₂ = 1 - P₁; float64 [N] each, above 0."""
    parameters = torch.stack([alpha, beta], dim=1)  # [N, C]
    total = parameters.sum(dim=1, keepdim=True)  # [N, 1]
    mean = parameters / total
    complement = mean.flip(1)
    variance = mean * complement / (total + 1)
    moments = Moments(mean, complement, variance, total * variance, torch.full_like(alpha, np.nan))
    predictions = Predictions(n_points=len(moments), moments=moments)
    # Corollary 1 of the paper is exact here: P₁ and P₂ are Beta variables.
    entropy = beta_marginal_aleatoric(predictions, Context(np.random.default_rng(0)))
    return replace(moments, expected_entropy=entropy)
