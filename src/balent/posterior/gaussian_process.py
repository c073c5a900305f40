"""Exact Gaussian process for classification (Woo 2023, A.22).

The paper does not say how classes come in. Ours: the Dirichlet likelihood of Milios, Camoriano,
Michiardi, Rosasco & Filippone, "Dirichlet-based Gaussian processes for large-scale calibrated
classification", NeurIPS 2018. One process f_c a class, independent of the others, regresses
    ỹ_c = log a_c - σ_c²/2  with noise  σ_c² = log(1/a_c + 1),  a_c = α_ε + [y = c],
which stand for the logarithm of Gamma variables with those shapes. Class probabilities are
softmax(f), so that a sample of f gives a sample of them.

Axis letters: n labelled points, N points, t points of a tile, K samples, C classes, D features.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from balent.acquisition.base import Predictions
from balent.data.points import Points
from balent.errors import InputError, MemoryBudgetError
from balent.posterior import joint
from balent.posterior.accumulator import scratch_bytes
from balent.posterior.base import Validation
from balent.posterior.conditioning import (
    Conditioned,
    Hyperparameters,
    Labelled,
    squared_distances,
)
from balent.posterior.outputs import TILE, Tile, room
from balent.posterior.sampler import PASS
from balent.posterior.sampling import Sampling
from balent.streams import Streams

ENCODER = "encoder."


class GaussianProcess:
    """A Posterior over functions of the inputs, flattened, or of an encoder's features.

    encoder        inputs → [n, D] on the device; it is not trained
    alpha_epsilon  α_ε

    Its features are the inputs of the processes. Its state holds hyperparameters, labelled points
    and labels, so that it predicts without the pool that they came from.
    """

    def __init__(
        self, encoder: nn.Module, n_classes: int, alpha_epsilon: float, device: torch.device
    ) -> None:
        self.encoder = encoder.eval()
        self.n_classes, self.alpha_epsilon, self.device = n_classes, alpha_epsilon, device
        self._processes: Conditioned | None = None
        self._x = self._labels = torch.empty(0, device=device)

    def fit(
        self,
        pool: Points,
        index: Tensor,
        labels: Tensor,
        settings: Mapping[str, Any],
        streams: Streams,
        validation: Validation | None = None,
    ) -> None:
        """As Posterior.fit; settings: learning_rate and steps of Adam, on all points at once."""
        from balent.posterior.marginal_likelihood import maximise

        x = self._features(pool, index)
        labelled = self._labelled(x, labels)
        start = self._processes.of if self._processes else labelled.start()
        with _room_on_the_device("training"):
            found = maximise(labelled, start, settings["learning_rate"], settings["steps"])
        self._condition(x, labels, found)

    @torch.no_grad()
    def predict(self, inputs: Points, index: np.ndarray, sampling: Sampling) -> Predictions:
        """As Posterior.predict: points that share functions are drawn jointly, others one by one.

        Raises InputError before ``fit``, and for samples of more than joint.POOL_POINTS points
        under scope "pool".
        """
        self._fitted()
        samples, mask_scope, keep = sampling.samples, sampling.mask_scope, sampling.keep
        drawn = not {"moments", "samples"}.isdisjoint(keep)
        size = max(1, len(index)) if mask_scope == "pool" else TILE
        if drawn and mask_scope == "pool" and size > joint.POOL_POINTS:
            raise InputError(
                f"joint samples of {size} points: a Gaussian process gives them for at most "
                f"{joint.POOL_POINTS}; give fewer points"
            )
        if drawn:
            self._check_budget(size, samples, mask_scope, sampling.memory_budget)
        rows = torch.as_tensor(index, dtype=torch.int64, device=self.device)
        out = room(len(rows), samples, self.n_classes, self._x.shape[1], keep, self.device)
        for number, part in enumerate(rows.split(size)):
            x, first = self._features(inputs, part), number * size
            if out.features is not None:
                out.features[first : first + len(part)] = x
            if drawn:
                generator = sampling.generator(number, torch.device("cpu"))
                normals = Normals(generator, samples, size)
                tile = Tile(out, first, len(part), len(part), self.n_classes)
                with _room_on_the_device("prediction"):
                    every = slice(0, samples)
                    tile.add(every, self._sample(x.double(), mask_scope != "point", normals), None)
                tile.write(samples)
        return out

    @torch.no_grad()
    def error_rate(self, inputs: Points, labels: Tensor) -> float:
        """As Posterior.error_rate: the class whose process has the largest posterior mean."""
        processes, wrong = self._fitted(), 0
        for rows in torch.arange(len(labels), device=self.device).split(TILE):
            x = self._features(inputs, rows).double()
            squared = squared_distances(x, processes.labelled.x)
            means = [processes.mean(c, squared) for c in range(self.n_classes)]  # [t] each
            wrong += int((torch.stack(means).argmax(dim=0) != labels[rows]).sum())
        return wrong / len(labels)

    def state_dict(self) -> dict[str, Tensor]:
        """Hyperparameters, the labelled points as float32 [n, D], their labels, the encoder."""
        encoder = {ENCODER + name: value for name, value in self.encoder.state_dict().items()}
        return {**vars(self._fitted().of), "x": self._x, "labels": self._labels, **encoder}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """As Posterior.load_state_dict."""
        state = {name: value.to(self.device) for name, value in state.items()}
        self.encoder.load_state_dict(
            {k.removeprefix(ENCODER): v for k, v in state.items() if k.startswith(ENCODER)}
        )
        found = Hyperparameters(**{f.name: state[f.name] for f in fields(Hyperparameters)})
        self._condition(state["x"], state["labels"], found)

    def _condition(self, x: Tensor, labels: Tensor, of: Hyperparameters) -> None:
        self._x, self._labels = x, labels
        self._processes = Conditioned(self._labelled(x, labels), of)

    def _labelled(self, x: Tensor, labels: Tensor) -> Labelled:
        return Labelled.of(x, labels, self.n_classes, self.alpha_epsilon)

    def _fitted(self) -> Conditioned:
        if self._processes is None:
            raise InputError("the Gaussian process has no labelled points; fit it first")
        return self._processes

    @torch.no_grad()
    def _features(self, inputs: Points, rows: Tensor) -> Tensor:
        """What the processes see of points, float32 [n, D]."""
        return torch.cat([self.encoder(inputs.gather(part)) for part in rows.split(PASS)])

    def _sample(self, x: Tensor, together: bool, normals: Normals) -> Tensor:
        """Samples [K, C, t] of the processes at points [t, D]."""
        processes = self._fitted()
        squared = squared_distances(x, processes.labelled.x)  # [t, n]
        within = squared_distances(x, x) if together else None
        out = x.new_empty(normals.samples, self.n_classes, len(x))
        for c in range(self.n_classes):
            z = normals.draw(len(x)).to(x.device)
            mean, root = processes.mean_and_root(c, squared, within)
            out[:, c] = (z @ root.T if together else z * root).add_(mean)
            del root  # as large as the next class's covariance
        return out

    def _check_budget(self, points: int, samples: int, scope: str, memory_budget: int) -> None:
        n, width = self._x.shape
        tile = joint.tile_bytes(points, n, samples, self.n_classes, width, scope != "point")
        minimum = tile + scratch_bytes(self.device)
        if memory_budget < minimum:
            raise MemoryBudgetError(
                f"memory_budget is {memory_budget / 2**20:.0f} MiB, below the "
                f"{math.ceil(minimum / 2**20)} MiB of {points} points that a Gaussian process "
                "predicts together; raise memory_budget_mib"
            )


@dataclass(frozen=True)
class Normals:
    """Standard normals of a tile. They are drawn for a full tile, so that those of a point do not
    depend on how many points are behind it."""

    generator: torch.Generator
    samples: int
    size: int  # of a full tile

    def draw(self, points: int) -> Tensor:
        """Of one class, for the tile's first points: float64 [K, points] on the CPU."""
        shape = self.samples, self.size
        return torch.randn(shape, generator=self.generator, dtype=torch.float64)[:, :points]


@contextmanager
def _room_on_the_device(what: str) -> Iterator[None]:
    """Turn torch.OutOfMemoryError into a MemoryBudgetError that names what was under way."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise MemoryBudgetError(
            f"out of memory on the device in {what} of the Gaussian process; free memory there, "
            "lower jobs_per_gpu or acquisition.budget, or set device: cpu"
        ) from None
