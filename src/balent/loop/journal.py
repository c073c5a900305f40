"""The per-round journal of a block: after a kill exactly the interrupted round is redone.

The journal is a working folder outside the declared outputs (Snakemake deletes those of a killed
job). An entry carries a key that hashes everything its round depends on; an entry with another
key is redone, so that a leftover can never leak into a changed experiment.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from torch import Tensor

from balent.errors import DataError
from balent.files import load_npz, load_tensors, save_tensors
from balent.loop.history import Record, labelled_set, load_records, save_records

State = dict[str, Tensor]


class Journal:
    """Finished rounds of one chain in a folder, one file per round.

    base        hash of what all rounds depend on: chain, code, data, device, torch version
    sizes       number of points that each round acquires
    with_model  keep the last round's weights too (warm start)
    """

    def __init__(self, folder: str | Path, base: str, sizes: list[int], with_model: bool) -> None:
        self.folder, self.base, self.sizes = Path(folder), base, sizes
        self.with_model = with_model

    def key(self, round: int, labelled: np.ndarray) -> np.ndarray:
        """SHA-256 of the base, the round, its size and the labelled set in order, uint8 [32]."""
        digest = hashlib.sha256(f"{self.base} {round} {self.sizes[round]} ".encode())
        digest.update(np.ascontiguousarray(labelled, dtype=np.int64).tobytes())
        return np.frombuffer(digest.digest(), dtype=np.uint8)

    def resume(
        self, initial: np.ndarray, records: list[Record], last: int
    ) -> tuple[list[Record], State | None]:
        """Rounds from len(records) up to ``last`` (not included) that need not be run again.

        Returns the longest run of valid entries and, with warm start, the weights after it.
        """
        found: list[Record] = []
        for round in range(len(records), last):
            record = self._read(round, labelled_set(initial, [*records, *found]))
            if record is None:
                break
            found.append(record)
        if not found or not self.with_model:
            return found, None
        try:
            return found, load_tensors(self._model(found[-1].round))
        except DataError:
            return [], None  # weights of a later round only: the block starts again

    def append(self, labelled: np.ndarray, record: Record, state: Callable[[], State]) -> None:
        """Store a finished round; its weights first, so that an entry never lacks them."""
        if self.with_model:
            save_tensors(self._model(record.round), state())
        save_records(self._entry(record.round), [record], key=self.key(record.round, labelled))
        if self.with_model:
            self._model(record.round - 1).unlink(missing_ok=True)

    def _entry(self, round: int) -> Path:
        return self.folder / f"round_{round:04d}.npz"

    def _model(self, round: int) -> Path:
        return self.folder / f"round_{round:04d}.safetensors"

    def _read(self, round: int, labelled: np.ndarray) -> Record | None:
        path = self._entry(round)
        if not path.exists():
            return None
        try:
            if not np.array_equal(load_npz(path, "key")["key"], self.key(round, labelled)):
                return None
            return load_records(path)[0]
        except DataError:
            return None  # damaged: redone like any round that is not there
