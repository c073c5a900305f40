"""The chain of a study that trains a scenario's network once; no torch here: the workflow asks."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from balent.loop.chain import Chain

if TYPE_CHECKING:
    from balent.config import Settings

METHOD = "random"
"""Names the chain: the labelled set is drawn at random, and nothing is acquired."""


def with_sizes(scenario: dict[str, Any], study: dict[str, Any]) -> dict[str, Any]:
    """A scenario's settings with the sizes of a study: labels, samples and test points.

    One copy of the pool, and labels drawn without regard to their classes.
    """
    labels = study["labels"]
    return scenario | {
        "copies": 1,
        "acquisition": scenario["acquisition"]
        | {"initial": labels, "balanced": False, "size": 1, "budget": labels + 1},
        "sampling": scenario["sampling"] | {"samples": study["samples"]},
        "evaluation": scenario["evaluation"] | {"points": study["points"]},
    }


def chain(settings: Settings, name: str) -> Chain:
    """What determines the network of study ``name`` of a resolved configuration."""
    study = settings.studies[name]
    scenario = study["scenario"]
    changed = replace(
        settings,
        scenarios={scenario: with_sizes(settings.scenarios[scenario], study)},
        methods={METHOD: {"function": METHOD, "options": {}}},
    )
    return Chain.of(changed, scenario, METHOD, study["seed"])
