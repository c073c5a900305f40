"""Weights from one generator: the global random state is not touched.

A network is built without storage; then every parameter is drawn from the generator: linear layers
and convolutions with bias from PyTorch's default distributions, convolutions without bias (those of
residual networks) from He's, as torchvision does.
"""

from __future__ import annotations

import torch
from torch import nn


def initialise(model: nn.Module, generator: torch.Generator) -> None:
    """Give a model built on the meta device storage and weights, module by module."""
    for module in model.modules():
        _give_storage(module)
        if isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
        elif isinstance(module, nn.Conv2d) and module.bias is None:
            nn.init.kaiming_normal_(
                module.weight, mode="fan_out", nonlinearity="relu", generator=generator
            )
        elif isinstance(module, nn.Conv2d | nn.Linear):
            bound = module.weight[0].numel() ** -0.5  # kaiming_uniform_(a=√5), and the bias's
            for parameter in module.parameters():
                nn.init.uniform_(parameter, -bound, bound, generator=generator)
        elif any(True for _ in module.parameters(recurse=False)):
            raise TypeError(f"no initialisation for the parameters of {type(module).__name__}")
        if isinstance(module, nn.Conv2d):  # as the convolutions here work; faster on a CPU
            module.weight.data = module.weight.data.contiguous(memory_format=torch.channels_last)


def _give_storage(module: nn.Module) -> None:
    """Do what Module.to_empty does; that imports a compiler for meta tensors, 0.25 s a process."""
    for name, parameter in module.named_parameters(recurse=False):
        module.register_parameter(name, nn.Parameter(torch.empty(parameter.shape)))
    for name, buffer in module.named_buffers(recurse=False):
        setattr(module, name, torch.empty(buffer.shape, dtype=buffer.dtype))
