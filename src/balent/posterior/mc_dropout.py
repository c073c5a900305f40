"""Monte-Carlo dropout (Gal & Ghahramani 2016): a network whose dropout masks are sampled."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from balent.data.inputs import PoolView
from balent.models.base import BayesianModel
from balent.models.training import train
from balent.posterior.networks import NetworkPosterior
from balent.streams import Streams


class MCDropout(NetworkPosterior[BayesianModel]):
    """A Posterior; its features are the mean inputs of the last layer."""

    def fit(
        self,
        pool: PoolView,
        index: Tensor,
        labels: Tensor,
        settings: Mapping[str, Any],
        streams: Streams,
    ) -> None:
        train(self.network, pool, labels, index, settings, streams)
