"""What jobs need: consistent, growing with what makes them larger, and defined for every job."""

from pathlib import Path

import numpy as np
import pytest

from balent.budget import rounds
from balent.config import read_yaml, resolve
from balent.files import save_npz
from balent.forecast import PROCESS
from balent.resources import MEMORY_ROOM, SNAKEMAKE, START, TIME_ROOM, Jobs, Needs

ROOT = Path(__file__).parents[1]
STEPS = ("train", "mc_sample", "acquire", "evaluate")


def jobs(scale="small", scenario=None, **changes):
    """Jobs of the shipped configuration; scenario: changes of full_dropout at this scale."""
    config = read_yaml(ROOT / "config.yaml") | {"scale": scale} | changes
    if scenario:
        config["scenarios"]["full_dropout"][scale] |= scenario
    settings = resolve(config, read_yaml(ROOT / "config.schema.yaml"), every_budget=False)
    return Jobs(settings)


def test_limits_are_above_the_forecast_in_the_units_of_snakemake():
    needs = Needs(size=1e9, seconds=600)
    assert needs.mem_mb == 1e3 * MEMORY_ROOM + 50 + SNAKEMAKE / 1e6  # 10⁶ bytes, full hundreds
    assert needs.runtime == (START + TIME_ROOM * 600) / 60
    assert Needs(0, 0).runtime == START / 60
    assert Needs(0, 0.1).runtime == START / 60 + 1


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("scale", ["small", "cpu", "paper"])
def test_every_job_of_the_configuration(scale, device):
    every = jobs(scale, device=device)
    settings = every.settings
    found = [every.weights("resnet18"), every.weights("resnet50")]
    for name in settings.features:
        found += [every.simclr(name), every.extract(name)]
    for name, scenario in settings.scenarios.items():
        found.append(every.data(scenario["data"]))
        for method in settings.methods:
            found.append(every.rounds(name, method, 0, rounds(scenario["acquisition"])))
            found.append(every.history(name, method))
            found += [every.step(name, method, step, 0) for step in STEPS]
    assert min(need.size for need in found) >= PROCESS  # every job is a process with torch
    assert max(need.runtime for need in found) > START / 60


def test_the_paper_scale_takes_more_than_the_small_scale():
    small, paper = jobs("small"), jobs("paper")
    for name in small.settings.scenarios:
        chains = [every.rounds(name, "balentacq", 0, 10_000) for every in (small, paper)]
        assert chains[1].seconds > 100 * chains[0].seconds
        assert chains[1].size > 1.5 * chains[0].size


@pytest.mark.parametrize("method", ["random", "badge", "batchbald"])
def test_a_chain_takes_the_time_of_its_blocks_and_steps(method):
    every = jobs("paper")
    chain = ("augmented_backbone", method)
    whole, first, rest = (every.rounds(*chain, *part) for part in ((0, 20), (0, 7), (7, 100)))
    assert whole.seconds == pytest.approx(first.seconds + rest.seconds)
    assert whole.size == first.size
    steps = [every.step(*chain, step, round).seconds for round in range(20) for step in STEPS]
    assert whole.seconds == pytest.approx(sum(steps))


def test_later_trainings_take_longer():
    every = jobs("paper")
    early, late = (every.step("fixed_features", "bald", "train", round) for round in (0, 59))
    assert late.seconds > 50 * early.seconds  # 30,000 labels after 500


@pytest.mark.parametrize(
    "change",
    [
        {"acquisition": {"size": 10, "budget": 240}},
        {"training": {"epochs": None, "steps": 600, "batch_size": 32, "learning_rate": 0.003}},
        {"sampling": {"samples": 200}},
        {"evaluation": {"samples": 300}},
        {"copies": 3},
        {"data": "mnist"},
    ],
)
def test_more_work_takes_longer(change):
    plain, more = (
        every.rounds("full_dropout", "badge", 0, 100) for every in (jobs(), jobs(scenario=change))
    )
    assert more.seconds > plain.seconds


@pytest.mark.parametrize(
    "change",
    [{"training": {"epoch_points": 2000}}, {"pool": {"validation": 900}}],
)
def test_longer_epochs_and_larger_validation_sets_take_longer(change):
    plain, more = (
        patched("batchbald_mnist", patch).step("batchbald_mnist", "bald", "train", 0)
        for patch in ({}, change)
    )
    assert more.seconds > plain.seconds


def patched(scenario, patch):
    """Jobs at small scale after changes of a scenario at that scale."""
    config = read_yaml(ROOT / "config.yaml") | {"scale": "small"}
    block = config["scenarios"][scenario]["small"]
    for key, value in patch.items():
        block[key] = block.get(key, {}) | value
    return Jobs(resolve(config, read_yaml(ROOT / "config.schema.yaml"), every_budget=False))


@pytest.mark.parametrize("change", [{"copies": 9}, {"data": "mnist"}])
def test_more_points_take_more_memory(change):
    plain, more = (
        every.rounds("full_dropout", "badge", 0, 1) for every in (jobs(), jobs(scenario=change))
    )
    assert more.size > plain.size


def test_the_memory_budget_bounds_the_sampler():
    low, high = (
        jobs("paper", memory_budget_mib=budget).rounds("full_dropout", "bald", 0, 1)
        for budget in (256, 768)
    )
    assert high.size - low.size == 512 << 20


def test_a_pool_without_the_reserved_roles():
    whole, part = (
        jobs(scenario={"pool": {"pool": "all", "validation": n}}).chain("full_dropout", "bald")
        for n in (0, 300)
    )
    assert part.mc_sample() == pytest.approx(whole.mc_sample() * 997 / 1297)


def test_what_is_wrong_with_a_data_set_is_left_to_its_job(tmp_path):
    (tmp_path / "broken.npz").write_bytes(b"not an archive")
    every = jobs(data_sets={"broken": {"path": str(tmp_path / "broken.npz")}})
    assert every.data("broken").runtime == every.data("no_such_set").runtime == 1


def test_a_users_own_arrays(tmp_path):
    x, y = np.zeros((70, 5)), np.arange(70) % 7
    save_npz(tmp_path / "mine.npz", x_train=x, y_train=y, x_test=x[:30], y_test=y[:30])
    every = jobs(data_sets={"mine": {"path": str(tmp_path / "mine.npz")}})
    assert every.points("mine") == (70, 30, (5,), 7, 8)
    assert every.data("mine").runtime >= 1


def test_a_users_own_folder_of_images(tmp_path):
    for number in range(6):
        place = tmp_path / "mine" / f"class{number % 3}" / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    entry = {"path": str(tmp_path / "mine"), "size": [20, 30]}
    assert jobs(data_sets={"mine": entry}).points("mine") == (6, 0, (20, 30, 3), 3, 1)
