"""``balent check``: a configuration, checked at every scale."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import balent
from balent.config import SCALES, Settings, read_yaml, resolve
from balent.errors import ConfigError

CONFIG, SCHEMA = Path("config.yaml"), "config.schema.yaml"


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser of ``balent``."""
    check = commands.add_parser("check", help="check a configuration and say what it defines")
    check.add_argument("config", nargs="?", type=Path, default=CONFIG)
    check.set_defaults(run=check_config)


def check_config(args: argparse.Namespace) -> None:
    """Check a configuration at all scales and print what each defines."""
    config, name = read_config(args.config)
    schema = read_yaml(schema_file(args.config))
    chosen = resolve(config, schema)
    found = {chosen.scale: chosen}
    for scale in SCALES:
        if scale not in found:
            found[scale] = resolve(config | {"scale": scale}, schema, every_budget=False)
    print(f"{name}: valid; scale {chosen.scale}, seeds {list(chosen.seeds)}")
    for settings in found.values():
        print(f"{settings.scale}: {contents(settings)}")
    print(f"methods: {', '.join(chosen.methods)}")
    print(f"reports: {', '.join(chosen.reports)}")


def read_config(path: Path) -> tuple[dict, str]:
    """A raw configuration and what to call it.

    A file without scale, methods or scenarios of its own is laid over ./config.yaml, as Snakemake
    does.
    """
    config = read_yaml(path)
    whole = {"scale", "methods", "scenarios"} <= set(config)
    if whole or path.resolve() == CONFIG.resolve():
        return config, str(path)
    return laid_over(read_yaml(CONFIG), config), f"{path} over {CONFIG}"


def contents(settings: Settings) -> str:
    """The scenarios and feature sets that a scale defines, and the scenarios that it does not."""
    parts: dict[str, Mapping[str, Any]] = {
        "scenarios": settings.scenarios,
        "features": settings.features,
        "not defined": settings.undefined,
    }
    return "; ".join(f"{name} {', '.join(found)}" for name, found in parts.items() if found)


def schema_file(config: Path) -> Path:
    """The schema beside the file, else beside ./config.yaml, else of the project's checkout."""
    checkout = Path(balent.__file__).resolve().parents[2]
    for path in (config.with_name(SCHEMA), CONFIG.with_name(SCHEMA), checkout / SCHEMA):
        if path.is_file():
            return path
    raise ConfigError(f"{config}: no {SCHEMA} beside it; run this in the project's folder")


def laid_over(base: Any, overlay: Any) -> Any:
    """Snakemake's --configfile: mappings merge key by key, anything else replaces."""
    if not isinstance(overlay, Mapping):
        return overlay
    base = base if isinstance(base, Mapping) else {}
    return {**base, **{key: laid_over(base.get(key), value) for key, value in overlay.items()}}
