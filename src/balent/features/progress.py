"""How a training of an encoder comes along: a row an epoch, which people can follow."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from balent import files


class Epoch(NamedTuple):
    """What one epoch gave.

    loss               mean NT-Xent of its steps, in nats
    images_per_second  images of the data set, two views of each
    probe              accuracy of a linear probe on held-out images; NaN where none was fitted
    """

    loss: float
    images_per_second: float
    probe: float = math.nan


def write_csv(path: str | Path, epochs: Sequence[Epoch]) -> None:
    """One row for every epoch, atomically; an absent probe is an empty cell."""
    lines = [",".join(("epoch", *Epoch._fields))]
    for number, epoch in enumerate(epochs, 1):
        probe = "" if math.isnan(epoch.probe) else f"{epoch.probe:.4f}"
        lines.append(f"{number},{epoch.loss:.6f},{epoch.images_per_second:.1f},{probe}")
    files.write_text(path, "\n".join(lines) + "\n")


def sentence(epochs: Sequence[Epoch], total: int) -> str:
    """The last of the epochs in words; ``total`` epochs are asked for."""
    last = epochs[-1]
    text = f"epoch {len(epochs)} of {total}: loss {last.loss:.3f}, "
    text += f"{last.images_per_second:.0f} images/s"
    return text if math.isnan(last.probe) else f"{text}, probe {last.probe:.1%}"
