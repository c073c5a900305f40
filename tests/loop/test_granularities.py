"""Many rounds in one process, in several blocks, or one job a step: the same bytes."""

import pytest

from balent.loop import jobs
from balent.loop.jobs import Job

from .conftest import ROLES, SETTINGS

METHODS = {
    "full_dropout": "balentacq",
    "fixed_features": "badge",
    "redundant_features": "power_bald",
    "pretrained_backbone": "mean_sd",
    "augmented_backbone": "random",
}
WITH_ROLES = {  # methods that need more than moments and features, with options
    "balance": {"tau": 0.05},
    "balance_partition": {"divisor": 8},
    "batch_balance": {"divisor": 8},
    "batchbald": {"configurations": 1000},
    "coremse": {},
    "coreset": {},
}
OUT = ("history.csv", "picks.npz", "run.json")


def in_one_block(job: Job, folder) -> list[bytes]:
    out = tuple(str(folder / name) for name in OUT)
    jobs.block(job, len(job.problem.chain.label_counts), str(folder / "journal"), None, out)
    return [(folder / name).read_bytes() for name in OUT[:2]]


def in_blocks_of_one(start, folder) -> list[bytes]:
    previous, last = None, len(start().problem.chain.label_counts)
    for number in range(1, last):
        out = str(folder / f"{number}.npz"), str(folder / f"{number}.safetensors")
        jobs.block(start(), number, str(folder / "journal"), previous, out)
        previous = out
    out = tuple(str(folder / name) for name in OUT)
    jobs.block(start(), last, str(folder / "journal"), previous, out)
    return [(folder / name).read_bytes() for name in OUT[:2]]


def in_steps(start, folder) -> list[bytes]:
    so_far = model = None
    last = len(start().problem.chain.label_counts) - 1
    warm = start().problem.chain.settings["training"]["warm_start"]
    for r in range(last + 1):
        path = {n: str(folder / f"{r}_{n}") for n in ("model", "predictions", "picks", "records")}
        jobs.train(start(), r, so_far, model if warm else None, path["model"])
        if r < last:
            jobs.mc_sample(start(), r, so_far, path["model"], path["predictions"])
            jobs.acquire(start(), r, so_far, path["predictions"], path["picks"])
        picks = path["picks"] if r < last else None
        jobs.evaluate(start(), r, so_far, path["model"], picks, path["records"])
        so_far, model = path["records"], path["model"]
    out = tuple(str(folder / name) for name in OUT)
    jobs.history(start(), so_far, out)
    return [(folder / name).read_bytes() for name in OUT[:2]]


@pytest.mark.parametrize("scenario", METHODS)
def test_histories_do_not_depend_on_granularity(scenario, arguments, tmp_path):
    compare(arguments(scenario, METHODS[scenario]), tmp_path)


@pytest.mark.parametrize("method", WITH_ROLES)
def test_nor_do_those_of_methods_that_need_roles_or_samples(method, arguments, tmp_path):
    compare(arguments("fixed_features", method, 0, ROLES, WITH_ROLES[method]), tmp_path)


def compare(arguments: dict, tmp_path) -> None:
    """Hold the three ways to run a chain of three rounds against each other."""

    def start() -> Job:
        return Job.start(**arguments)

    folders = [tmp_path / name for name in ("one", "blocks", "steps")]
    for folder in folders:
        folder.mkdir()
    one = in_one_block(start(), folders[0])
    assert one == in_blocks_of_one(start, folders[1])
    assert one == in_steps(start, folders[2])
    assert one[0].count(b"\n") == 4  # a header and three rounds


def test_every_scenario_of_table_1_is_held_to_it():
    assert set(SETTINGS.reports["table1"]["scenarios"]) == set(METHODS)
