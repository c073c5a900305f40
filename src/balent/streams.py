"""Named random streams: one seed feeds them all, and no global random state is read or set.

Two streams of one seed are independent (numpy.random.SeedSequence with a spawn key); a stream
is addressed by its name and a path of integers, for example the round and the tile.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

NAMES = (
    "roles",
    "initial",
    "weights",
    "loader",
    "dropout",
    "masks",
    "evaluation",
    "acquisition",
    "noise",
    "augmentation",
    "simclr",
)
"""The streams; append only: the position of a name is part of what it draws."""


@dataclass(frozen=True)
class Streams:
    """The random streams of one seed, optionally below a path (such as a round)."""

    seed: int
    path: tuple[int, ...] = ()

    def at(self, *path: int) -> Streams:
        """The streams below ``path``, for example those of one round."""
        return Streams(self.seed, (*self.path, *path))

    def sequence(self, name: str, *path: int) -> np.random.SeedSequence:
        """The SeedSequence of a stream; raises ValueError for a name not in NAMES."""
        return np.random.SeedSequence(self.seed, spawn_key=(NAMES.index(name), *self.path, *path))

    def numpy(self, name: str, *path: int) -> np.random.Generator:
        """A NumPy generator at the start of the stream."""
        return np.random.Generator(np.random.PCG64(self.sequence(name, *path)))

    def torch(self, name: str, *path: int, device: str | torch.device = "cpu") -> torch.Generator:
        """A torch generator on ``device`` at the start of the stream.

        On a CPU torch keeps 32 bits of a seed, so there two of a run's streams are equal with a
        probability of 2⁻³² a pair.
        """
        import torch

        state = self.sequence(name, *path).generate_state(2, np.uint32)
        generator = torch.Generator(device=device)
        generator.manual_seed(int(state[0]) << 31 | int(state[1]) >> 1)
        return generator
