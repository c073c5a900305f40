"""A chain: what determines the bits of a result, and nothing else."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING

from balent.budget import label_counts

if TYPE_CHECKING:
    from balent.config import Settings


@dataclass(frozen=True)
class Chain:
    """One run of the loop: a scenario's settings, a method and a seed.

    method    the name in the configuration; function and options say what it is
    settings  the scenario's settings at its scale, without those that change no result
    """

    scale: str
    scenario: str
    method: str
    seed: int
    settings: dict
    function: str
    options: dict = field(default_factory=dict)
    torch_threads: int = 1

    @classmethod
    def of(cls, settings: Settings, scenario: str, method: str, seed: int) -> Chain:
        """A chain of a resolved configuration."""
        kept = settings.scenarios[scenario].items()
        return cls(
            scale=settings.scale,
            scenario=scenario,
            method=method,
            seed=seed,
            settings={key: value for key, value in kept if key not in ("title", "granularity")},
            function=settings.methods[method]["function"],
            options=settings.methods[method]["options"],
            torch_threads=settings.runtime["torch_threads"],
        )

    @classmethod
    def from_json(cls, text: str) -> Chain:
        """Read what to_json wrote."""
        return cls(**json.loads(text))

    def to_json(self) -> str:
        """One line of JSON; equal chains give equal text."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @property
    def name(self) -> str:
        return f"{self.scale}/{self.scenario}/{self.method}/seed{self.seed}"

    @property
    def label_counts(self) -> list[int]:
        """The labelled-set size at every round."""
        return label_counts(self.settings["acquisition"])

    @property
    def sizes(self) -> list[int]:
        """The number of points that every round acquires; 0 in the last round."""
        counts = self.label_counts
        return [after - now for now, after in zip(counts, [*counts[1:], counts[-1]], strict=True)]

    def without_budget(self) -> Chain:
        """The chain without its end: chains that differ only in budget share their first rounds."""
        sizes = {k: v for k, v in self.settings["acquisition"].items() if k != "budget"}
        return replace(self, settings={**self.settings, "acquisition": sizes})
