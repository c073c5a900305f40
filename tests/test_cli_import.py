"""``balent import``: what ran elsewhere is checked, and taken over byte by byte."""

import json
import shutil
from pathlib import Path

import pytest
import yaml
from command_line import refused_with

from balent.cli import main
from balent.config import read_yaml, resolve
from balent.files import load_npz, save_npz
from balent.loop import imported
from balent.loop.chain import Chain
from balent.loop.history import labelled_set
from balent.loop.jobs import Job, block

PLACE = Path("work/small/full_dropout/bald/seed0")
OUT = [f"results/small/full_dropout/bald/seed0/{name}" for name in imported.FILES]


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory, tiny_project):
    """A project with a tiny configuration, and the folder of a chain that ran."""
    folder = tmp_path_factory.mktemp("elsewhere")
    tiny_project(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        main(["run", "--scenario", "full_dropout", "--method", "bald", "--out", "ran"])
    return folder


@pytest.fixture
def project(elsewhere, tmp_path, monkeypatch):
    shutil.copytree(elsewhere, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def job():
    settings = resolve(read_yaml(Path("config.yaml")), read_yaml(Path("config.schema.yaml")))
    chain = Chain.of(settings, "full_dropout", "bald", 0)
    return Job.start(chain.to_json(), "data/raw/digits.npz")


def take_over():
    """What the chain's job of the workflow does."""
    started = job()
    block(started, len(started.problem.chain.sizes), str(PLACE / "journal"), None, tuple(OUT))


def test_the_job_takes_over_what_was_imported(project, capsys):
    main(["import", "ran"])
    assert "snakemake --cores all results/small/full_dropout/bald/seed0/history.csv" in (
        capsys.readouterr().out
    )
    take_over()
    assert not (PLACE / "journal").exists()  # nothing was computed
    assert not imported.beside(PLACE / "journal").exists()
    for made, name in zip(OUT, imported.FILES, strict=True):
        assert Path(made).read_bytes() == Path("ran", name).read_bytes()
    main(["import", "ran"])
    assert "ran: taken\nnext: snakemake" in capsys.readouterr().out
    assert not imported.beside(PLACE / "journal").exists()  # nothing left to take over
    Path(OUT[0]).write_text("another")
    refused(capsys, "history.csv: is another result of the chain; remove it to import ran")
    Path("ran/history.csv").write_text("damaged")  # which is the one to blame
    refused(capsys, "ran/history.csv: is not what the journal beside it tells")


def test_the_command_that_follows_names_the_overlay(project, capsys):
    Path("mine.yaml").write_text("seeds: [0]")
    main(["import", "--config", "mine.yaml", "ran"])
    assert capsys.readouterr().out.endswith("--config scale=small --configfile mine.yaml\n")


def test_a_chain_whose_settings_change_after_it_was_taken_over_is_computed(project):
    main(["import", "ran"])
    take_over()
    config = yaml.safe_load(Path("config.yaml").read_text())
    config["scenarios"]["full_dropout"]["small"]["training"]["steps"] = 6
    Path("config.yaml").write_text(yaml.safe_dump(config))
    take_over()
    assert json.loads(Path(OUT[2]).read_text())["chain"]["settings"]["training"]["steps"] == 6


def test_a_chain_of_another_device_is_known_by_its_record(project):
    """A GPU's results are taken over on a machine without one; the record says where they ran."""
    started, run = job(), json.loads(Path("ran/run.json").read_text())
    run["device"], run["packages"]["torch"] = "cuda:1", "9.9.9+cu999"
    base = started.base_of(run["packages"], "cuda")
    journal = started.journal("ran/journal")
    records, _ = journal.resume(started.problem.initial, [], 3)
    journal.base = base
    for number, record in enumerate(records):
        labelled = labelled_set(started.problem.initial, records[:number])
        journal.append(labelled, record, dict)
    with pytest.raises(SystemExit):
        main(["import", "ran"])  # the record still names the CPU
    Path("ran/run.json").write_text(json.dumps(run))
    main(["import", "ran"])
    take_over()
    assert json.loads(Path(OUT[2]).read_text())["device"] == "cuda:1"


def other_seed(run):
    run["chain"]["seed"] = 1


def other_setting(run):
    run["chain"]["settings"]["training"]["steps"] = 6


def other_code(run):
    run["code"] = "0" * 64


def other_data(run):
    run["inputs"] = dict.fromkeys(run["inputs"], "0" * 64)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (other_seed, "0 of 3 rounds"),
        (
            other_setting,
            "full_dropout/bald/seed0 here (settings.training.steps); remove the folder",
        ),
        (other_code, "was made by other code (git "),
        (other_data, "was made from other contents of data/raw/digits.npz"),
    ],
)
def test_what_this_checkout_would_not_compute_is_refused(project, capsys, change, message):
    run = json.loads(Path("ran/run.json").read_text())
    change(run)
    Path("ran/run.json").write_text(json.dumps(run))
    refused(capsys, message)


def test_a_changed_or_absent_history_is_refused(project, capsys):
    csv = Path("ran/history.csv")
    csv.write_text(csv.read_text().replace("0.", "0.9", 1))
    refused(capsys, "history.csv: is not what the journal beside it tells")
    csv.unlink()
    refused(capsys, "history.csv: is not what the journal beside it tells")


@pytest.mark.parametrize(
    ("array", "message"),
    [
        ("scores", "picks.npz: is not what the journal beside it tells"),
        ("indices", "2 of 3 rounds in its journal"),  # the next round had another labelled set
    ],
)
def test_changed_picks_are_refused(project, capsys, array, message):
    entry = load_npz("ran/journal/round_0001.npz")
    save_npz("ran/journal/round_0001.npz", **{**entry, array: entry[array][::-1]})
    refused(capsys, message)


def test_half_a_run_is_refused(project, capsys):
    Path("ran/journal/round_0002.npz").unlink()
    refused(capsys, "2 of 3 rounds in its journal")
    shutil.rmtree("ran/journal")
    refused(capsys, "0 of 3 rounds in its journal")
    Path("ran/history.csv").unlink()
    refused(capsys, "0 of 3 rounds in its journal")
    whole = json.loads(Path("ran/run.json").read_text())
    for broken in ({}, [], {**whole, "chain": {**whole["chain"], "seed": "x"}}, *without(whole)):
        Path("ran/run.json").write_text(json.dumps(broken))
        refused(capsys, "is no record of a chain; give a folder of balent run")
    Path("ran/run.json").unlink()
    refused(capsys, "ran: holds no run.json; give a folder of balent run --out")


def test_a_chain_in_several_jobs_is_refused(project, capsys):
    config = Path("config.yaml").read_text()
    Path("config.yaml").write_text(config.replace("rounds_per_job: 500", "rounds_per_job: 2"))
    refused(capsys, "granularity: blocks and rounds_per_job: 3 in the configuration")


def without(record):
    """The record without each of the keys that are read."""
    for key in ("chain", "packages", *imported.RECORDED):
        yield {name: value for name, value in record.items() if name != key}


def refused(capsys, message):
    refused_with(capsys, message, "import", "ran")
    assert not PLACE.exists() or not imported.beside(PLACE / "journal").exists()
