"""Progress bars: tqdm's, or plain lines where tqdm is not installed."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from typing import Any

INTERVAL = 30.0
"""Seconds between two plain lines."""


def bar(iterable: Iterable[Any] | None = None, **options: Any) -> Any:
    """A progress bar with the arguments of tqdm; Lines where tqdm is not installed."""
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        return Lines(iterable, **options)
    return tqdm(iterable, **options)


class Lines:
    """What this package uses of tqdm, as lines on standard error.

    iterable  what to go through, where there is no ``with``
    desc      what is done; unit: what is counted, in the singular
    total     how many in all; initial: at first
    disable   False; else there are no lines: a bar for terminals only (None) is none here
    looks     what only a drawn bar has
    """

    def __init__(
        self,
        iterable: Iterable[Any] | None = None,
        *,
        desc: str = "",
        unit: str = "it",
        total: int | None = None,
        initial: int = 0,
        disable: bool | None = False,
        **looks: Any,
    ) -> None:
        self.iterable, self.desc, self.unit, self.total = iterable, desc, unit, total
        self.count, self.silent = initial, disable is not False
        self.postfix: dict[str, str] = {}
        self.shown = time.monotonic()

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *error: object) -> None:
        return None

    def __iter__(self) -> Iterator[Any]:
        for value in self.iterable or ():
            yield value
            self.update()

    def set_postfix(self, refresh: bool = True, **values: str) -> None:
        """Say these values in the lines that follow."""
        self.postfix = values

    def update(self, n: int = 1) -> None:
        """Count n more; a line at the end, and where the last one was INTERVAL seconds ago."""
        self.count += n
        now = time.monotonic()
        if self.silent or (self.count != self.total and now - self.shown < INTERVAL):
            return
        self.shown = now
        of = "" if self.total is None else f" of {self.total}"
        values = "".join(f", {key} {value}" for key, value in self.postfix.items())
        print(f"{self.desc}: {self.count}{of} {self.unit}s{values}", file=sys.stderr)
        sys.stderr.flush()
