"""Variational dropout (Kingma, Salimans & Welling 2015; Woo 2023, A.21)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from balent.data.points import Points
from balent.models.training import train
from balent.models.variational import VariationalNetwork
from balent.posterior.base import Validation
from balent.posterior.deterministic import validation_error
from balent.posterior.networks import NetworkPosterior
from balent.streams import Streams


class VariationalDropout(NetworkPosterior[VariationalNetwork]):
    """A Posterior; its features are the mean inputs of the last layer.

    kl_weight  of the divergence from the prior; 1 is the evidence lower bound

    Its loss, for n labelled points, is the mean cross-entropy + kl_weight · KL / n.
    """

    def __init__(self, network: VariationalNetwork, kl_weight: float) -> None:
        super().__init__(network)
        self.kl_weight = kl_weight

    def fit(
        self,
        pool: Points,
        index: Tensor,
        labels: Tensor,
        settings: Mapping[str, Any],
        streams: Streams,
        validation: Validation | None = None,
    ) -> None:
        weight = self.kl_weight / len(index)

        def penalty() -> Tensor:
            return weight * self.network.divergence()

        error = validation_error(self.network, validation)
        train(self.network, pool, labels, index, settings, streams, penalty, error)
