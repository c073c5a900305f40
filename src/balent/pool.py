"""A pool given as arrays: checked, and brought into the form that methods are given.

Axis letters: N points of the pool, K samples, C classes, D features, L labelled points,
R unlabelled reference points.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from numbers import Real
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from torch import Tensor
from tqdm import tqdm

from balent.acquisition import catalog
from balent.acquisition.base import Context, Predictions, Spec
from balent.errors import InputError, MethodError
from balent.posterior.moments import Moments
from balent.streams import Streams

Array = np.ndarray | Tensor
TILE = 1 << 21
"""Probabilities checked and brought to float64 at a time (16 MiB)."""
SUM_TOLERANCE = 1e-3
"""Allowed deviation of Σ_c p_c from 1: rounding each p_c to float16 moves the sum by up to 2⁻¹¹,
and float16 arrays also arrive stored as float32. bfloat16 is coarser and gets its own eps."""


@dataclass(frozen=True)
class Extra:
    """An array besides ``probs``: its axes, the needs that ask for it (all of them), what it is."""

    axes: str
    needs: tuple[str, ...]
    meaning: str


EXTRAS = {
    "features": Extra("ND", ("mean_and_features",), "mean penultimate features of the pool"),
    "labelled_features": Extra(
        "LD", ("labelled_features",), "mean penultimate features of the labelled points"
    ),
    "pairs": Extra("NKC", ("pairs",), "probs from a second, independent set of K weight samples"),
    "reference_probs": Extra(
        "RKC", ("reference",), "the K weight samples of probs at unlabelled reference points"
    ),
    "reference_pairs": Extra(
        "RKC", ("reference", "pairs"), "the K weight samples of pairs at the reference points"
    ),
}
"""The extra arrays by keyword, in the order in which they are checked."""

LARGEST = 1e100
"""Of a feature: squared distances of larger ones, and of the inverse, leave float64."""
PIECE = 1 << 22
"""Marginals (points times classes) whose moments are held at a time by ``pieces`` (128 MiB)."""
AGREEMENT = (
    "probs: the samples of every point are the same, so {name} ranks by chance; is dropout on?"
)


@dataclass(frozen=True)
class Pool:
    """What is known of the pool; ``None`` is not known.

    probs             [N, K, C] probabilities of C classes in K weight samples
    others            as in EXTRAS; every array is of NumPy or torch, of 16- to 64-bit floats
    validation_error  error rate on a validation set without dropout, in [0, 1]
    """

    probs: Array
    features: Array | None = None
    labelled_features: Array | None = None
    pairs: Array | None = None
    reference_probs: Array | None = None
    reference_pairs: Array | None = None
    validation_error: float | None = None


@dataclass(frozen=True)
class Checked:
    """A pool that fits a method: its arrays as tensors, and what the method needs of them."""

    spec: Spec
    needs: frozenset[str]
    arrays: dict[str, Tensor]
    context: Context

    @property
    def pointwise(self) -> bool:
        """Whether the score of a point depends on its own moments alone."""
        return self.spec.kind == "score" and self.needs <= {"moments"}


def check(
    name: str, pool: Pool, seed: int = 0, options: Mapping[str, Any] = MappingProxyType({})
) -> Checked:
    """Check all that can be checked without reading arrays; raises as ``prepare`` does."""
    catalog.check_options(name, options)
    entry = catalog.find(name)
    needs = frozenset(entry.needs(options))
    _check_given(entry.spec, needs, pool)
    generator, validation_error = _generator(seed), _error_rate(pool.validation_error)
    arrays = _tensors(pool)
    _check_sizes(entry.spec, arrays)
    context = Context(generator, arrays.get("labelled_features"), validation_error)
    return Checked(entry.spec, needs, arrays, context)


def prepare(checked: Checked, *, progress: bool = False) -> Predictions:
    """Check all values, and compute what the method needs.

    progress  show a bar on standard error, if that is a terminal

    Arrays are read tile by tile and never copied to float64 as a whole. Raises InputError for a
    value that is not allowed.
    """
    probs = checked.arrays["probs"]
    wanted = bool({"moments", "mean_and_features"} & checked.needs)
    moments = []
    for tile in _probability_tiles(checked.spec, probs, progress):
        if wanted:
            moments.append(Moments.from_probs(tile))
    given = {k: array for k, array in checked.arrays.items() if k in EXTRAS}
    for keyword, array in given.items():
        _check_values(keyword, array, progress)
    return Predictions(
        n_points=len(probs),
        n_samples=probs.shape[1],
        moments=Moments.cat(moments) if wanted else None,
        samples=probs,
        features=given.get("features"),
        pairs=given.get("pairs"),
        reference=given.get("reference_probs"),
        reference_pairs=given.get("reference_pairs"),
    )


def pieces(checked: Checked, *, progress: bool = False) -> Iterator[Predictions]:
    """As ``prepare``, for a pointwise method: runs of consecutive points, in bounded memory."""
    probs = checked.arrays["probs"]
    _, k, c = probs.shape
    held: list[Moments] = []
    for tile in _probability_tiles(checked.spec, probs, progress):
        held.append(Moments.from_probs(tile))
        if sum(map(len, held)) * c >= PIECE:
            yield _piece(held, k)
            held = []
    if held:
        yield _piece(held, k)


def _piece(held: list[Moments], samples: int) -> Predictions:
    moments = Moments.cat(held)
    return Predictions(len(moments), samples, moments)


def _tensors(pool: Pool) -> dict[str, Tensor]:
    """The arrays that were given, on the device of ``probs``; raises InputError."""
    tensors = {"probs": _tensor("probs", pool.probs, "NKC")}
    for keyword, extra in EXTRAS.items():
        if (array := getattr(pool, keyword)) is not None:
            tensors[keyword] = _tensor(keyword, array, extra.axes).to(tensors["probs"].device)
    return tensors


def _probability_tiles(spec: Spec, probs: Tensor, progress: bool) -> Iterator[Tensor]:
    """Tiles of ``probs`` in float64, checked; warns at the end if all samples agree."""
    agree = True
    for tile in _checked_tiles("probs", probs, progress):
        agree = agree and bool((tile == tile[:, :1]).all())
        yield tile
    if agree and spec.least_samples > 1:
        warnings.warn(AGREEMENT.format(name=spec.name), stacklevel=6)


def _check_values(keyword: str, array: Tensor, progress: bool) -> None:
    """Refuse an extra array whose values are no distributions, or no finite features."""
    if array.ndim == 3:
        for _ in _checked_tiles(keyword, array, progress):
            pass
        return
    for block in array.split(max(1, TILE // array.shape[1])):
        if not bool(block.isfinite().all()):
            raise InputError(f"{keyword}: NaN or infinity is not allowed; give finite numbers")
        largest = block.abs().amax(dim=1)  # [n]
        if bool(((largest > LARGEST) | ((largest > 0) & (largest < 1 / LARGEST))).any()):
            raise InputError(
                f"{keyword}: a row's largest value is above {LARGEST:g} or below {1 / LARGEST:g}, "
                "so that squares are lost; scale the features"
            )


def _generator(seed: int) -> np.random.Generator:
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"seed={seed!r} is not allowed; give a whole number of at least 0")
    return Streams(int(seed)).numpy("acquisition")


def _error_rate(value: float | None) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= value <= 1:
        raise InputError(f"validation_error={value!r} is not allowed; give a number in [0, 1]")
    return float(value)


def _check_given(spec: Spec, needs: frozenset[str], pool: Pool) -> None:
    """Refuse, by MethodError, an input that the method does not use or one that is missing."""
    for keyword, extra in EXTRAS.items():
        given, used = getattr(pool, keyword) is not None, needs.issuperset(extra.needs)
        if given and not used:
            raise MethodError(f"{spec.name} uses no {keyword}; leave it out")
        if used and not given:
            raise MethodError(
                f"{spec.name} needs {keyword}; give {_shape(extra.axes)}, {extra.meaning}"
            )
    if pool.validation_error is not None and "validation" not in spec.roles:
        raise MethodError(f"{spec.name} uses no validation_error; leave it out")


def _check_sizes(spec: Spec, arrays: dict[str, Tensor]) -> None:
    """Refuse arrays whose axes do not fit each other, or the method."""
    sizes: dict[str, tuple[int, str]] = {}
    for keyword, array in arrays.items():
        axes = EXTRAS[keyword].axes if keyword in EXTRAS else "NKC"
        for axis, size in zip(axes, array.shape, strict=True):
            first, source = sizes.setdefault(axis, (size, keyword))
            if size != first:
                raise InputError(
                    f"{keyword}: shape {tuple(array.shape)} has {axis} = {size}, but {source} has "
                    f"{axis} = {first}; give {_shape(axes)} with the same {axis}"
                )
    shape = tuple(arrays["probs"].shape)
    if sizes["C"][0] < 2:
        raise InputError(f"probs: shape {shape} has 1 class; give at least 2 classes")
    if sizes["K"][0] < spec.least_samples:
        raise MethodError(
            f"{spec.name} compares weight samples, but probs of shape {shape} has "
            f"{sizes['K'][0]} (K = {sizes['K'][0]}); give at least {spec.least_samples}, or use a "
            "method such as entropy"
        )


def _checked_tiles(keyword: str, samples: Tensor, progress: bool) -> Iterator[Tensor]:
    """Consecutive points of [N, K, C] in float64; every row is checked to be a distribution."""
    n, k, c = samples.shape
    tolerance = max(SUM_TOLERANCE, torch.finfo(samples.dtype).eps)
    rows = max(1, TILE // (k * c))
    disable = None if progress else True  # None: shown on a terminal only
    with tqdm(total=n, desc=keyword, unit=" points", delay=1, disable=disable) as bar:
        for start in range(0, n, rows):
            tile = samples[start : start + rows].double()  # [n, K, C]
            _check_probabilities(keyword, tile, start, tolerance)
            yield tile / tile.sum(dim=2, keepdim=True)
            bar.update(len(tile))


def _check_probabilities(keyword: str, tile: Tensor, start: int, tolerance: float) -> None:
    """Raise InputError for the first row of [n, K, C] that is no distribution over classes."""
    for bad, problem in (
        (~tile.isfinite().all(dim=2), "holds NaN or infinity; mend the model's output"),
        ((tile < 0).any(dim=2), "holds a negative value; give probabilities, not logits"),
        ((tile.sum(dim=2) - 1).abs() > tolerance, "does not sum to 1; give probabilities"),
    ):
        if bool(bad.any()):
            point, sample = bad.nonzero()[0].tolist()
            raise InputError(f"{keyword}: row [{start + point}, {sample}] {problem}")


def _tensor(keyword: str, array: Array, axes: str) -> Tensor:
    """The array as a tensor, without a copy where that can be; raises InputError."""
    if not isinstance(array, np.ndarray | Tensor):
        raise InputError(
            f"{keyword}: a {type(array).__name__} is not allowed; give a NumPy array or torch "
            "tensor"
        )
    if isinstance(array, np.ma.MaskedArray):
        raise InputError(f"{keyword}: a masked array is not allowed; give the points without mask")
    if isinstance(array, Tensor) and (array.layout != torch.strided or array.is_meta):
        raise InputError(f"{keyword}: a sparse or meta tensor is not allowed; give a dense one")
    if array.ndim != len(axes) or math.prod(array.shape) == 0:
        raise InputError(
            f"{keyword}: shape {tuple(array.shape)} is not allowed; give {_shape(axes)}, no axis "
            "empty"
        )
    floating = array.is_floating_point() if isinstance(array, Tensor) else array.dtype.kind == "f"
    if not floating or array.dtype.itemsize not in (2, 4, 8):
        raise InputError(f"{keyword}: type {array.dtype} is not allowed; give 16- to 64-bit floats")
    if isinstance(array, Tensor):
        return array.detach()
    with warnings.catch_warnings():  # torch warns of read-only arrays: nothing here writes to them
        warnings.simplefilter("ignore", UserWarning)
        return torch.from_numpy(np.ascontiguousarray(array, array.dtype.newbyteorder("=")))


def _shape(axes: str) -> str:
    return f"[{', '.join(axes)}]"
