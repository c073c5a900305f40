"""The initial labelled set of a chain."""

from __future__ import annotations

import numpy as np

from balent.errors import ConfigError


def initial_set(
    y_pool: np.ndarray, size: int, balanced: bool, n_classes: int, generator: np.random.Generator
) -> np.ndarray:
    """Draw ``size`` positions of the source pool without repeats: int64 [size], ascending.

    y_pool are the labels of the pool's source points [n_source], without copies; positions lie in
    [0, n_source). Balanced: size / n_classes points of every class, which stands for an annotator
    who begins with examples of each. Size 0 is allowed (EMNIST in 002 starts without labels).

    Raises ConfigError for a size that the pool, or a class of it, does not hold.
    """
    if not 0 <= size <= len(y_pool):
        raise ConfigError(f"initial set: size {size} is not between 0 and the pool's {len(y_pool)}")
    if not balanced:
        return np.sort(generator.permutation(len(y_pool))[:size])
    each, rest = divmod(size, n_classes)
    if rest:
        raise ConfigError(
            f"initial set: balanced size {size} is not a multiple of the {n_classes} classes; "
            f"choose e.g. {size - rest + n_classes}"
        )
    chosen = []
    for label in range(n_classes):
        members = np.flatnonzero(y_pool == label)
        if len(members) < each:
            raise ConfigError(
                f"initial set: {each} points of every class are wanted, but the pool has "
                f"{len(members)} of class {label}; lower the size or set balanced to false"
            )
        chosen.append(generator.permutation(members)[:each])
    return np.sort(np.concatenate(chosen))
