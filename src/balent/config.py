"""The configuration: read, validate, resolve to one scale.

This module is read by the Snakefile in every job, so it imports neither torch nor pandas.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from balent.acquisition import catalog
from balent.budget import label_counts
from balent.data.registry import DATASETS
from balent.errors import BalentError, ConfigError
from balent.reports import kinds

SCALES = ("small", "cpu", "paper")


@dataclass(frozen=True)
class Settings:
    """A validated configuration at its scale.

    scenarios  resolved settings per scenario that this scale defines
    undefined  title per scenario that this scale does not define
    features   resolved settings per feature set that this scale defines
    methods    {title, function, options} per method name
    reports    report items
    runtime    device, torch_threads, memory_budget_mib, rounds_per_job, data_mirror, data_sets
    """

    scale: str
    seeds: tuple[int, ...]
    scenarios: dict[str, dict]
    undefined: dict[str, str]
    features: dict[str, dict]
    methods: dict[str, dict]
    reports: dict[str, dict]
    runtime: dict[str, Any]

    def granularity(self, scenario: str) -> str:
        """``rounds`` or ``blocks`` for the chains of a scenario."""
        configured = self.runtime["granularity"]
        return self.scenarios[scenario]["granularity"] if configured == "auto" else configured


def read_yaml(path: str | Path) -> dict:
    """Read a YAML mapping; raises ConfigError in one line."""
    try:
        value = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; give the path of a config.yaml") from None
    except yaml.YAMLError as error:
        problem = " ".join(str(error).split())
        raise ConfigError(f"{path}: is not valid YAML: {problem}") from None
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: must hold a mapping of keys, not a {type(value).__name__}")
    return value


def resolve(config: dict, schema: dict) -> Settings:
    """Validate a raw configuration and resolve it to its scale; raises ConfigError in one line."""
    config = deepcopy(config)
    _check(config, schema, schema)
    scale = config["scale"]
    methods = {name: _method(name, entry) for name, entry in config["methods"].items()}
    features = {
        name: _at_scale(entry, scale) | {"title": entry["title"]}
        for name, entry in config["features"].items()
        if scale in entry
    }
    for name, entry in features.items():
        _check(entry, schema["$defs"]["complete_features"], schema, f"features.{name}.{scale}")
        _known_data(entry["data"], config["data_sets"], f"features.{name}.{scale}.data")
    scenarios, undefined = {}, {}
    for name, entry in config["scenarios"].items():
        entry = _inherited(name, config["scenarios"])
        if scale not in entry:
            undefined[name] = entry["title"]
            continue
        where = f"scenarios.{name}.{scale}"
        settings = _at_scale(entry, scale) | {"title": entry["title"]}
        _check(settings, schema["$defs"]["complete_scenario"], schema, where)
        _check_scenario(settings, features, config["data_sets"], where)
        scenarios[name] = settings
    _check_reports(config["reports"], scenarios, undefined, methods, scale)
    runtime_keys = (
        "device",
        "torch_threads",
        "memory_budget_mib",
        "granularity",
        "rounds_per_job",
        "data_mirror",
        "data_sets",
    )
    return Settings(
        scale=scale,
        seeds=tuple(config["seeds"]),
        scenarios=scenarios,
        undefined=undefined,
        features=features,
        methods=methods,
        reports=config["reports"],
        runtime={key: config[key] for key in runtime_keys},
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


def one_of(value: str, allowed: Iterable[str], where: str, what: str) -> str:
    """Return ``value`` if it is allowed; raises ConfigError naming the nearest and all allowed."""
    allowed = list(allowed)
    if value in allowed:
        return value
    near = difflib.get_close_matches(str(value), allowed, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise ConfigError(
        f"{where}: unknown {what} {value!r}{hint} (allowed: {', '.join(allowed) or 'none'})"
    )


def _at_scale(entry: dict, scale: str) -> dict:
    return merge_patch(entry["paper"], entry[scale]) if scale != "paper" else entry["paper"]


def _inherited(name: str, scenarios: dict, seen: tuple[str, ...] = ()) -> dict:
    """A scenario over the one it inherits from, scale by scale."""
    if name in seen:
        raise ConfigError(f"scenarios.{name}.inherit: goes round in a circle; remove one of them")
    entry = scenarios[name]
    parent = entry.get("inherit")
    if parent is None:
        return entry
    one_of(parent, scenarios, f"scenarios.{name}.inherit", "scenario")
    base = _inherited(parent, scenarios, (*seen, name))
    own = {key: value for key, value in entry.items() if key != "inherit"}
    return merge_patch(base, own, keep_null=True)


def _method(name: str, entry: dict) -> dict:
    where = f"methods.{name}"
    function = entry.get("function", name)
    options = entry.get("options", {})
    try:
        found = catalog.find(function)
        catalog.check_options(function, options)
    except BalentError as error:
        raise ConfigError(f"{where}: {error}") from None
    title = entry.get("title", name)
    return {"title": title, "function": found.spec.name, "options": options}


def _known_data(name: str, own: dict, where: str) -> None:
    one_of(name, [*DATASETS, *own], where, "data set")


def _check_scenario(settings: dict, features: dict, own: dict, where: str) -> None:
    """What the schema cannot say: references between keys, and sizes against the pool."""
    _known_data(settings["data"], own, f"{where}.data")
    if settings.get("features"):
        one_of(settings["features"], features, f"{where}.features", "feature set at this scale")
        source = features[settings["features"]]["data"]
        if source != settings["data"]:
            raise ConfigError(
                f"{where}.features: {settings['features']!r} are features of {source!r}, "
                f"but data is {settings['data']!r}; name features of the same data set"
            )
    model = settings["model"]
    if model["family"] == "backbone" and model["encoder"].get("pretrained") == "simclr":
        one_of(
            model["encoder"].get("features", ""),
            features,
            f"{where}.model.encoder.features",
            "feature set at this scale",
        )
    training = settings["training"]
    if ("epochs" in training) == ("steps" in training):
        raise ConfigError(f"{where}.training: give either epochs or steps, not both or neither")
    sizes = settings["acquisition"]
    if sizes["budget"] <= sizes["initial"]:
        raise ConfigError(
            f"{where}.acquisition.budget: {sizes['budget']} is not above the initial set "
            f"of {sizes['initial']}; raise the budget"
        )
    pool = _pool_size(settings)
    if pool is not None and sizes["budget"] > pool:
        raise ConfigError(
            f"{where}.acquisition.budget: {sizes['budget']} labels exceed the pool of {pool}; "
            "lower the budget or enlarge the pool"
        )


def _pool_size(settings: dict) -> int | None:
    """Points in the pool where the configuration alone says it (not for a user's own data)."""
    count = settings["pool"]["pool"]
    known = DATASETS.get(settings["data"])
    if count == "all":
        if known is None or known.n_train is None:
            return None
        reserved = sum(settings["pool"].get(r, 0) for r in ("validation", "unlabelled_reference"))
        count = known.n_train - reserved
    return count * settings["copies"]


def check_roles(scenario: str, settings: dict, method: str, function: str) -> None:
    """Refuse a method that needs an index role that the scenario does not have."""
    for role in catalog.find(function).spec.roles:
        if not settings["pool"].get(role):
            raise ConfigError(
                f"scenarios.{scenario}.pool: method {method!r} needs the index role {role!r}, "
                f"which this scenario does not have; add {role}: <number of points>"
            )


def _check_reports(
    reports: dict, scenarios: dict, undefined: dict, methods: dict, scale: str
) -> None:
    for name, item in reports.items():
        kinds.check(name, item)
        for scenario in item.get("scenarios", ()):
            one_of(scenario, [*scenarios, *undefined], f"reports.{name}.scenarios", "scenario")
        for method in item.get("methods", ()):
            one_of(method, methods, f"reports.{name}.methods", "method")
            for scenario in item.get("scenarios", ()):
                if scenario in scenarios:
                    check_roles(scenario, scenarios[scenario], method, methods[method]["function"])
        for scenario, counts in item.get("budgets", {}).get(scale, {}).items():
            one_of(scenario, [*scenarios, *undefined], f"reports.{name}.budgets", "scenario")
            grid = label_counts(scenarios[scenario]["acquisition"]) if scenario in scenarios else []
            wrong = [count for count in counts if scenario in scenarios and count not in grid]
            if wrong:
                allowed = ", ".join(
                    map(str, grid if len(grid) <= 20 else [*grid[:9], "…", grid[-1]])
                )
                raise ConfigError(
                    f"reports.{name}.budgets.{scale}.{scenario}: no round has {wrong[0]} labels "
                    f"(allowed: {allowed})"
                )


@cache
def _validator(schema_json: str) -> jsonschema.protocols.Validator:
    """A Draft 2020-12 validator that also fills in the schema's defaults."""
    base = jsonschema.Draft202012Validator

    def properties(validator, schemas, instance, schema):
        if isinstance(instance, dict):
            for key, subschema in schemas.items():
                if "default" in subschema:
                    instance.setdefault(key, deepcopy(subschema["default"]))
        yield from base.VALIDATORS["properties"](validator, schemas, instance, schema)

    return jsonschema.validators.extend(base, {"properties": properties})(json.loads(schema_json))


def _check(instance: dict, part: dict, schema: dict, prefix: str = "") -> None:
    """Validate against a part of the schema; raises ConfigError in one line."""
    rooted = part if part is schema else {**part, "$defs": schema["$defs"]}
    errors = sorted(
        _validator(json.dumps(rooted)).iter_errors(instance), key=lambda e: list(e.path)
    )
    if not errors:
        return
    error = jsonschema.exceptions.best_match(errors)
    where = ".".join(filter(None, [prefix, *map(str, error.absolute_path)])) or "config"
    raise ConfigError(f"{where}: {_explain(error)}")


def _explain(error: jsonschema.ValidationError) -> str:
    rule, value = error.validator, error.validator_value
    if rule == "additionalProperties":
        allowed = list(error.schema.get("properties", {}))
        unknown = sorted(set(error.instance) - set(allowed))[0]
        near = difflib.get_close_matches(unknown, allowed, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"unknown key {unknown!r}{hint} (allowed: {', '.join(allowed)})"
    if rule == "enum":
        return f"{error.instance!r} is not allowed (allowed: {', '.join(map(str, value))})"
    if rule == "type":
        kinds = value if isinstance(value, str) else " or ".join(value)
        return f"{error.instance!r} is not of type {kinds}"
    description = error.schema.get("description") if isinstance(error.schema, dict) else None
    return error.message + (f" ({description})" if description else "")
