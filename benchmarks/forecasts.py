"""Forecasts of chains against what their runs recorded in results/SCALE/**/run.json.

    python benchmarks/forecasts.py [--scale small] [--results results]

A row for every scenario and kind of device: for each step the measured seconds of a chain, mean of
its chains, and the forecast divided by them; peak memory of the process likewise, with the smallest
and the largest ratio of a chain. The recorded seconds are those of a clock: other work on the
machine counts. Chains whose settings are not those of config.yaml are counted and left out.
"""

import argparse
import json
import statistics
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from balent.budget import label_counts
from balent.config import Settings, read_yaml, resolve
from balent.forecast import MIB
from balent.loop.chain import Chain
from balent.resources import Jobs

STEPS = ("train", "mc_sample", "acquire", "evaluate")


@dataclass(frozen=True)
class Comparison:
    """A chain's forecast and its record: seconds of each step, MiB of memory."""

    scenario: str
    device: str
    forecast: dict[str, float]
    measured: dict[str, float]

    def ratio(self, name: str) -> float:
        return self.forecast[name] / self.measured[name]


def compare(jobs: Jobs, run: dict) -> Comparison:
    """A run record against the forecast for the device that it names."""
    scenario, method = run["chain"]["scenario"], run["chain"]["method"]
    chain = jobs.chain(scenario, method)
    labels = label_counts(chain.settings["acquisition"])
    once = {"mc_sample": chain.mc_sample(), "acquire": chain.acquire()}
    seconds = {name: value * (len(labels) - 1) for name, value in once.items()}
    seconds["train"] = sum(map(chain.train, labels))
    seconds["evaluate"] = chain.evaluate() * len(labels)
    memory = jobs.rounds(scenario, method, 0, len(labels)).size / MIB
    return Comparison(
        scenario,
        run["device"].partition(":")[0],
        seconds | {"memory": memory},
        run["seconds"] | {"memory": run["peak_memory_mib"]},
    )


def current(settings: Settings, run: dict) -> bool:
    """Whether a chain was run with these settings."""
    names = tuple(run["chain"][key] for key in ("scenario", "method", "seed"))
    if names[0] not in settings.scenarios or names[1] not in settings.methods:
        return False
    return json.loads(Chain.of(settings, *names).to_json()) == run["chain"]


def table(found: list[Comparison]) -> Iterator[str]:
    """Rows by scenario and device, in the order of the results."""
    groups = defaultdict(list)
    for each in found:
        groups[each.scenario, each.device].append(each)
    titles = " | ".join(f"{step}, s | ratio" for step in STEPS)
    yield f"| scenario | device | chains | {titles} | peak, MiB | ratio |"
    yield "|---|---|---:|" + "---:|" * 10
    for (scenario, device), chains in groups.items():
        cells = []
        for step in STEPS:
            measured = sum(chain.measured[step] for chain in chains)
            forecast = sum(chain.forecast[step] for chain in chains)
            ratio = f"{forecast / measured:.2f}" if measured else "–"  # random samples nothing
            cells.append(f"{measured / len(chains):.2f} | {ratio}")
        peak = statistics.mean(chain.measured["memory"] for chain in chains)
        ratios = [chain.ratio("memory") for chain in chains]
        cells.append(f"{peak:.0f} | {min(ratios):.2f} to {max(ratios):.2f}")
        yield f"| {scenario} | {device} | {len(chains)} | {' | '.join(cells)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", default="small")
    parser.add_argument("--results", type=Path, default=Path("results"))
    arguments = parser.parse_args()

    @cache
    def settings(device: str) -> Settings:
        changes = {"scale": arguments.scale, "device": device}
        return resolve(read_yaml("config.yaml") | changes, read_yaml("config.schema.yaml"))

    files = sorted((arguments.results / arguments.scale).glob("*/*/seed*/run.json"))
    runs = [json.loads(file.read_text()) for file in files]
    kept = [run for run in runs if current(settings(run["device"]), run)]
    jobs = cache(lambda device: Jobs(settings(device)))
    print(f"{len(kept)} chains; {len(runs) - len(kept)} with other settings left out", "", sep="\n")
    print(*table([compare(jobs(run["device"]), run) for run in kept]), sep="\n")


if __name__ == "__main__":
    main()
