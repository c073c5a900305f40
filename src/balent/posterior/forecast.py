"""What posteriors take in time and memory, from a scenario's settings: no torch here.

Formulas count multiply-adds and values, as balent.forecast; those of the posteriors other than MC
dropout are rough, within a factor of three.

Axis letters: n labelled points, K samples, C classes, D features, t points of a tile.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from balent.models import counts
from balent.models.counts import Counts
from balent.posterior.spec import posterior_of

if TYPE_CHECKING:
    from balent.forecast import Points, Speed

LABELLED = 256 << 20
"""Labelled points of up to this size are held converted (balent.models.training.HELD_BYTES)."""

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

STEP = 10
"""Steps of a network that the overhead of a step of gpytorch takes (measured)."""


@dataclass(frozen=True)
class NetworkCost:
    """Of a network with MC dropout."""

    settings: Mapping[str, Any]
    points: Points
    speed: Speed

    @cached_property
    def parts(self) -> tuple[Counts, Counts]:
        """Before and after the first random layer."""
        return counts.network(self.settings["model"], self.points.shape, self.points.n_classes)

    @property
    def width(self) -> int:
        """Features of a point."""
        return counts.penultimate(self.settings["model"])

    def steps(self, labelled: int) -> int:
        """Steps of a training on that many points."""
        training = self.settings["training"]
        a_pass = math.ceil(labelled / training["batch_size"])
        return training.get("steps") or training["epochs"] * a_pass

    def train(self, labelled: int) -> float:
        """Seconds of a training on that many points."""
        rows = labelled / math.ceil(labelled / self.settings["training"]["batch_size"])
        work = 3 * sum(part.multiply_adds for part in self.parts) * rows  # backward: twice forward
        return self.steps(labelled) * (self.speed.step + work / self.speed.multiply_adds)

    def predict(self, points: int, samples: int) -> float:
        """Seconds of the sampler: the stem once, the rest folded (docs/performance.md)."""
        before, after = (part.multiply_adds for part in self.parts)
        return self._seconds(points * (before + samples * after * self._folded), points, samples)

    @property
    def state(self) -> int:
        """Bytes of the weights, in all their copies."""
        return STATES * 4 * sum(part.parameters for part in self.parts)

    @property
    def training(self) -> int:
        """Bytes of a training besides."""
        labelled = min(LABELLED, 4 * self.points.values * self.settings["acquisition"]["budget"])
        rows = max(self.settings["training"]["batch_size"], PASS)
        return labelled + KEPT * 4 * rows * sum(part.outputs for part in self.parts)

    def tiles(self, points: int, features: bool) -> int:
        """Bytes of the sampler with all tiles of so many points held."""
        model, c = self.settings["model"], self.points.n_classes
        before = self.parts[0].outputs
        stem = {"cnn": before // 4, "mlp": before}.get(model["family"], model["hidden"])
        samples = min(FOLDED[model["family"]], self.settings["sampling"]["samples"])
        values = 2 * c + (self.parts[1].outputs if model["family"] == "mlp" else 0)
        block = 4 * samples * (TILE * values + self.parts[1].parameters)
        return points * self._point(stem, features) + block

    def _seconds(self, work: float, points: int, samples: int) -> float:
        probabilities = points * samples * self.points.n_classes
        return work / self.speed.multiply_adds + probabilities * self.speed.probability

    def _point(self, stem: int, features: bool) -> int:
        """Bytes of a point of a tile."""
        return 4 * stem + 8 * (5 * self.points.n_classes + 1) + 4 * self.width * features

    @property
    def _folded(self) -> float:
        """The share of the work after the stem that a sample takes."""
        model = self.settings["model"]
        if self.settings["sampling"]["mask_scope"] == "point":
            return 1.0
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

    def predict(self, points: int, samples: int) -> float:
        before, after = self.parts
        work = points * (before.multiply_adds + samples * after.multiply_adds)
        drawn = math.ceil(points / TILE) * samples * after.parameters
        return self._seconds(work, points, samples) + drawn * self.speed.probability

    @property
    def training(self) -> int:
        return 2 * super().training

    def tiles(self, points: int, features: bool) -> int:
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
        spec = dict(self.settings["model"])
        if spec["family"] == "mlp":
            spec["dropped"] = [True] * len(spec["hidden"])
        return counts.network(spec, self.points.shape, self.points.n_classes)

    def train(self, labelled: int) -> float:
        return self.members * super().train(labelled)

    def predict(self, points: int, samples: int) -> float:
        work = points * samples * sum(part.multiply_adds for part in self.parts)
        return self._seconds(work, points, samples)

    @property
    def state(self) -> int:
        return self.members * super().state

    def tiles(self, points: int, features: bool) -> int:
        point = self._point(self.points.values, features)
        outputs = sum(part.outputs for part in self.parts)
        return points * point + 4 * TILE * 2 * self.points.n_classes + 4 * PASS * KEPT * outputs


class GaussianProcessCost(NetworkCost):
    """Exact processes, one a class, of as many labelled points as the budget has at most."""

    @property
    def labelled(self) -> int:
        return self.settings["acquisition"]["budget"]

    @property
    def width(self) -> int:
        return counts.features(self._encoder, self.points.shape)[1]

    @property
    def _encoder(self) -> dict[str, Any]:
        """A backbone's specification; other families see their inputs."""
        model = self.settings["model"]
        return model if model["family"] == "backbone" else {"family": "head"}

    def steps(self, labelled: int) -> int:
        return self.settings["training"]["steps"]

    def train(self, labelled: int) -> float:
        work = CUBES * labelled**3 * self.points.n_classes
        return self.steps(labelled) * (STEP * self.speed.step + work / self.speed.multiply_adds)

    def predict(self, points: int, samples: int) -> float:
        n, t = self.labelled, TILE * (self.settings["sampling"]["mask_scope"] != "point")
        encoder = counts.features(self._encoder, self.points.shape)[0].multiply_adds
        point = n * n + 2 * n * t + t * t + samples * t
        work = points * (encoder + (n + t) * self.width + self.points.n_classes * point)
        factor = self.points.n_classes * n**3 / 3
        return self._seconds(work + factor, points, samples)

    @property
    def state(self) -> int:
        n, encoder = self.labelled, counts.features(self._encoder, self.points.shape)[0]
        return (
            8 * n * (self.points.n_classes * n + 2 * self.width) + STATES * 4 * encoder.parameters
        )

    @property
    def training(self) -> int:
        return 8 * SQUARES * self.points.n_classes * self.labelled**2

    def tiles(self, points: int, features: bool) -> int:
        samples, c = self.settings["sampling"]["samples"], self.points.n_classes
        return 8 * TILE * (3 * self.labelled + 4 * TILE + 2 * samples * (c + 1) + 2 * self.width)


COSTS = {
    "mc_dropout": NetworkCost,
    "variational_dropout": VariationalCost,
    "ensemble": EnsembleCost,
    "gaussian_process": GaussianProcessCost,
}


def cost_of(settings: Mapping[str, Any], points: Points, speed: Speed) -> NetworkCost:
    """Of a scenario's posterior."""
    return COSTS[posterior_of(settings)["name"]](settings, points, speed)
