"""Index roles: which training points are the pool, the validation set, the reference set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from balent.errors import ConfigError
from balent.streams import Streams

ROLES = ("pool", "validation", "unlabelled_reference")
ALWAYS = Streams(0)
"""Roles are a property of the scenario: the same for every seed of its chains."""


@dataclass(frozen=True)
class Roles:
    """Disjoint index sets over x_train, each int64 and ascending.

    pool                  points that may be labelled
    validation            labelled points outside the pool, for early stopping
    unlabelled_reference  points whose labels are never read
    """

    pool: np.ndarray
    validation: np.ndarray
    unlabelled_reference: np.ndarray


def assign(y: np.ndarray, spec: Mapping[str, int | str], streams: Streams = ALWAYS) -> Roles:
    """Draw the roles of the points with labels ``y`` [N] (only their number matters).

    spec: ``{pool: all | int, validation: int, unlabelled_reference: int}``, missing roles being
    all and 0; ``all`` takes what the others leave. Validation and reference set are drawn first, so
    they do not depend on the size of the pool.

    Raises ConfigError for unknown roles, wrong counts, or more points than there are.
    """
    unknown = sorted(set(spec) - set(ROLES))
    if unknown:
        raise ConfigError(f"pool: unknown role {unknown[0]!r} (allowed: {', '.join(ROLES)})")
    reserved = [_count(spec, role) for role in ROLES[1:]]
    pool = len(y) - sum(reserved) if spec.get("pool", "all") == "all" else _count(spec, "pool")
    if pool < 1 or pool + sum(reserved) > len(y):
        wanted = ", ".join(f"{role} {spec[role]}" for role in ROLES if role in spec)
        raise ConfigError(
            f"pool: {wanted} do not fit the {len(y)} training points with at least 1 in the pool; "
            "lower them"
        )
    order = streams.numpy("roles").permutation(len(y))
    ends = np.cumsum([*reserved, pool])
    validation, reference, points, _ = (np.sort(part) for part in np.split(order, ends))
    return Roles(points, validation, reference)


def check(scenario: str, spec: Mapping[str, int | str], method: str, needed: Sequence[str]) -> None:
    """Refuse, by ConfigError, a method that needs an index role that a scenario does not have.

    spec: as for ``assign``; needed: roles besides the pool.
    """
    for role in needed:
        if not spec.get(role):
            raise ConfigError(
                f"scenarios.{scenario}.pool: method {method!r} needs the index role {role!r}, "
                f"which this scenario does not have; add {role}: <number of points>"
            )


def _count(spec: Mapping[str, int | str], role: str) -> int:
    value = spec.get(role, 0)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        allowed = "all or a whole number" if role == "pool" else "a whole number"
        raise ConfigError(f"pool.{role}: {value!r} is not allowed; give {allowed} of points")
    return value
