"""What all parts share."""

from __future__ import annotations

from pathlib import Path

from gpu_parts.plan import Plan
from gpu_parts.roofline import Ceilings
from gpu_parts.steps import Steps

BFLOAT16 = {part: {"precision": "bfloat16"} for part in ("training", "sampling")}
"""Changes to a scenario's settings."""


class Bench:
    """Plan, device, a folder for random points, the ceilings, and what was measured so far.

    rounds_per_second  by the number of processes, once that was measured
    """

    def __init__(self, plan: Plan, device: str, folder: Path, ceilings: Ceilings) -> None:
        self.plan, self.device, self.folder = plan, device, folder
        self.ceilings = ceilings
        self.rounds_per_second: dict[int, float] = {}
        self._steps: dict[tuple[str, str], Steps] = {}

    @property
    def paper(self) -> bool:
        return self.plan.scale == "paper"

    def steps(self, scenario: str, variant: str = "") -> Steps:
        """The steps of a scenario; variant: "", "bfloat16", or another name for fresh ones."""
        if (scenario, variant) not in self._steps:
            changes = BFLOAT16 if variant == "bfloat16" else None
            self._steps[scenario, variant] = Steps(
                self.plan, scenario, self.device, self.folder, changes
            )
        return self._steps[scenario, variant]

    def points(self) -> dict[str, str]:
        """Where the points of each scenario came from."""
        return {
            scenario: "random" if steps.file.parent == self.folder else str(steps.file)
            for (scenario, variant), steps in self._steps.items()
            if not variant
        }
