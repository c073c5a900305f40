"""What the benchmark runs: chains and features of config.yaml at a scale, resolved.

A machine without PyYAML and jsonschema reads them from a file that another machine wrote.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from balent.errors import ConfigError
from balent.files import read_json, write_json
from balent.loop.chain import Chain

CONFIG = Path(__file__).parents[2] / "config.yaml"
SCALES = ("paper", "small")
SCENARIOS = ("full_dropout", "full_dropout_released", "fixed_features", "redundant_features")
SIMCLR = {"paper": "simclr32", "small": "simclr"}
"""The feature set whose training is measured: at paper scale that for 32 x 32 pixels."""

SMALL_STEPS = 50
"""Of a training at small scale, which only shows that the script works."""


@dataclass(frozen=True)
class Plan:
    """Resolved settings at a scale.

    seeds   repeats of a chain
    chains  by scenario and method (those of Table 1): as Chain.to_json, for the first seed
    simclr  settings of a feature set; images: its data set
    width   features of a point of the scenarios with fixed features
    """

    scale: str
    seeds: int
    chains: dict[str, dict[str, dict]]
    simclr: dict
    images: str
    width: int

    @property
    def methods(self) -> list[str]:
        return list(self.chains[SCENARIOS[0]])

    def chain(self, scenario: str, method: str) -> Chain:
        return Chain.from_json(json.dumps(self.chains[scenario][method]))


def resolved(scale: str) -> Plan:
    """From config.yaml."""
    from balent.config import read_yaml, resolve
    from balent.models.counts import out_features

    config = read_yaml(CONFIG) | {"scale": scale}
    settings = resolve(config, read_yaml(CONFIG.with_name("config.schema.yaml")))
    seed, methods = settings.seeds[0], settings.reports["table1"]["methods"]
    if scale == "small":
        for scenario in SCENARIOS:
            settings.scenarios[scenario]["training"]["steps"] = SMALL_STEPS
    chains = {
        scenario: {m: json.loads(Chain.of(settings, scenario, m, seed).to_json()) for m in methods}
        for scenario in SCENARIOS
    }
    features = settings.features[settings.scenarios["fixed_features"]["features"]]
    chosen = settings.features[SIMCLR[scale]]
    return Plan(
        scale=scale,
        seeds=len(settings.seeds),
        chains=chains,
        simclr=chosen["simclr"],
        images=chosen["data"],
        width=out_features(features["simclr"]["encoder"]),
    )


def write(path: Path) -> None:
    """Write the plans of all scales."""
    write_json(path, {scale: asdict(resolved(scale)) for scale in SCALES})


def read(path: Path, scale: str) -> Plan:
    """What ``write`` wrote; raises DataError or ConfigError in one line."""
    plans = read_json(path)
    try:
        return Plan(**plans[scale])
    except (TypeError, KeyError):
        raise ConfigError(
            f"{path}: holds no settings of this benchmark at scale {scale}; write them again by "
            "--write-settings"
        ) from None
