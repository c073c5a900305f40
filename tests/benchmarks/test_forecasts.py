"""The comparison of forecasts with run records, on records that are made from forecasts."""

import copy
import json
import runpy
from pathlib import Path

import pytest

from balent.config import read_yaml, resolve
from balent.loop.chain import Chain
from balent.resources import Jobs

ROOT = Path(__file__).parents[2]
MODULE = runpy.run_path(str(ROOT / "benchmarks" / "forecasts.py"))
STEPS, compare, current, table = (MODULE[n] for n in ("STEPS", "compare", "current", "table"))
SCENARIO, METHOD, SEED = "full_dropout", "badge", 1


@pytest.fixture(scope="module")
def settings():
    config = read_yaml(ROOT / "config.yaml") | {"scale": "small", "device": "cpu"}
    return resolve(config, read_yaml(ROOT / "config.schema.yaml"))


@pytest.fixture
def run(settings):
    """A record in which every step took ten seconds and the process 100 MiB."""
    return {
        "chain": json.loads(Chain.of(settings, SCENARIO, METHOD, SEED).to_json()),
        "seconds": dict.fromkeys(STEPS, 10.0),
        "peak_memory_mib": 100,
        "device": "cpu",
    }


def test_the_steps_of_a_chain_add_up_to_its_job(settings, run):
    """But for the choice after the last round, which a limit may contain and a chain does not."""
    jobs = Jobs(settings)
    chain, found = jobs.chain(SCENARIO, METHOD), compare(Jobs(settings), run)
    job = jobs.rounds(SCENARIO, METHOD, 0, 1000)
    steps = sum(found.forecast[step] for step in STEPS)
    assert steps + chain.mc_sample() + chain.acquire() == pytest.approx(job.seconds)
    assert found.forecast["memory"] == pytest.approx(job.size / 2**20)


def test_ratios(settings, run):
    found = compare(Jobs(settings), run)
    for step in STEPS:
        assert found.ratio(step) == found.forecast[step] / 10
    assert found.ratio("memory") == found.forecast["memory"] / 100


def test_chains_of_other_settings_are_left_out(settings, run):
    assert current(settings, run)
    changed = copy.deepcopy(run)
    changed["chain"]["settings"]["training"]["steps"] += 1
    unknown = copy.deepcopy(run)
    unknown["chain"]["scenario"] = "no_such_scenario"
    assert not current(settings, changed)
    assert not current(settings, unknown)


def test_the_table_has_means_of_seconds_and_the_range_of_memory(settings, run):
    """Ratios are of sums: a chain of a few seconds counts as much as it takes."""
    longer = run | {"seconds": dict.fromkeys(STEPS, 30.0), "peak_memory_mib": 300}
    first, second = (compare(Jobs(settings), each) for each in (run, longer))
    _, _, row = table([first, second])
    cells = [cell.strip() for cell in row.strip("|").split("|")]
    assert cells[:3] == [SCENARIO, "cpu", "2"]
    assert cells[3:5] == ["20.00", f"{2 * first.forecast['train'] / 40:.2f}"]
    smallest, largest = first.forecast["memory"] / 300, first.forecast["memory"] / 100
    assert cells[-2:] == ["200", f"{smallest:.2f} to {largest:.2f}"]
