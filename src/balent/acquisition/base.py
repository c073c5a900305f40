"""What an acquisition function gets, and how it is declared.

A method is one function with one ``@register(...)`` whose arguments are literals: the catalogue
(catalog.py) reads them from the source without importing torch, so that the workflow starts fast
and knows which file a method lives in.

Axis letters: N points of the remaining pool, K samples, C classes, D features.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from balent.errors import MethodError

if TYPE_CHECKING:
    from torch import Tensor

    from balent.posterior.moments import Moments

NEEDS = ("moments", "samples", "mean_and_features", "pairs", "labelled_features")
KINDS = ("score", "batch")
MASKS = ("any", "pool")
ROLES = ("validation", "unlabelled_reference")


@dataclass(frozen=True)
class Predictions:
    """What the sampler computed for the remaining pool: only what the method declared.

    n_points  N
    moments   needed by "moments" and "mean_and_features" (mean prediction)
    samples   [N, K, C] probabilities, for "samples"
    features  [N, D] mean penultimate features, for "mean_and_features"
    """

    n_points: int
    moments: Moments | None = None
    samples: Tensor | None = None
    features: Tensor | None = None


@dataclass(frozen=True)
class Context:
    """What a method may use besides predictions: the acquisition stream and what it declared."""

    generator: np.random.Generator
    labelled_features: Tensor | None = None


@dataclass(frozen=True)
class Spec:
    """The declaration of an acquisition function; raises MethodError if it makes no sense.

    name     registry name
    title    name in tables and figures
    kind     "score": f(predictions, context, *, options) -> float64 Tensor [N], larger is sooner;
             "batch": f(predictions, context, size, *, options) -> (indices int64 [size] in order,
             scores float64 [size]), both ndarrays
    needs    what the sampler has to compute (NEEDS); empty: nothing
    masks    "any", or "pool" when joint samples need masks shared by the whole pool
    roles    index roles that a scenario must have besides the pool (ROLES)
    paper    where the definition stands
    cost     arithmetic in N, K, C, D and size
    aliases  other names that find it
    """

    name: str
    title: str
    kind: str
    needs: tuple[str, ...] = ()
    masks: str = "any"
    roles: tuple[str, ...] = ()
    paper: str = ""
    cost: str = ""
    aliases: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for field, values, allowed in (
            ("kind", (self.kind,), KINDS),
            ("needs", self.needs, NEEDS),
            ("masks", (self.masks,), MASKS),
            ("roles", self.roles, ROLES),
        ):
            for value in values:
                if value not in allowed:
                    raise MethodError(
                        f"@register of {self.name!r}: {field}={value!r} is unknown "
                        f"(allowed: {', '.join(allowed)})"
                    )


def register(**declaration: object) -> Callable[[Callable], Callable]:
    """Declare the decorated function as an acquisition function; see Spec for the arguments.

    The declaration is kept as ``function.spec``. Options of the method are the function's
    keyword-only parameters; their defaults are literals.
    """
    spec = Spec(**declaration)  # type: ignore[arg-type]

    def attach(function: Callable) -> Callable:
        function.__dict__["spec"] = spec
        return function

    return attach
