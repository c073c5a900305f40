"""``balent run`` and ``balent status``: a chain without Snakemake, and how far chains are."""

import csv
import os
from pathlib import Path

import pytest

from balent.cli import main
from balent.devices import lock

ROOT = Path(__file__).parents[1]


@pytest.fixture
def folder(tmp_path, monkeypatch, tiny_project):
    """A folder with a tiny configuration, in which commands run."""
    tiny_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments):
    main(["run", "--method", "bald", "--out", "results/small/full_dropout/bald/seed0", *arguments])


def test_a_chain_runs_and_its_status_is_shown(folder, capsys):
    main(["status"])
    assert "small: 0 of 35 chains, 0 of " in capsys.readouterr().out
    run("--scenario", "full_dropout")
    with open("results/small/full_dropout/bald/seed0/history.csv") as handle:
        rows = list(csv.DictReader(handle))
    assert [int(row["n_labelled"]) for row in rows] == [20, 30, 40]
    assert Path("data/raw/digits.npz").is_file()
    capsys.readouterr()
    main(["status"])
    out = capsys.readouterr().out
    line = next(x for x in out.splitlines() if x.startswith("full_dropout") and " bald " in x)
    assert line.split()[2:5] == ["1/1", "-", "3/3"]
    assert out.splitlines()[-1].startswith("small: 1 of 35 chains, 3 of ")


def test_an_interrupted_chain_goes_on_where_it_was(folder):
    run("--scenario", "full_dropout")
    place = Path("results/small/full_dropout/bald/seed0")
    whole = (place / "history.csv").read_bytes()
    entries = sorted((place / "journal").iterdir())
    untouched = entries[0].stat().st_mtime_ns
    entries[-1].unlink()
    (place / "history.csv").unlink()
    (place / "run.json").unlink()
    run("--scenario", "full_dropout")
    assert (place / "history.csv").read_bytes() == whole
    assert entries[0].stat().st_mtime_ns == untouched


def test_the_results_of_another_chain_are_never_replaced(folder, capsys):
    run("--scenario", "full_dropout", "--out", "chain")
    history = Path("chain/history.csv")
    before = history.read_bytes()
    for more in (["--seed", "1"], ["--method", "random"]):
        with pytest.raises(SystemExit):
            run("--scenario", "full_dropout", "--out", "chain", *more)
        assert "holds the results of another chain" in capsys.readouterr().err
    assert history.read_bytes() == before
    history.with_name("run.json").unlink()
    with pytest.raises(SystemExit):
        run("--scenario", "full_dropout", "--out", "chain")
    assert "a history of unknown origin" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run("--scenario", "full_dropout", "--out", "config.yaml")
    assert "config.yaml is a file; name a folder" in capsys.readouterr().err


def test_a_file_laid_over_the_configuration_is_understood(folder, capsys):
    Path("my.yaml").write_text("seeds: [4, 5]")
    main(["status", "my.yaml"])
    assert "small: 0 of 70 chains" in capsys.readouterr().out
    Path("my.yaml").write_text("scenarios: {mine: {title: Mine, inherit: full_dropout, paper: {}}}")
    run("--scenario", "mine", "--config", "my.yaml", "--out", "here")
    assert Path("here/history.csv").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--scenario", "full_dropuot"], "unknown scenario at scale small 'full_dropuot'; did you"),
        (["--scenario", "full_dropout", "--method", "balld"], "--method: unknown method 'balld'"),
        (
            ["--scenario", "fixed_features", "--out", "x"],
            "features.npz: is not there; make it: snakemake",
        ),
        (["--scenario", "full_dropout", "--scale", "tiny"], "scale: 'tiny' is not allowed"),
    ],
)
def test_wrong_input_is_one_line(folder, capsys, arguments, message):
    with pytest.raises(SystemExit) as stop:
        run(*arguments)
    error = capsys.readouterr().err
    assert stop.value.code == 2
    assert message in error
    assert error.count("\n") == 1
    assert not Path("results").exists()


def test_a_failed_start_leaves_no_folder(folder, capsys):
    Path("data/raw").mkdir(parents=True)
    Path("data/raw/digits.npz").write_text("broken")
    with pytest.raises(SystemExit):
        main(["run", "--scenario", "full_dropout", "--method", "bald", "--out", "out"])
    assert not Path("out").exists()


def test_the_place_of_another_chain_is_refused(folder, capsys):
    with pytest.raises(SystemExit):
        run("--scenario", "full_dropout", "--seed", "3")
    error = capsys.readouterr().err
    assert "is not the place of small/full_dropout/bald/seed3; name a folder elsewhere" in error
    assert not Path("results").exists()


def test_two_runs_never_share_a_folder(folder, capsys):
    out = folder / "chain"
    out.mkdir()
    handle = lock(out / ".lock")
    assert handle is not None
    chain = ("--scenario", "full_dropout", "--method", "random", "--out", str(out))
    with pytest.raises(SystemExit) as end:
        main(["run", *chain])
    assert end.value.code == 2
    assert capsys.readouterr().err.startswith(f"balent: --out: another run works in {out}; ")
    os.close(handle)


def test_a_folder_that_cannot_be_made_is_one_line(folder, capsys):
    (folder / "file").write_text("")
    chain = ("--scenario", "full_dropout", "--method", "random", "--out", "file/chain")
    with pytest.raises(SystemExit) as end:
        main(["run", *chain])
    assert end.value.code == 2
    assert capsys.readouterr().err == "balent: file/chain: Not a directory\n"
