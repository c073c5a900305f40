"""Every figure of a GPU: rates it reaches, rounds, acquisitions, whole columns, SimCLR.

    python benchmarks/gpu.py [--parts rounds features ...] [--minutes 8] [--json gpu.json]
    python benchmarks/gpu.py --write-settings settings.json      # where PyYAML and jsonschema are
    python benchmarks/gpu.py --settings settings.json            # on a machine without them
    python benchmarks/gpu.py --device cpu --small                # that the script works, no result

ceilings    always: a copy of device memory, large products of random matrices
rounds      a round of MNIST at the paper's and the released training settings; bfloat16; steps that
            are not captured; deterministic algorithms
features    CIFAR-100 with fixed features, once and three times: mc_sample, acquire, training
sharing     rounds a second of 1, 2, 4 and 8 processes
projection  columns of Table 1, computed from measured steps
simclr      images a second of SimCLR's training at 32 x 32 pixels

Images are real where data/raw or BALENT_DATA_MIRROR has them, else random; features are random. A
figure stands beside its target and beside what operations and bytes allow (gpu_parts/roofline.py).
A part that fails is named and the others go on; the exit status is then 1, as when time was up.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gpu_parts import ceilings, features, plan, projection, rounds, sharing, simclr
from gpu_parts.bench import Bench
from gpu_parts.device import describe
from gpu_parts.figures import Figure, table
from gpu_parts.steps import METHOD

from balent import environment, runtime, sources
from balent.errors import ConfigError, one_line_errors
from balent.files import write_json
from balent.loop.jobs import code_files

PARTS: dict[str, tuple[Callable[[Bench], Iterator[Figure]], ...]] = {
    "rounds": (rounds.paper, rounds.released, rounds.bfloat16, rounds.eager, rounds.deterministic),
    "features": (features.choosing, features.bfloat16, features.training),
    "sharing": (sharing.throughput,),
    "projection": (projection.float32, projection.bfloat16),
    "simclr": (simclr.training, simclr.compiled),
}
SMALL = "small sizes: shows that the script works, no result"


@dataclass
class Report:
    """What was measured and what was not, by part."""

    figures: dict[str, list[Figure]]
    seconds: dict[str, float] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    not_run: list[str] = field(default_factory=list)

    def add(self, part: str, figure: Figure) -> None:
        self.figures.setdefault(part, []).append(figure)
        print(f"{part:10}  {'  '.join(figure.cells())}", flush=True)

    def to_json(self) -> dict[str, Any]:
        parts = {part: [f.to_json() for f in found] for part, found in self.figures.items()}
        own = {key: getattr(self, key) for key in ("seconds", "errors", "not_run")}
        return {"parts": parts} | own


def run(parts: list[str], bench: Bench, report: Report, end: float, write: Callable) -> None:
    """Measure parts, until the clock (time.monotonic) says ``end``; ``write`` after each piece."""
    for part in parts:
        start = time.monotonic()
        for piece in PARTS[part]:
            name = f"{part}: {piece.__name__}"
            try:
                for figure in piece(bench) if time.monotonic() < end else ():
                    report.add(part, figure)
                    if time.monotonic() > end:
                        break
            except Exception as error:  # the other pieces are still worth their time
                traceback.print_exc()
                report.errors.append(f"{name}: {type(error).__name__}: {error}")
            if time.monotonic() > end:
                report.not_run.append(f"{name} (not at all, or not to its end)")
            report.seconds[part] = time.monotonic() - start
            write()


def provenance(device: str, scale: str) -> dict[str, Any]:
    """Device, date and versions."""
    digest = sources.digest(code_files(METHOD))
    return {"scale": scale, **runtime.describe(device, digest), **describe(device)}


def measure(arguments: argparse.Namespace) -> bool:
    """Run the parts and print what came out; False where something is missing."""
    if arguments.json and (arguments.json.exists() or not arguments.json.parent.is_dir()):
        raise ConfigError(
            f"--json: {arguments.json} is there already, or its folder is not; name another file"
        )
    end = time.monotonic() + 60 * arguments.minutes
    scale = "small" if arguments.small else "paper"
    file = arguments.settings
    try:
        chosen = plan.read(file, scale) if file else plan.resolved(scale)
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"needs the package {error.name}, which is not installed here; give --settings FILE, "
            "which --write-settings FILE writes where it is"
        ) from None
    os.environ[environment.DEVICE] = arguments.device
    device = runtime.start(chosen.chain(rounds.SCENARIO, METHOD).torch_threads)
    where = provenance(device, scale)
    print(f"{where['device_name']}, torch {where['packages']['torch']}, {where['date']}")
    with tempfile.TemporaryDirectory() as folder:
        rates, lines = ceilings.measure(scale, device)
        bench, report = Bench(chosen, device, Path(folder), rates), Report({})
        for line in lines:
            report.add("ceilings", line)

        def write() -> None:
            if arguments.json:
                found = {"provenance": where, "ceilings": asdict(rates), "points": bench.points()}
                note = {"note": SMALL} if arguments.small else {}
                write_json(arguments.json, note | found | report.to_json())

        write()
        run(arguments.parts, bench, report, end, write)
    print("", *summary(report, arguments.small), sep="\n")
    return not (report.errors or report.not_run)


def summary(report: Report, small: bool) -> Iterator[str]:
    """The short table: rates, figures with a target or a ceiling, and what is missing."""
    every = [figure for found in report.figures.values() for figure in found]
    if small:
        yield f"{SMALL}\n"
    yield from table(f for f in every if f.unit != "s" or f.target or f.attainable)
    yield from (f"failed: {line}" for line in report.errors)
    yield from (f"time was up: {line}" for line in report.not_run)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--device", default="cuda", help="cuda, cuda:N or cpu")
    parser.add_argument("--small", action="store_true", help="tiny sizes, in under a minute")
    parser.add_argument("--minutes", type=float, default=8.0, help="after which no part begins")
    parser.add_argument("--json", type=Path, help="file for all figures, with provenance")
    parser.add_argument("--settings", type=Path, help="what --write-settings wrote elsewhere")
    parser.add_argument("--write-settings", type=Path, help="write resolved settings, and end")
    arguments = parser.parse_args()
    if arguments.write_settings:
        plan.write(arguments.write_settings)
        return
    if arguments.minutes <= 0:
        raise ConfigError(f"--minutes: {arguments.minutes} is not allowed; give more than 0")
    if arguments.device == "cpu" and not arguments.small:
        raise ConfigError("--device cpu: paper scale takes a GPU; add --small")
    sys.exit(not measure(arguments))


if __name__ == "__main__":
    try:
        with one_line_errors("gpu"):
            main()
    except KeyboardInterrupt:
        print("gpu: interrupted; the figures so far are in --json", file=sys.stderr)
        sys.exit(130)
