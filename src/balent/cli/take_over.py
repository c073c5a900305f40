"""``balent import``: chains that ran elsewhere, handed to the workflow."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from balent import sources
from balent.cli.check import CONFIG, read_config, schema_file
from balent.cli.run import inputs
from balent.config import Settings, read_yaml, resolve
from balent.config_checks import one_of
from balent.environment import DEVICE
from balent.errors import BalentError, ConfigError, DataError
from balent.layout import chain_results, chain_work
from balent.loop import imported
from balent.loop.chain import Chain

BEGUN = (imported.RUN, imported.JOURNAL, "run.log")
"""What a plan's chain leaves in its folder, finished or not."""


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser of ``balent``."""
    found = commands.add_parser("import", help="take over chains that balent run made elsewhere")
    found.add_argument(
        "folders",
        nargs="+",
        type=Path,
        metavar="DIR",
        help="of balent run, of one chain or many",
    )
    found.add_argument("--config", type=Path, default=CONFIG)
    found.set_defaults(run=import_chains)


def import_chains(args: argparse.Namespace) -> None:
    """Check each chain against configuration, code and data, and copy it to the chain's work.

    The chain's job then takes it over instead of computing it. Of several chains those that are
    refused are named, the others imported, and the exit status is 1. Unfinished ones are left out.
    """
    config, _ = read_config(args.config)
    schema = read_yaml(schema_file(args.config))
    resolved: dict[str, Settings] = {}
    results: dict[str, set[str]] = {}
    os.environ[DEVICE] = "cpu"
    folders, refused = list(chain_folders(args.folders)), 0
    for folder in folders:
        try:
            run = imported.read_run(folder)
            scale = run["chain"]["scale"]
            if scale not in resolved:
                resolved[scale] = resolve(config | {"scale": scale}, schema, every_budget=False)
            result = _import(folder, run, resolved[scale])
        except BalentError as error:
            if len(folders) == 1:
                raise
            print(f"balent: {error}", file=sys.stderr, flush=True)
            refused += 1
            continue
        results.setdefault(scale, set()).add(str(result))
        print(f"{folder}: taken", flush=True)
    if not results:
        raise DataError(f"nothing to take over in {', '.join(map(str, args.folders))}")
    overlay = "" if args.config == CONFIG else f" --configfile {args.config}"
    for scale, made in results.items():
        print(
            f"next: snakemake --cores all {' '.join(sorted(made))} --config scale={scale}{overlay}"
        )
    if refused:
        raise SystemExit(1)


def chain_folders(given: Iterable[Path]) -> Iterator[Path]:
    """Each folder of a chain itself; of a plan's folder those of finished chains.

    Others are named on standard output.
    """
    for folder in given:
        below = sorted({path.parent for name in BEGUN for path in folder.glob(f"**/seed*/{name}")})
        if (folder / imported.RUN).exists() or not below:
            yield folder
            continue
        for path in below:
            if (path / imported.RUN).exists():
                yield path
            else:
                print(f"{path}: is not finished; left out", flush=True)


def _import(folder: Path, run: dict[str, Any], settings: Settings) -> Path:
    """Import one folder; the history for which to ask Snakemake."""
    from balent.loop.jobs import Job, code_files  # torch

    named = run["chain"]
    one_of(named["scenario"], settings.scenarios, str(folder / imported.RUN), "scenario")
    one_of(named["method"], settings.methods, str(folder / imported.RUN), "method")
    chain = Chain.of(settings, named["scenario"], named["method"], named["seed"])
    if _in_parts(settings, chain):
        raise ConfigError(
            f"{folder}: the workflow would run {chain.scenario} in several jobs; import it with "
            f"granularity: blocks and rounds_per_job: {len(chain.sizes)} in the configuration"
        )
    imported.compare(chain, sources.digest(code_files(chain.function)), folder, run)
    result = Path(chain_results(chain.name), "history.csv")
    if imported.same(result, folder / result.name):
        return result
    imported.finished(Job.start(chain.to_json(), *inputs(settings, chain.scenario)), folder)
    if result.exists():
        raise DataError(f"{result}: is another result of the chain; remove it to import {folder}")
    target = imported.beside(f"{chain_work(chain.name)}/journal")
    _copy(folder, target)
    return result


def _copy(folder: Path, target: Path) -> None:
    """Copy what is imported, so that there is all of it or nothing."""
    part = target.with_name(".imported.part")
    for old in (part, target):
        shutil.rmtree(old, ignore_errors=True)
    part.mkdir(parents=True)
    for name in imported.FILES:
        shutil.copyfile(folder / name, part / name)
    shutil.copytree(folder / imported.JOURNAL, part / imported.JOURNAL)
    part.rename(target)


def _in_parts(settings: Settings, chain: Chain) -> bool:
    """Whether several jobs of the workflow would make the chain."""
    by_round = settings.granularity(chain.scenario) == "rounds"
    return by_round or len(chain.sizes) > settings.runtime["rounds_per_job"]
