"""What is told of a plan while it runs: chains, rounds and time left."""

import json
from dataclasses import asdict
from types import SimpleNamespace

import pytest

from balent.cli import watch
from balent.loop.chain import Chain
from balent.loop.plan import Planned
from balent.loop.workers import Ended

SIZES = {"acquisition": {"initial": 10, "size": 10, "budget": 40}}  # four rounds


def planned(seed):
    chain = Chain("small", "digits", "bald", seed, SIZES, "bald")
    return Planned(chain, "raw/digits.npz", None, "code", 1.0)


@pytest.fixture
def clock(monkeypatch):
    """The time, which only the test moves on."""
    time = SimpleNamespace(now=0.0)
    monkeypatch.setattr(watch, "time", SimpleNamespace(monotonic=lambda: time.now))
    return time


def journal(out, entry, rounds):
    place = out / entry.chain.name / "journal"
    place.mkdir(parents=True, exist_ok=True)
    for number in range(rounds):
        (place / f"round_{number:04d}.npz").touch()


def test_finished_failed_and_left_are_told(tmp_path, clock, capsys):
    chains = [planned(seed) for seed in range(4)]
    done = tmp_path / chains[0].chain.name
    done.mkdir(parents=True)
    (done / "history.csv").touch()
    (done / "run.json").write_text(json.dumps({"chain": asdict(chains[0].chain), "code": "code"}))
    journal(tmp_path, chains[1], 1)
    shown = watch.Watch(chains, tmp_path)
    assert shown.waiting() == chains[1:]
    assert capsys.readouterr().err == "1 of 4 chains, 5 of 16 rounds\n"

    clock.now = 29.0
    journal(tmp_path, chains[1], 3)
    shown.tell(None)
    assert capsys.readouterr().err == ""
    clock.now = 60.0
    shown.tell(None)  # two rounds in a minute, of nine
    assert capsys.readouterr().err == "1 of 4 chains, 7 of 16 rounds, about 4.5 min left\n"

    shown.tell(Ended("small/digits/bald/seed2", False, "data: is not there"))
    assert capsys.readouterr().err == "balent: small/digits/bald/seed2: data: is not there\n"
    shown.tell(Ended("small/digits/bald/seed1", True))
    line = "2 of 4 chains, 8 of 16 rounds, 1 failed, about 1.3 min left"
    assert capsys.readouterr().err == f"small/digits/bald/seed1: finished; {line}\n"
    shown.tell(Ended("small/digits/bald/seed3", False))  # out of time
    assert shown.waiting() == chains[3:]


def test_results_of_other_code_are_not_finished(tmp_path, capsys):
    entry = planned(0)
    place = tmp_path / entry.chain.name
    place.mkdir(parents=True)
    (place / "history.csv").touch()
    for record in ({"chain": asdict(entry.chain), "code": "other"}, {"code": "code"}, []):
        (place / "run.json").write_text(json.dumps(record))
        assert watch.Watch([entry], tmp_path).waiting() == [entry]
