"""How many labels a chain has at each round."""

from __future__ import annotations

from collections.abc import Mapping


def label_counts(acquisition: Mapping[str, int]) -> list[int]:
    """The labelled-set size at every round; the last step may be smaller than the others.

    acquisition: ``initial`` labels, ``size`` new ones a round, ``budget`` labels at the end.
    """
    grid = range(acquisition["initial"], acquisition["budget"], acquisition["size"])
    return [*grid, acquisition["budget"]]


def rounds(acquisition: Mapping[str, int]) -> int:
    """The number of rounds of a chain: trainings from the initial set to the budget."""
    return len(label_counts(acquisition))
