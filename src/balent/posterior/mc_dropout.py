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
pools). Blocks of samples are merged in order. The memory budget says how many tiles are computed
side by side, sharing folded weights, and changes no bit of a result.

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
from balent.posterior.cache import scratch_bytes
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

    Raises InputError for another scope or name to keep, or no samples; MemoryBudgetError when not
    even one tile fits.
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
    n, d = len(rows), model.last.in_features
    c = model.last.out_features
    moments = None
    if "moments" in keep:
        shapes = [(n,) if f.name == "expected_entropy" else (n, c) for f in fields(Moments)]
        moments = Moments(*(torch.empty(s, dtype=torch.float64, device=device) for s in shapes))
    out = Predictions(
        n_points=n,
        moments=moments,
        samples=torch.empty(n, samples, c, device=device) if "samples" in keep else None,
        features=torch.empty(n, d, device=device) if "features" in keep else None,
    )
    block_size = min(samples, model.samples_at_once)
    blocks = [slice(k, min(k + block_size, samples)) for k in range(0, samples, block_size)]
    held = _tiles_held(memory_budget, model, inputs, rows, block_size, keep)

    def draw(generator: torch.Generator) -> list[Tensor]:
        return [mask.to(device) for mask in model.draw_masks(samples, generator)]

    pool_masks = draw(streams.torch(stream_name, 0)) if mask_scope == "pool" else None
    for start in range(0, n, held * TILE):
        tiles = []
        for first in range(start, min(start + held * TILE, n), TILE):
            part = rows[first : first + TILE]
            generator = streams.torch(stream_name, first // TILE)
            masks = draw(generator) if mask_scope == "batch" else None
            tiles.append(_Tile(first, len(part), _stem(model, inputs, part), generator, masks))
        for block in blocks:
            shared = _fold(model, pool_masks, block) if pool_masks else None
            for tile in tiles:
                network = shared or tile.network(model, block)
                tile.add(block, *network(tile.stem, "features" in keep), out)
        for tile in tiles:
            tile.write(samples, out)
    return out


@dataclass
class _Tile:
    """A run of points under way: what it sees, and what its samples so far add up to."""

    first: int
    size: int
    stem: Tensor  # [n, ...], n the size filled up
    generator: torch.Generator
    masks: list[Tensor] | None  # [K, units] each, if the points share masks of their own
    moments: Moments | None = None
    features: Tensor | None = None  # [n, D], the sum over samples

    def network(self, model: BayesianModel, block: slice) -> Folded:
        """The network with the tile's masks of a block of samples."""
        if self.masks is None:
            return _dense(model, self.generator, block.stop - block.start)
        return _fold(model, self.masks, block)

    def add(
        self, block: slice, logits_k_c_n: Tensor, features: Tensor | None, out: Predictions
    ) -> None:
        """Take in a block of samples."""
        if out.moments is not None:
            moments = Moments.from_logits(logits_k_c_n)
            self.moments = (
                self.moments.merge(block.start, moments, block.stop - block.start)
                if self.moments
                else moments
            )
        if out.samples is not None:
            probs = logits_k_c_n.softmax(dim=1)[..., : self.size]  # [S, C, n]
            out.samples[self.first : self.first + self.size, block] = probs.permute(2, 0, 1)
        if features is not None:
            self.features = features if self.features is None else self.features + features

    def write(self, samples: int, out: Predictions) -> None:
        """Write the means over all samples."""
        points = slice(self.first, self.first + self.size)
        if out.moments is not None:
            for f in fields(Moments):
                getattr(out.moments, f.name)[points] = getattr(self.moments, f.name)[: self.size]
        if out.features is not None and self.features is not None:
            out.features[points] = self.features[: self.size] / samples


def _fold(model: BayesianModel, masks: list[Tensor], block: slice) -> Folded:
    return model.fold([mask[block] for mask in masks])


def _stem(model: BayesianModel, inputs: Points, rows: Tensor) -> Tensor:
    """The stem of a tile, [n, ...], filled up with the stem of zeros to a multiple of PASS."""
    parts = []
    for part in rows.split(_pass(inputs)):
        x = inputs.gather(part)
        x = pad(x, (0, 0) * (x.dim() - 1) + (0, -len(x) % PASS))
        parts.append(model.stem(x))
    return torch.cat(parts)


def _pass(inputs: Points) -> int:
    """How many points go through the stem together."""
    return PASS if len(inputs.shape) > 1 else TILE


def _dense(model: BayesianModel, generator: torch.Generator, samples: int) -> Folded:
    """The network with masks drawn for every point, in the place of BayesianModel.fold."""

    def evaluate(stem: Tensor, features: bool) -> tuple[Tensor, Tensor | None]:
        n = len(stem)
        logits = stem.new_empty(samples, model.last.out_features, n)  # [S, C, n]
        total = stem.new_zeros(n, model.last.in_features)  # [n, D]
        for k in range(samples):
            masks = [mask[:n].to(stem.device) for mask in model.draw_masks(TILE, generator)]
            h = model.penultimate(stem, masks)  # [n, D]
            logits[k] = model.last(h).T
            total += h
        return logits, total if features else None

    return evaluate


def _tiles_held(
    budget: int,
    model: BayesianModel,
    inputs: Points,
    rows: Tensor,
    block_size: int,
    keep: Collection[str],
) -> int:
    """How many tiles fit the budget; raises MemoryBudgetError when none does."""
    c, d = model.last.out_features, model.last.in_features
    moments = 8 * (4 * c + 1) if "moments" in keep else 0  # bytes per point
    tile = TILE * (4 * model.stem_size + moments + 4 * d * ("features" in keep))
    block = TILE * block_size * 4 * c * (2 if "samples" in keep else 1)
    rest = block + 3 * TILE * moments + scratch_bytes(model.last.weight.device) + model.workspace
    rest += 4 * (TILE * model.stem_size + _pass(inputs) * math.prod(inputs.shape))
    if budget < rest + tile:
        raise MemoryBudgetError(
            f"memory_budget is {budget / 2**20:.0f} MiB, below the "
            f"{math.ceil((rest + tile) / 2**20)} MiB of one tile of {TILE} points with this "
            "network; raise memory_budget_mib"
        )
    return (budget - rest) // tile


def _check(samples: int, mask_scope: str, keep: Collection[str]) -> None:
    if samples < 1:
        raise InputError(f"samples is {samples}; give at least 1")
    if mask_scope not in SCOPES:
        raise InputError(f"mask_scope is {mask_scope!r}; allowed: {', '.join(SCOPES)}")
    unknown = set(keep) - set(KEEP)
    if unknown or not keep:
        raise InputError(f"keep is {sorted(keep)}; allowed: one or more of {', '.join(KEEP)}")
