"""After git clone and dvc pull: what a change re-runs, and nothing else."""

import os
import shutil
import sys

import pytest

from .project import FIGURE, METHODS, PUBLISHED, SCENARIOS, Project

pytestmark = pytest.mark.workflow

TABLE = {"reports/table1.csv", "reports/table1.md"}
METRICS = {"reports/metrics.json", "reports/curves.csv"}
HISTORY = "results/small/full_dropout/bald/seed0/history.csv"


def chain(scenario: str, method: str, seed: int = 0) -> set[str]:
    folder = f"results/small/{scenario}/{method}/seed{seed}"
    return {f"{folder}/{name}" for name in ("history.csv", "picks.npz", "run.json")}


def test_nothing_is_left_to_do(pulled):
    first, second = (pulled.snakemake("--dry-run", *PUBLISHED) for _ in range(2))
    assert "Nothing to be done" in first
    assert "21 outputs recognised" in first
    assert "Nothing to be done" in second
    assert "recognised" not in second
    assert "up to date" in pulled.dvc("status")
    assert pulled.git("status", "--short") == ""


def test_without_the_records_snakemake_would_start_again(pulled):
    (pulled.root / "provenance.jsonl").unlink()
    for path in (pulled.root / "reports").glob("*.csv"):
        os.utime(path, (1e9, 1e9))  # as checkout order may leave it
    assert pulled.planned("reports/table1.csv") >= TABLE


def test_an_edited_plot_re_runs_its_figure(pulled):
    pulled.snakemake("all")
    assert pulled.planned("all", *PUBLISHED) == set()
    pulled.append("src/balent/reports/curves.py", "\nEDITED = 1\n")
    assert pulled.planned("all", *PUBLISHED) == FIGURE


def test_figures_are_drawn_without_computing_anything(origin, pulled):
    """A pull brings tables and results; drawings would be most of it."""
    assert pulled.planned("all", *PUBLISHED) == FIGURE
    pulled.snakemake("all")
    for path in FIGURE:
        assert (pulled.root / path).read_bytes() == (origin.root / path).read_bytes()


def test_one_more_seed_runs_that_seed(pulled):
    found = pulled.planned(*PUBLISHED, "--config", "seeds=[0,1]")
    chains = [chain(scenario, method, 1) for scenario in SCENARIOS for method in METHODS]
    assert found == TABLE | METRICS | set().union(*chains)


def test_a_changed_feature_setting_runs_all_below(pulled):
    pulled.edit("config.yaml", "epochs: 1\n", "epochs: 2\n")
    chains = [chain("fixed_features", method) for method in METHODS]
    features = {"encoder.safetensors", "features.npz", "probe.json", "simclr.json"}
    expected = {f"data/features/small/simclr/{name}" for name in features}
    assert pulled.planned(*PUBLISHED) == expected.union(TABLE, METRICS, *chains)
    assert pulled.dvc("status").count("config.yaml") == 4  # every stage would ask Snakemake


def test_touching_every_file_re_runs_nothing(pulled):
    for round in range(2):  # before and after the pulled files were recognised
        for path in pulled.root.rglob("*"):
            if path.is_file() and ".git/" not in str(path) and ".snakemake" not in str(path):
                os.utime(path)
        assert pulled.planned(*PUBLISHED) == set(), round


def test_a_copied_seed_is_named_and_made(pulled):
    folder = pulled.root / "results/small/full_dropout/bald"
    shutil.copytree(folder / "seed0", folder / "seed1")
    arguments = (*PUBLISHED, "--config", "seeds=[0,1]")
    said = pulled.snakemake("--dry-run", *arguments)
    assert "seed1/history.csv: no record knows its content" in said
    assert "seed1/history.csv: has no record" in pulled.balent("verify", fails=True)
    assert pulled.planned(*arguments) >= chain("full_dropout", "bald", 1)


@pytest.mark.parametrize("known", [False, True])
def test_a_corrupted_file_is_named_and_made_again_with_what_depends_on_it(pulled, known):
    if known:  # corrupted after it was recognised
        assert pulled.planned(*PUBLISHED) == set()
    pulled.append(HISTORY, "4,50,0.99,0.1,0.1,0.1,0.1\n")
    said = pulled.snakemake("--dry-run", *PUBLISHED)
    assert f"provenance: {HISTORY}: no record knows its content" in said
    expected = chain("full_dropout", "bald") | TABLE | METRICS
    assert pulled.planned(*PUBLISHED) == expected


