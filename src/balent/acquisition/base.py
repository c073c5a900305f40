"""What an acquisition function gets, and how it is declared.

A method is one function with one ``@register(...)`` whose arguments are literals: the catalogue
(catalog.py) reads them from the source without importing torch, so that the workflow starts fast
and knows which file a method lives in.

Axis letters: N points of the remaining pool, K samples, C classes, D features.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from balent.errors import MethodError

if TYPE_CHECKING:
    from torch import Tensor

    from balent.posterior.moments import Moments

NEEDS = ("moments", "samples", "mean_and_features", "pairs", "labelled_features", "reference")
KINDS = ("score", "batch")
MASKS = ("any", "pool")
ROLES = ("validation", "unlabelled_reference")


@dataclass(frozen=True)
class Predictions:
    """What the sampler computed for the remaining pool: only what the method declared.

    n_points  N
    n_samples K, known wherever moments or samples are
    moments   needed by "moments" and "mean_and_features" (mean prediction)
    samples   [N, K, C] probabilities, for "samples" and "pairs"
    features  [N, D] mean penultimate features, for "mean_and_features"
    pairs     [N, K, C] probabilities with an independent second set of masks, for "pairs":
              pair k is sample k of ``samples`` and sample k of ``pairs``
    reference, reference_pairs
              [R, K, C] the same K samples on the unlabelled reference set, for "reference";
              the second only together with "pairs"
    """

    n_points: int
    n_samples: int | None = None
    moments: Moments | None = None
    samples: Tensor | None = None
    features: Tensor | None = None
    pairs: Tensor | None = None
    reference: Tensor | None = None
    reference_pairs: Tensor | None = None


@dataclass(frozen=True)
class Context:
    """What a method may use besides predictions: the acquisition stream and what it declared.

    labelled_features  [L, D] mean penultimate features of the labelled set
    validation_error   error rate on the validation set without dropout, in [0, 1]
    """

    generator: np.random.Generator
    labelled_features: Tensor | None = None
    validation_error: float | None = None


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
    option_needs  (option, need) pairs: a need besides, where the option is not at its default
    allowed  values of options: a tuple of all, or an interval such as "[0, 1)" (options.py)
    least_samples  the fewest samples K that say something; 2 for methods that compare samples
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
    option_needs: tuple[tuple[str, str], ...] = ()
    allowed: dict[str, tuple | str] = field(default_factory=dict)
    least_samples: int = 1

    def __post_init__(self) -> None:
        for what, values, choices in (
            ("kind", (self.kind,), KINDS),
            ("needs", self.needs, NEEDS),
            ("option_needs", [need for _, need in self.option_needs], NEEDS),
            ("masks", (self.masks,), MASKS),
            ("roles", self.roles, ROLES),
        ):
            for value in values:
                if value not in choices:
                    raise MethodError(
                        f"@register of {self.name!r}: {what}={value!r} is unknown "
                        f"(allowed: {', '.join(choices)})"
                    )
        joint = {"pairs", "reference"} & {*self.needs}
        joint |= {"samples"} & {*self.needs} if self.kind == "batch" else set()
        if joint and self.masks != "pool":
            raise MethodError(
                f"@register of {self.name!r}: masks={self.masks!r} cannot serve "
                f"needs={self.needs!r}, the same samples everywhere; write masks='pool'"
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
