"""How long the steps of a chain take and how much memory its process, from settings alone.

Formulas count multiply-adds and values; the constants before them were measured on one core
(docs/schedule.md), those of a GPU are assumed. The workflow asks: neither torch nor NumPy here.

Axis letters: N points, K samples, C classes, D units before the last layer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from balent.acquisition.catalog import find
from balent.posterior.forecast import Cost, cost_of

MIB = 1 << 20


@dataclass(frozen=True)
class Speed:
    """How fast a device computes.

    multiply_adds  a second, of layers
    step           seconds of a training step besides
    probability    seconds of a class of a sample of a point: its softmax and moments
    joint          seconds of a class of a sample of a point, for each pick of a batch
    distance       seconds of a feature or class of a point, for each pick of a batch
    """

    multiply_adds: float
    step: float
    probability: float
    joint: float
    distance: float


CORE = Speed(multiply_adds=2e10, step=5e-4, probability=2e-8, joint=3e-8, distance=3e-10)
GPU = Speed(multiply_adds=1e13, step=2e-3, probability=1e-10, joint=3e-10, distance=2e-12)

PROCESS = 300 * MIB
"""Python, torch and the package."""

CUDA = 3072 * MIB
"""What CUDA's libraries add on the host (assumed)."""

CONVERTED = 64 * MIB
"""Images of up to this size as float32 are held so (balent.data.inputs.READY_BYTES)."""

JOINT = 128 * MIB
"""Configurations of a batch's labels, and products with them."""

TEMPORARIES = 6
"""Arrays as large as a moment that scoring holds at a time."""


class Points(NamedTuple):
    """The sizes of a data set: points as stored have ``shape`` and ``width`` bytes a value."""

    n_train: int
    n_test: int
    shape: tuple[int, ...]
    n_classes: int
    width: int

    @property
    def values(self) -> int:
        """Of a point."""
        return math.prod(self.shape)

    @property
    def stored(self) -> int:
        """Bytes of all points."""
        return (self.n_train + self.n_test) * self.values * self.width


def held(points: Points) -> int:
    """Bytes of all points on a CPU; a small set of images is converted, in three steps at most."""
    converted = [4 * points.values * n for n in (points.n_train, points.n_test)]
    return points.stored + 3 * (points.width == 1) * sum(n for n in converted if n <= CONVERTED)


@dataclass(frozen=True)
class Chain:
    """Forecasts of a chain.

    settings  of its scenario
    function  the method's acquisition function; options: its options
    points    what the networks see
    """

    settings: dict[str, Any]
    function: str
    options: dict[str, Any]
    points: Points
    speed: Speed = CORE

    def train(self, labelled: int) -> float:
        """Seconds of a training on that many points."""
        return self._posterior.train(labelled)

    def mc_sample(self) -> float:
        """Seconds of predicting what the method needs, for the whole pool."""
        if not self._needs:
            return 0.0
        samples, passes = self.settings["sampling"]["samples"], 1 + ("pairs" in self._needs)
        sets = [points for points in (self._pool, self._reference) if points]
        every = (self._posterior.predict(points, samples, self._scope) for points in sets)
        return passes * sum(every)

    def acquire(self) -> float:
        """Seconds of choosing from the whole pool."""
        size, c = self.settings["acquisition"]["size"], self.points.n_classes
        samples = self.settings["sampling"]["samples"]
        seconds = TEMPORARIES * self._pool * c * self.speed.probability
        if "samples" in self._needs:
            seconds += self._pool * size * samples * c * self.speed.joint
        if "mean_and_features" in self._needs:
            width = c + self._posterior.width
            seconds += self._pool * size * width * self.speed.distance
        return seconds

    def evaluate(self) -> float:
        """Seconds of measuring on the test set, and on the points that were picked."""
        evaluation, sampling = self.settings["evaluation"], self.settings["sampling"]
        points, scope = evaluation.get("points", self.points.n_test), sampling["mask_scope"]
        test = self._posterior.predict(points, evaluation["samples"], scope)
        picked = self.settings["acquisition"]["size"]
        return test + self._posterior.predict(picked, sampling["samples"], scope)

    def bytes_on_gpu(self) -> int:
        """Memory of the host for a process that computes on a GPU."""
        return PROCESS + CUDA + 2 * self.points.stored + self._posterior.state + self._kept

    def bytes_on_cpu(self, budget: int) -> int:
        """Memory of a process that computes on a CPU; budget: of the sampler."""
        predicting = self._kept + max(min(budget, self._tiles), self._scoring)
        fixed = PROCESS + held(self.points) + self._posterior.state
        return fixed + max(self._posterior.training, predicting)

    @cached_property
    def _needs(self) -> frozenset[str]:
        needs = {*find(self.function).needs(self.options)}
        return frozenset(needs | ({"samples"} if "pairs" in needs else set()))

    @cached_property
    def _posterior(self) -> Cost:
        return cost_of(self.settings, self.points, self.speed)

    @property
    def _tiles(self) -> int:
        """Bytes of the sampler with all tiles held."""
        return self._posterior.tiles(self._pool, "mean_and_features" in self._needs, self._scope)

    @property
    def _scope(self) -> str:
        """The mask scope of the pool's predictions: joint samples have the pool's."""
        masks = find(self.function).spec.masks
        return "pool" if masks == "pool" else self.settings["sampling"]["mask_scope"]

    @property
    def _pool(self) -> int:
        given = self.settings["pool"]
        reserved = sum(count for role, count in given.items() if role != "pool")
        n = self.points.n_train - reserved if given["pool"] == "all" else given["pool"]
        return n * self.settings["copies"]

    @property
    def _reference(self) -> int:
        return (
            self.settings["pool"].get("unlabelled_reference", 0)
            if "reference" in self._needs
            else 0
        )

    @property
    def _kept(self) -> int:
        """Bytes of what the method needs of the pool."""
        c, total = self.points.n_classes, 0
        if {"moments", "mean_and_features"} & self._needs:
            total += 8 * (4 * c + 1) * self._pool
        if "mean_and_features" in self._needs:
            total += 4 * self._posterior.width * self._pool
        if "samples" in self._needs:
            sets = 1 + ("pairs" in self._needs)
            samples = self.settings["sampling"]["samples"]
            total += sets * 4 * samples * c * (self._pool + self._reference)
        return total

    @property
    def _scoring(self) -> int:
        """Bytes that a method takes to score its predictions, or to build a batch from them."""
        moments = bool(self._needs) * 8 * self.points.n_classes * self._pool
        return TEMPORARIES * moments + JOINT * ("samples" in self._needs)
