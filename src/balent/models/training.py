"""Training: which points every step sees, with which masks, and when it ends.

What is random is drawn ahead for a run of steps: the order of each epoch (stream "loader"), the
dropout masks, or other noise, of every row of the run (stream "dropout").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count, islice
from typing import Any, TypeVar

import torch
from torch import Tensor

from balent.data.points import Points
from balent.errors import ConfigError, InputError
from balent.models import static_steps
from balent.models.early_stopping import EarlyStopping
from balent.models.network import NoisyNetwork
from balent.models.steps import EagerSteps, Steps, Training
from balent.streams import Streams

RUN_ROWS = 4096
"""Rows for which masks are drawn at once, at least; part of what determines the bits."""


Trained = TypeVar("Trained", bound=NoisyNetwork)


def train(
    model: Trained,
    inputs: Points,
    y: Tensor,
    index: Tensor,
    settings: Mapping[str, Any],
    streams: Streams,
    penalty: Callable[[], Tensor] | None = None,
    validation_error: Callable[[], float] | None = None,
) -> Trained:
    """Train ``model`` in place, from the weights that it has, and return it in evaluation mode.

    inputs    the pool
    y         labels of ``index``, int64 [n]
    index     labelled points, int64 [n], n > 0
    settings  learning_rate, batch_size, either epochs or steps, and where wanted epoch_points,
              precision ("float32" or "bfloat16": of products and convolutions; weights and their
              updates are float32), patience, and augmentation (what
              balent.features.augment.build_augmentation takes)
    penalty   gives what is added to the mean loss of every batch
    validation_error  of the model in evaluation mode; needed with patience

    Cross-entropy, Adam, each epoch in an order of its own. An epoch has every point once or, with
    epoch_points, as often as that takes to reach so many (002, released code). A last batch of one
    point joins the batch before it, since batch normalisation can not use it. With patience
    training ends after so many epochs in a row that are no better than the best on the validation
    set, and goes back to the best (balent.models.early_stopping).

    On a GPU the steps of a small network are captured (balent.models.static_steps).
    Raises ConfigError when both or neither of epochs and steps are given.
    """
    if len(index) == 0 or len(index) != len(y):
        raise InputError(f"{len(index)} labelled points with {len(y)} labels; give one for each")
    device = next(model.parameters()).device
    index, y = index.to(device), y.to(device)
    n = max(len(index), settings.get("epoch_points") or 0)
    sizes = batch_sizes(n, settings["batch_size"])
    remaining = _steps(settings, len(sizes))
    loader = streams.torch("loader")
    epochs = ((torch.randperm(n, generator=loader) % len(index)).split(sizes) for _ in count())
    batches = (rows for epoch in epochs for rows in epoch)
    training = Training(model, inputs, y, index, settings, penalty)
    steps: Steps = static_steps.find(training) or EagerSteps(training, streams)
    dropout = streams.torch("dropout", device=device)
    stopping = _early_stopping(model, settings, validation_error)
    by_epoch = stopping is not None or settings.get("epoch_points") is not None
    stretch = len(sizes) if by_epoch else remaining
    model.train()
    while remaining and not (stopping and stopping.ended):
        for run in _runs(islice(batches, min(stretch, remaining))):
            rows = torch.cat(run).to(device)
            masks = model.draw_masks(len(rows), dropout)
            steps.run([len(batch) for batch in run], rows, masks)
        steps.finish()
        remaining -= min(stretch, remaining)
        if stopping:
            stopping.epoch()
    if stopping:
        stopping.restore()
    return model.eval()


def batch_sizes(n: int, batch_size: int) -> list[int]:
    """The sizes of the batches of n points; none has one point unless n is 1."""
    sizes = [min(batch_size, n - start) for start in range(0, n, batch_size)]
    if sizes[-1] == 1 and n > 1:
        sizes[-2:] = [sizes[-2] + 1]
    return sizes


def _steps(settings: Mapping[str, Any], per_epoch: int) -> int:
    epochs, steps = settings.get("epochs"), settings.get("steps")
    if epochs is not None and steps is None:
        return epochs * per_epoch
    if steps is not None and epochs is None:
        return steps
    raise ConfigError(f"training: epochs is {epochs} and steps is {steps}; give one of them")


def _runs(batches: Iterable[Tensor]) -> Iterator[list[Tensor]]:
    """Consecutive batches with RUN_ROWS rows or more in all; the last run may have fewer."""
    run: list[Tensor] = []
    rows = 0
    for batch in batches:
        run.append(batch)
        rows += len(batch)
        if rows >= RUN_ROWS:
            yield run
            run, rows = [], 0
    if run:
        yield run


def _early_stopping(
    model: NoisyNetwork, settings: Mapping[str, Any], error: Callable[[], float] | None
) -> EarlyStopping | None:
    patience = settings.get("patience")
    if patience is None:
        return None
    if error is None:
        raise ConfigError(
            "training.patience: there is no validation set; give pool.validation points"
        )
    return EarlyStopping(model, patience, error)
