"""A posterior over predictions: what the four steps of a round ask of it.

Axis letters: N points, K samples, C classes, D features.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import numpy as np
from torch import Tensor

from balent.acquisition.base import Predictions
from balent.data.points import Points
from balent.posterior.sampling import Sampling
from balent.streams import Streams


class Validation(NamedTuple):
    """Points that are not in the pool, all of them, with their labels, int64 [n]."""

    points: Points
    labels: Tensor


class Posterior(Protocol):
    """Fitted to labelled points, it predicts others by Monte-Carlo samples.

    ``balent.posterior.build.build_posterior`` makes one with fresh weights. Everything random comes
    from the streams that are given; equal arguments give equal bits.
    """

    def fit(
        self,
        pool: Points,
        index: Tensor,
        labels: Tensor,
        settings: Mapping[str, Any],
        streams: Streams,
        validation: Validation | None = None,
    ) -> None:
        """Fit to the points ``index`` (int64 [n]) of the pool, from the state that it has.

        labels      int64 [n]
        settings    the scenario's ``training``
        validation  what early stopping looks at, where the settings ask for it
        """

    def predict(self, inputs: Points, index: np.ndarray, sampling: Sampling) -> Predictions:
        """Predict the points ``index`` (int64 [N], in this order).

        Raises InputError for arguments that are not allowed, MemoryBudgetError for a budget that is
        too small.
        """

    def error_rate(self, inputs: Points, labels: Tensor) -> float:
        """The share of points whose most likely class, without sampling, is not their label."""

    def state_dict(self) -> dict[str, Tensor]:
        """What ``load_state_dict`` needs to go on from here, or to predict."""

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take over the state of a posterior that was built with the same arguments."""
