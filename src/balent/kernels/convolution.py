"""The CNN's second block for all samples, as two Triton kernels for GPUs.

balent.models.cnn says what is computed, and computes the same in plain PyTorch.

Axis letters: m points, S samples, C1 and C2 channels before and after the convolution.
"""

from __future__ import annotations

import math

import torch
import triton
import triton.language as tl
from torch import Tensor

POSITIONS = 64
"""Outputs of a convolution, before pooling, of a program."""

COLUMNS = 32
"""Outputs, windows times channels, of a program."""

MOST_CHANNELS = 64
"""Output channels of a program of the terms at most."""

ROWS = 128
"""Samples of a program at most."""

INNER = 32
"""Input channels of a product at most."""

SMALLEST = 16
"""Rows, columns or terms of a product of tensor cores at least."""

WARPS = 8
"""Of the second block; the terms, which are smaller, take half as many."""


def terms(stem: Tensor, weight: Tensor) -> Tensor:
    """Convolutions of each channel alone: stem [m, C1, h, w], weight [C1, k·k, C2] →
    [C1, m, 4, windows, C2] in the type of the weights.

    Products are summed in float32; those of float32 weights are exact, not rounded to TF32.
    """
    (m, c1, h, w), (_, taps, c2) = stem.shape, weight.shape
    k = math.isqrt(taps)
    down, across = (h - k + 1) // 2, (w - k + 1) // 2  # windows
    out = weight.new_empty(c1, m, 4, down * across, c2)
    columns = min(MOST_CHANNELS, max(SMALLEST, triton.next_power_of_2(c2)))
    grid = (m * c1, triton.cdiv(4 * down * across, POSITIONS), triton.cdiv(c2, columns))
    with torch.cuda.device_of(stem):
        _terms[grid](
            stem.contiguous(),
            weight.contiguous(),
            out,
            m,
            c1,
            c2,
            h,
            w,
            k,
            down * across,
            across,
            POSITIONS=POSITIONS,
            TAPS=max(SMALLEST, triton.next_power_of_2(taps)),
            COLUMNS=columns,
            num_warps=WARPS // 2,
            num_stages=1,
        )
    return out


def second_block(first: Tensor, terms: Tensor, bias: Tensor, second: Tensor) -> Tensor:
    """Masks [S, C1], terms [C1, m, 4, windows, C2], bias [C2], masks [S, C2] →
    [S, m, windows, C2] in the type of the terms.

    Products are summed in float32; those of float32 terms are exact, not rounded to TF32.
    """
    (s, c1), (_, m, _, windows, c2) = first.shape, terms.shape
    y = terms.new_empty(s, m, windows, c2)
    rows = min(ROWS, max(SMALLEST, triton.next_power_of_2(s)))
    grid = (m, triton.cdiv(windows * c2, COLUMNS), triton.cdiv(s, rows))
    with torch.cuda.device_of(terms):
        _second_block[grid](
            first.to(terms.dtype).contiguous(),
            terms.contiguous(),
            bias.contiguous(),
            second.contiguous(),
            y,
            s,
            c1,
            c2,
            windows * c2,
            ROWS=rows,
            COLUMNS=COLUMNS,
            INNER=min(INNER, max(SMALLEST, triton.next_power_of_2(c1))),
            num_warps=WARPS,
            num_stages=1,  # one turn of the loop: nothing to load ahead
        )
    return y


@triton.jit
def _terms(
    stem_ptr,
    weight_ptr,
    out_ptr,
    m,
    c1,
    c2,
    h,
    w,
    k,
    windows,
    across,
    POSITIONS: tl.constexpr,
    TAPS: tl.constexpr,
    COLUMNS: tl.constexpr,
):
    """Some outputs of a channel of a point: its patches times the channel's weights."""
    plane = tl.program_id(0).to(tl.int64)  # point · C1 + channel
    point, channel = plane // c1, plane % c1
    position = tl.program_id(1) * POSITIONS + tl.arange(0, POSITIONS)[:, None]
    tap = tl.arange(0, TAPS)[None, :]
    column = tl.program_id(2) * COLUMNS + tl.arange(0, COLUMNS)[None, :]
    corner, window = position // windows, position % windows
    y = 2 * (window // across) + corner // 2
    x = 2 * (window % across) + corner % 2
    pixel = (y + tap // k) * w + x + tap % k  # [POSITIONS, TAPS]
    patches = tl.load(
        stem_ptr + plane * h * w + pixel, mask=(position < 4 * windows) & (tap < k * k), other=0.0
    )
    row = tl.arange(0, TAPS)[:, None]
    weights = tl.load(
        weight_ptr + channel * k * k * c2 + row * c2 + column,
        mask=(row < k * k) & (column < c2),
        other=0.0,
    )  # [TAPS, COLUMNS]
    out = tl.dot(patches.to(weights.dtype), weights, input_precision="ieee")
    tl.store(
        out_ptr + (channel * m + point) * 4 * windows * c2 + position * c2 + column,
        out,
        mask=(position < 4 * windows) & (column < c2),
    )


@triton.jit
def _second_block(
    first_ptr,
    terms_ptr,
    bias_ptr,
    second_ptr,
    y_ptr,
    s,
    c1,
    c2,
    width,
    ROWS: tl.constexpr,
    COLUMNS: tl.constexpr,
    INNER: tl.constexpr,
):
    """Some samples and some of a point's outputs: ``width`` windows times channels."""
    point, points = tl.program_id(0).to(tl.int64), tl.num_programs(0)
    row = tl.program_id(2) * ROWS + tl.arange(0, ROWS)[:, None]
    column = tl.program_id(1) * COLUMNS + tl.arange(0, COLUMNS)[None, :]
    # The four products that max-pooling sees. All loads come before them: none waits for another.
    a = tl.zeros((ROWS, COLUMNS), tl.float32)
    b, c, d = a, a, a
    for start in range(0, c1, INNER):
        left = start + tl.arange(0, INNER)[None, :]
        right = start + tl.arange(0, INNER)[:, None]
        mask = tl.load(first_ptr + row * c1 + left, mask=(row < s) & (left < c1), other=0.0)
        pointers = terms_ptr + (right * points + point) * 4 * width + column  # [INNER, COLUMNS]
        ours = (right < c1) & (column < width)
        w = tl.load(pointers, mask=ours, other=0.0)
        x = tl.load(pointers + width, mask=ours, other=0.0)
        y = tl.load(pointers + 2 * width, mask=ours, other=0.0)
        z = tl.load(pointers + 3 * width, mask=ours, other=0.0)
        a = tl.dot(mask, w, a, input_precision="ieee")
        b = tl.dot(mask, x, b, input_precision="ieee")
        c = tl.dot(mask, y, c, input_precision="ieee")
        d = tl.dot(mask, z, d, input_precision="ieee")
    left_pair = tl.maximum(a, b, propagate_nan=tl.PropagateNan.ALL)
    right_pair = tl.maximum(c, d, propagate_nan=tl.PropagateNan.ALL)
    largest = tl.maximum(left_pair, right_pair, propagate_nan=tl.PropagateNan.ALL)
    ours = (row < s) & (column < width)
    bias = tl.load(bias_ptr + column % c2)
    second = tl.load(second_ptr + row * c2 + column % c2, mask=ours, other=0.0)
    out = tl.maximum(largest + bias, 0.0, propagate_nan=tl.PropagateNan.ALL) * second
    tl.store(y_ptr + (row.to(tl.int64) * points + point) * width + column, out, mask=ours)
