"""``balent import``: chains that ran elsewhere, handed to the workflow."""

from __future__ import annotations

import argparse
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from balent.cli.check import CONFIG, read_config, schema_file
from balent.cli.run import inputs
from balent.config import Settings, read_yaml, resolve
from balent.config_checks import one_of
from balent.environment import DEVICE
from balent.errors import ConfigError, DataError
from balent.files import read_json
from balent.layout import chain_results, chain_work
from balent.loop.chain import Chain

RUN = "run.json"


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser of ``balent``."""
    found = commands.add_parser("import", help="take over chains that balent run made elsewhere")
    found.add_argument("folders", nargs="+", type=Path, metavar="DIR", help="of balent run --out")
    found.add_argument("--config", type=Path, default=CONFIG)
    found.set_defaults(run=import_chains)


def import_chains(args: argparse.Namespace) -> None:
    """Check each folder against configuration, code and data, and copy it to the chain's work.

    The chain's job then takes it over instead of computing it. Folders before one that is refused
    stay imported.
    """
    config, _ = read_config(args.config)
    schema = read_yaml(schema_file(args.config))
    resolved: dict[str, Settings] = {}
    for folder in args.folders:
        named = _chain(folder)
        scale = named["scale"]
        if scale not in resolved:
            resolved[scale] = resolve(config | {"scale": scale}, schema, every_budget=False)
        print(f"{folder}: {_import(folder, named, resolved[scale])}", flush=True)


def _chain(folder: Path) -> Mapping[str, Any]:
    """What run.json says of the chain."""
    run = read_json(folder / RUN)
    chain = run.get("chain") if isinstance(run, dict) else None
    keys = {"scale", "scenario", "method", "seed"}
    if not isinstance(chain, dict) or not keys <= set(chain):
        raise DataError(f"{folder / RUN}: names no chain; give the folder of balent run --out")
    return chain


def _import(folder: Path, named: Mapping[str, Any], settings: Settings) -> str:
    """Import one folder; what to type next."""
    one_of(named["scenario"], settings.scenarios, str(folder / RUN), "scenario")
    one_of(named["method"], settings.methods, str(folder / RUN), "method")
    chain = Chain.of(settings, named["scenario"], named["method"], named["seed"])
    if _in_parts(settings, chain):
        raise ConfigError(
            f"{folder}: the workflow would run {chain.scenario} in several jobs; import it with "
            f"granularity: blocks and rounds_per_job: {len(chain.sizes)} in the configuration"
        )
    result = f"{chain_results(chain.name)}/history.csv"
    if Path(result).exists():
        return f"{result} is there already; nothing to do"
    data, encoder = inputs(settings, chain.scenario)
    os.environ[DEVICE] = "cpu"
    from balent.loop import imported
    from balent.loop.jobs import Job  # torch

    imported.finished(Job.start(chain.to_json(), data, encoder), folder)
    target = imported.beside(f"{chain_work(chain.name)}/journal")
    part = target.with_name(".imported.part")
    for old in (part, target):
        shutil.rmtree(old, ignore_errors=True)
    part.mkdir(parents=True)
    for name in imported.FILES:
        shutil.copyfile(folder / name, part / name)
    shutil.copytree(folder / imported.JOURNAL, part / imported.JOURNAL)
    part.rename(target)
    return f"checked; next: snakemake --cores all {result} --config scale={chain.scale}"


def _in_parts(settings: Settings, chain: Chain) -> bool:
    """Whether several jobs of the workflow would make the chain."""
    by_round = settings.granularity(chain.scenario) == "rounds"
    return by_round or len(chain.sizes) > settings.runtime["rounds_per_job"]
