"""Variation ratio: how often the label is not its most likely value (Freeman 1965)."""

from __future__ import annotations

from torch import Tensor

from balent.acquisition.base import Context, Predictions, register
from balent.errors import MethodError


@register(
    name="variation_ratio",
    title="Variation Ratios",
    kind="score",
    needs=("moments",),
    paper="Woo 2023, A.16",
    cost="O(N·C); votes: O(N·K·C)",
    aliases=("least_confidence",),
    option_needs=(("votes", "samples"),),
)
def variation_ratio(predictions: Predictions, context: Context, *, votes: bool = False) -> Tensor:
    """1 - max_i E[P_i], float64 [N], in [0, 1 - 1/C].

    votes  1 - the frequency of the class that most samples find most likely, in [0, 1 - 1/K];
           needs the samples. A sample with equally likely classes votes for the first of them.

    Raises MethodError where votes is given one sample.
    """
    if votes:
        assert predictions.samples is not None
        if predictions.samples.shape[1] < 2:
            raise MethodError("variation_ratio: votes=True needs at least 2 samples; 1 was given")
        return 1 - modal_frequency(predictions.samples)
    assert predictions.moments is not None
    return predictions.moments.complement.amin(dim=1)  # [N]


def modal_frequency(samples: Tensor) -> Tensor:
    """Share of the samples [N, K, C] whose arg-max is the most frequent one, float64 [N]."""
    votes = samples.argmax(dim=2)  # [N, K]
    winner = votes.mode(dim=1, keepdim=True).values  # [N, 1]
    return (votes == winner).double().mean(dim=1)  # [N]
