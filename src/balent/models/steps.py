"""Steps of a training, one after another: forward, backward, Adam."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim.adam import adam

from balent.data.points import Points
from balent.models.network import NoisyNetwork
from balent.streams import Streams

HELD_BYTES = 256 << 20
"""Labelled points of up to this size are converted once; of more, those of each batch."""


class Steps(Protocol):
    """What trains a network on given batches."""

    def run(self, lengths: Sequence[int], rows: Tensor, masks: Sequence[Tensor]) -> None:
        """A step for each batch.

        lengths  of the batches; rows  their positions in the labelled set, int64 [Σ lengths]
        masks    noise of every row, as NoisyNetwork.draw_masks gives it
        """

    def finish(self) -> None:
        """See that the network has the weights after the last step."""


class EagerSteps:
    """Steps of any network, kernel by kernel: the reference for others.

    Arguments are those of balent.models.training.train.
    """

    def __init__(
        self,
        model: NoisyNetwork,
        inputs: Points,
        y: Tensor,
        index: Tensor,
        settings: Mapping[str, Any],
        streams: Streams,
        penalty: Callable[[], Tensor] | None = None,
    ) -> None:
        self.model, self.y, self.penalty = model, y, penalty
        self.points = _points(inputs, index, settings.get("augmentation"), streams)
        self.optimiser = Adam(model, settings["learning_rate"])
        self.precision = settings.get("precision", "float32")

    def run(self, lengths: Sequence[int], rows: Tensor, masks: Sequence[Tensor]) -> None:
        split = [mask.split(lengths) for mask in masks]
        run_rows, labels = rows.split(lengths), self.y[rows].split(lengths)
        for batch, label, *batch_masks in zip(run_rows, labels, *split, strict=True):
            with products_in(self.precision, rows.device):
                logits = self.model(self.points(batch), batch_masks)
            loss = cross_entropy(logits.float(), label)
            (loss if self.penalty is None else loss + self.penalty()).backward()
            self.optimiser.step()

    def finish(self) -> None:
        """Nothing: the network itself was trained."""


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

    def reset(self) -> None:
        """Go back to the state before the first step."""
        for values in (self.means, self.squares, self.steps):
            for value in values:
                value.zero_()

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


def products_in(precision: str, device: torch.device) -> AbstractContextManager:
    """The context in which products and convolutions are computed in ``precision``: "float32" or
    "bfloat16"."""
    if precision == "float32":
        return nullcontext()
    return torch.autocast(device.type, torch.bfloat16, cache_enabled=False)


def fits(inputs: Points, index: Tensor) -> bool:
    """Whether the points ``index`` are held converted while a training runs."""
    return len(index) * inputs.gather(index[:1]).nbytes <= HELD_BYTES


def _points(
    inputs: Points, index: Tensor, augmentation: dict[str, Any] | None, streams: Streams
) -> Callable[[Tensor], Tensor]:
    """The function from positions in the labelled set [b] to what the network sees, [b, ...]."""
    if fits(inputs, index):
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
