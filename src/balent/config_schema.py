"""The configuration against its schema: keys, types and ranges; every refusal is one line."""

from __future__ import annotations

import difflib
import json
import math
import re
from copy import deepcopy
from decimal import Decimal
from functools import cache
from typing import Any

import jsonschema
import yaml

from balent.errors import ConfigError


def check_plain(value: Any, where: str = "") -> None:
    """Refuse, by ConfigError, keys that are not text and numbers that are not finite."""
    if isinstance(value, dict):
        for key, entry in value.items():
            if not isinstance(key, str):
                hint = " (on, off, yes and no are true and false in YAML)" * isinstance(key, bool)
                raise ConfigError(
                    f"{where or 'config'}: the key {key!r} is not text{hint}; write it in quotes"
                )
            check_plain(entry, f"{where}.{key}" if where else key)
    elif isinstance(value, list):
        for i, entry in enumerate(value):
            check_plain(entry, f"{where}.{i}")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{where}: {value} is not allowed; give a finite number")


def check(instance: dict, part: dict, schema: dict, prefix: str = "") -> None:
    """Validate against a part of the schema and fill in defaults; raises ConfigError."""
    rooted = part if part is schema else {**part, "$defs": schema["$defs"]}
    errors = sorted(
        _validator(json.dumps(rooted)).iter_errors(instance), key=lambda e: list(map(str, e.path))
    )
    if errors:
        error = jsonschema.exceptions.best_match(errors)
        where = ".".join(filter(None, [prefix, *map(str, error.absolute_path)])) or "config"
        raise ConfigError(" ".join(f"{where}: {_explain(error)}".split()))


@cache
def _validator(schema_json: str) -> jsonschema.protocols.Validator:
    """A Draft 2020-12 validator that fills in defaults and takes no 1.0 for a whole number."""
    base = jsonschema.Draft202012Validator

    def properties(validator, schemas, instance, schema):
        if isinstance(instance, dict):
            for key, subschema in schemas.items():
                if "default" in subschema:
                    instance.setdefault(key, deepcopy(subschema["default"]))
        yield from base.VALIDATORS["properties"](validator, schemas, instance, schema)

    types = base.TYPE_CHECKER.redefine("integer", lambda _, value: type(value) is int)
    extended = jsonschema.validators.extend(base, {"properties": properties}, type_checker=types)
    return extended(json.loads(schema_json))


def _explain(error: jsonschema.ValidationError) -> str:
    rule, value = error.validator, error.validator_value
    description = error.schema.get("description") if isinstance(error.schema, dict) else None
    if "propertyNames" in error.absolute_schema_path:
        return f"the name {error.instance!r} is not allowed (allowed: {description})"
    if rule == "additionalProperties":
        allowed = list(error.schema.get("properties", {}))
        unknown = sorted(set(error.instance) - set(allowed))[0]
        near = difflib.get_close_matches(unknown, allowed, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        return f"unknown key {unknown!r}{hint} (allowed: {', '.join(allowed)})"
    if rule == "enum":
        return f"{error.instance!r} is not allowed (allowed: {', '.join(map(str, value))})"
    if rule == "type":
        kinds = [value] if isinstance(value, str) else value
        hint = _number_hint(error.instance) if {"integer", "number"} & set(kinds) else ""
        if "array" in kinds:
            hint = _list_hint(error)
        return f"{error.instance!r} is not of type {' or '.join(kinds)}{hint}"
    return error.message + (f" ({description})" if description else "")


def _list_hint(error: jsonschema.ValidationError) -> str:
    """For a scalar in place of a list: the list, if it would be allowed."""
    if error.instance is None:
        return ""
    entries = ", ".join([str(error.instance)] * error.schema.get("minItems", 1))
    try:
        written = yaml.safe_load(f"[{entries}]")
    except yaml.YAMLError:
        return ""
    allowed = _validator(json.dumps(error.schema)).is_valid(written)
    return f"; write {error.absolute_path[-1]}: [{entries}]" * allowed


def _number_hint(value: Any) -> str:
    """For a number that YAML reads as text, such as 1e-3: how to write it."""
    match = re.fullmatch(r"([-+]?[0-9]+)(\.[0-9]*)?([eE][-+]?[0-9]+)?", str(value))
    if not isinstance(value, str) or not match:
        return ""
    plain = format(Decimal(value), "f")
    if not match[3]:
        return f"; write {plain} without quotes"
    power = match[3] if match[3][1] in "+-" else f"e+{match[3][1:]}"
    exponent = f"{match[1]}{match[2] or '.0'}{power}"
    return f"; write {plain} or {exponent}" if len(plain) <= 12 else f"; write {exponent}"
