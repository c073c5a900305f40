"""Rates that the device reaches: a copy of its memory, and large products of random matrices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from gpu_parts.device import seconds
from gpu_parts.figures import Figure
from gpu_parts.roofline import Ceilings

COPIED = {"paper": 4 << 30, "small": 4 << 20}
"""Bytes: far more than caches hold."""

SIDE = {"paper": 8192, "small": 128}
PRODUCTS = 10
"""Of a measurement, one after another."""


def measure(scale: str, device: str) -> tuple[Ceilings, list[Figure]]:
    """The rates, and lines that show them."""
    rates = {"copy": _copy(scale, device)}
    for name, dtype, precision in (
        ("float32", torch.float32, "highest"),
        ("tf32", torch.float32, "high"),
        ("bfloat16", torch.bfloat16, "highest"),
    ):
        with _products_in(precision):
            rates[name] = _product(scale, dtype, device)
    side = SIDE[scale]
    figures = [Figure("copy, bytes read and written", rates["copy"], "bytes/s")]
    for name in ("float32", "tf32", "bfloat16"):
        figures.append(Figure(f"product {side} x {side}, {name}", rates[name], "operations/s"))
    return Ceilings(**rates), figures


def _copy(scale: str, device: str) -> float:
    source = _random(COPIED[scale] // 4, 1, torch.float32, device)
    target = torch.empty_like(source)
    return 2 * source.nbytes / seconds(lambda: target.copy_(source), device, scale)


def _product(scale: str, dtype: torch.dtype, device: str) -> float:
    side = SIDE[scale]
    a, b = (_random(side, side, dtype, device) for _ in range(2))
    out = torch.empty_like(a)

    def products() -> None:
        for _ in range(PRODUCTS):
            torch.mm(a, b, out=out)

    return PRODUCTS * 2 * side**3 / seconds(products, device, scale)


def _random(rows: int, columns: int, dtype: torch.dtype, device: str) -> Tensor:
    generator = torch.Generator(device).manual_seed(0)
    return torch.randn(rows, columns, generator=generator, device=device, dtype=dtype)


@contextmanager
def _products_in(precision: str) -> Iterator[None]:
    """torch.set_float32_matmul_precision for a while; "high" is TF32 on a GPU."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
