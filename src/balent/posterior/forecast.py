"""What posteriors take in time and memory, from a scenario's settings: no torch here.

Formulas count multiply-adds and values, as balent.forecast; those of the posteriors other than MC
dropout are rough, within a factor of three.

Axis letters: n labelled points, K samples, C classes, D features, t points of a tile.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from balent.models import counts
from balent.models.counts import Counts
from balent.posterior.joint import tile_bytes
from balent.posterior.spec import member, posterior_of, processed

if TYPE_CHECKING:
    from balent.forecast import Points, Speed

LABELLED = 256 << 20
"""Labelled points of up to this size are held converted (balent.models.steps.HELD_BYTES)."""

TILE, PASS = 1024, 128
"""Points of a tile and images of a pass (balent.posterior.sampler)."""

FOLDED = {"cnn": 100, "head": 50, "mlp": 50, "backbone": 50}
"""Samples that a family's networks fold together (balent.models: samples_at_once)."""

DRAWN = 10
"""Samples of a VariationalNetwork that are evaluated together."""

KEPT = 3
"""Copies of a layer's output in training: itself, after normalisation, a gradient."""

STATES = 6
"""Copies of a network's weights: gradients, two of Adam, those of the round before and on disk."""

CUBES = 6
"""Multiply-adds, in n³, of a factor, its gradient and the kernels of n points (measured)."""

SQUARES = 8
"""Matrices [n, n] of each class in training a Gaussian process (assumed)."""

GPYTORCH = 84 << 20
"""Bytes of the libraries that its first training loads (measured)."""

STEP = 10
"""Steps of a network that the overhead of a step of gpytorch takes (measured)."""


class Cost(Protocol):
    """Of a posterior; ``scope`` is the mask scope of predictions, which a method may set."""

    @property
    def width(self) -> int:
        """Features of a point."""

    def train(self, labelled: int) -> float:
        """Seconds of a training on that many points."""

    def predict(self, points: int, samples: int, scope: str) -> float:
        """Seconds of predictions."""

    @property
    def state(self) -> int:
        """Bytes of what is held from round to round, in all its copies, and of libraries for it."""

    @property
    def training(self) -> int:
        """Bytes of a training besides."""

    def tiles(self, points: int, features: bool, scope: str) -> int:
        """Bytes of predicting so many points, as many at a time as the posterior can hold."""


@dataclass(frozen=True)
class NetworkCost:
    """Of posteriors that are networks: what does not depend on their kind of randomness."""

    settings: Mapping[str, Any]
    points: Points
    speed: Speed

    @cached_property
    def parts(self) -> tuple[Counts, Counts]:
        """Before and after the first random layer."""
        return counts.network(self.settings["model"], self.points.shape, self.points.n_classes)

    @property
    def width(self) -> int:
        return counts.penultimate(self.settings["model"])

    def train(self, labelled: int) -> float:
        """As Cost.train; with early stopping, of a training that goes on to its last epoch."""
        training = self.settings["training"]
        points = max(labelled, training.get("epoch_points", 0))
        a_pass = math.ceil(points / training["batch_size"])  # steps
        steps = training.get("steps") or training["epochs"] * a_pass
        forward = sum(part.multiply_adds for part in self.parts)
        validated = self.settings["pool"].get("validation", 0) if "patience" in training else 0
        work = 3 * forward * steps * points / a_pass  # backward: twice forward
        work += forward * validated * steps / a_pass
        return steps * self.speed.step + work / self.speed.multiply_adds

    @property
    def state(self) -> int:
        return STATES * 4 * sum(part.parameters for part in self.parts)

    @property
    def training(self) -> int:
        labelled = min(LABELLED, 4 * self.points.values * self.settings["acquisition"]["budget"])
        rows = max(self.settings["training"]["batch_size"], PASS)
        return labelled + KEPT * 4 * rows * sum(part.outputs for part in self.parts)

    def _seconds(self, work: float, points: int, samples: int) -> float:
        return seconds(work, points * samples * self.points.n_classes, self.speed)

    def _point(self, stem: int, features: bool) -> int:
        """Bytes of a point of a tile."""
        return 4 * stem + 8 * (5 * self.points.n_classes + 1) + 4 * self.width * features


