"""How far the chains of a configuration are, from the files that they leave behind.

Reads ``results/`` and the working files in ``work/`` and writes nothing, so it can be asked at any
time, on the machine that computes or on another one that sees the folder.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from balent import layout
from balent.budget import rounds
from balent.config import Settings
from balent.errors import DataError
from balent.loop.chain import Chain
from balent.loop.history import load_records

WINDOW = 300.0
"""Seconds over which the rate of finished rounds is counted."""

GRACE = 60.0
"""A chain counts as running for so many seconds after its last round, or for five rounds."""


@dataclass(frozen=True)
class ChainProgress:
    """One chain: its rounds in all and done, seconds a round, and when rounds were finished.

    seconds  mean seconds of a round, None before the first
    times    times (as of time.time) at which rounds were finished; of a finished chain only its end
    """

    scenario: str
    method: str
    seed: int
    total: int
    done: int
    seconds: float | None
    times: tuple[float, ...]

    @property
    def finished(self) -> bool:
        return self.done == self.total

    def running(self, now: float) -> bool:
        """Whether a round was finished recently, of a chain that is not finished."""
        if self.finished or not self.times:
            return False
        return now - max(self.times) < max(GRACE, 5 * (self.seconds or 0.0))


@dataclass(frozen=True)
class Summary:
    """Chains and rounds done and in all; chains running; rounds a minute over WINDOW; minutes left.

    minutes_left  at the present number of running chains; None while none is running, or before any
                  round was finished
    """

    chains: tuple[int, int]
    rounds: tuple[int, int]
    running: int
    rate: float
    minutes_left: float | None


def chain_progress(
    settings: Settings, scenario: str, method: str, seed: int, root: Path = Path()
) -> ChainProgress:
    """How far one chain is; ``root`` is the folder that holds results/ and work/."""
    total = rounds(settings.scenarios[scenario]["acquisition"])
    described = Chain.of(settings, scenario, method, seed)
    history = root / layout.chain_results(described.name) / "history.csv"
    run = _run(history.with_name("run.json"))
    chain = json.loads(described.to_json())
    if history.is_file() and run.get("chain", chain) == chain:  # of today's settings
        seconds = sum(run["seconds"].values()) / total if "seconds" in run else None
        times: tuple[float, ...] = (history.stat().st_mtime,)
        return ChainProgress(scenario, method, seed, total, total, seconds, times)
    work = root / layout.chain_work(described.name)
    finished = sorted(work.glob("journal/round_*.npz")) + sorted(work.glob("round*/records.npz"))
    times = tuple(map(_time, finished))
    done = min(len(finished), total - 1) if finished else 0
    seconds = _round_seconds(finished[-1]) if finished else None
    return ChainProgress(scenario, method, seed, total, done, seconds, times)


def summary(chains: Iterable[ChainProgress], now: float | None = None) -> Summary:
    """What the chains add up to; ``now`` as of time.time (default: the present)."""
    chains, now = list(chains), time.time() if now is None else now
    running = [chain for chain in chains if chain.running(now)]
    recent = sum(now - WINDOW < moment <= now for c in running for moment in c.times)
    recent += sum(c.total for c in chains if c.finished and now - WINDOW < c.times[0] <= now)
    return Summary(
        chains=(sum(chain.finished for chain in chains), len(chains)),
        rounds=(sum(chain.done for chain in chains), sum(chain.total for chain in chains)),
        running=len(running),
        rate=recent / (WINDOW / 60),
        minutes_left=_minutes_left(chains, len(running)),
    )


def _minutes_left(chains: list[ChainProgress], running: int) -> float | None:
    """Rounds to do at the mean cost of their scenario and method, else of all known rounds."""
    known = [chain for chain in chains if chain.seconds is not None]
    if not running or not known:
        return None
    everywhere = fmean(chain.seconds for chain in known if chain.seconds is not None)
    of_kind: dict[tuple[str, str], list[float]] = {}
    for chain in known:
        of_kind.setdefault((chain.scenario, chain.method), []).append(chain.seconds or 0.0)
    left = 0.0
    for chain in chains:
        costs = of_kind.get((chain.scenario, chain.method), [everywhere])
        left += (chain.total - chain.done) * fmean(costs)
    return left / running / 60


def _run(path: Path) -> dict:
    """What run.json says; nothing while it is being written."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return {}


def _time(path: Path) -> float:
    """When a file was written; 0 if it was just removed."""
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0


def _round_seconds(entry: Path) -> float | None:
    try:
        return sum(load_records(entry)[-1].seconds)
    except (DataError, OSError):
        return None  # just replaced or removed by the running chain
