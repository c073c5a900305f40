"""Moments of a block's probabilities in one pass, as a Triton kernel for GPUs.

Accumulator says what is summed, and computes the same in plain PyTorch.

Axis letters: n points, S samples of a block, C classes.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

POINTS = 8
"""Points of a program at most: the 128 programs of a tile of 1,024 points fill a GPU of 132
multiprocessors, and a row of them is one 32-byte sector of memory."""

LANES = 16
"""Samples that a program computes side by side at most."""

VALUES = 2048
"""Probabilities that a program computes at a time: eight for each of its threads."""

WARPS = 8


def add_samples(
    logits: Tensor,
    samples_before: int,
    first: Tensor,
    large: Tensor,
    deviation: Tensor,
    square: Tensor,
    spread: Tensor,
    entropy: Tensor,
) -> None:
    """Add finite logits [S, C, n] of any float type to an Accumulator's sums, in place.

    Each program adds its points' samples in order, so results repeat bit by bit.
    """
    s, c, n = logits.shape
    classes = triton.next_power_of_2(c)
    points = min(POINTS, max(1, VALUES // classes))
    lanes = min(LANES, max(1, VALUES // (classes * points)))
    with torch.cuda.device_of(logits):
        _add_samples[(triton.cdiv(n, points),)](
            logits.contiguous(),
            first,
            large,
            deviation,
            square,
            spread,
            entropy,
            samples_before,
            s,
            c,
            n,
            LANES=lanes,
            CLASSES=classes,
            POINTS=points,
            num_warps=WARPS,
            # A product rounded in one place and fused with a sum in another would give samples
            # that agree a variance.
            enable_fp_fusion=False,
        )


# One variant for all blocks of samples: others could add up the classes in another order, and so
# give samples that agree a variance.
@triton.jit(do_not_specialize=["samples_before", "s"])
def _add_samples(
    logits_ptr,
    first_ptr,
    large_ptr,
    deviation_ptr,
    square_ptr,
    spread_ptr,
    entropy_ptr,
    samples_before,
    s,
    c,
    n,
    LANES: tl.constexpr,
    CLASSES: tl.constexpr,
    POINTS: tl.constexpr,
):
    """All samples of a few points, LANES samples side by side."""
    lane = tl.arange(0, LANES)[:, None, None]
    row = tl.arange(0, CLASSES)[None, :, None]
    point = tl.program_id(0) * POINTS + tl.arange(0, POINTS)[None, None, :]
    inside = row * n + point  # [1, CLASSES, POINTS], of a sample and of sums
    is_class = row < c
    ours = is_class & (point < n)

    first = tl.load(first_ptr + inside, mask=ours, other=0.0)
    large = tl.load(large_ptr + inside, mask=ours, other=0).to(tl.int1)
    deviation = tl.zeros((LANES, CLASSES, POINTS), tl.float64)
    square = tl.zeros((LANES, CLASSES, POINTS), tl.float64)
    spread = tl.zeros((LANES, CLASSES, POINTS), tl.float64)
    entropy = tl.zeros((LANES, 1, POINTS), tl.float64)
    for start in tl.range(0, s, LANES, num_stages=2):  # the next logits come meanwhile
        counts = start + lane < s  # [LANES, 1, 1]
        sample = (start + lane).to(tl.int64) * c * n
        logits = tl.load(logits_ptr + sample + inside, mask=counts & ours, other=0.0)
        p, q, h = _probabilities(logits.to(tl.float64), is_class)
        if start + samples_before == 0:
            # Adding zeros changes no bit.
            p0 = tl.sum(tl.where(lane == 0, p, 0.0), axis=0, keep_dims=True)
            q0 = tl.sum(tl.where(lane == 0, q, 0.0), axis=0, keep_dims=True)
            large = p0 > 0.5
            first = tl.where(large, q0, p0)
        d = tl.where(large, q, p) - first
        deviation += tl.where(counts, d, 0.0)
        square += tl.where(counts, d * d, 0.0)
        spread += tl.where(counts, p * q, 0.0)
        entropy += tl.where(counts, h, 0.0)

    if samples_before == 0:
        tl.store(first_ptr + inside, first, mask=ours)
        tl.store(large_ptr + inside, large, mask=ours)
    _add_to(deviation_ptr + inside, deviation, ours)
    _add_to(square_ptr + inside, square, ours)
    _add_to(spread_ptr + inside, spread, ours)
    _add_to(entropy_ptr + point, entropy, point < n)


@triton.jit
def _probabilities(logits, is_class):
    """p, 1 - p and entropies of logits [LANES, CLASSES, POINTS]; see Accumulator for the care."""
    highest = tl.max(tl.where(is_class, logits, -float("inf")), axis=1, keep_dims=True)
    z = tl.where(is_class, logits - highest, 0.0)
    e = tl.where(is_class, tl.exp(z), 0.0)
    total = tl.sum(e, axis=1, keep_dims=True)
    rest = -tl.sum(tl.floor(e - 1) * e, axis=1, keep_dims=True)
    rest = tl.where(total < 1.5, rest, total - 1)
    scale = 1 / total
    entropy = _log1p(rest) - tl.sum(z * e, axis=1, keep_dims=True) * scale
    return e * scale, (e - 1 - rest) * -scale, entropy


@triton.jit
def _log1p(x):
    """log(1 + x) for x >= 0 to a few last digits, by Kahan's x log(u) / (u - 1), u = 1 + x: u and
    u - 1 are exact to each other where u is rounded. The interpreter has no log1p."""
    u = 1 + x
    rounded = u - 1
    return tl.where(rounded == 0, x, x * tl.log(u) / tl.where(rounded == 0, 1.0, rounded))


@triton.jit
def _add_to(pointers, sums, mask):
    """Add up the lanes, and what is stored."""
    total = tl.sum(sums, axis=0, keep_dims=True)
    tl.store(pointers, tl.load(pointers, mask=mask, other=0.0) + total, mask=mask)
