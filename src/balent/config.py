"""The configuration: read, validate, resolve to one scale.

This module is read by the Snakefile in every job, so it imports neither torch nor pandas.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from balent import config_checks as checks
from balent.config_schema import check, check_plain
from balent.errors import ConfigError
from balent.reports import item_checks
from balent.reports.kinds import pairs
from balent.studies import kinds as study_kinds

SCALES = ("paper", "cpu", "small")  # the others are patches over paper
RUNTIME = (
    "device",
    "torch_threads",
    "memory_budget_mib",
    "jobs_per_gpu",
    "deterministic",
    "granularity",
    "rounds_per_job",
    "data_mirror",
    "data_sets",
)


@dataclass(frozen=True)
class Settings:
    """A validated configuration at its scale.

    scenarios  resolved settings per scenario that this scale defines
    undefined  title per scenario that this scale does not define
    features   resolved settings per feature set that this scale defines
    methods    {title, function, options} per method name
    reports    report items
    studies    resolved settings per study
    runtime    device, torch_threads, memory_budget_mib, jobs_per_gpu, deterministic,
               rounds_per_job, data_mirror, data_sets
    """

    scale: str
    seeds: tuple[int, ...]
    scenarios: dict[str, dict]
    undefined: dict[str, str]
    features: dict[str, dict]
    methods: dict[str, dict]
    reports: dict[str, dict]
    studies: dict[str, dict]
    runtime: dict[str, Any]

    def granularity(self, scenario: str) -> str:
        """``rounds`` or ``blocks`` for the chains of a scenario."""
        configured = self.runtime["granularity"]
        return self.scenarios[scenario]["granularity"] if configured == "auto" else configured

    def chains(self, items: Iterable[dict] | None = None) -> list[tuple[str, str, int]]:
        """(scenario, method, seed) of the chains that report items read (default: all items)."""
        items = self.reports.values() if items is None else items
        found = {
            (scenario, method, seed)
            for item in items
            for scenario, method in pairs(item)
            if scenario in self.scenarios
            for seed in self.seeds
        }
        return sorted(found)


class UniqueKeys(yaml.SafeLoader):
    """Refuses a key that stands twice in one mapping: the first would be lost in silence."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                problem = f"key {key.value!r} stands twice in one mapping"
                raise yaml.composer.ComposerError(None, None, problem, key.start_mark)
            seen.add(key.value)
        return node


def read_yaml(path: str | Path) -> dict:
    """Read a YAML mapping; raises ConfigError in one line."""
    try:
        value = yaml.load(Path(path).read_text(encoding="utf-8"), UniqueKeys)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; give the path of a config.yaml") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is no text in UTF-8; give the path of a config.yaml") from None
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise ConfigError(f"{path}: is not valid YAML: {problem}") from None
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: must hold a mapping of keys, not a {type(value).__name__}")
    return value


def resolve(config: dict, schema: dict, every_budget: bool = True) -> Settings:
    """Validate a raw configuration and resolve it to its scale; raises ConfigError in one line.

    Blocks of other scales are held against the schema, too. every_budget: refuse an accuracy table
    without sizes for a scenario that the scale defines.
    """
    check_plain(config)
    config = deepcopy(config)
    check(config, schema, schema)
    checks.check_places(config)
    scale, own = config["scale"], config["data_sets"]
    methods = {name: checks.method(name, entry) for name, entry in config["methods"].items()}
    features = {}
    for name, entry in config["features"].items():
        settings = _at_scales(entry, f"features.{name}", "complete_features", schema)
        if scale in settings:
            features[name] = settings[scale]
            checks.check_features(features[name], own, f"features.{name}.{scale}")
    scenarios, undefined = {}, {}
    for name in config["scenarios"]:
        entry = _inherited(name, config["scenarios"])
        settings = _at_scales(entry, f"scenarios.{name}", "complete_scenario", schema)
        if scale in settings:
            scenarios[name] = settings[scale]
            checks.check_scenario(scenarios[name], features, own, f"scenarios.{name}.{scale}")
        else:
            undefined[name] = entry["title"]
    studies = {}
    for name, entry in config["studies"].items():
        kind = entry["paper"]["kind"]
        settings = _at_scales(entry, f"studies.{name}", f"{kind}_study", schema)
        for other in settings:
            study_kinds.check(settings[other], methods, f"studies.{name}.{other}")
        studies[name] = settings[scale]
        where = f"studies.{name}.{scale}"
        checks.check_study_scenario(studies[name], scenarios, undefined, features, own, where)
    every = config["scenarios"]
    item_checks.check_reports(config["reports"], scenarios, every, methods, scale, every_budget)
    item_checks.check_study_reports(config["reports"], studies)
    for entry in own.values():
        entry["path"] = str(Path(entry["path"]).expanduser())
    return Settings(
        scale=scale,
        seeds=tuple(config["seeds"]),
        scenarios=scenarios,
        undefined=undefined,
        features=features,
        methods=methods,
        reports=config["reports"],
        studies=studies,
        runtime={key: config[key] for key in RUNTIME},
    )


def retyped(value: Any) -> Any:
    """A value with every text in it read as YAML: ``["0", "1"]`` becomes ``[0, 1]``."""
    if isinstance(value, Mapping):
        return {key: retyped(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [retyped(entry) for entry in value]
    return yaml.safe_load(value) if isinstance(value, str) else value


def merge_patch(base: Any, patch: Any, keep_null: bool = False) -> Any:
    """RFC 7386: objects merge key by key, null removes a key, anything else replaces.

    keep_null  leave nulls in place: the result is again a patch, both in one
    """
    if not isinstance(patch, dict):
        return deepcopy(patch)
    merged = deepcopy(base) if isinstance(base, dict) else {}
    for key, value in patch.items():
        if value is None and not keep_null:
            merged.pop(key, None)
        else:
            merged[key] = merge_patch(merged.get(key), value, keep_null)
    return merged


def _at_scales(entry: dict, where: str, part: str, schema: dict) -> dict[str, dict]:
    """The complete settings of an entry at every scale that it defines, against the schema."""
    paper = merge_patch({}, entry["paper"])  # without nulls
    found = {}
    for scale in SCALES:
        if scale in entry:
            settings = paper if scale == "paper" else merge_patch(paper, entry[scale])
            found[scale] = deepcopy(settings) | {"title": entry["title"]}
            check(found[scale], schema["$defs"][part], schema, f"{where}.{scale}")
    return found


def _inherited(name: str, scenarios: dict, seen: tuple[str, ...] = ()) -> dict:
    """A scenario over the one it inherits from, scale by scale."""
    if name in seen:
        raise ConfigError(f"scenarios.{name}.inherit: goes round in a circle; remove one of them")
    entry = scenarios[name]
    parent = entry.get("inherit")
    if parent is None:
        return entry
    checks.one_of(parent, scenarios, f"scenarios.{name}.inherit", "scenario")
    base = _inherited(parent, scenarios, (*seen, name))
    own = {key: value for key, value in entry.items() if key != "inherit"}
    return merge_patch(base, own, keep_null=True)
