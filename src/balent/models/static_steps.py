"""Steps of a small network on a GPU, captured once as a CUDA graph and replayed.

The kernels of a small network take less time than their launches. A captured step launches all of
them at once, but always computes with the same memory and the same shapes. So batches lie in
buffers, filled up to ``width`` rows with rows of weight 0: they add nothing to the loss and nothing
to a gradient. The step counts itself, and takes the batch of that number.

Capturing takes as long as many steps, and a process trains the same network round after round, so
the last captured steps are kept, with a network of their own that takes over the weights given.
Without a GPU the same steps run one kernel at a time (tests).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from balent.data.points import Points
from balent.models.network import NoisyNetwork
from balent.models.steps import Adam, fits, products_in
from balent.streams import Streams

STEPS = 64
"""Batches that the buffers hold."""

ROWS = 8
"""Widths are multiples of it, as matrix units like it."""

WARM_UP = 3
"""Steps before a capture, in which libraries choose kernels and reserve memory."""

_kept: dict[tuple, StaticSteps] = {}
"""The last captured steps, by what they were captured for."""


def find(
    model: NoisyNetwork,
    inputs: Points,
    y: Tensor,
    index: Tensor,
    settings: Mapping[str, Any],
    penalty: Callable[[], Tensor] | None,
) -> StaticSteps | None:
    """Captured steps for a training on a GPU (arguments of balent.models.training.train), ready to
    run; None on a CPU, and where ``suits`` says no."""
    if not y.is_cuda or not suits(model, inputs, index, settings, penalty):
        return None
    return prepare(model, inputs, y, index, settings)


def suits(
    model: NoisyNetwork,
    inputs: Points,
    index: Tensor,
    settings: Mapping[str, Any],
    penalty: Callable[[], Tensor] | None,
) -> bool:
    """Whether the steps of a training can be captured.

    Not with a penalty or an augmentation, not for a network with batch normalisation (rows of
    weight 0 would count in its statistics), nor where labelled points are too large to be held.
    """
    changing = penalty is not None or settings.get("augmentation") is not None
    return not changing and not any(True for _ in model.buffers()) and fits(inputs, index)


def prepare(
    model: NoisyNetwork, inputs: Points, y: Tensor, index: Tensor, settings: Mapping[str, Any]
) -> StaticSteps:
    """The steps of a training, on the device of its points: those that are kept if they suit."""
    points = inputs.gather(index)
    capacity = 1 << max(9, (len(points) - 1).bit_length())
    width = -(-(settings["batch_size"] + 1) // ROWS) * ROWS  # a last row may join a batch
    used = (settings["learning_rate"], settings.get("precision", "float32"))
    key = (_kind(model), points.shape[1:], points.device, capacity, width, used)
    if key not in _kept:
        _kept.clear()  # before others take memory
        _kept[key] = StaticSteps(model, points[0], capacity, width, settings)
    _kept[key].load(model, points, y)
    return _kept[key]


class StaticSteps:
    """Steps that compute in fixed memory; see the head of this file.

    model          whose kind of network is trained; its weights are not used
    point          one point, for shape and device
    capacity       labelled points at most
    width          rows of a batch at most
    """

    def __init__(
        self,
        model: NoisyNetwork,
        point: Tensor,
        capacity: int,
        width: int,
        settings: Mapping[str, Any],
    ) -> None:
        device = point.device
        self.trained: NoisyNetwork | None = None
        self.model = copy.deepcopy(model).train()
        self.optimiser = Adam(self.model, settings["learning_rate"])
        self.precision = settings.get("precision", "float32")
        self.points = point.new_zeros(capacity, *point.shape)
        self.labels = torch.zeros(capacity, dtype=torch.int64, device=device)
        self.step = torch.zeros(1, dtype=torch.int64, device=device)
        self.rows = torch.zeros(STEPS, width, dtype=torch.int64, device=device)
        self.weights = torch.zeros(STEPS, width, device=device)
        some = model.draw_masks(1, Streams(0).torch("dropout", device=device))
        units = [mask.shape[1] for mask in some]
        self.masks = [torch.zeros(STEPS, width, u, device=device) for u in units]
        self.width = width
        self.replay = _capture(self._step) if point.is_cuda else self._step

    def load(self, model: NoisyNetwork, points: Tensor, y: Tensor) -> None:
        """Start a training of ``model`` on labelled points [n, ...] with labels int64 [n]."""
        self.trained = model
        self.points[: len(points)] = points
        self.labels[: len(y)] = y
        self.model.load_state_dict(model.state_dict())
        self.optimiser.reset()

    def run(self, lengths: Sequence[int], rows: Tensor, masks: Sequence[Tensor]) -> None:
        """As Steps.run."""
        sizes = torch.as_tensor(lengths)
        for batches in sizes.split(STEPS):
            n = int(batches.sum())
            self._fill(batches, rows[:n], [mask[:n] for mask in masks])
            for _ in range(len(batches)):
                self.replay()
            rows, masks = rows[n:], [mask[n:] for mask in masks]

    def finish(self) -> None:
        """As Steps.finish."""
        assert self.trained is not None
        self.trained.load_state_dict(self.model.state_dict())

    def _fill(self, lengths: Tensor, rows: Tensor, masks: Sequence[Tensor]) -> None:
        """Put batches of the given lengths into the buffers."""
        start = lengths.cumsum(0) - lengths
        place = torch.arange(len(rows)) + (
            torch.arange(len(lengths)) * self.width - start
        ).repeat_interleave(lengths)  # of every row
        place = place.to(rows.device)
        weights = (1 / lengths.float()).repeat_interleave(lengths).to(rows.device)
        self.step.zero_()
        for buffer, values in (
            (self.rows, rows),
            (self.weights, weights),
            *zip(self.masks, masks, strict=True),
        ):
            buffer.zero_()
            buffer.flatten(0, 1).index_copy_(0, place, values)

    def _step(self) -> None:
        """Train on the batch whose number ``step`` holds, and count on."""
        rows = self.rows.index_select(0, self.step)[0]
        weights = self.weights.index_select(0, self.step)[0]
        masks = [mask.index_select(0, self.step)[0] for mask in self.masks]
        with products_in(self.precision, rows.device):
            logits = self.model(self.points.index_select(0, rows), masks)
        losses = cross_entropy(logits.float(), self.labels.index_select(0, rows), reduction="none")
        (losses * weights).sum().backward()
        self.optimiser.step()
        self.step += 1


def _kind(model: nn.Module) -> tuple:
    """Equal for networks that compute the same function of their weights: of one class, with equal
    shapes and plain attributes."""
    shapes = tuple((name, tuple(value.shape)) for name, value in model.state_dict().items())
    plain = (int, float, str, tuple)
    own = {name: v for name, v in vars(model).items() if isinstance(v, plain)}
    own.pop("training")
    return (type(model), shapes, tuple(sorted(own.items())))


def _capture(step: Callable[[], None]) -> Callable[[], None]:
    """A function that does what ``step`` does, by one launch of a CUDA graph."""
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(WARM_UP):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay
