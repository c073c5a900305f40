"""Bayesian active learning: acquisition functions, samplers and a reproducible pipeline.

The public face is ``balent.methods()``, ``balent.score(...)`` and ``balent.select(...)``;
it is loaded on first use, so that light-weight parts start without importing torch.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from balent.api import methods, score, select

__version__ = "0.1.0"
__all__ = ["__version__", "methods", "score", "select"]


def __getattr__(name: str):
    if name in ("methods", "score", "select"):
        return getattr(importlib.import_module("balent.api"), name)
    raise AttributeError(f"module 'balent' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
