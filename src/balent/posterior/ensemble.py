"""Deep ensembles (Lakshminarayanan et al. 2017; five members in the Large BatchBALD paper)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from balent.data.points import Points
from balent.errors import InputError
from balent.models.ensemble import Ensemble
from balent.models.training import train
from balent.posterior.networks import NetworkPosterior
from balent.streams import Streams


class DeepEnsemble(NetworkPosterior[Ensemble]):
    """A Posterior whose samples are its members; its features are the mean over the members.

    Each member has its own streams, below its number: of weights, orders of training points, and
    augmentations.
    """

    def fit(
        self,
        pool: Points,
        index: Tensor,
        labels: Tensor,
        settings: Mapping[str, Any],
        streams: Streams,
    ) -> None:
        for number, member in enumerate(self.network.members):
            train(member, pool, labels, index, settings, streams.at(number))

    def before(self, points: int, samples: int, mask_scope: str) -> None:
        """Refuse, by InputError, another number of samples than there are members."""
        members = len(self.network.members)
        if samples != members:
            raise InputError(
                f"samples is {samples}, but the ensemble has {members} members; a sample is a "
                "member: give as many"
            )
