"""``balent plan``: chains resolved to a file, for a machine that runs them without the project."""

from __future__ import annotations

import argparse
import sys
from functools import cache
from itertools import product
from pathlib import Path

from balent import sources
from balent.cli.check import CONFIG, read_config, schema_file
from balent.cli.output import print_table
from balent.config import Settings, read_yaml, resolve
from balent.config_checks import one_of
from balent.environment import DATA_MIRROR, DEVICE, JOBS_PER_GPU, job_variables
from balent.errors import ConfigError, DataError
from balent.files import sha256_file
from balent.layout import chain_data, chain_encoder
from balent.loop.chain import Chain
from balent.loop.plan import Plan, Planned
from balent.overview import overview
from balent.resources import Jobs

DATA = Path("data")

Named = tuple[str, str, int]  # scenario, method, seed


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser of ``balent``."""
    plan = commands.add_parser("plan", help="write chains for a machine without this project")
    plan.add_argument("reports", nargs="*", metavar="REPORT", help="items whose chains are planned")
    plan.add_argument("--scenario", nargs="+", metavar="S", help="of reports: these ones only")
    plan.add_argument("--method", nargs="+", metavar="M", help="of reports: these ones only")
    plan.add_argument("--seed", nargs="+", type=int, metavar="N", help="default: those configured")
    plan.add_argument("--out", type=Path, required=True, metavar="FILE", help="such as plan.json")
    plan.add_argument("--config", type=Path, default=CONFIG)
    plan.add_argument("--scale", help="small, cpu or paper instead of the configured scale")
    plan.add_argument("--device", help="auto, cpu, cuda or cuda:N instead of the configured one")
    plan.set_defaults(run=write_plan)


def write_plan(args: argparse.Namespace) -> None:
    """Write the plan, and say what has to be copied to the machine that will run it."""
    if args.out.is_dir():
        raise DataError(f"--out: {args.out} is a folder; name a file")
    overrides = {"scale": args.scale, "device": args.device}
    config, _ = read_config(args.config)
    config |= {key: value for key, value in overrides.items() if value is not None}
    settings = resolve(config, read_yaml(schema_file(args.config)), every_budget=False)
    plan = plan_of(settings, chosen(settings, args))
    plan.write(args.out)
    describe(plan, args.out)


def chosen(settings: Settings, args: argparse.Namespace) -> list[Named]:
    """The chains that the arguments name, each once."""
    for name in args.reports:
        one_of(name, settings.reports, "REPORT", "report")
    for name in args.scenario or ():
        one_of(name, settings.scenarios, "--scenario", f"scenario at scale {settings.scale}")
    for name in args.method or ():
        one_of(name, settings.methods, "--method", "method")
    for seed in args.seed or ():
        if not 0 <= seed < 1 << 31:
            raise ConfigError(f"--seed: {seed} is not allowed; give 0 to {(1 << 31) - 1}")
    if args.reports:
        return of_reports(settings, args)
    if not (args.scenario and args.method):
        raise ConfigError("REPORT: none is given; name some, or give --scenario and --method")
    seeds = args.seed or settings.seeds
    return list(dict.fromkeys(product(args.scenario, args.method, seeds)))


def of_reports(settings: Settings, args: argparse.Namespace) -> list[Named]:
    """The chains of report items, and of items that these collect, without those left out."""
    items = [item for item in overview(settings) if item.name in args.reports]
    parts = frozenset().union(*(item.parts for item in items))
    found = [
        (scenario, method, seed)
        for scenario, method, seed in sorted(part[1:] for part in parts if part[0] == "chain")
        if (args.scenario is None or scenario in args.scenario)
        and (args.method is None or method in args.method)
        and (args.seed is None or seed in args.seed)
    ]
    if not found:
        raise ConfigError(
            f"REPORT: {', '.join(args.reports)} at scale {settings.scale} needs no chain that the "
            "other arguments allow; see balent reports"
        )
    for option, place in (("scenario", 0), ("method", 1), ("seed", 2)):
        for name in getattr(args, option) or ():
            if name not in {named[place] for named in found}:
                warn(f"--{option}: no chain of {', '.join(args.reports)} has {name}")
    return found


def plan_of(settings: Settings, named: list[Named]) -> Plan:
    """The plan of chains (scenario, method, seed) of a configuration."""
    from balent.loop.jobs import code_files  # torch

    jobs, code = Jobs(settings), cache(lambda function: sources.digest(code_files(function)))
    chains = []
    for name in named:
        chain = Chain.of(settings, *name)
        encoder = chain_encoder(settings, chain.scenario)
        planned = Planned(
            chain=chain,
            data=_below_data(chain_data(settings, chain.scenario)),
            encoder=encoder and _below_data(encoder),
            code=code(chain.function),
            seconds=jobs.rounds(chain.scenario, chain.method, 0, len(chain.sizes)).seconds,
        )
        chains.append(planned)
    used = sorted({name for planned in chains for name in (planned.data, planned.encoder) if name})
    own = (DEVICE, JOBS_PER_GPU, DATA_MIRROR)  # of the machine that runs the plan
    variables = job_variables(settings.runtime).items()
    return Plan(
        chains=chains,
        files={name: _facts(DATA / name) for name in used},
        device=settings.runtime["device"],
        environment={name: value for name, value in variables if name not in own},
    )


def describe(plan: Plan, path: Path) -> None:
    """Print what the plan holds, what its machine needs, and what to do there."""
    count = sum(len(planned.chain.sizes) for planned in plan.chains)
    seconds = sum(planned.seconds for planned in plan.chains)
    unit = "a GPU (speed assumed)" if plan.device.startswith("cuda") else "one core"
    chains = f"{len(plan.chains)} chain{'s' * (len(plan.chains) > 1)}"
    print(f"{path}: {chains}, {count} rounds, about {seconds:,.0f} s on {unit}")
    others = {name for planned in plan.chains for name in planned.packages}
    print(f"needs Python 3.11 or later with {', '.join(['torch, NumPy, SciPy', *sorted(others)])}")
    rows = [("to copy", "MB"), (_shown(sources.PACKAGE), ""), (str(path), "")]
    for name, facts in plan.files.items():
        rows.append((str(DATA / name), f"{facts['size'] / 1e6:.1f}" if facts else "?"))
    print_table(rows)
    print(f"there: PYTHONPATH=src python3 -m balent run --plan {path.name} --out out")
    for name in (name for name, facts in plan.files.items() if facts is None):
        file = DATA / name
        warn(f"{file} is not here to be copied; snakemake --cores all {file} makes it")


def warn(text: str) -> None:
    """Say on standard error what does not stop the command."""
    print(f"balent: warning: {text}", file=sys.stderr)


def _below_data(path: str) -> str:
    return Path(path).relative_to(DATA).as_posix()


def _facts(file: Path) -> dict[str, int | str] | None:
    if not file.is_file():
        return None
    return {"size": file.stat().st_size, "sha256": sha256_file(file)}


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here) if path.is_relative_to(here) else path)
