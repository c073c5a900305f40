"""Chains of a plan in processes of their own, several at a time.

A process is forked for each chain, from this one, which has imported torch and never uses it: a
start takes no imports, and a chain that fails, or a device's error in it, is no other chain's.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path

from balent.errors import BalentError

FORK = multiprocessing.get_context("fork")
TICK = 1.0
"""Seconds after which a caller hears that nothing ended."""


@dataclass(frozen=True)
class Work:
    """What a process does.

    call  tells whether it is finished; log: a file, to which its output is added
    """

    name: str
    call: Callable[[], bool]
    log: Path


@dataclass(frozen=True)
class Ended:
    """How a work ended: finished; or failed with an error of one line; else it was out of time."""

    name: str
    finished: bool
    error: str = ""


def run(
    works: Iterable[Work], processes: int, deadline: float
) -> Generator[Ended | None, None, None]:
    """Do the works in their order, ``processes`` at a time; none starts after the deadline.

    deadline  as of time.monotonic

    Yields how each of those ended that were started, and None now and then. No process outlives
    this one, or the generator.
    """
    waiting, running = deque(works), dict[Connection, tuple[Work, multiprocessing.Process]]()
    ours = os.pipe()  # (read, write): its end tells the processes that this one is no more
    try:
        while running or (waiting and time.monotonic() < deadline):
            while waiting and len(running) < processes and time.monotonic() < deadline:
                work = waiting.popleft()
                answer, process = _start(work, ours)
                running[answer] = (work, process)
            ready = wait(list(running), TICK)
            ended = [answer for answer in running if answer in ready]
            for answer in ended:
                yield _ended(answer, *running.pop(answer))
            if not ended:
                yield None
    finally:
        for end in ours:
            os.close(end)
        for _, process in running.values():
            process.join()


def _start(work: Work, ours: tuple[int, int]) -> tuple[Connection, multiprocessing.Process]:
    answer, theirs = FORK.Pipe(duplex=False)
    sys.stdout.flush()
    sys.stderr.flush()
    process = FORK.Process(target=_work, args=(work, theirs, *ours))
    process.start()
    theirs.close()
    return answer, process  # type: ignore[return-value]


def _ended(answer: Connection, work: Work, process: multiprocessing.Process) -> Ended:
    try:
        finished, error = answer.recv()
    except EOFError:
        process.join()
        code = process.exitcode or 0
        how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit status {code}"
        finished, error = False, f"its process ended {how} (more in {work.log})"
    process.join()
    return Ended(work.name, finished, error)


def _work(work: Work, answer: Connection, read: int, write: int) -> None:
    """In the process: work, and send (finished, error)."""
    os.close(write)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that started this one
    threading.Thread(target=_end_with, args=[read], daemon=True).start()
    try:
        work.log.parent.mkdir(parents=True, exist_ok=True)
        with open(work.log, "a", encoding="utf-8") as log:
            for stream in (1, 2):
                os.dup2(log.fileno(), stream)
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]  # in order with errors
    except OSError as error:
        answer.send((False, f"{work.log}: {error.strerror}"))
    else:
        answer.send(_outcome(work))


def _outcome(work: Work) -> tuple[bool, str]:
    try:
        return work.call(), ""
    except BalentError as error:
        print(error, file=sys.stderr)
        return False, str(error)
    except Exception as error:
        traceback.print_exc()
        first = str(error).partition("\n")[0]
        return False, f"{type(error).__name__}: {first} (more in {work.log})"


def _end_with(read: int) -> None:
    """End this process when the one that started it has gone: nothing is ever written."""
    os.read(read, 1)
    os._exit(1)
