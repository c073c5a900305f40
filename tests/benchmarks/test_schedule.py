"""The list scheduler against brute force on tiny graphs, and the jobs that it is given."""

import runpy
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from balent.config import read_yaml, resolve

ROOT = Path(__file__).parents[2]
MODULE = runpy.run_path(str(ROOT / "benchmarks" / "schedule.py"))
Job, schedule, makespan, paths, jobs_of = (
    MODULE[name] for name in ("Job", "schedule", "makespan", "paths", "jobs_of")
)


def settings(scale, **changes):
    config = read_yaml(ROOT / "config.yaml") | {"scale": scale, "device": "cuda"} | changes
    return resolve(config, read_yaml(ROOT / "config.schema.yaml"))


def tiny(seed, host=True):
    """Five jobs of whole seconds, each after some of those before it."""
    random = np.random.default_rng(seed)
    return [
        Job(
            name=str(number),
            seconds=int(random.integers(1, 9)),
            after=tuple(str(n) for n in range(number) if random.random() < 0.35),
            device=not host or bool(random.random() < 0.8),
        )
        for number in range(5)
    ]


def in_use(jobs, starts, time):
    return sum(
        job.device and starts[job.name] <= time < starts[job.name] + job.seconds for job in jobs
    )


def shortest(jobs, devices):
    """The least makespan: every order, each job as early as the devices allow, gaps included."""
    best = float("inf")
    for order in permutations(jobs):
        starts, ends = {}, {}
        for job in order:
            if not set(job.after) <= set(ends):
                break
            time = max((ends[name] for name in job.after), default=0)
            placed = [j for j in order if j.name in starts]
            while job.device and any(
                in_use(placed, starts, t) >= devices for t in range(time, time + job.seconds)
            ):
                time += 1
            starts[job.name], ends[job.name] = time, time + job.seconds
        if len(ends) == len(jobs):
            best = min(best, *([max(ends.values())]))
    return best


@pytest.mark.parametrize("devices", [1, 2, 3])
@pytest.mark.parametrize("seed", range(12))
def test_a_schedule_is_valid_and_never_idle_in_vain(seed, devices):
    jobs = tiny(seed)
    starts = schedule(jobs, devices)
    ends = {job.name: starts[job.name] + job.seconds for job in jobs}
    for job in jobs:
        ready = max((ends[name] for name in job.after), default=0)
        assert starts[job.name] >= ready
        waits = range(int(ready), int(starts[job.name]))
        assert all(in_use(jobs, starts, time) == devices for time in waits)
    assert all(in_use(jobs, starts, time) <= devices for time in range(int(max(ends.values()))))


@pytest.mark.parametrize("devices", [1, 2, 3])
@pytest.mark.parametrize("seed", range(12))
def test_a_schedule_against_the_best_one(seed, devices):
    """Graham 1966: a list schedule takes at most 2 - 1/m times as long as the best one."""
    jobs = tiny(seed, host=False)
    found, best = makespan(jobs, schedule(jobs, devices)), shortest(jobs, devices)
    assert best <= found <= (2 - 1 / devices) * best
    assert best >= max(paths(jobs).values())
    if devices == 1:
        assert found == best == sum(job.seconds for job in jobs)


def test_the_longest_path_goes_first():
    """Three jobs in a row beside three others: first come first served would take 12 seconds."""
    row = [Job("a", 3), Job("b", 3, ("a",)), Job("c", 3, ("b",))]
    jobs = [Job("x", 3), Job("y", 3), Job("z", 3), *row]
    assert shortest(jobs, 2) == 9
    assert makespan(jobs, schedule(jobs, 2)) == 9
    assert max(paths(jobs).values()) == 9


@pytest.mark.parametrize("scale", ["small", "paper"])
def test_the_jobs_of_the_reports(scale):
    chosen = settings(scale)
    jobs = jobs_of(chosen)
    names = [job.name for job in jobs]
    assert len(set(names)) == len(names)
    for number, job in enumerate(jobs):
        assert set(job.after) <= set(names[:number])
        assert job.seconds > 0
    by_name = dict(zip(names, jobs, strict=True))
    table = by_name["reports/table1"]
    assert len(table.after) == 5 * 7 * len(chosen.seeds)
    assert not table.device
    first = by_name["fixed_features/bald/0/block0"]
    assert set(first.after) == {
        f"data/{'digits' if scale == 'small' else 'cifar100'}",
        "simclr/features",
    }


def test_a_chain_of_single_rounds():
    """Four jobs a round, of which the last only trains and measures; then the history."""
    chosen = settings("paper")
    prefix = "augmented_backbone/badge/1/"
    jobs = [job for job in jobs_of(chosen) if job.name.startswith(prefix)]
    assert set(jobs[0].after) == {"data/tiny_imagenet", "weights/resnet50"}
    assert [job.after for job in jobs[1:]] == [(job.name,) for job in jobs[:-1]]
    assert len(jobs) == 4 * 20 - 2 + 1
    assert [job.name.removeprefix(prefix) for job in jobs[-4:]] == [
        "round18/evaluate",
        "round19/train",
        "round19/evaluate",
        "history",
    ]


def test_blocks_of_a_chain():
    chosen = settings("paper", rounds_per_job=100)
    names = [j.name for j in jobs_of(chosen) if j.name.startswith("full_dropout/bald/0/")]
    assert names == [f"full_dropout/bald/0/block{block}" for block in range(3)]


@pytest.mark.parametrize("scale", ["small", "paper"])
def test_the_tables_of_every_report_item_are_written(scale):
    chosen = settings(scale)
    chains = chosen.chains()
    rows = list(MODULE["step_table"](chosen, chains))
    assert len(rows) == 2 + len({scenario for scenario, _, _ in chains})
    few = MODULE["only"](chosen, ["table1"])
    assert len(few.chains()) == 5 * 7 * 3
    lines = list(MODULE["schedule_table"](jobs_of(few), [1, 2]))
    assert [line.split("|")[1].strip() for line in lines[-2:]] == ["1", "2"]
