"""A posterior over predictions: what the four steps of a round ask of it.

Axis letters: N points, K samples, C classes, D features.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol

import numpy as np
from torch import Tensor

from balent.acquisition.base import Predictions
from balent.data.points import Points
from balent.streams import Streams


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
    ) -> None:
        """Fit to the points ``index`` (int64 [n]) of the pool, from the state that it has.

        labels    int64 [n]
        settings  the scenario's ``training``
        """

    def predict(
        self,
        inputs: Points,
        index: np.ndarray,
        samples: int,
        mask_scope: str,
        streams: Streams,
        stream_name: str,
        keep: Collection[str],
        memory_budget: int,
    ) -> Predictions:
        """Predict the points ``index`` (int64 [N], in this order) with K samples.

        mask_scope     which points see the same K functions: of the whole call ("pool"), of a run
                       of 1,024 points ("batch"), or none ("point")
        stream_name    the stream of ``streams`` that the samples draw from
        keep           what to compute: "moments"; "samples", float32 [N, K, C]; "features",
                       float32 [N, D]
        memory_budget  bytes for what is neither input nor output; no bit depends on it

        Raises InputError for arguments that are not allowed, MemoryBudgetError for a budget that is
        too small.
        """

    def error_rate(self, inputs: Points, labels: Tensor) -> float:
        """The share of points whose most likely class, without sampling, is not their label."""

    def state_dict(self) -> dict[str, Tensor]:
        """What ``load_state_dict`` needs to go on from here, or to predict."""

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Take over the state of a posterior that was built with the same arguments."""
