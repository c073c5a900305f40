"""The steps of a scenario's rounds, each measured once, however many parts ask for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from balent import runtime
from balent.loop import rounds
from balent.loop.chain import Chain
from balent.loop.predictions import Sampled
from balent.loop.problem import Problem, load_problem
from balent.loop.run import run_round
from balent.posterior.base import Posterior
from gpu_parts import points
from gpu_parts.device import seconds
from gpu_parts.plan import Plan
from gpu_parts.roofline import Work

METHOD = "balentacq"
"""Of steps in which no method takes part."""

NONE = np.empty(0, dtype=np.int64)
"""No labelled points: the whole pool is predicted."""

T = TypeVar("T")


class Steps:
    """Seconds of the steps of a scenario, for any of its methods.

    changes  to the scenario's settings: {part: {key: value}}
    """

    def __init__(
        self, plan: Plan, scenario: str, device: str, folder: Path, changes: Mapping | None = None
    ) -> None:
        self.plan, self.scenario, self.device = plan, scenario, device
        self.changes = changes or {}
        chain = self.chain(METHOD)
        self.file = points.file_of(chain.settings, plan.width, folder)
        self.work = Work(chain.settings, points.sizes(chain.settings, plan.width))
        budget = runtime.memory_budget()
        self._problem = load_problem(chain, self.file, device=device, memory_budget=budget)
        self._found: dict[tuple, Any] = {}

    @property
    def batch_size(self) -> int:
        """Of a training step."""
        return self.chain(METHOD).settings["training"]["batch_size"]

    @property
    def label_counts(self) -> list[int]:
        return self.chain(METHOD).label_counts

    @property
    def pool(self) -> int:
        """Points, with copies."""
        return len(self._problem.pool)

    def chain(self, method: str) -> Chain:
        chain = self.plan.chain(self.scenario, method)
        settings = deepcopy(chain.settings)
        for part, values in self.changes.items():
            settings[part] |= values
        return replace(chain, settings=settings)

    def problem(self, method: str) -> Problem:
        """The same points for every method."""
        return replace(self._problem, chain=self.chain(method))

    def labelled(self, count: int) -> np.ndarray:
        """Pool indices, as good as any."""
        return self._problem.streams(0).numpy("initial").permutation(self.pool)[:count]

    def round(self, method: str, labelled: int) -> float:
        """A whole round as a chain runs it: the last one that acquires."""
        problem, index = self.problem(method), self.labelled(labelled)
        number = len(problem.chain.sizes) - 2
        return self._seconds(
            ("round", method, labelled), lambda: run_round(problem, number, index, None)
        )

    def train(self, labelled: int) -> float:
        problem, index = self.problem(METHOD), self.labelled(labelled)
        return self._seconds(("train", labelled), lambda: rounds.train(problem, 0, index, None))

    def mc_sample(self, method: str) -> float:
        """Of the whole pool."""
        return self._seconds(("mc_sample", method), lambda: self._sample(method))

    def acquire(self, method: str) -> float:
        """A batch out of the whole pool."""
        sampled = self._sample(method)
        return self._seconds(("acquire", method), lambda: self._acquire(method, sampled))

    def choose(self, method: str) -> float:
        """mc_sample and acquire, one after the other."""
        return self._seconds(
            ("choose", method), lambda: self._acquire(method, self._sample(method))
        )

    def evaluate(self) -> float:
        """On the test set, and on a batch of picks."""
        problem = self.problem(METHOD)
        picks = self.labelled(problem.chain.sizes[0])
        posterior, labelled = self._posterior, self.labelled(self.label_counts[0])
        return self._seconds(
            ("evaluate",), lambda: rounds.evaluate(problem, 0, labelled, posterior, picks)
        )

    def _sample(self, method: str) -> Sampled:
        return rounds.mc_sample(self.problem(method), 0, NONE, self._posterior)

    def _acquire(self, method: str, sampled: Sampled) -> None:
        problem = self.problem(method)
        rounds.acquire(problem, 0, NONE, sampled, problem.chain.sizes[0])

    @property
    def _posterior(self) -> Posterior:
        """Trained on the first labels."""
        index = self.labelled(self.label_counts[0])
        return self._once(
            ("posterior",), lambda: rounds.train(self.problem(METHOD), 0, index, None)
        )

    def _seconds(self, key: tuple, work: Callable[[], Any]) -> float:
        return self._once(key, lambda: seconds(work, self.device, self.plan.scale))

    def _once(self, key: tuple, make: Callable[[], T]) -> T:
        if key not in self._found:
            self._found[key] = make()
        return self._found[key]
