"""Monte-Carlo dropout (Gal & Ghahramani 2016): a network whose dropout masks are sampled."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from balent.data.points import Points
from balent.models.base import BayesianModel
from balent.models.training import train
from balent.posterior.base import Validation
from balent.posterior.deterministic import validation_error
from balent.posterior.networks import NetworkPosterior
from balent.posterior.sampling import Sampling
from balent.streams import Streams


class MCDropout(NetworkPosterior[BayesianModel]):
    """A Posterior; its features are the mean inputs of the last layer."""

    def fit(
        self,
        pool: Points,
        index: Tensor,
        labels: Tensor,
        settings: Mapping[str, Any],
        streams: Streams,
        validation: Validation | None = None,
    ) -> None:
        error = validation_error(self.network, validation)
        train(self.network, pool, labels, index, settings, streams, validation_error=error)

    def before(self, points: int, sampling: Sampling) -> None:
        """Say that masks of every point's own are slow."""
        if sampling.mask_scope == "point":
            logging.getLogger(__name__).warning(
                "mask_scope point: masks can not be folded into weights; %d points take %d dense "
                "passes after the first dropout, many times slower than pool or batch",
                points,
                sampling.samples,
            )
