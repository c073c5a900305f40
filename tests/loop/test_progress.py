"""How far chains are, read from the files that they leave."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from balent.config import read_yaml, resolve
from balent.loop.chain import Chain
from balent.loop.history import Metrics, Picks, Record, save_records
from balent.loop.progress import ChainProgress, chain_progress, summary

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def settings():
    return resolve(read_yaml(ROOT / "config.yaml"), read_yaml(ROOT / "config.schema.yaml"))


def record(round, seconds):
    picks = Picks(np.arange(2), np.zeros(2))
    return Record(round, 20 + 2 * round, Metrics(0.5, 1.0, 0.1, 0.2, 2.0), picks, seconds)


def write_rounds(folder, seconds, at):
    folder.mkdir(parents=True)
    for number, moment in enumerate(at):
        path = folder / f"round_{number:04d}.npz"
        save_records(path, [record(number, seconds)])
        os.utime(path, (moment, moment))


def test_a_chain_without_files_has_not_begun(settings, tmp_path):
    found = chain_progress(settings, "full_dropout", "bald", 0, tmp_path)
    assert (found.done, found.total, found.seconds, found.finished) == (0, 11, None, False)
    assert not found.running(now=0.0)


def test_a_running_chain_is_read_from_its_journal(settings, tmp_path):
    journal = tmp_path / "work/small/full_dropout/bald/seed0/journal"
    write_rounds(journal, (1.0, 0.5, 0.25, 0.25), at=[1000, 1002, 1004])
    found = chain_progress(settings, "full_dropout", "bald", 0, tmp_path)
    assert (found.done, found.seconds) == (3, 2.0)
    assert found.running(now=1010)
    assert not found.running(now=1100)


def test_single_rounds_count_as_well(settings, tmp_path):
    for number in range(2):
        folder = tmp_path / f"work/small/full_dropout/bald/seed0/round{number}"
        folder.mkdir(parents=True)
        save_records(folder / "records.npz", [record(n, (1.0,) * 4) for n in range(number + 1)])
    assert chain_progress(settings, "full_dropout", "bald", 0, tmp_path).done == 2


def test_a_finished_chain_is_its_history(settings, tmp_path):
    folder = tmp_path / "results/small/full_dropout/bald/seed0"
    folder.mkdir(parents=True)
    (folder / "history.csv").write_text("round\n")
    (folder / "run.json").write_text('{"seconds": {"train": 10.0, "evaluate": 1.0}}')
    found = chain_progress(settings, "full_dropout", "bald", 0, tmp_path)
    assert (found.done, found.finished, found.seconds) == (11, True, 1.0)


def test_a_history_of_other_settings_is_not_done(settings, tmp_path):
    folder = tmp_path / "results/small/full_dropout/bald/seed0"
    folder.mkdir(parents=True)
    (folder / "history.csv").write_text("round\n")
    chain = json.loads(Chain.of(settings, "full_dropout", "bald", 0).to_json())
    for found, done in ((chain, 11), (chain | {"seed": 1}, 0)):
        (folder / "run.json").write_text(json.dumps({"chain": found, "seconds": {"train": 1.0}}))
        assert chain_progress(settings, "full_dropout", "bald", 0, tmp_path).done == done


def test_a_damaged_entry_is_no_error(settings, tmp_path):
    journal = tmp_path / "work/small/full_dropout/bald/seed0/journal"
    journal.mkdir(parents=True)
    (journal / "round_0000.npz").write_bytes(b"half")
    assert chain_progress(settings, "full_dropout", "bald", 0, tmp_path).seconds is None


def test_the_summary_estimates_from_the_cost_of_the_same_method():
    chains = [
        ChainProgress("s", "cheap", 0, 10, 10, 2.0, (900.0,)),
        ChainProgress("s", "cheap", 1, 10, 0, None, ()),
        ChainProgress("s", "dear", 0, 10, 4, 8.0, (960.0, 970.0, 980.0, 990.0)),
        ChainProgress("s", "other", 0, 10, 0, None, ()),
    ]
    found = summary(chains, now=1000.0)
    assert (found.chains, found.rounds, found.running) == ((1, 4), (14, 40), 1)
    assert found.rate == (10 + 4) / 5
    assert found.minutes_left == pytest.approx((10 * 2.0 + 6 * 8.0 + 10 * 5.0) / 60)
    assert summary(chains, now=5000.0).minutes_left is None
