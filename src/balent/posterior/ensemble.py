"""Deep ensembles (Lakshminarayanan et al. 2017; five members in the Large BatchBALD paper)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from balent.data.points import Points
from balent.errors import InputError
from balent.models.ensemble import Ensemble
from balent.models.training import train
from balent.posterior.base import Validation
from balent.posterior.deterministic import validation_error
from balent.posterior.networks import NetworkPosterior
from balent.posterior.sampling import Sampling
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
        validation: Validation | None = None,
    ) -> None:
        for number, member in enumerate(self.network.members):
            error = validation_error(member, validation)
            own = streams.at(number)
            train(member, pool, labels, index, settings, own, validation_error=error)

    def before(self, points: int, sampling: Sampling) -> None:
        """Refuse, by InputError, another number of samples than there are members."""
        members = len(self.network.members)
        if sampling.samples != members:
            raise InputError(
                f"samples is {sampling.samples}, but the ensemble has {members} members; a sample "
                "is a member: give as many"
            )
