"""What the device could attain: operations and bytes over the rates that it reached.

The time that a step needs at least is the larger of its operations over the rate of matrix
products and its bytes over that of a copy. Operations are those that a GPU executes, two for a
multiply-add: masks folded, as balent.posterior.forecast counts them, but that all of a head's
samples are one product, and that a network's first layer has no gradient of its inputs. Bytes are
those that have to move: weights, points as stored, and moments. Special functions, activations and
the draws of masks are left out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from balent.features.forecast import simclr_seconds
from balent.forecast import Points, Speed
from balent.models import counts
from balent.posterior.forecast import Cost, cost_of

COUNT = Speed(multiply_adds=1.0, step=0.0, probability=0.0, joint=0.0, distance=0.0)
"""Makes a forecast in seconds a number of multiply-adds."""

ACCESSES = 6
"""Of four bytes for each weight in a training step: Adam reads and writes it and two moments. What
forward and backward passes read and write besides may stay in the cache."""


@dataclass(frozen=True)
class Ceilings:
    """Rates that the device reached: bytes of a copy, read and written, and operations of large
    matrix products, a second."""

    copy: float
    float32: float
    tf32: float
    bfloat16: float

    def seconds(self, operations: float, moved: float, precision: str) -> float:
        """The least time for so many operations and bytes."""
        return max(operations / getattr(self, precision), moved / self.copy)


@dataclass(frozen=True)
class Work:
    """Operations and bytes of the steps of a scenario's rounds.

    settings  of the scenario; points  what its networks see, before copies
    """

    settings: Mapping[str, Any]
    points: Points

    def train(self, labelled: int) -> tuple[float, float]:
        """A training on so many points."""
        training = self.settings["training"]
        a_pass = math.ceil(labelled / training["batch_size"])
        steps = training.get("steps") or training["epochs"] * a_pass
        moved = ACCESSES * 4 * sum(part.parameters for part in self._parts)
        before, after = (part.multiply_adds for part in self._parts)
        passes = steps / a_pass
        return 2 * passes * labelled * (2 * before + 3 * after), steps * moved

    def predict(self, points: int) -> tuple[float, float]:
        """Moments of so many points."""
        sampling = self.settings["sampling"]
        if self.settings["model"]["family"] == "head":
            before, after = (part.multiply_adds for part in self._parts)
            multiply_adds = float(points * (before + sampling["samples"] * after))
        else:
            multiply_adds = self._cost.predict(points, sampling["samples"], sampling["mask_scope"])
        stored = self.points.values * self.points.width
        return 2 * multiply_adds, points * (stored + 8 * (4 * self.points.n_classes + 1))

    @property
    def _parts(self) -> tuple[counts.Counts, counts.Counts]:
        """Before and after the first dropout."""
        points = self.points
        return counts.network(self.settings["model"], points.shape, points.n_classes)

    @property
    def _cost(self) -> Cost:
        return cost_of(self.settings, self.points, COUNT)


def simclr_operations(settings: Mapping[str, Any], points: Points) -> float:
    """Of an image in SimCLR's training, as balent.features.forecast counts them."""
    step = points._replace(n_train=settings["batch_size"])
    return 2 * simclr_seconds({**settings, "epochs": 1}, step, COUNT) / settings["batch_size"]
