"""Posteriors from a scenario's settings, with fresh weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from balent.models.base import BayesianModel
from balent.models.build import build_features, build_model, build_variational
from balent.models.ensemble import Ensemble
from balent.posterior.base import Posterior
from balent.posterior.ensemble import DeepEnsemble
from balent.posterior.gaussian_process import GaussianProcess
from balent.posterior.mc_dropout import MCDropout
from balent.posterior.spec import check_keys, member, posterior_of, processed
from balent.posterior.variational_dropout import VariationalDropout
from balent.streams import Streams


def build_posterior(
    settings: Mapping[str, Any],
    input_shape: Sequence[int],
    n_classes: int,
    streams: Streams,
    encoder_weights: Mapping[str, Tensor] | None = None,
    device: str | torch.device = "cpu",
) -> Posterior:
    """The posterior that a scenario names, on a device.

    settings         the scenario's: ``model`` and, unless it is MC dropout, ``posterior``
    input_shape      of one point: (C, H, W) or (D,)
    streams          stream "weights" gives fresh weights; it does not depend on encoder_weights
    encoder_weights  of a backbone's encoder, instead of drawn ones

    Raises ConfigError for what is not allowed, DataError for weights that do not fit.
    """
    check_keys(settings)
    options = {key: value for key, value in posterior_of(settings).items() if key != "name"}
    make = MAKERS[posterior_of(settings)["name"]]
    given = Given(settings["model"], input_shape, n_classes, encoder_weights, torch.device(device))
    return make(given, streams, **options)


@dataclass(frozen=True)
class Given:
    """What every posterior is built from."""

    model: Mapping[str, Any]
    input_shape: Sequence[int]
    n_classes: int
    encoder_weights: Mapping[str, Tensor] | None
    device: torch.device

    def network(self, streams: Streams) -> BayesianModel:
        """The family's network with fresh weights."""
        generator = streams.torch("weights")
        network = build_model(
            self.model, self.input_shape, self.n_classes, generator, self.encoder_weights
        )
        return network.to(self.device)


def _mc_dropout(given: Given, streams: Streams) -> MCDropout:
    return MCDropout(given.network(streams))


def _variational_dropout(
    given: Given, streams: Streams, hidden: Sequence[int], alpha: float, kl_weight: float
) -> VariationalDropout:
    network = build_variational(
        given.model,
        given.input_shape,
        given.n_classes,
        streams.torch("weights"),
        given.encoder_weights,
        hidden=hidden,
        alpha=alpha,
    )
    return VariationalDropout(network.to(given.device), kl_weight)


def _ensemble(given: Given, streams: Streams, members: int) -> DeepEnsemble:
    one = replace(given, model=member(given.model))
    networks = [one.network(streams.at(number)) for number in range(members)]
    return DeepEnsemble(Ensemble(networks, given.input_shape))


def _gaussian_process(given: Given, streams: Streams, alpha_epsilon: float) -> GaussianProcess:
    encoder = build_features(
        processed(given.model), given.input_shape, streams.torch("weights"), given.encoder_weights
    )
    return GaussianProcess(encoder.to(given.device), given.n_classes, alpha_epsilon, given.device)


MAKERS: dict[str, Callable[..., Posterior]] = {
    "mc_dropout": _mc_dropout,
    "variational_dropout": _variational_dropout,
    "ensemble": _ensemble,
    "gaussian_process": _gaussian_process,
}
