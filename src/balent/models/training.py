"""Training: short loops over small labelled sets, with little around each step.

What is random is drawn ahead for a run of steps: the order of each epoch (stream "loader"), the
dropout masks, or other noise, of every row of the run (stream "dropout").
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import count, islice
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim.adam import adam

from balent.data.points import Points
from balent.errors import ConfigError, InputError
from balent.models.network import NoisyNetwork
from balent.streams import Streams

RUN_ROWS = 4096
"""Rows for which masks are drawn at once, at least; part of what determines the bits."""

HELD_BYTES = 256 << 20
"""Labelled points of up to this size are converted once; of more, those of each batch."""


Trained = TypeVar("Trained", bound=NoisyNetwork)


def train(
    model: Trained,
    inputs: Points,
    y: Tensor,
    index: Tensor,
    settings: Mapping[str, Any],
    streams: Streams,
    penalty: Callable[[], Tensor] | None = None,
) -> Trained:
    """Train ``model`` in place, from the weights that it has, and return it in evaluation mode.

    inputs    the pool
    y         labels of ``index``, int64 [n]
    index     labelled points, int64 [n], n > 0
    settings  learning_rate, batch_size, either epochs or steps, and augmentation (absent, None, or
              what balent.features.augment.build_augmentation takes)
    penalty   gives what is added to the mean loss of every batch

    Cross-entropy, Adam, each epoch in an order of its own. A last batch of one point joins the
    batch before it, since batch normalisation can not use it.
    Raises ConfigError when both or neither of epochs and steps are given.
    """
    if len(index) == 0 or len(index) != len(y):
        raise InputError(f"{len(index)} labelled points with {len(y)} labels; give one for each")
    device = next(model.parameters()).device
    index, y = index.to(device), y.to(device)
    sizes = batch_sizes(len(index), settings["batch_size"])
    steps = _steps(settings, len(sizes))
    loader = streams.torch("loader")
    epochs = (torch.randperm(len(index), generator=loader).split(sizes) for _ in count())
    batches = islice((rows for epoch in epochs for rows in epoch), steps)
    points = _points(inputs, index, settings.get("augmentation"), streams)
    dropout = streams.torch("dropout", device=device)
    optimiser = Adam(model, settings["learning_rate"])
    model.train()
    for run in _runs(batches):
        lengths = [len(rows) for rows in run]
        rows = torch.cat(run).to(device)
        masks = [mask.split(lengths) for mask in model.draw_masks(len(rows), dropout)]
        run_rows, labels = rows.split(lengths), y[rows].split(lengths)
        for batch, label, *batch_masks in zip(run_rows, labels, *masks, strict=True):
            loss = cross_entropy(model(points(batch), batch_masks), label)
            (loss if penalty is None else loss + penalty()).backward()
            optimiser.step()
    return model.eval()


def batch_sizes(n: int, batch_size: int) -> list[int]:
    """The sizes of the batches of n points; none has one point unless n is 1."""
    sizes = [min(batch_size, n - start) for start in range(0, n, batch_size)]
    if sizes[-1] == 1 and n > 1:
        sizes[-2:] = [sizes[-2] + 1]
    return sizes


class Adam:
    """Adam with PyTorch's defaults and its fused kernel: the numbers of torch.optim.Adam.

    Through the functional form, whose overhead is half of the class's; in a small network's step
    that is a tenth of the time.
    """

    def __init__(self, model: nn.Module, learning_rate: float) -> None:
        self.parameters = list(model.parameters())
        self.values = [p.detach() for p in self.parameters]
        self.means = [torch.zeros_like(p) for p in self.values]
        self.squares = [torch.zeros_like(p) for p in self.values]
        self.steps = [torch.zeros((), device=p.device) for p in self.values]
        self.learning_rate = learning_rate

    def step(self) -> None:
        """Update the parameters and drop their gradients."""
        gradients: list[Any] = [p.grad for p in self.parameters]
        adam(
            self.values,
            gradients,
            self.means,
            self.squares,
            [],
            self.steps,
            fused=True,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self.learning_rate,
            weight_decay=0.0,
            eps=1e-8,
            maximize=False,
        )
        for p in self.parameters:
            p.grad = None


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


def _points(
    inputs: Points, index: Tensor, augmentation: dict[str, Any] | None, streams: Streams
) -> Callable[[Tensor], Tensor]:
    """The function from positions in the labelled set [b] to what the network sees, [b, ...]."""
    if len(index) * inputs.gather(index[:1]).nbytes <= HELD_BYTES:
        held = inputs.gather(index)

        def points(rows: Tensor) -> Tensor:
            return held.index_select(0, rows)

    else:

        def points(rows: Tensor) -> Tensor:
            return inputs.gather(index[rows])

    if augmentation is None:
        return points
    from balent.features.augment import build_augmentation

    augment, generator = build_augmentation(augmentation), streams.torch("augmentation")
    return lambda rows: inputs.normalise(augment(inputs.denormalise(points(rows)), generator))
