"""The journal: an interrupted chain continues with that round, and gives the same bytes."""

import numpy as np
import pytest

from balent.loop import jobs, rounds
from balent.loop.history import load_records, save_records
from balent.loop.jobs import Job

OUT = ("history.csv", "picks.npz", "run.json")


class Killed(Exception):
    """Stands for a kill at a chosen moment."""


def run(job: Job, folder, journal) -> list[bytes]:
    out = tuple(str(folder / name) for name in OUT)
    jobs.block(job, len(job.problem.chain.label_counts), str(journal), None, out)
    return [(folder / name).read_bytes() for name in OUT[:2]]


@pytest.fixture
def count_trainings(monkeypatch):
    """A list that grows with the round of every training."""
    done: list[int] = []
    original = rounds.train

    def counted(problem, round, labelled, previous):
        done.append(round)
        return original(problem, round, labelled, previous)

    monkeypatch.setattr(rounds, "train", counted)
    return done


@pytest.mark.parametrize("scenario", ["fixed_features", "augmented_backbone"])
@pytest.mark.parametrize("step", ["train", "mc_sample", "acquire", "evaluate"])
def test_a_kill_in_any_step_costs_that_round_only(
    scenario, step, arguments, tmp_path, monkeypatch, count_trainings
):
    given = arguments(scenario, "bald")
    whole = run(Job.start(**given), tmp_path, tmp_path / "a")
    count_trainings.clear()
    original = getattr(rounds, step)

    def killed(problem, round, *rest):
        if round == 1:
            raise Killed
        return original(problem, round, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(rounds, step, killed)
        with pytest.raises(Killed):
            run(Job.start(**given), tmp_path, tmp_path / "b")
    assert run(Job.start(**given), tmp_path, tmp_path / "b") == whole
    twice = [1] if step != "train" else []
    assert sorted(count_trainings) == sorted([0, 1, 2, *twice])


def test_a_finished_journal_is_not_run_again(arguments, tmp_path, count_trainings):
    given = arguments("fixed_features")
    whole = run(Job.start(**given), tmp_path, tmp_path / "j")
    count_trainings.clear()
    assert run(Job.start(**given), tmp_path, tmp_path / "j") == whole
    assert count_trainings == []


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 1},
        {"method": "entropy"},
        {"patch": {"training": {"learning_rate": 0.001}}},
        {"patch": {"sampling": {"samples": 6}}},
    ],
)
def test_a_leftover_never_leaks_into_a_changed_experiment(
    other, arguments, tmp_path, count_trainings
):
    run(Job.start(**arguments("fixed_features")), tmp_path, tmp_path / "j")
    changed = arguments("fixed_features", **other)
    count_trainings.clear()
    with_leftover = run(Job.start(**changed), tmp_path, tmp_path / "j")
    assert count_trainings == [0, 1, 2]
    assert with_leftover == run(Job.start(**changed), tmp_path, tmp_path / "clean")


def test_a_larger_budget_keeps_the_finished_rounds(arguments, tmp_path, count_trainings):
    run(Job.start(**arguments("fixed_features")), tmp_path, tmp_path / "j")
    longer = arguments("fixed_features", patch={"acquisition": {"budget": 60}})
    count_trainings.clear()
    assert run(Job.start(**longer), tmp_path, tmp_path / "j") == run(
        Job.start(**longer), tmp_path, tmp_path / "clean"
    )
    # the last round of the shorter chain acquired nothing, so it is run again
    assert count_trainings == [2, 3, 4, 0, 1, 2, 3, 4]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 half a file"])
def test_a_damaged_entry_and_what_follows_is_redone(content, arguments, tmp_path, count_trainings):
    given = arguments("fixed_features")
    whole = run(Job.start(**given), tmp_path, tmp_path / "j")
    (tmp_path / "j" / "round_0001.npz").write_bytes(content)
    count_trainings.clear()
    assert run(Job.start(**given), tmp_path, tmp_path / "j") == whole
    assert count_trainings == [1, 2]


def test_a_missing_model_starts_a_warm_started_chain_again(arguments, tmp_path, count_trainings):
    given = arguments("augmented_backbone")
    whole = run(Job.start(**given), tmp_path, tmp_path / "j")
    (tmp_path / "j" / "round_0002.npz").unlink()
    count_trainings.clear()
    assert run(Job.start(**given), tmp_path, tmp_path / "j") == whole
    assert count_trainings == [0, 1, 2]


def test_records_round_trip(arguments, tmp_path):
    job = Job.start(**arguments("fixed_features"))
    path = tmp_path / "records.npz"
    out = (str(path), str(tmp_path / "weights.safetensors"))
    jobs.block(job, 2, str(tmp_path / "j"), None, out)
    records = load_records(path)
    save_records(tmp_path / "again.npz", records)
    assert path.read_bytes() == (tmp_path / "again.npz").read_bytes()
    assert [r.n_labelled for r in records] == [20, 30]
    assert all(len(np.unique(r.picks.indices)) == 10 for r in records)
