"""How long the paper scale takes on 1, 8 and 64 GPUs: its jobs, scheduled on paper.

    python benchmarks/schedule.py [--scale paper] [--granularity auto] [--devices 1 8 64]
        [--reports table1]

The jobs are those of the configured reports; their seconds are the forecasts of balent.resources.
The speed of a GPU behind them (balent.forecast.GPU) is assumed, as START and REPORT are. A GPU runs
one job at a time; data, weights and reports take none. Whenever a GPU is free, the ready job with
the longest path after it starts. Studies are left out: no chain waits for them, and of them only
that of acquisition times takes a GPU, for as long as it measures.
"""

import argparse
import heapq
import statistics
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from balent.budget import label_counts, rounds
from balent.config import Settings, read_yaml, resolve
from balent.config_checks import one_of
from balent.errors import one_line_errors
from balent.layout import feature_set
from balent.resources import Jobs

START = 5.0
"""Seconds until a process computes: 1.2 to 1.8 s on a CPU (docs/performance.md), CUDA assumed."""

REPORT = 10.0
"""Seconds of a report (assumed)."""

STEPS = ("train", "mc_sample", "acquire", "evaluate")


@dataclass(frozen=True)
class Job:
    """A job, the names of those before it, and whether it takes a device."""

    name: str
    seconds: float
    after: tuple[str, ...] = ()
    device: bool = True


def only(settings: Settings, reports: list[str]) -> Settings:
    """The configuration with some of its report items."""
    chosen = {one_of(name, settings.reports, "--reports", "report item") for name in reports}
    kept = {name: item for name, item in settings.reports.items() if name in chosen}
    return replace(settings, reports=kept)


def jobs_of(settings: Settings) -> list[Job]:
    """The jobs of the configured reports, each after those that it waits for."""
    needs = Jobs(settings)
    chains = settings.chains()
    scenarios = {scenario: settings.scenarios[scenario] for scenario, _, _ in chains}
    sets = {feature_set(s) for s in scenarios.values()}
    found = [
        Job(f"data/{name}", START + needs.data(name).seconds, device=False)
        for name in sorted({s["data"] for s in scenarios.values()})
    ]
    for name in sorted(filter(None, sets)):
        data = f"data/{settings.features[name]['data']}"
        found.append(Job(f"{name}/encoder", START + needs.simclr(name).seconds, (data,)))
        found.append(
            Job(f"{name}/features", START + needs.extract(name).seconds, (f"{name}/encoder", data))
        )
    for name in sorted({s["model"]["encoder"]["name"] for s in scenarios.values() if imagenet(s)}):
        found.append(Job(f"weights/{name}", START + needs.weights(name).seconds, device=False))
    ends = {}
    for chain in chains:
        jobs = list(chain_jobs(settings, needs, *chain))
        ends[chain] = jobs[-1].name
        found += jobs
    for name, item in settings.reports.items():
        after = tuple(ends[chain] for chain in settings.chains([item]))
        found.append(Job(f"reports/{name}", REPORT, after, device=False))
    return found


def imagenet(scenario: dict) -> bool:
    return scenario["model"].get("encoder", {}).get("pretrained") == "imagenet"


def chain_jobs(
    settings: Settings, needs: Jobs, scenario: str, method: str, seed: int
) -> Iterator[Job]:
    """The jobs of a chain, one after another: blocks of rounds, or the steps of every round."""
    chosen, chain = settings.scenarios[scenario], f"{scenario}/{method}/{seed}"
    count = rounds(chosen["acquisition"])
    part = "features" if "features" in chosen else "encoder"
    before = (f"data/{chosen['data']}",)
    if (features := feature_set(chosen)) is not None:
        before += (f"{features}/{part}",)
    before += (f"weights/{chosen['model']['encoder']['name']}",) if imagenet(chosen) else ()
    if settings.granularity(scenario) == "blocks":
        size = settings.runtime["rounds_per_job"]
        parts = [
            (f"block{first // size}", needs.rounds(scenario, method, first, first + size))
            for first in range(0, count, size)
        ]
    else:
        parts = [
            (f"round{round}/{step}", needs.step(scenario, method, step, round))
            for round in range(count)
            for step in (STEPS if round < count - 1 else ("train", "evaluate"))
        ]
        parts.append(("history", needs.history(scenario, method)))
    for part, need in parts:
        yield Job(f"{chain}/{part}", START + need.seconds, before)
        before = (f"{chain}/{part}",)


