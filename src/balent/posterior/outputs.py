"""Room for predictions, and the tiles that fill it.

Axis letters: N points, K samples, C classes, D features; n points of a tile, S samples of a block.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields

import torch
from torch import Tensor

from balent.acquisition.base import Predictions
from balent.posterior.accumulator import Accumulator
from balent.posterior.moments import Moments

TILE = 1024
"""Points of a tile, and so of a block that shares draws under scope "batch"."""


def room(
    n: int, samples: int, classes: int, width: int, keep: Collection[str], device: torch.device
) -> Predictions:
    """Predictions to be filled: moments float64, samples and features (``width``) float32."""
    moments = None
    if "moments" in keep:
        shapes = [(n,) if f.name == "expected_entropy" else (n, classes) for f in fields(Moments)]
        moments = Moments(*(torch.empty(s, dtype=torch.float64, device=device) for s in shapes))
    return Predictions(
        n_points=n,
        n_samples=samples,
        moments=moments,
        samples=torch.empty(n, samples, classes, device=device) if "samples" in keep else None,
        features=torch.empty(n, width, device=device) if "features" in keep else None,
    )


class Tile:
    """Points ``first`` to ``first + size`` of ``out``: what their samples so far add up to.

    padded   points of the logits that are added, of which the first ``size`` count
    classes  C
    """

    def __init__(self, out: Predictions, first: int, size: int, padded: int, classes: int) -> None:
        self.out, self.size, self.points = out, size, slice(first, first + size)
        self.sums: Accumulator | None = None
        if out.moments is not None:
            self.sums = Accumulator(classes, padded, out.moments.mean.device)
        self.features: Tensor | None = None

    def add(self, block: slice, logits: Tensor, features: Tensor | None) -> None:
        """Take in a block of samples: logits [S, C, n], features summed over them [n, D].

        The first features are added to in place.
        """
        if self.sums is not None:
            self.sums.add(logits)
        if self.out.samples is not None:
            probs = logits.softmax(dim=1)[..., : self.size]  # [S, C, n]
            self.out.samples[self.points, block] = probs.permute(2, 0, 1)
        if features is not None:
            self.features = features if self.features is None else self.features.add_(features)

    def write(self, samples: int) -> None:
        """Write what is known once all K samples are in."""
        if self.out.moments is not None and self.sums is not None:
            moments = self.sums.moments()
            for f in fields(Moments):
                getattr(self.out.moments, f.name)[self.points] = getattr(moments, f.name)[
                    : self.size
                ]
        if self.out.features is not None and self.features is not None:
            self.out.features[self.points] = self.features[: self.size] / samples
