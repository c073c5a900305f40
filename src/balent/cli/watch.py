"""What is told of a plan while its chains run."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable
from pathlib import Path

from balent.loop import folder
from balent.loop.plan import Planned
from balent.loop.workers import Ended

INTERVAL = 30.0
"""Seconds between two lines."""


class Watch:
    """Counts chains and rounds of a plan in the folder ``out``, and says so on standard error.

    failed  the names of the chains that failed
    """

    def __init__(self, chains: list[Planned], out: Path) -> None:
        self.chains, self.out = {planned.chain.name: planned for planned in chains}, out
        self.failed: set[str] = set()
        self.finished = {name for name in self.chains if self._is_finished(name)}
        self.start, self.before = time.monotonic(), self._done(self.chains)
        self._say(self.line())

    def waiting(self) -> list[Planned]:
        """The chains that neither are finished nor have failed."""
        ended = self.finished | self.failed
        return [planned for name, planned in self.chains.items() if name not in ended]

    def tell(self, ended: Ended | None) -> None:
        """Say how a chain ended; else how far the whole is, if that was not said for a while."""
        if ended is None:
            if time.monotonic() - self.said >= INTERVAL:
                self._say(self.line())
        elif ended.finished:
            self.finished.add(ended.name)
            self._say(f"{ended.name}: finished; {self.line()}")
        elif ended.error:
            self.failed.add(ended.name)
            self._say(f"balent: {ended.name}: {ended.error}")

    def line(self) -> str:
        """Chains and rounds that are finished, of all, and the minutes left at the present rate."""
        done, every = self._done(self.chains), sum(map(self._rounds, self.chains))
        text = f"{len(self.finished)} of {len(self.chains)} chains, {done} of {every} rounds"
        if self.failed:
            text += f", {len(self.failed)} failed"
        names = [planned.chain.name for planned in self.waiting()]
        left = sum(map(self._rounds, names)) - self._done(names)
        if left and done > self.before:
            seconds = (time.monotonic() - self.start) / (done - self.before) * left
            text += f", about {seconds / 60:.1f} min left"
        return text

    def _done(self, names: Iterable[str]) -> int:
        """Rounds of chains that are finished; of a chain that is not, by its journal."""
        return sum(
            self._rounds(name) if name in self.finished else self._begun(name) for name in names
        )

    def _begun(self, name: str) -> int:
        entries = len(list((self.out / name / "journal").glob("round_*.npz")))
        return min(entries, self._rounds(name))

    def _rounds(self, name: str) -> int:
        return len(self.chains[name].chain.sizes)

    def _is_finished(self, name: str) -> bool:
        planned = self.chains[name]
        return folder.is_finished(self.out / name, planned.chain, planned.code)

    def _say(self, text: str) -> None:
        self.said = time.monotonic()
        print(text, file=sys.stderr, flush=True)