def paths(jobs: list[Job]) -> dict[str, float]:
    """Seconds of the longest path from the start of each job, itself included."""
    after = defaultdict(list)
    for job in jobs:
        for name in job.after:
            after[name].append(job.name)
    longest: dict[str, float] = {}
    for job in reversed(jobs):
        longest[job.name] = job.seconds + max((longest[n] for n in after[job.name]), default=0.0)
    return longest


def schedule(jobs: list[Job], devices: int) -> dict[str, float]:
    """When each job starts: greedy list scheduling, longest path first.

    jobs  each after those that it waits for
    """
    rank, waiting = paths(jobs), {job.name: len(set(job.after)) for job in jobs}
    followers = defaultdict(list)
    for number, job in enumerate(jobs):
        for name in set(job.after):
            followers[name].append(number)
    ready: list[tuple[float, int]] = []  # for a device
    running: list[tuple[float, int]] = []
    starts: dict[str, float] = {}

    def start(number: int, now: float) -> None:
        starts[jobs[number].name] = now
        heapq.heappush(running, (now + jobs[number].seconds, number))

    def release(number: int, now: float) -> None:
        if jobs[number].device:
            heapq.heappush(ready, (-rank[jobs[number].name], number))
        else:
            start(number, now)

    for number, job in enumerate(jobs):
        if not job.after:
            release(number, 0.0)
    now, free = 0.0, devices
    while ready or running:
        while ready and free:
            start(heapq.heappop(ready)[1], now)
            free -= 1
        now = running[0][0]
        while running and running[0][0] == now:
            done = jobs[heapq.heappop(running)[1]]
            free += done.device
            for number in followers[done.name]:
                name = jobs[number].name
                waiting[name] -= 1
                if not waiting[name]:
                    release(number, now)
    return starts


def makespan(jobs: list[Job], starts: dict[str, float]) -> float:
    return max(starts[job.name] + job.seconds for job in jobs)


def step_table(settings: Settings, chains: list[tuple[str, str, int]]) -> Iterator[str]:
    """Seconds behind the schedule: of a scenario's middle round, the mean of its methods."""
    needs = Jobs(settings)
    yield "| scenario | rounds | train | mc_sample | acquire | evaluate |"
    yield "|---|---:|---:|---:|---:|---:|"
    for scenario in dict.fromkeys(scenario for scenario, _, _ in chains):
        labels = label_counts(settings.scenarios[scenario]["acquisition"])
        middle = len(labels) // 2
        methods = sorted({method for s, method, _ in chains if s == scenario})
        seconds = [
            statistics.mean(needs.step(scenario, m, step, middle).seconds for m in methods)
            for step in STEPS
        ]
        times = " | ".join(f"{value:.2f}" for value in seconds)
        yield f"| {settings.scenarios[scenario]['title']} | {len(labels)} | {times} |"


def schedule_table(jobs: list[Job], devices: list[int]) -> Iterator[str]:
    """What the schedules come to."""
    busy = sum(job.seconds for job in jobs if job.device) / 3600
    critical = max(paths(jobs).values()) / 3600
    short = sum(job.seconds < 60 for job in jobs if job.device)
    yield (
        f"{len(jobs)} jobs, {sum(job.device for job in jobs)} of them on a device, {short} of "
        f"these shorter than a minute; {busy:.1f} device-hours; critical path {critical:.1f} h"
    )
    yield ""
    yield "| devices | makespan, h | utilisation | makespan / lower bound |"
    yield "|---:|---:|---:|---:|"
    for count in devices:
        hours = makespan(jobs, schedule(jobs, count)) / 3600
        bound = max(critical, busy / count)
        yield f"| {count} | {hours:.1f} | {busy / count / hours:.0%} | {hours / bound:.3f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", default="paper")
    parser.add_argument("--devices", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--granularity", default="auto", help="as in config.yaml")
    parser.add_argument("--reports", nargs="+", default=["table1"], help="items of config.yaml")
    arguments = parser.parse_args()
    changes = {"scale": arguments.scale, "granularity": arguments.granularity, "device": "cuda"}
    settings = resolve(read_yaml("config.yaml") | changes, read_yaml("config.schema.yaml"))
    settings = only(settings, arguments.reports)
    print(*step_table(settings, settings.chains()), "", sep="\n")
    print(*schedule_table(jobs_of(settings), arguments.devices), sep="\n")


if __name__ == "__main__":
    with one_line_errors("schedule"):
        main()
