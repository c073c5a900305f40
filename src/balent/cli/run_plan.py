"""``balent run --plan``: the chains of a plan, on a machine with torch, NumPy and SciPy alone."""

from __future__ import annotations

import argparse
import math
import os
import re
import time
from contextlib import closing
from functools import partial
from importlib import import_module
from pathlib import Path

from balent.cli.watch import Watch
from balent.environment import DEVICE, JOBS_PER_GPU
from balent.errors import ConfigError
from balent.loop import folder, plan, workers

AGAIN = os.EX_TEMPFAIL
"""Exit status: time is up and something is left; the same command goes on."""


def run_plan(args: argparse.Namespace) -> None:
    """Run what is not finished of a plan; exit status 1 if a chain failed, AGAIN if time is up."""
    deadline = time.monotonic() + 60 * minutes(args)
    processes = 1 if args.processes is None else args.processes
    if processes < 1:
        raise ConfigError(f"--processes: {processes} is not allowed; give 1 or more")
    data = args.data or Path("data")
    found = plan.read(args.plan)
    set_environment(found, args.device or found.device, processes)
    plan.check_code(found, args.plan)
    plan.check_packages(found, args.plan)
    plan.check_files(found.files, data)
    check_device()
    with folder.alone_in(args.out):
        watch = Watch(found.chains, args.out)
        works = [work(planned, args.out, data, deadline) for planned in watch.waiting()]
        with closing(workers.run(works, processes, deadline)) as events:
            for ended in events:
                watch.tell(ended)
    print(watch.line(), flush=True)
    if watch.waiting():
        print(f"time is up; to go on, repeat the command (exit status {AGAIN})", flush=True)
        raise SystemExit(AGAIN)
    if watch.failed:
        raise SystemExit(1)
    print(f"finished; where the plan was made: balent import {args.out}", flush=True)


def set_environment(found: plan.Plan, device: str, processes: int) -> None:
    """Set how to compute, for torch and NumPy, which read it at their import: here.

    All processes may share one GPU; with several, the first ones take different ones.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", device):
        raise ConfigError(f"--device: {device!r} is not allowed; give auto, cpu, cuda or cuda:N")
    os.environ.update(found.environment | {DEVICE: device, JOBS_PER_GPU: str(processes)})
    import_module("balent.loop.jobs")


def minutes(args: argparse.Namespace) -> float:
    """How long rounds may start; ConfigError for no such time."""
    if args.minutes is None:
        return math.inf
    if not 0 < args.minutes < math.inf:
        raise ConfigError(f"--minutes: {args.minutes:g} is not allowed; give more than 0")
    return args.minutes


def check_device() -> None:
    """Refuse, by ConfigError, a device that is not there, or that chains can not use; a process of
    its own asks for it."""
    asked = workers.Work("device", _usable, Path(os.devnull))
    [ended] = [ended for ended in workers.run([asked], 1, math.inf) if ended]
    if ended.error:
        raise ConfigError(ended.error)


def _usable() -> bool:
    import torch

    from balent import kernels, runtime

    for number in runtime.gpus():
        kernels.check(torch.device("cuda", number))
    return True


def work(planned: plan.Planned, out: Path, data: Path, deadline: float) -> workers.Work:
    """What a process does of a plan: one chain in its folder below ``out``."""
    place = out / planned.chain.name
    encoder = str(data / planned.encoder) if planned.encoder else None
    call = partial(folder.run_in, place, planned.chain, str(data / planned.data), encoder, deadline)
    return workers.Work(planned.chain.name, call, place / "run.log")
