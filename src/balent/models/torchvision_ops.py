"""The one place that imports torchvision, so that it works beside any build of torch.

torchvision's wheel from the package index expects the CUDA build of torch. Beside a CPU build its
compiled extension cannot be loaded, and the import fails for want of the schemas of two operators
that nothing here uses. Only then the two are declared (they have no implementation).
"""

from __future__ import annotations

from functools import cache
from importlib.machinery import EXTENSION_SUFFIXES, ExtensionFileLoader, FileFinder
from importlib.util import find_spec
from types import ModuleType

import torch

SCHEMAS = tuple(
    f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor" for name in ("nms", "qnms")
)


@cache
def import_torchvision() -> ModuleType:
    """The module torchvision; raises ImportError when it is not installed."""
    package = find_spec("torchvision")
    if package is not None and not _load_extension(package.submodule_search_locations or []):
        library = torch.library.Library("torchvision", "FRAGMENT")
        for schema in SCHEMAS:
            library.define(schema)
        _declared.append(library)
    import torchvision

    return torchvision


_declared: list[torch.library.Library] = []
"""Schemas live as long as the library object that declared them."""


def _load_extension(folders: list[str]) -> bool:
    """Load torchvision's operators before its import does; False when that is impossible."""
    for folder in folders:
        extension = FileFinder(folder, (ExtensionFileLoader, EXTENSION_SUFFIXES)).find_spec("_C")
        if extension is not None and extension.origin is not None:
            try:
                torch.ops.load_library(extension.origin)
            except (OSError, RuntimeError):
                return False
            return hasattr(torch.ops.torchvision, "nms")
    return False
