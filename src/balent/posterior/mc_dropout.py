"""MC-dropout predictions of many points, in fixed tiles of points and fixed blocks of samples.

Which masks a point sees (``mask_scope``):
    pool   K masks for the whole call
    batch  K masks for each run of 1,024 points in the order of ``index``: a tile
    point  K masks of its own
Masks that the points of a tile share are folded into the weights (BayesianModel.fold): equal to K
dense passes up to rounding. The masks of a tile are drawn from the stream at its number, those of
a pool from the stream at 0, so they depend on nothing else.

Every computation has a shape that follows from its tile: 1,024 points, or for the last one as many
as there are, filled up with zeros to a multiple of 128 (a full tile would double the work of small
pools). Samples are added up in order, a block at a time. The memory budget says how many tiles are
computed side by side, sharing folded weights, and changes no bit of a result; nor does a device
that runs out of memory and makes them fewer.

Axis letters: N points, K samples, C classes, D units before the last layer; n points of a tile.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from balent.acquisition.base import Predictions
from balent.errors import InputError, MemoryBudgetError
from balent.models.base import BayesianModel, Folded
from balent.posterior.accumulator import Accumulator, scratch_bytes
from balent.posterior.memory import in_runs
from balent.posterior.moments import Moments
from balent.streams import Streams

TILE = 1024
"""Points of a tile, and so of a mask block under scope "batch"."""

PASS = 128
"""Images that go through the stem together. Divides TILE; the last tile is a multiple of it too."""

SCOPES = ("pool", "batch", "point")
KEEP = ("moments", "samples", "features")


class Points(Protocol):
    """What the sampler needs of balent.data.inputs."""

    shape: tuple[int, ...]  # of one point

    def gather(self, index: Tensor) -> Tensor: ...


@torch.no_grad()
def mc_predict(
    model: BayesianModel,
    inputs: Points,
    index: np.ndarray,
    samples: int,
    mask_scope: str,
    streams: Streams,
    stream_name: str,
    keep: Collection[str],
    memory_budget: int,
    device: str | torch.device = "cpu",
) -> Predictions:
    """Predict the points ``index`` (int64 [N], in this order) with ``samples`` dropout masks.

    model          is put into evaluation mode (the statistics of batch normalisation)
    stream_name    the stream of the masks
    keep           what to compute: "moments"; "samples", float32 [N, K, C]; "features", the mean
                   input of the last layer, float32 [N, D]
    memory_budget  bytes for what is neither input nor output; convolutions inside an encoder come
                   on top, for 128 points at a time
    device         of model, inputs and results

    When the device runs out of memory, fewer tiles are held, to the same bits, and the log says so.
    Raises InputError for another scope or name to keep, or no samples; MemoryBudgetError when not
    even one tile fits the budget or the device.
    """
    _check(samples, mask_scope, keep)
    model.eval()
    device = torch.device(device)
    rows = torch.as_tensor(index, dtype=torch.int64, device=device)
    if mask_scope == "point":
        logging.getLogger(__name__).warning(
            "mask_scope point: masks can not be folded into weights; %d points take %d dense "
            "passes after the first dropout, many times slower than pool or batch",
            len(rows),
            samples,
        )
    block = min(samples, model.samples_at_once)
    rest, tile = _workspace(model, inputs, block, keep)
    minimum = f"{math.ceil((rest + tile) / 2**20)} MiB"
    if memory_budget < rest + tile:
        raise MemoryBudgetError(
            f"memory_budget is {memory_budget / 2**20:.0f} MiB, below the {minimum} of one tile "
            f"of {TILE} points with this network; raise memory_budget_mib"
        )
    out = _outputs(model, len(rows), samples, keep, device)
    call = _Call(model, inputs, samples, mask_scope, streams, stream_name, out)
    in_runs(
        count=-(-len(rows) // TILE),
        held=(memory_budget - rest) // tile,
        work=lambda first, last: call.predict(
            first * TILE, rows[first * TILE : last * TILE], block
        ),
        minimum=minimum,
    )
    return out


@dataclass(frozen=True)
class _Call:
    """The arguments of a call, and where its results go."""

    model: BayesianModel
    inputs: Points
    samples: int
    scope: str
    streams: Streams
    stream_name: str
    out: Predictions

    def predict(self, start: int, rows: Tensor, block_size: int) -> None:
        """Predict consecutive tiles, the first of which starts at point ``start``, side by side."""
        every = stems(self.model, self.inputs, rows)
        tiles = [
            _Tile(self, start + i, min(TILE, len(rows) - i), every[i : i + TILE])
            for i in range(0, len(rows), TILE)
        ]
        shared = self.masks(0) if self.scope == "pool" else None
        for k in range(0, self.samples, block_size):
            block = slice(k, min(k + block_size, self.samples))
            network = self.fold(shared, block) if shared else None
            for tile in tiles:
                tile.add(block, network or tile.network(block))
        for tile in tiles:
            tile.write()

    def masks(self, tile: int) -> list[Tensor]:
        """Masks [K, units] from the stream of a tile."""
        masks = self.model.draw_masks(self.samples, self.streams.torch(self.stream_name, tile))
        return [mask.to(self.model.last.weight.device) for mask in masks]

    def fold(self, masks: list[Tensor], block: slice) -> Folded:
        return self.model.fold([mask[block] for mask in masks])


class _Tile:
    """A tile under way: its stem, its masks, and what its samples so far add up to."""

    def __init__(self, call: _Call, first: int, size: int, stem: Tensor) -> None:
        self.call, self.stem = call, stem  # [n, ...], n the size filled up
        self.size, self.points = size, slice(first, first + size)
        number = first // TILE
        self.generator = call.streams.torch(call.stream_name, number)  # used under scope "point"
        self.masks = call.masks(number) if call.scope == "batch" else None
        n, c, d = len(stem), call.model.last.out_features, call.model.last.in_features
        self.sums = Accumulator(c, n, stem.device) if call.out.moments is not None else None
        self.features = stem.new_zeros(0 if call.out.features is None else n, d)

    def network(self, block: slice) -> Folded:
        """The network with the tile's own masks of a block of samples."""
        if self.masks is None:
            return _dense(self.call.model, self.generator, block.stop - block.start)
        return self.call.fold(self.masks, block)

    def add(self, block: slice, network: Folded) -> None:
        """Evaluate and take in a block of samples."""
        out = self.call.out
        logits, features = network(self.stem, out.features is not None)  # [S, C, n], [n, D]
        if self.sums is not None:
            self.sums.add(logits)
        if out.samples is not None:
            probs = logits.softmax(dim=1)[..., : self.size]  # [S, C, n]
            out.samples[self.points, block] = probs.permute(2, 0, 1)
        if features is not None:
            self.features += features

    def write(self) -> None:
        """Write what is known once all samples are in."""
        out = self.call.out
        if out.moments is not None and self.sums is not None:
            moments = self.sums.moments()
            for f in fields(Moments):
                getattr(out.moments, f.name)[self.points] = getattr(moments, f.name)[: self.size]
        if out.features is not None:
            out.features[self.points] = self.features[: self.size] / self.call.samples


