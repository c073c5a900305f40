"""``balent run``: one chain in this process, or those of a plan, without Snakemake."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from balent.cli.run_plan import run_plan
from balent.environment import job_variables
from balent.errors import ConfigError, DataError
from balent.layout import chain_data, chain_encoder, raw
from balent.loop.chain import Chain
from balent.loop.folder import check_folder, run_in

if TYPE_CHECKING:
    from balent.config import Settings

ONE = ("scenario", "method", "seed", "config", "scale")
PLAN = ("data", "processes", "minutes")
"""Arguments that belong to one chain, and to a plan."""


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser of ``balent``."""
    run = commands.add_parser("run", help="run one chain here, or a plan, without Snakemake")
    run.add_argument("--scenario")
    run.add_argument("--method", help="a name under methods: of the configuration")
    run.add_argument("--seed", type=int, help="default: 0")
    run.add_argument("--out", type=Path, required=True, help="folder of the chain's files")
    run.add_argument("--config", type=Path, help="default: config.yaml")
    run.add_argument("--scale", help="small, cpu or paper instead of the configured scale")
    run.add_argument("--device", help="auto, cpu, cuda or cuda:N instead of the configured one")
    run.add_argument("--plan", type=Path, metavar="FILE", help="the chains of balent plan instead")
    run.add_argument("--data", type=Path, help="with --plan: the folder data (default: ./data)")
    run.add_argument("--processes", type=int, help="with --plan: chains at a time (default: 1)")
    run.add_argument("--minutes", type=float, help="with --plan: no round starts after them")
    run.set_defaults(run=run_chains)


def run_chains(args: argparse.Namespace) -> None:
    """Run a plan, or one chain."""
    given = [name for name in (*ONE, *PLAN) if getattr(args, name) is not None]
    strange = [name for name in given if name in (ONE if args.plan else PLAN)]
    if strange:
        remedy = "leave out one of them" if args.plan else "give --plan, or leave it out"
        other = "does not go with --plan" if args.plan else "is for --plan"
        raise ConfigError(f"--{strange[0]}: {other}; {remedy}")
    if args.plan:
        run_plan(args)
    else:
        run_chain(args)


def run_chain(args: argparse.Namespace) -> None:
    """Run one chain of a configuration; it continues where it was interrupted."""
    from balent.cli.check import CONFIG, read_config, schema_file  # a plan needs no configuration
    from balent.config import read_yaml, resolve
    from balent.config_checks import one_of

    for name in ("scenario", "method"):
        if getattr(args, name) is None:
            raise ConfigError(f"--{name}: is not given; name one, or give --plan")
    file, seed = args.config or CONFIG, args.seed or 0
    overrides = {"scale": args.scale, "device": args.device}
    config, _ = read_config(file)
    config |= {k: v for k, v in overrides.items() if v is not None}
    settings = resolve(config, read_yaml(schema_file(file)))
    one_of(args.scenario, settings.scenarios, "--scenario", f"scenario at scale {settings.scale}")
    one_of(args.method, settings.methods, "--method", "method")
    if not 0 <= seed < 1 << 31:
        raise ConfigError(f"--seed: {seed} is not allowed; give 0 to {(1 << 31) - 1}")
    chain = Chain.of(settings, args.scenario, args.method, seed)
    check_folder(args.out, chain)
    data, encoder = inputs(settings, args.scenario)
    os.environ.update(job_variables(settings.runtime))
    run_in(args.out, chain, data, encoder)


def inputs(settings: Settings, scenario: str) -> tuple[str, str | None]:
    """Data and encoder of a scenario; a raw data set that is absent is fetched."""
    data, encoder = chain_data(settings, scenario), chain_encoder(settings, scenario)
    name = settings.scenarios[scenario]["data"]
    if data == raw(name) and not Path(data).exists():
        from balent.data.fetch import fetch
        from balent.data.registry import mirror_folder

        mirror = mirror_folder(settings.runtime["data_mirror"])
        fetch(name, Path(data), mirror=mirror, user=settings.runtime["data_sets"].get(name))
    for path in filter(None, (data, encoder)):
        if not Path(path).exists():
            raise DataError(f"{path}: is not there; make it: snakemake --cores all {path}")
    return data, encoder
