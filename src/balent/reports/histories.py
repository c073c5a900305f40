"""Histories of chains as one table: all that figures and accuracy tables read."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from balent.errors import DataError
from balent.loop.history import COLUMNS

KEYS = ("scenario", "method", "seed")
OPTIONAL = ("epistemic", "aleatoric", "label_entropy")
"""Columns that may be empty: nothing is selected in the last round."""


def load_histories(files: Iterable[tuple[str, str, int, str | Path]]) -> pd.DataFrame:
    """Read the histories of chains (scenario, method, seed, path) into one table.

    Columns are ``scenario, method, seed`` and those of a history file (accuracy in [0, 1], nll and
    entropies in nats); chains stand in the order given, rounds in
    ascending order. Raises DataError in one line for a file that is absent or is not a history,
    and for a chain named twice.
    """
    frames, seen = [], set()
    for scenario, method, seed, path in files:
        if (scenario, method, seed) in seen:
            raise DataError(f"{path}: a second history of {scenario}, {method}, seed {seed}")
        seen.add((scenario, method, seed))
        frame = _read(Path(path))
        frame.insert(0, "scenario", scenario)
        frame.insert(1, "method", method)
        frame.insert(2, "seed", seed)
        frames.append(frame)
    if not frames:
        return pd.DataFrame({name: [] for name in (*KEYS, *COLUMNS)})
    return pd.concat(frames, ignore_index=True)


def chain(histories: pd.DataFrame, scenario: str, method: str) -> pd.DataFrame:
    """The rounds of one method in one scenario, all seeds; DataError if there is none."""
    found = histories[(histories["scenario"] == scenario) & (histories["method"] == method)]
    if found.empty:
        raise DataError(
            f"no history of method {method!r} in scenario {scenario!r}; run its chains first"
        )
    return found


def _read(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_csv(path)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: cannot be read as a history ({reason}); run the chain") from None
    if tuple(frame.columns) != COLUMNS:
        raise DataError(
            f"{path}: has columns {','.join(map(str, frame.columns))}; "
            f"a history has {','.join(COLUMNS)}"
        )
    if frame.empty:
        raise DataError(f"{path}: has no round; run the chain again")
    for name in COLUMNS:
        if not pd.api.types.is_numeric_dtype(frame[name]):
            raise DataError(f"{path}: column {name} holds something else than numbers")
        if name not in OPTIONAL and not np.isfinite(frame[name]).all():
            raise DataError(f"{path}: column {name} has an empty or infinite value")
    for wrong, problem in (
        (list(frame["round"]) != list(range(len(frame))), "rounds are not 0, 1, 2, … in order"),
        (not (frame["n_labelled"].diff()[1:] > 0).all(), "n_labelled does not rise"),
        (not frame["accuracy"].between(0, 1).all(), "accuracy is outside [0, 1]"),
    ):
        if wrong:
            raise DataError(f"{path}: {problem}; run the chain again")
    return frame
