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
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from balent.models.network import NoisyNetwork
from balent.models.steps import Adam, Training, products_in
from balent.streams import Streams

STEPS = 64
"""Batches that the buffers hold: 71 MB of masks for 128 rows and 2,048 units."""

ROWS = 8
"""Widths are multiples of it, as matrix units like it."""

WARM_UP = 3
"""Steps before a capture, in which libraries choose kernels and reserve memory."""

_kept: dict[tuple, StaticSteps] = {}
"""The last captured steps, by what they were captured for."""


def find(training: Training) -> StaticSteps | None:
    """Captured steps for a training on a GPU, ready to run; None on a CPU, and where ``suits`` says
    no."""
    return prepare(training) if training.y.is_cuda and suits(training) else None


def suits(training: Training) -> bool:
    """Whether the steps of a training can be captured.

    Not with a penalty or an augmentation, not for a network with batch normalisation (rows of
    weight 0 would count in its statistics), nor where labelled points are too large to be held.
    """
    changing = training.penalty is not None or training.augmentation is not None
    return not changing and next(training.model.buffers(), None) is None and training.held


def prepare(training: Training) -> StaticSteps:
    """The steps of a training, on the device of its points: those that are kept if they suit."""
    points = training.inputs.gather(training.index)
    capacity = 1 << max(9, (len(points) - 1).bit_length())
    width = -(-(training.settings["batch_size"] + 1) // ROWS) * ROWS  # a last row may join a batch
    used = (training.settings["learning_rate"], training.precision)
    key = (_kind(training.model), points.shape[1:], points.device, capacity, width, used)
    if key not in _kept:
        _kept.clear()  # before others take memory
        _kept[key] = StaticSteps(training, points[0], capacity, width)
    _kept[key].load(training.model, points, training.y)
    return _kept[key]


class StaticSteps:
    """Steps that compute in fixed memory; see the head of this file.

    training  the first one: of others only weights, points and labels differ
    point     one point, for shape and device
    capacity  labelled points at most
    width     rows of a batch at most
    """

    def __init__(self, training: Training, point: Tensor, capacity: int, width: int) -> None:
        device = point.device
        self.trained: NoisyNetwork | None = None
        self.model = copy.deepcopy(training.model).train()
        self.optimiser = Adam(self.model, training.settings["learning_rate"])
        self.precision = training.precision
        self.points = point.new_zeros(capacity, *point.shape)
        self.labels = torch.zeros(capacity, dtype=torch.int64, device=device)
        self.step = torch.zeros(1, dtype=torch.int64, device=device)
        self.rows = torch.zeros(STEPS, width, dtype=torch.int64, device=device)
        self.weights = torch.zeros(STEPS, width, device=device)
        some = self.model.draw_masks(1, Streams(0).torch("dropout", device=device))
        units = [mask.shape[1] for mask in some]
        self.masks = [torch.zeros(STEPS, width, u, device=device) for u in units]
        self.width = width
        self.replay = _capture(self._step, device) if point.is_cuda else self._step

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
    """Equal for networks that compute the same function of their weights: with modules of the same
    classes, and equal shapes and plain attributes."""
    shapes = tuple((name, tuple(value.shape)) for name, value in model.state_dict().items())
    modules = tuple((name, type(part), _plain(part)) for name, part in model.named_modules())
    return (modules, shapes)


def _plain(module: nn.Module) -> tuple:
    """What a module knows of itself beside tensors and modules; not whether it is in training."""
    own = {k: v for k, v in vars(module).items() if isinstance(v, int | float | str | tuple)}
    return tuple(sorted((name, value) for name, value in own.items() if name != "training"))


def _capture(step: Callable[[], None], device: torch.device) -> Callable[[], None]:
    """A function that does what ``step`` does on a device, by one launch of a CUDA graph."""
    with torch.cuda.device(device):  # streams and graphs are of the current device
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(WARM_UP):
                step()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, stream=side):
            step()
    return graph.replay
