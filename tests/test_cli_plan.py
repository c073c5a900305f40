"""``balent plan``: chains resolved to a file, and what is said of it."""

from pathlib import Path

import pytest
from command_line import refused_with

from balent.cli import main
from balent.loop import plan


@pytest.fixture
def project(tmp_path, monkeypatch, tiny_project):
    """A folder with a tiny configuration and some data, in which commands run."""
    tiny_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    Path("data/raw").mkdir(parents=True)
    Path("data/raw/digits.npz").write_bytes(bytes(123_456))
    return tmp_path


def test_the_plan_says_what_has_to_be_copied(project, capsys):
    main(
        ["plan", "table1", "--scenario", "full_dropout", "fixed_features", "--out", "my/plan.json"]
    )
    shown = capsys.readouterr()
    lines = shown.out.splitlines()
    assert lines[0].startswith("my/plan.json: 14 chains, 98 rounds, about ")
    assert lines[0].endswith(" s on one core")
    assert lines[1] == "needs Python 3.11 or later with torch, NumPy, SciPy"
    assert "data/features/small/simclr/features.npz  ?" in lines
    assert [line.split()[1] for line in lines if line.startswith("data/raw/digits.npz")] == ["0.1"]
    assert lines[-1] == "there: PYTHONPATH=src python3 -m balent run --plan plan.json --out out"
    missing = "data/features/small/simclr/features.npz"
    assert shown.err == (
        f"balent: warning: {missing} is not here to be copied; "
        f"snakemake --cores all {missing} makes it\n"
    )
    written = plan.read(Path("my/plan.json"))
    assert len(written.chains) == 14
    assert written.files["features/small/simclr/features.npz"] is None
    assert "BALENT_DEVICE" not in written.environment
    assert written.environment["OMP_NUM_THREADS"] == "1"


def test_a_plan_can_be_of_named_chains(project, capsys):
    chains = ["--scenario", "augmented_backbone", "--method", "bald", "--seed", "3", "3", "1"]
    main(["plan", *chains, "--device", "cuda", "--out", "plan.json"])
    out = capsys.readouterr().out
    assert "2 chains, " in out
    assert "on a GPU (speed assumed)" in out
    assert "torch, NumPy, SciPy, safetensors" in out
    written = plan.read(Path("plan.json"))
    assert [planned.chain.seed for planned in written.chains] == [3, 1]
    assert written.device == "cuda"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["table9"], "REPORT: unknown report 'table9'; did you mean 'table1'?"),
        (["table1", "--scenario", "moons"], "--scenario: unknown scenario at scale small 'moons'"),
        (["table1", "--method", "balld"], "--method: unknown method 'balld'; did you mean 'bald'?"),
        (["table1", "--seed", "9"], "REPORT: table1 at scale small needs no chain that the other"),
        (
            ["--scenario", "full_dropout"],
            "REPORT: none is given; name some, or give --scenario and",
        ),
        (["table1", "--seed", "-1"], "--seed: -1 is not allowed; give 0 to 2147483647"),
        (["table1", "--out", "data"], "--out: data is a folder; name a file"),
        (["table1", "--device", "gpu"], "device: 'gpu' "),
    ],
)
def test_a_plan_of_nothing_is_one_line(project, capsys, arguments, message):
    refused_with(capsys, message, "plan", "--out", "plan.json", *arguments)
    assert not Path("plan.json").exists()


def test_names_that_match_no_chain_are_told(project, capsys):
    main(
        [
            "plan",
            "table1",
            "--scenario",
            "full_dropout",
            "--method",
            "random",
            "coreset",
            "--seed",
            "0",
            "8",
            "--out",
            "p.json",
        ]
    )
    out, error = capsys.readouterr()
    assert out.startswith("p.json: 1 chain, ")
    assert error.splitlines() == [
        "balent: warning: --method: no chain of table1 has coreset",
        "balent: warning: --seed: no chain of table1 has 8",
    ]
