"""Posteriors that are networks with random weights: all that does not depend on how they train."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from balent.acquisition.base import Predictions
from balent.data.points import Points
from balent.models.ensemble import Ensemble
from balent.models.network import NoisyNetwork
from balent.posterior.base import Validation
from balent.posterior.deterministic import error_rate
from balent.posterior.sampler import mc_predict
from balent.posterior.sampling import Sampling
from balent.streams import Streams

N = TypeVar("N", bound=NoisyNetwork | Ensemble)


class NetworkPosterior(ABC, Generic[N]):
    """A Posterior whose state is that of its network."""

    def __init__(self, network: N) -> None:
        self.network = network

    @abstractmethod
    def fit(
        self,
        pool: Points,
        index: Tensor,
        labels: Tensor,
        settings: Mapping[str, Any],
        streams: Streams,
        validation: Validation | None = None,
    ) -> None: ...

    def before(self, points: int, sampling: Sampling) -> None:
        """What a kind of network has to say, or to refuse, before it predicts."""

    def predict(self, inputs: Points, index: np.ndarray, sampling: Sampling) -> Predictions:
        self.before(len(index), sampling)
        return mc_predict(self.network, inputs, index, sampling, self.device)

    def error_rate(self, inputs: Points, labels: Tensor) -> float:
        return error_rate(self.network, inputs, labels)

    def state_dict(self) -> dict[str, Tensor]:
        return self.network.state_dict()

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        self.network.load_state_dict(state)

    @property
    def device(self) -> torch.device:
        return next(self.network.parameters()).device
