"""How points are predicted: the arguments of a posterior's predictions."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import torch

from balent.errors import InputError
from balent.streams import Streams

SCOPES = ("pool", "batch", "point")
KEEP = ("moments", "samples", "features")
PRECISIONS = ("float32", "bfloat16")


@dataclass(frozen=True)
class Sampling:
    """K Monte-Carlo samples of points.

    samples        K, at least 1
    mask_scope     which points see the same K functions: of the whole call ("pool"), of a run of
                   1,024 points ("batch"), or none ("point")
    streams        and stream_name: the stream that the samples draw from
    keep           what to compute: "moments"; "samples", float32 [N, K, C]; "features", float32
                   [N, D], the mean input of the last layer
    memory_budget  bytes for what is neither input nor output; no bit depends on it
    precision      of products and convolutions, "float32" or "bfloat16"; probabilities and moments
                   are computed in float64 of what these give

    Raises InputError for values that are not allowed.
    """

    samples: int
    mask_scope: str
    streams: Streams
    stream_name: str
    keep: Collection[str]
    memory_budget: int
    precision: str = "float32"

    def __post_init__(self) -> None:
        if self.samples < 1:
            raise InputError(f"samples is {self.samples}; give at least 1")
        for name, allowed in (("mask_scope", SCOPES), ("precision", PRECISIONS)):
            value = getattr(self, name)
            if value not in allowed:
                raise InputError(f"{name} is {value!r}; allowed: {', '.join(allowed)}")
        if not self.keep or set(self.keep) - set(KEEP):
            raise InputError(
                f"keep is {sorted(self.keep)}; allowed: one or more of {', '.join(KEEP)}"
            )

    def generator(self, number: int, device: torch.device) -> torch.Generator:
        """The generator of a tile or group of points, on the device that uses what it draws.

        A CPU and a GPU draw different numbers from the same stream.
        """
        return self.streams.torch(self.stream_name, number, device=device)
