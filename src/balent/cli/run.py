"""``balent run``: one chain in this process, without Snakemake."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from balent.cli.check import CONFIG, read_config, schema_file
from balent.config import Settings, read_yaml, resolve
from balent.config_checks import one_of
from balent.devices import lock
from balent.environment import job_variables
from balent.errors import ConfigError, DataError
from balent.layout import chain_data, chain_encoder, chain_results, raw
from balent.loop.chain import Chain

LOCK = ".lock"


def add_commands(commands: argparse._SubParsersAction) -> None:
    """Add the command to the parser of ``balent``."""
    run = commands.add_parser("run", help="run one chain here, without Snakemake")
    run.add_argument("--scenario", required=True)
    run.add_argument("--method", required=True, help="a name under methods: of the configuration")
    run.add_argument("--seed", type=int, default=0)
    run.add_argument("--out", type=Path, required=True, help="folder of the chain's files")
    run.add_argument("--config", type=Path, default=CONFIG)
    run.add_argument("--scale", help="small, cpu or paper instead of the configured scale")
    run.add_argument("--device", help="auto, cpu, cuda or cuda:N instead of the configured one")
    run.set_defaults(run=run_chain)


def run_chain(args: argparse.Namespace) -> None:
    """Write history.csv, picks.npz and run.json to the folder, as the workflow's jobs do.

    An interrupted run continues from the journal in the folder.
    """
    overrides = {"scale": args.scale, "device": args.device}
    config, _ = read_config(args.config)
    config |= {k: v for k, v in overrides.items() if v is not None}
    settings = resolve(config, read_yaml(schema_file(args.config)))
    one_of(args.scenario, settings.scenarios, "--scenario", f"scenario at scale {settings.scale}")
    one_of(args.method, settings.methods, "--method", "method")
    if not 0 <= args.seed < 1 << 31:
        raise ConfigError(f"--seed: {args.seed} is not allowed; give 0 to {(1 << 31) - 1}")
    chain = Chain.of(settings, args.scenario, args.method, args.seed)
    check_folder(args.out, chain)
    data, encoder = inputs(settings, args.scenario)

    os.environ.update(job_variables(settings.runtime))
    from balent.loop.jobs import Job, block  # after the environment: torch reads it

    with alone_in(args.out):
        job = Job.start(chain.to_json(), data, encoder)
        out = tuple(str(args.out / name) for name in ("history.csv", "picks.npz", "run.json"))
        block(job, len(chain.sizes), str(args.out / "journal"), None, out)  # type: ignore[arg-type]


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Make a folder and keep other runs out of it; DataError where another one is at work."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = lock(folder / LOCK)
    if handle is None:
        raise DataError(f"--out: another run works in {folder}; wait, or name another folder")
    try:
        yield
    finally:
        os.close(handle)
        if [path.name for path in folder.iterdir()] == [LOCK]:  # nothing was begun
            (folder / LOCK).unlink()
            folder.rmdir()


def check_folder(out: Path, chain: Chain) -> None:
    """Refuse, by DataError, a file or a folder that holds another chain's history."""
    if out.exists() and not out.is_dir():
        raise DataError(f"--out: {out} is a file; name a folder")
    place, results = Path(chain_results(chain.name)).resolve(), Path("results").resolve()
    if out.resolve().is_relative_to(results) and out.resolve() != place:
        raise DataError(f"--out: {out} is not the place of {chain.name}; name a folder elsewhere")
    run = out / "run.json"
    if run.exists():
        try:
            found = json.loads(run.read_text())["chain"]
        except (OSError, ValueError, KeyError, TypeError):
            found = None
        if found != json.loads(chain.to_json()):
            raise DataError(f"--out: {out} holds the results of another chain; name another folder")
    elif (out / "history.csv").exists():
        raise DataError(f"--out: {out} holds a history of unknown origin; name another folder")


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