class DropoutCost(NetworkCost):
    """The stem is computed once, the rest folded (docs/performance.md)."""

    def predict(self, points: int, samples: int, scope: str) -> float:
        before, after = (part.multiply_adds for part in self.parts)
        share = 1.0 if scope == "point" else self._folded
        return self._seconds(points * (before + samples * after * share), points, samples)

    def tiles(self, points: int, features: bool, scope: str) -> int:
        model, c = self.settings["model"], self.points.n_classes
        before = self.parts[0].outputs
        stem = {"cnn": before // 4, "mlp": before}.get(model["family"], model["hidden"])
        samples = min(FOLDED[model["family"]], self.settings["sampling"]["samples"])
        values = 2 * c + (self.parts[1].outputs if model["family"] == "mlp" else 0)
        block = 4 * samples * (TILE * values + self.parts[1].parameters)
        return points * self._point(stem, features) + block

    @property
    def _folded(self) -> float:
        """The share of the work after the stem that a sample takes."""
        model = self.settings["model"]
        if model["family"] == "cnn":
            return min(1.0, 2 / model["kernels"][1] ** 2)
        if model["family"] == "mlp":
            return 1.0
        return min(model["dropout"], 1 - model["dropout"])


class VariationalCost(NetworkCost):
    """A training step computes means and variances; a sample of a tile draws all weights."""

    @cached_property
    def parts(self) -> tuple[Counts, Counts]:
        hidden = posterior_of(self.settings)["hidden"]
        return counts.variational(
            self.settings["model"], hidden, self.points.shape, self.points.n_classes
        )

    @property
    def width(self) -> int:
        return posterior_of(self.settings)["hidden"][-1]

    def train(self, labelled: int) -> float:
        return 2 * super().train(labelled)

    def predict(self, points: int, samples: int, scope: str) -> float:
        before, after = self.parts
        work = points * (before.multiply_adds + samples * after.multiply_adds)
        drawn = math.ceil(points / TILE) * samples * after.parameters
        return self._seconds(work, points, samples) + drawn * self.speed.probability

    @property
    def training(self) -> int:
        return 2 * super().training

    def tiles(self, points: int, features: bool, scope: str) -> int:
        after = self.parts[1]
        stem = counts.features(self.settings["model"], self.points.shape)[1]
        samples = self.settings["sampling"]["samples"]
        block = 4 * min(DRAWN, samples) * (2 * after.parameters + 2 * TILE * self.points.n_classes)
        return points * self._point(stem, features) + block + 4 * 3 * TILE * after.outputs


class EnsembleCost(NetworkCost):
    """Members train one after another; each sees the inputs themselves."""

    @property
    def members(self) -> int:
        return posterior_of(self.settings)["members"]

    @cached_property
    def parts(self) -> tuple[Counts, Counts]:
        return counts.network(
            member(self.settings["model"]), self.points.shape, self.points.n_classes
        )

    def train(self, labelled: int) -> float:
        return self.members * super().train(labelled)

    def predict(self, points: int, samples: int, scope: str) -> float:
        work = points * samples * sum(part.multiply_adds for part in self.parts)
        return self._seconds(work, points, samples)

    @property
    def state(self) -> int:
        return self.members * super().state

    def tiles(self, points: int, features: bool, scope: str) -> int:
        point = self._point(self.points.values, features)
        outputs = sum(part.outputs for part in self.parts)
        return points * point + 4 * TILE * 2 * self.points.n_classes + 4 * PASS * KEPT * outputs


@dataclass(frozen=True)
class GaussianProcessCost:
    """Exact processes, one a class, of as many labelled points as the budget has at most."""

    settings: Mapping[str, Any]
    points: Points
    speed: Speed

    @property
    def width(self) -> int:
        return self._encoder[1]

    def train(self, labelled: int) -> float:
        work = CUBES * labelled**3 * self.points.n_classes
        step = STEP * self.speed.step + work / self.speed.multiply_adds
        return self.settings["training"]["steps"] * step

    def predict(self, points: int, samples: int, scope: str) -> float:
        n, t, c = self._labelled, self._joint(points, scope), self.points.n_classes
        process = n * n + 2 * n * t + t * t + samples * t
        work = points * (self._encoder[0].multiply_adds + (n + t) * self.width + c * process)
        return seconds(work + c * n**3 / 3, points * samples * c, self.speed)

    @property
    def state(self) -> int:
        n, encoder = self._labelled, self._encoder[0]
        factors = 8 * n * (self.points.n_classes * n + 2 * self.width)
        return GPYTORCH + factors + STATES * 4 * encoder.parameters

    @property
    def training(self) -> int:
        return 8 * SQUARES * self.points.n_classes * self._labelled**2

    def tiles(self, points: int, features: bool, scope: str) -> int:
        """Of one tile, whatever their number: under scope "pool", of all points."""
        return tile_bytes(
            points if scope == "pool" else TILE,
            self._labelled,
            self.settings["sampling"]["samples"],
            self.points.n_classes,
            self.width,
            joint=scope != "point",
        )

    @property
    def _labelled(self) -> int:
        return self.settings["acquisition"]["budget"]

    @cached_property
    def _encoder(self) -> tuple[Counts, int]:
        """What the processes see of a point: how it is computed, and its width."""
        return counts.features(processed(self.settings["model"]), self.points.shape)

    @staticmethod
    def _joint(points: int, scope: str) -> int:
        """Points that are drawn together."""
        return {"pool": points, "batch": TILE, "point": 0}[scope]


COSTS: dict[str, Callable[..., Cost]] = {
    "mc_dropout": DropoutCost,
    "variational_dropout": VariationalCost,
    "ensemble": EnsembleCost,
    "gaussian_process": GaussianProcessCost,
}


def seconds(work: float, probabilities: int, speed: Speed) -> float:
    """Of multiply-adds, and of probabilities that samples of points have."""
    return work / speed.multiply_adds + probabilities * speed.probability


def cost_of(settings: Mapping[str, Any], points: Points, speed: Speed) -> Cost:
    """Of a scenario's posterior."""
    return COSTS[posterior_of(settings)["name"]](settings, points, speed)
