"""dvc.yaml: what it names is what the workflow makes, and DVC's commands work on it."""

import hashlib
import json
from pathlib import Path

import pytest
import yaml

from balent.provenance import entries, publish
from balent.reports import kinds

from .project import ROOT


def test_the_reports_stage_names_every_table_of_target_all():
    items = kinds.of_target(yaml.safe_load((ROOT / "config.yaml").read_text())["reports"])
    outputs = {path for name, item in items.items() for path in kinds.outputs(name, item)}
    made = set(filter(kinds.is_table, outputs))
    stage = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]["reports"]
    named = {path for out in stage["outs"] for path in out}
    missing, superfluous = made - named, named - made - {"reports/curves.csv"}
    assert not missing | superfluous, (
        f"dvc.yaml, stage reports: add {sorted(missing)}, remove {sorted(superfluous)}"
    )


def test_everything_is_kept_while_a_stage_runs():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    for name, stage in stages.items():
        for out in stage["outs"] + stage.get("metrics", []):
            ((_, options),) = out.items()
            assert options["persist"] is True, name
        assert {"Snakefile", "rules", "scripts", "src/balent"} <= set(stage["deps"]), name


def test_the_parameter_file_is_the_configuration():
    assert (ROOT / "params.yaml").resolve() == (ROOT / "config.yaml").resolve()


@pytest.mark.workflow
def test_what_is_published_is_what_is_recorded(origin):
    """Every output in dvc.lock has an entry and an object in git, and nothing else has."""
    stages = yaml.safe_load((origin.root / "dvc.lock").read_text())["stages"].values()
    outs = [origin.root / out["path"] for stage in stages for out in stage["outs"]]
    files = [path for out in outs for path in (out.rglob("*") if out.is_dir() else [out])]
    found = {path.relative_to(origin.root).as_posix() for path in files if path.is_file()}
    recorded = entries.by_output(entries.read(origin.root / "provenance.jsonl"))
    assert recorded.keys() == found
    digests = {hashlib.md5((origin.root / path).read_bytes()).hexdigest() for path in found}
    objects = [p for p in (origin.root / publish.FOLDER).rglob("*") if p.is_file()]
    listings = [path for path in objects if path.suffix == ".dir"]
    assert len(listings) == 2
    assert {f"{p.parent.name}{p.name}" for p in objects if p not in listings} == digests


@pytest.mark.workflow
def test_metrics_and_plots(origin, tmp_path):
    shown = json.loads(origin.dvc("metrics", "show", "--json"))
    values = shown[""]["data"]["reports/metrics.json"]["data"]["full_dropout"]["bald"]
    history = (origin.root / "results/small/full_dropout/bald/seed0/history.csv").read_text()
    last = history.splitlines()[-1].split(",")
    assert values["accuracy"] == float(last[2])
    assert 0 < values["area"] < 1
    origin.dvc("plots", "show", "--out", str(tmp_path / "plots"))
    page = (tmp_path / "plots/index.html").read_text()
    assert '"field": "method"' in page
    assert '"fixed_features"' in page


@pytest.mark.workflow
def test_an_experiment_with_another_seed(pulled):
    before = (pulled.root / "reports/metrics.json").read_bytes()
    pulled.dvc("exp", "run", "--set-param", "seeds=[0,1]")
    assert (pulled.root / "reports/metrics.json").read_bytes() != before
    assert Path(pulled.root, "results/small/full_dropout/bald/seed1/history.csv").exists()
    assert yaml.safe_load((pulled.root / "config.yaml").read_text())["seeds"] == [0, 1]
    assert "accuracy" in pulled.dvc("metrics", "diff")
    assert pulled.planned("all", "metrics") == set()


@pytest.mark.workflow
def test_a_small_project_alone_is_published_in_git(pulled):
    pulled.edit("src/balent/provenance/publish.py", "10_000_000", "900_000")
    pulled.dvc("commit", "--force")
    said = pulled.run("python", "scripts/publish.py", fails=True)
    assert "publish: dvc.lock: 0.9 MB are too much for remote 'published' (at most 1 MB)" in said
    assert (pulled.root / ".dvc/published").is_dir()


@pytest.mark.workflow
def test_a_file_without_a_record_is_not_published(pulled):
    pulled.append("results/small/notes.txt", "mine")
    pulled.dvc("commit", "--force")
    said = pulled.run("python", "scripts/publish.py", fails=True)
    assert "results/small/notes.txt: has no record; run snakemake" in said
    assert (pulled.root / ".dvc/published").is_dir()


@pytest.mark.workflow
def test_what_is_not_locked_is_not_published(pulled):
    pulled.append("scripts/report.py", "\n")
    said = pulled.run("python", "scripts/publish.py", fails=True)
    assert "dvc.lock: does not describe what is here; run dvc repro first" in said


@pytest.mark.workflow
def test_publishing_again_changes_nothing(pulled):
    pulled.snakemake("all", "metrics")
    pulled.run("python", "scripts/publish.py")
    assert pulled.git("status", "--short") == ""
