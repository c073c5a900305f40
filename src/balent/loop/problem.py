"""The data of a chain on one device: everything that the four steps of a round share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from balent.acquisition import catalog, registry
from balent.data import roles
from balent.data.dataset import load_dataset
from balent.data.initial import initial_set
from balent.data.inputs import Inputs, PoolView
from balent.errors import ConfigError
from balent.files import load_tensors
from balent.loop.chain import Chain
from balent.posterior.memory import check_samples
from balent.posterior.spec import check_joint, check_needs
from balent.streams import Streams


@dataclass(frozen=True)
class Problem:
    """The sets of points, the labels and the streams of a chain, on one device.

    validation and reference (unlabelled) are empty where the scenario has no such role.

    Every chain of one (scenario, seed) has the same ``initial`` set and the same streams, so that
    methods are compared in pairs.
    """

    chain: Chain
    pool: PoolView
    pool_labels: Tensor  # [len(pool)] int64
    validation: PoolView
    validation_labels: Tensor  # [len(validation)] int64
    reference: PoolView
    test: Inputs
    test_labels: Tensor  # [n_test] int64
    n_classes: int
    initial: np.ndarray  # pool indices, int64
    encoder: dict[str, Tensor] | None
    device: torch.device
    memory_budget: int

    def streams(self, round: int) -> Streams:
        return Streams(self.chain.seed).at(round)

    def remaining(self, labelled: np.ndarray) -> np.ndarray:
        """Pool indices that are not labelled, in increasing order."""
        free = np.ones(len(self.pool), dtype=bool)
        free[labelled] = False
        return np.flatnonzero(free)


def load_problem(
    chain: Chain,
    data: str | Path,
    encoder: str | Path | None = None,
    *,
    device: str = "cpu",
    memory_budget: int = 1 << 30,
) -> Problem:
    """Read a chain's data and put it on the device.

    data     .npz with images or features; encoder  safetensors of a pre-trained encoder, or None.
    Raises ConfigError, DataError or MemoryBudgetError in one line when data or memory do not allow
    what the chain asks.
    """
    settings, streams = chain.settings, Streams(chain.seed)
    place = torch.device(device)
    dataset = load_dataset(data)
    sizes = settings["acquisition"]
    method = catalog.find(chain.function)
    roles.check(chain.scenario, settings["pool"], chain.method, method.spec.roles)
    needs = method.needs(chain.options)
    check_needs(chain.scenario, settings, chain.method, needs)
    index = roles.assign(dataset.y_train, settings["pool"])
    source = index.pool
    normalize = settings.get("normalize", {})
    mean, std = normalize.get("mean"), normalize.get("std")
    train = Inputs(dataset.x_train, mean, std, device=place)
    pool = PoolView(
        train,
        source,
        copies=settings["copies"],
        noise_sd=settings["noise_sd"],
        layout=settings["layout"],
        streams=streams,
    )
    if sizes["budget"] > len(pool):
        raise ConfigError(
            f"{chain.scenario}: the budget of {sizes['budget']} labels exceeds the pool of "
            f"{len(pool)} points; lower acquisition.budget"
        )
    points = settings["evaluation"].get("points", len(dataset.x_test))
    if points > len(dataset.x_test):
        raise ConfigError(
            f"{chain.scenario}: evaluation.points is {points}, but the test set has "
            f"{len(dataset.x_test)}; lower it or leave it out"
        )
    check_joint(
        chain.scenario,
        settings,
        chain.method,
        needs,
        method.spec.masks,
        remaining=len(pool) - sizes["initial"],
        test=points,
    )
    wanted = registry.fields(needs)
    check_samples(
        points=len(pool) * len({"samples", "pairs"} & {*wanted})
        + len(index.unlabelled_reference) * len({"reference", "reference_pairs"} & {*wanted}),
        samples=settings["sampling"]["samples"],
        classes=dataset.n_classes,
        device=place,
    )
    initial = initial_set(
        dataset.y_train[source],
        sizes["initial"],
        sizes["balanced"],
        dataset.n_classes,
        streams.numpy("initial"),
    )
    rows = pool.row(torch.arange(len(pool), device=place))
    labels = torch.as_tensor(dataset.y_train, device=place)
    return Problem(
        chain=chain,
        pool=pool,
        pool_labels=labels[rows],
        validation=PoolView(train, index.validation),
        validation_labels=labels[torch.as_tensor(index.validation, device=place)],
        reference=PoolView(train, index.unlabelled_reference),
        test=Inputs(dataset.x_test[:points], mean, std, device=place),
        test_labels=torch.as_tensor(dataset.y_test[:points], device=place),
        n_classes=dataset.n_classes,
        initial=pool.first_copies(initial),
        encoder=load_tensors(encoder) if encoder else None,
        device=place,
        memory_budget=memory_budget,
    )
