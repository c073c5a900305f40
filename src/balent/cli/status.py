"""``balent status``: how far the chains are that the reports of a target need."""

from __future__ import annotations

import argparse
import time
from itertools import groupby
from pathlib import Path

from balent.cli.check import CONFIG, read_config, schema_file
from balent.config import read_yaml, resolve
from balent.loop.progress import ChainProgress, Summary, chain_progress, summary
from balent.reports.kinds import of_target


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser of ``balent``."""
    status = commands.add_parser("status", help="what is done, running and left, and for how long")
    status.add_argument("config", nargs="?", type=Path, default=CONFIG)
    status.add_argument("--scale", help="look at this scale instead of the configured one")
    status.add_argument(
        "--extra", action="store_true", help="of target extra instead of target all"
    )
    status.set_defaults(run=show_status)


def show_status(args: argparse.Namespace) -> None:
    """Print a line for each scenario and method, and a summary."""
    config, _ = read_config(args.config)
    if args.scale:
        config["scale"] = args.scale
    settings = resolve(config, read_yaml(schema_file(args.config)))
    items = of_target(settings.reports, args.extra).values()
    chains = [chain_progress(settings, *chain) for chain in settings.chains(items)]
    now = time.time()
    width = max((len(chain.scenario) for chain in chains), default=8)
    print(f"{'scenario':{width}}  {'method':20}  chains  running  rounds     s a round")
    for (scenario, method), group in groupby(chains, key=lambda c: (c.scenario, c.method)):
        print(f"{scenario:{width}}  {method:20}  {line(list(group), now)}")
    print(total(settings.scale, summary(chains, now)))


def line(chains: list[ChainProgress], now: float) -> str:
    """The chains of one scenario and method: finished, running, rounds, mean seconds a round."""
    finished, running = sum(c.finished for c in chains), sum(c.running(now) for c in chains)
    done, rounds = sum(c.done for c in chains), sum(c.total for c in chains)
    known = [c.seconds for c in chains if c.seconds is not None]
    seconds = f"{sum(known) / len(known):9.2f}" if known else f"{'-':>9}"
    return f"{finished:>2}/{len(chains):<3}  {running or '-':>7}  {done:>4}/{rounds:<4}  {seconds}"


def total(scale: str, found: Summary) -> str:
    """One line for all chains."""
    parts = [
        f"{scale}: {found.chains[0]} of {found.chains[1]} chains",
        f"{found.rounds[0]} of {found.rounds[1]} rounds",
        f"{found.running} running",
        f"{found.rate:.1f} rounds a minute",
    ]
    if found.minutes_left is not None:
        parts.append(f"about {found.minutes_left:.0f} min left")
    return ", ".join(parts)
