"""The one way networks see data: arrays on the device once, and pools as views of them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from balent.data.copies import copy_and_point, pool_index
from balent.errors import InputError
from balent.streams import Streams

Index = TypeVar("Index", Tensor, np.ndarray)

READY_BYTES = 64 << 20


class Inputs:
    """An array of points on the device, converted for networks when gathered.

    Points are uint8 images [N, H, W] or [N, H, W, 3], whose values become [0, 1] float32 in the
    layout [C, H, W], or float vectors [N, D], taken as they are (in float32). With mean and std
    (one value, or one per channel or feature) they are normalised: (x - mean) / std.

    shape   of one converted point: (C, H, W) or (D,)
    device  where the array is and where ``gather`` wants its index

    Raises InputError for another array, or mean and std that do not fit it.
    """

    def __init__(
        self,
        array: np.ndarray,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        device: str | torch.device = "cpu",
    ) -> None:
        self.device = torch.device(device)
        self._is_image = array.dtype == np.uint8
        if not (
            (self._is_image and (array.ndim == 3 or (array.ndim == 4 and array.shape[3] == 3)))
            or (array.dtype.kind == "f" and array.ndim == 2)
        ):
            raise InputError(
                f"array is {array.dtype} {list(array.shape)}; allowed: uint8 [N, H, W], "
                "uint8 [N, H, W, 3], float [N, D]"
            )
        channels = array.shape[3:] or (1,)
        self.shape: tuple[int, ...] = (
            (*channels, *array.shape[1:3]) if self._is_image else array.shape[1:]
        )
        self._scale = self._constants(mean, std)
        self._white = torch.tensor(255.0, device=self.device)  # a tensor: true division on a GPU
        self._data = _on_device(array, self.device)
        # A small set is converted once, so that gathering in a training loop is one index_select.
        # Every step of the conversion is element by element: the bits are the same either way.
        self._ready = not self._is_image and self._scale is None
        if not self._ready and 4 * self._data.numel() <= READY_BYTES:
            self._data = self._convert(self._data)
            self._ready = True

    def __len__(self) -> int:
        return len(self._data)

    def gather(self, index: Tensor) -> Tensor:
        """The points at ``index`` (int64 [n]): float32 [n, C, H, W] or [n, D], contiguous."""
        rows = self._data.index_select(0, index)
        return rows if self._ready else self._convert(rows)

    def normalise(self, x: Tensor) -> Tensor:
        """(x - mean) / std of converted points [n, *shape]; x itself without mean and std."""
        if self._scale is None:
            return x
        mean, std = self._scale
        return (x - mean) / std

    def denormalise(self, x: Tensor) -> Tensor:
        """The inverse of ``normalise`` up to rounding, for augmentations that work on [0, 1]."""
        if self._scale is None:
            return x
        mean, std = self._scale
        return x * std + mean

    def _convert(self, rows: Tensor) -> Tensor:
        if self._is_image:
            rows = rows[:, None] if rows.ndim == 3 else rows.permute(0, 3, 1, 2)  # [n, C, H, W]
            rows = rows.to(torch.float32, memory_format=torch.contiguous_format).div_(self._white)
        return self.normalise(rows)

    def _constants(
        self, mean: Sequence[float] | None, std: Sequence[float] | None
    ) -> tuple[Tensor, Tensor] | None:
        """Mean and std as tensors that broadcast over points; None if there are none."""
        if mean is None and std is None:
            return None
        if mean is None or std is None:
            raise InputError(f"mean is {mean} and std {std}; give both or neither")
        if len(mean) != len(std) or len(mean) not in (1, self.shape[0]):
            raise InputError(
                f"mean and std have {len(mean)} and {len(std)} values; allowed: 1 or "
                f"{self.shape[0]} (one per channel or feature)"
            )
        constants = torch.tensor([list(mean), list(std)], dtype=torch.float32)
        if not (constants.isfinite().all() and (constants[1] > 0).all()):
            raise InputError(f"mean {mean} and std {std} must be finite and std above 0")
        form = (2, -1, 1, 1) if self._is_image else (2, -1)
        mean_c, std_c = constants.reshape(form).to(self.device)
        return mean_c, std_c


class PoolView:
    """The pool as the networks see it: rows of ``inputs``, possibly repeated, possibly with noise.

    source    int64 [n], the rows of ``inputs`` that form the pool
    copies    τ: how often every point is in the pool; index t·n + i (layout "concatenated") or
              i·τ + t ("adjacent") is copy t of point i
    noise_sd  standard deviation of Gaussian noise that every copy adds to its (normalised) point,
              always the same for a copy (002: repeated MNIST, 0.1); it needs ``streams``

    Nothing is copied for the whole pool. The noise of copy t of point i comes from its own range of
    a counter-based generator, so it depends neither on the order of queries nor on the device.

    Raises InputError for values outside these.
    """

    def __init__(
        self,
        inputs: Inputs,
        source: np.ndarray,
        copies: int = 1,
        noise_sd: float = 0.0,
        layout: str = "concatenated",
        streams: Streams | None = None,
    ) -> None:
        if source.dtype != np.int64 or source.ndim != 1:
            raise InputError(f"source is {source.dtype} {list(source.shape)}; allowed: int64 [n]")
        if len(source) and not 0 <= source.min() <= source.max() < len(inputs):
            raise InputError(
                f"source has rows {source.min()} to {source.max()}; allowed: 0 to {len(inputs) - 1}"
            )
        if copies < 1:
            raise InputError(f"copies is {copies}; allowed: 1 or more")
        if not 0 <= noise_sd < np.inf:
            raise InputError(f"noise_sd is {noise_sd}; allowed: 0 or more")
        if noise_sd and streams is None:
            raise InputError(f"noise_sd is {noise_sd} but streams is missing; give both")
        self.inputs = inputs
        self.shape = inputs.shape
        self._copies, self._layout, self._noise_sd = copies, layout, noise_sd
        self._n = len(source)
        _, point = copy_and_point(np.arange(self._n * copies), self._n, copies, layout)
        self._host_rows = torch.from_numpy(source[point])  # 8 bytes a copy
        self._rows = self._host_rows.to(inputs.device)
        self._key = streams.sequence("noise").generate_state(2, np.uint64) if streams else None

    def __len__(self) -> int:
        return len(self._host_rows)

    def row(self, index: Index) -> Index:
        """The rows of ``inputs`` (and of its labels) at pool indices, int64 array or tensor [n]."""
        if isinstance(index, Tensor):
            return self._rows.index_select(0, index)
        return self._host_rows.index_select(0, torch.as_tensor(index)).numpy()

    def first_copies(self, position: np.ndarray) -> np.ndarray:
        """Pool indices of copy 0 of the points at ``position`` of the source, int64 array [n]."""
        return pool_index(position, 0, self._n, self._copies, self._layout)

    def gather(self, index: Tensor) -> Tensor:
        """The points at pool indices (int64 [n], on the device): float32 [n, *shape]."""
        x = self.inputs.gather(self._rows.index_select(0, index))
        if self._noise_sd:
            x += self._noise_sd * self._noise(index.cpu().numpy()).to(x.device)
        return x

    def normalise(self, x: Tensor) -> Tensor:
        """As Inputs.normalise."""
        return self.inputs.normalise(x)

    def denormalise(self, x: Tensor) -> Tensor:
        """As Inputs.denormalise."""
        return self.inputs.denormalise(x)

    def _noise(self, index: np.ndarray) -> Tensor:
        """Standard normal noise [n, *shape] of the copies at pool indices."""
        copy, item = copy_and_point(index, self._n, self._copies, self._layout)
        noise = np.empty((len(index), *self.shape), dtype=np.float32)
        for out, t, i in zip(noise, copy.tolist(), item.tolist(), strict=True):
            # Philox numbers its blocks by 256 bits: i and t are the upper two words, so a copy has
            # 2^128 blocks of its own.
            philox = np.random.Philox(key=self._key, counter=t << 192 | i << 128)
            np.random.Generator(philox).standard_normal(out=out, dtype=np.float32)
        return torch.from_numpy(noise)


def _on_device(array: np.ndarray, device: torch.device) -> Tensor:
    """The array as a tensor, uint8 or float32; on the CPU without a copy where its form allows."""
    array = np.ascontiguousarray(array, dtype=np.uint8 if array.dtype == np.uint8 else np.float32)
    with warnings.catch_warnings():
        # A memory-mapped array may be read-only; nothing here writes to it.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writ")
        return torch.from_numpy(array).to(device)
