"""Compile the kernels for an H200 on any machine: `python -m kernels.compiling` in tests/.

The functions around the kernels are called, and what they would launch is compiled to machine code.
"""

from __future__ import annotations

from typing import Any

import torch
import triton
from torch import Tensor
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from balent.kernels import convolution, moments
from balent.posterior.accumulator import Accumulator

H200 = GPUTarget("cuda", 90, 32)
SHARED = 227 << 10
"""Bytes of shared memory that a program may have on compute capability 9.0."""

TYPES = {
    torch.float32: "*fp32",
    torch.float64: "*fp64",
    torch.bfloat16: "*bf16",
    torch.bool: "*i1",
}


class Compiled:
    """Stands for a kernel: a launch compiles it with what Triton knows of such arguments."""

    def __init__(self, kernel: Any) -> None:
        self.kernel = kernel

    def __getitem__(self, grid: tuple[int, ...]) -> Compiled:
        return self

    def __call__(self, *values: Any, **options: Any) -> None:
        signature, constants, known = {}, {}, {}
        values = [*values, *(options.pop(p.name) for p in self.kernel.params[len(values) :])]
        for i, (parameter, value) in enumerate(zip(self.kernel.params, values, strict=True)):
            if isinstance(value, Tensor):
                signature[parameter.name] = TYPES[value.dtype]
                known[i,] = [["tt.divisibility", 16]]
            elif parameter.is_constexpr or (value == 1 and not parameter.do_not_specialize):
                signature[parameter.name] = "constexpr"
                constants[parameter.name] = value
            else:
                signature[parameter.name] = "i32"
                if value % 16 == 0 and not parameter.do_not_specialize:
                    known[i,] = [["tt.divisibility", 16]]
        source = ASTSource(self.kernel, signature, constants, known)
        compiled = triton.compile(source, H200, options)
        assert compiled.asm["cubin"]
        assert compiled.metadata.shared <= SHARED
        print(self.kernel.__name__, *signature.values(), *constants.values())


def compile_moments(dtype: torch.dtype, classes: int) -> None:
    sums = Accumulator(classes, 128, torch.device("cpu"))
    sums._add_in_one_pass(torch.empty(7, classes, 128, dtype=dtype))


def compile_block(dtype: torch.dtype, s: int, c1: int, c2: int, size: int, k: int) -> None:
    weight = torch.empty(c1, k * k, c2, dtype=dtype)
    terms = convolution.terms(torch.empty(2, c1, size, size), weight)
    first, second = torch.empty(s, c1), torch.empty(s, c2)
    convolution.second_block(first, terms, torch.empty(c2), second)


def main() -> None:
    moments._add_samples = Compiled(moments._add_samples)
    convolution._terms = Compiled(convolution._terms)
    convolution._second_block = Compiled(convolution._second_block)
    for classes in (2, 10, 100, 3000):
        compile_moments(torch.float32, classes)
    for dtype in (torch.bfloat16, torch.float64):
        compile_moments(dtype, 10)
    for dtype in (torch.float32, torch.bfloat16):
        compile_block(dtype, 100, 32, 64, 12, 5)  # the paper's CNN on MNIST
        compile_block(dtype, 1, 1, 1, 4, 3)
        compile_block(dtype, 130, 40, 70, 9, 2)


if __name__ == "__main__":
    main()
