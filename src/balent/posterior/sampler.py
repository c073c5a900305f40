"""Monte-Carlo predictions of many points, in fixed tiles of points and fixed blocks of samples.

Which random weights a point sees (``mask_scope``):
    pool   K draws for the whole call
    batch  K draws for each run of 1,024 points in the order of ``index``: a tile
    point  K draws of its own
What the points of a tile share is one network for all of them (Network.networks): for dropout,
masks folded into weights, equal to K dense passes up to rounding. The draws of a tile come from the
stream at its number, those of a pool from the stream at 0, so they depend on nothing else.

Every computation has a shape that follows from its tile: 1,024 points, or for the last one as many
as there are, filled up with zeros to a multiple of 128 (a full tile would double the work of small
pools). Samples are added up in order, a block at a time. The memory budget says how many tiles are
computed side by side, sharing networks, and changes no bit of a result; nor does a device that runs
out of memory and makes them fewer.

Axis letters: N points, K samples, C classes, D units before the last layer; n points of a tile.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from balent.acquisition.base import Predictions
from balent.data.points import Points
from balent.errors import MemoryBudgetError
from balent.models.network import Folded, Network
from balent.models.steps import products_in
from balent.posterior.accumulator import scratch_bytes
from balent.posterior.memory import in_runs
from balent.posterior.outputs import TILE, Tile, room
from balent.posterior.sampling import Sampling

PASS = 128
"""Images that go through the stem together. Divides TILE; the last tile is a multiple of it too."""

SMALL_IMAGE = 4096
"""Values of an image up to which, on a GPU, a whole tile goes through the stem together: kernels
for 128 small images take less time than their launches."""


@torch.no_grad()
def mc_predict(
    model: Network,
    inputs: Points,
    index: np.ndarray,
    sampling: Sampling,
    device: str | torch.device = "cpu",
) -> Predictions:
    """Predict the points ``index`` (int64 [N], in this order).

    model   is put into evaluation mode (the statistics of batch normalisation)
    device  of model, inputs and results

    Convolutions inside an encoder come on top of the memory budget, for 128 points at a time. When
    the device runs out of memory, fewer tiles are held, to the same bits, and the log says so.
    Raises MemoryBudgetError when not even one tile fits the budget or the device.
    """
    model.eval()
    device = torch.device(device)
    rows = torch.as_tensor(index, dtype=torch.int64, device=device)
    samples, keep = sampling.samples, sampling.keep
    block = min(samples, model.samples_at_once)
    rest, tile = _workspace(model, inputs, block, keep)
    minimum = f"{math.ceil((rest + tile) / 2**20)} MiB"
    if sampling.memory_budget < rest + tile:
        raise MemoryBudgetError(
            f"memory_budget is {sampling.memory_budget / 2**20:.0f} MiB, below the {minimum} of "
            f"one tile of {TILE} points with this network; raise memory_budget_mib"
        )
    c, d = model.last.out_features, model.last.in_features
    out = room(len(rows), samples, c, d, keep, device)
    call = _Call(model, inputs, sampling, out, device)
    in_runs(
        count=-(-len(rows) // TILE),
        held=(sampling.memory_budget - rest) // tile,
        work=lambda first, last: call.predict(
            first * TILE, rows[first * TILE : last * TILE], block
        ),
        minimum=minimum,
    )
    return out


@dataclass(frozen=True)
class _Call:
    """The arguments of a call, and where its results go."""

    model: Network
    inputs: Points
    sampling: Sampling
    out: Predictions
    device: torch.device

    def predict(self, start: int, rows: Tensor, block_size: int) -> None:
        """Predict consecutive tiles, the first of which starts at point ``start``, side by side."""
        with products_in(self.sampling.precision, self.device):
            self._predict(start, rows, block_size)

    def _predict(self, start: int, rows: Tensor, block_size: int) -> None:
        every = stems(self.model, self.inputs, rows)
        samples = self.sampling.samples
        tiles = [
            _NetworkTile(self, start + i, min(TILE, len(rows) - i), every[i : i + TILE])
            for i in range(0, len(rows), TILE)
        ]
        shared = None
        if self.sampling.mask_scope == "pool":
            shared = self.model.networks(samples, self.generator(0))
        for k in range(0, samples, block_size):
            block = slice(k, min(k + block_size, samples))
            network = None  # its weights are free before those of the next block are made
            if shared is not None:
                network = shared(block)
            for tile in tiles:
                tile.predict(block, network)
        for tile in tiles:
            tile.write(samples)

    def generator(self, tile: int) -> torch.Generator:
        """The stream of a tile."""
        return self.sampling.generator(tile, self.device)


class _NetworkTile(Tile):
    """A tile under way: its stem, and its own networks unless the pool shares them."""

    def __init__(self, call: _Call, first: int, size: int, stem: Tensor) -> None:
        super().__init__(call.out, first, size, len(stem), call.model.last.out_features)
        self.stem = stem  # [n, ...], n the size filled up
        self.networks = None
        if call.sampling.mask_scope != "pool":
            points = TILE if call.sampling.mask_scope == "point" else None
            generator = call.generator(first // TILE)
            self.networks = call.model.networks(call.sampling.samples, generator, points)

    def predict(self, block: slice, network: Folded | None) -> None:
        """Evaluate and take in a block of samples."""
        folded = network or self.networks(block)  # type: ignore[misc]  # there is one of the two
        self.add(block, *folded(self.stem, self.out.features is not None))


def stems(model: Network, inputs: Points, rows: Tensor) -> Tensor:
    """The stems of consecutive tiles, followed by stems of zeros up to a multiple of PASS."""
    out = torch.empty(-(-len(rows) // PASS) * PASS, *model.stem_shape, device=rows.device)
    step = _pass(inputs, rows.device)
    for i in range(0, len(rows), step):
        x = inputs.gather(rows[i : i + step])
        if len(x) % PASS:
            x = pad(x, (0, 0) * (x.dim() - 1) + (0, -len(x) % PASS))
        out[i : i + len(x)] = model.stem(x)
    return out


def _pass(inputs: Points, device: torch.device) -> int:
    """How many points go through the stem together."""
    small = device.type == "cuda" and math.prod(inputs.shape) <= SMALL_IMAGE
    return TILE if len(inputs.shape) == 1 or small else PASS


def _workspace(
    model: Network, inputs: Points, block_size: int, keep: Collection[str]
) -> tuple[int, int]:
    """Bytes that every run of tiles takes, and those that each of its tiles adds."""
    c, d = model.last.out_features, model.last.in_features
    stem = 4 * math.prod(model.stem_shape)  # bytes per point, as the following three
    sums = 8 * (5 * c + 1) if "moments" in keep else 0
    features = 4 * d if "features" in keep else 0
    block = 4 * c * block_size * (2 if "samples" in keep else 1)
    rest = TILE * (block + sums + features)
    rest += scratch_bytes(model.last.weight.device) + model.workspace(TILE)
    rest += _pass(inputs, model.last.weight.device) * (stem + 4 * math.prod(inputs.shape))
    return rest, TILE * (stem + sums + features)
