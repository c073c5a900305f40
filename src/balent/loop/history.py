"""A chain's history: what reports read and all that is kept of a chain.

history.csv and picks.npz hold only what configuration and seed determine, so they can be compared
byte by byte; seconds, memory, device, date and versions go to run.json beside them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from balent.files import load_npz, save_npz, write_text

COLUMNS = (
    "round",
    "n_labelled",
    "accuracy",
    "nll",
    "epistemic",
    "aleatoric",
    "label_entropy",
)
STEPS = ("train", "mc_sample", "acquire", "evaluate")


@dataclass(frozen=True)
class Picks:
    """What a round acquired: pool indices in order of acquisition, and their scores."""

    indices: np.ndarray  # [size] int64
    scores: np.ndarray  # [size] float64


@dataclass(frozen=True)
class Metrics:
    """What a round measured; entropies and negative log-likelihood in nats.

    epistemic and aleatoric are the mean BALD and the mean expected entropy of the acquired points,
    from fresh MC samples of the model that chose them (so that they do not inherit the selection's
    bias); NaN where nothing was acquired. label_entropy is the entropy of the class frequencies in
    the labelled set.
    """

    accuracy: float
    nll: float
    epistemic: float
    aleatoric: float
    label_entropy: float


@dataclass(frozen=True)
class Record:
    """One finished round: the size of its labelled set, its metrics and its picks.

    seconds  per step (STEPS); not part of the history.
    """

    round: int
    n_labelled: int
    metrics: Metrics
    picks: Picks
    seconds: tuple[float, ...] = field(default=(0.0,) * len(STEPS), compare=False)

    def row(self) -> str:
        values = [getattr(self.metrics, column) for column in COLUMNS[2:]]
        cells = ("" if math.isnan(value) else repr(value) for value in values)
        return ",".join([str(self.round), str(self.n_labelled), *cells])


def write_history(records: list[Record], csv: str | Path, picks: str | Path) -> None:
    """Write history.csv and picks.npz (indices, scores, round of each pick)."""
    save_npz(
        picks,
        indices=np.concatenate([r.picks.indices for r in records]),
        scores=np.concatenate([r.picks.scores for r in records]),
        rounds=np.repeat([r.round for r in records], [len(r.picks.indices) for r in records]),
    )
    write_text(csv, "\n".join([",".join(COLUMNS), *(r.row() for r in records)]) + "\n")


def labelled_set(initial: np.ndarray, records: list[Record]) -> np.ndarray:
    """The labelled set after the given rounds, in order of acquisition."""
    return np.concatenate([initial, *(record.picks.indices for record in records)])


def save_records(path: str | Path, records: list[Record], **extra: np.ndarray) -> None:
    """Write finished rounds as a working file (journal entry or block)."""
    save_npz(
        path,
        rounds=np.array([[r.round, r.n_labelled, len(r.picks.indices)] for r in records]),
        metrics=np.array([[getattr(r.metrics, c) for c in COLUMNS[2:]] for r in records]),
        seconds=np.array([r.seconds for r in records]),
        indices=np.concatenate([r.picks.indices for r in records]),
        scores=np.concatenate([r.picks.scores for r in records]),
        **extra,
    )


def load_records(path: str | Path) -> list[Record]:
    """Read what save_records wrote; raises DataError in one line if that is impossible."""
    data = load_npz(path, "rounds", "metrics", "seconds", "indices", "scores")
    ends = np.cumsum(data["rounds"][:, 2])[:-1]
    indices, scores = np.split(data["indices"], ends), np.split(data["scores"], ends)
    return [
        Record(
            round=int(data["rounds"][i, 0]),
            n_labelled=int(data["rounds"][i, 1]),
            metrics=Metrics(*map(float, data["metrics"][i])),
            picks=Picks(indices[i], scores[i]),
            seconds=tuple(map(float, data["seconds"][i])),
        )
        for i in range(len(data["rounds"]))
    ]