def _outputs(
    model: BayesianModel, n: int, samples: int, keep: Collection[str], device: torch.device
) -> Predictions:
    """Room for the results."""
    c, d = model.last.out_features, model.last.in_features
    moments = None
    if "moments" in keep:
        shapes = [(n,) if f.name == "expected_entropy" else (n, c) for f in fields(Moments)]
        moments = Moments(*(torch.empty(s, dtype=torch.float64, device=device) for s in shapes))
    return Predictions(
        n_points=n,
        n_samples=samples,
        moments=moments,
        samples=torch.empty(n, samples, c, device=device) if "samples" in keep else None,
        features=torch.empty(n, d, device=device) if "features" in keep else None,
    )


def stems(model: BayesianModel, inputs: Points, rows: Tensor) -> Tensor:
    """The stems of consecutive tiles, followed by stems of zeros up to a multiple of PASS."""
    out = torch.empty(-(-len(rows) // PASS) * PASS, *model.stem_shape, device=rows.device)
    step = _pass(inputs)
    for i in range(0, len(rows), step):
        x = inputs.gather(rows[i : i + step])
        if len(x) % PASS:
            x = pad(x, (0, 0) * (x.dim() - 1) + (0, -len(x) % PASS))
        out[i : i + len(x)] = model.stem(x)
    return out


def _pass(inputs: Points) -> int:
    """How many points go through the stem together."""
    return PASS if len(inputs.shape) > 1 else TILE


def _dense(model: BayesianModel, generator: torch.Generator, samples: int) -> Folded:
    """The network with masks drawn for every point, in the place of BayesianModel.fold."""

    def evaluate(stem: Tensor, features: bool) -> tuple[Tensor, Tensor | None]:
        n = len(stem)
        logits = stem.new_empty(samples, model.last.out_features, n)  # [S, C, n]
        total = stem.new_zeros(n, model.last.in_features) if features else None  # [n, D]
        for k in range(samples):
            masks = [mask[:n].to(stem.device) for mask in model.draw_masks(TILE, generator)]
            h = model.penultimate(stem, masks)  # [n, D]
            logits[k] = model.last(h).T
            if total is not None:
                total += h
        return logits, total

    return evaluate


def _workspace(
    model: BayesianModel, inputs: Points, block_size: int, keep: Collection[str]
) -> tuple[int, int]:
    """Bytes that every run of tiles takes, and those that each of its tiles adds."""
    c, d = model.last.out_features, model.last.in_features
    stem = 4 * math.prod(model.stem_shape)  # bytes per point, as the following three
    sums = 8 * (5 * c + 1) if "moments" in keep else 0
    features = 4 * d if "features" in keep else 0
    block = 4 * c * block_size * (2 if "samples" in keep else 1)
    rest = TILE * (block + sums + features)
    rest += scratch_bytes(model.last.weight.device) + model.workspace(TILE)
    rest += _pass(inputs) * (stem + 4 * math.prod(inputs.shape))
    return rest, TILE * (stem + sums + features)


def _check(samples: int, mask_scope: str, keep: Collection[str]) -> None:
    if samples < 1:
        raise InputError(f"samples is {samples}; give at least 1")
    if mask_scope not in SCOPES:
        raise InputError(f"mask_scope is {mask_scope!r}; allowed: {', '.join(SCOPES)}")
    unknown = set(keep) - set(KEEP)
    if unknown or not keep:
        raise InputError(f"keep is {sorted(keep)}; allowed: one or more of {', '.join(KEEP)}")