def test_a_corrupted_file_gets_its_bytes_back(pulled):
    before = (pulled.root / HISTORY).read_bytes()
    pulled.append(HISTORY, "4,50,0.99,0.1,0.1,0.1,0.1\n")
    pulled.snakemake(*PUBLISHED)
    assert (pulled.root / HISTORY).read_bytes() == before
    assert pulled.planned(*PUBLISHED) == set()
    assert pulled.git("status", "--short") == ""


def test_exchanged_files_are_named(pulled):
    one, other = (pulled.root / f"results/small/{s}/random/seed0/history.csv" for s in SCENARIOS)
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    said = pulled.snakemake("--dry-run", "reports/table1.csv")
    assert said.count("no record knows its content") == 2
    assert pulled.planned("reports/table1.csv") == TABLE.union(
        *(chain(s, "random") for s in SCENARIOS)
    )


def test_results_alone_suffice_for_tables(clone):
    clone.dvc("pull", "results")
    assert not (clone.root / "data/raw").exists()
    assert clone.planned("reports/table1.csv") == TABLE
    clone.snakemake("reports/table1.csv")
    assert not (clone.root / "data/raw").exists()


def test_an_older_commit_and_back_needs_nothing(pulled):
    last = pulled.git("rev-parse", "HEAD").strip()
    pulled.edit("config.yaml", "steps: 3\n", "steps: 4\n")
    pulled.append("src/balent/reports/curves.py", "\nEDITED = 1\n")
    pulled.append("src/balent/reports/accuracy_table.py", "\nEDITED = 1\n")
    pulled.dvc("repro")
    new = pulled.commit("four steps")
    for commit in (last, new, last):
        pulled.git("checkout", "--quiet", commit)
        pulled.dvc("checkout")
        assert pulled.planned(*PUBLISHED) == set()
        assert "up to date" in pulled.dvc("status")


def test_a_change_of_code_alone_and_back_needs_nothing(pulled):
    """The figure's content stays as it is, so DVC leaves the file alone."""
    last = pulled.git("rev-parse", "HEAD").strip()
    pulled.append("src/balent/reports/accuracy_table.py", "\nEDITED = 1\n")
    pulled.snakemake(*PUBLISHED)
    new = pulled.commit("no change of content")
    for commit in (last, new, last):
        pulled.git("checkout", "--quiet", commit)
        assert pulled.planned(*PUBLISHED) == set()


def test_pulled_features_make_results_of_other_features_stale(origin, pulled, tmp_path):
    """Both files are recognised, and are equally old: their records tell."""
    other = origin.clone(tmp_path / "other")
    other.edit("config.yaml", "epochs: 1\n", "epochs: 2\n")
    other.snakemake("features")
    assert pulled.planned(*PUBLISHED) == set()
    for name in ("encoder.safetensors", "features.npz", "probe.json", "simclr.json"):
        place = f"data/features/small/simclr/{name}"
        (pulled.root / place).write_bytes((other.root / place).read_bytes())
    pulled.append("provenance.jsonl", (other.root / ".provenance/records.jsonl").read_text())
    pulled.edit("config.yaml", "epochs: 1\n", "epochs: 2\n")
    chains = [chain("fixed_features", method) for method in METHODS]
    assert pulled.planned(*PUBLISHED) == TABLE.union(METRICS, *chains)


def test_a_run_leaves_the_tree_clean(clone: Project):
    clone.snakemake("data/raw/digits.npz")
    assert (clone.root / ".provenance/records.jsonl").is_file()
    assert clone.git("status", "--short") == ""


def test_looking_at_the_rules_alone_restores_nothing(pulled):
    for look in ("--lint", "--list"):
        pulled.run(sys.executable, "-m", "snakemake", look)
        assert not (pulled.root / ".provenance").exists(), look
    pulled.run(sys.executable, "-m", "snakemake", "--list-changes", "code")
    assert (pulled.root / ".provenance").exists()


@pytest.mark.parametrize("option", ["--touch", "-t"])
def test_stale_results_can_not_be_declared_new(clone, option):
    command = (sys.executable, "-m", "snakemake", "--cores", "1", option)
    said = clone.run(*command, fails=True)
    assert "provenance: --touch would record stale outputs as made now; run without it" in said
