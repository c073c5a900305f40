"""Steps of a training, one after another: forward, backward, Adam."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.optim.adam import adam

from balent.data.points import Points
from balent.models.network import NoisyNetwork
from balent.streams import Streams

HELD_BYTES = 256 << 20
"""Labelled points of up to this size are converted once; of more, those of each batch. Captured
steps have room for up to twice as much beside them."""


@dataclass(frozen=True)
class Training:
    """What is trained on what: the arguments of balent.models.training.train.

    y, index  on the device of the model
    """

    model: NoisyNetwork
    inputs: Points
    y: Tensor
    index: Tensor
    settings: Mapping[str, Any]
    penalty: Callable[[], Tensor] | None = None

    @property
    def precision(self) -> str:
        """Of products and convolutions."""
        return self.settings.get("precision", "float32")

    @property
    def augmentation(self) -> dict[str, Any] | None:
        return self.settings.get("augmentation")

    @property
    def held(self) -> bool:
        """Whether the labelled points are held converted while the training runs."""
        one = self.inputs.gather(self.index[:1])
        return len(self.index) * one.nbytes <= HELD_BYTES


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
    """Steps of any network, kernel by kernel: the reference for others."""

    def __init__(self, training: Training, streams: Streams) -> None:
        self.training = training
        self.points = _points(training, streams)
        self.optimiser = Adam(training.model, training.settings["learning_rate"])

    def run(self, lengths: Sequence[int], rows: Tensor, masks: Sequence[Tensor]) -> None:
        model, penalty = self.training.model, self.training.penalty
        split = [mask.split(lengths) for mask in masks]
        run_rows, labels = rows.split(lengths), self.training.y[rows].split(lengths)
        for batch, label, *batch_masks in zip(run_rows, labels, *split, strict=True):
            with products_in(self.training.precision, rows.device):
                logits = model(self.points(batch), batch_masks)
            loss = cross_entropy(logits.float(), label)
            (loss if penalty is None else loss + penalty()).backward()
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


def _points(training: Training, streams: Streams) -> Callable[[Tensor], Tensor]:
    """The function from positions in the labelled set [b] to what the network sees, [b, ...]."""
    inputs, index, augmentation = training.inputs, training.index, training.augmentation
    if training.held:
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
