"""``balent reports``: what there is of every item, from files and configuration alone."""

import copy
import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import yaml

from balent import finished
from balent.cli import main
from balent.config import read_yaml, resolve
from balent.files import sha256_file
from balent.loop.chain import Chain
from balent.overview import Costs, overview
from balent.provenance import records
from balent.resources import Jobs
from balent.studies import scenario

ROOT = Path(__file__).parents[1]
ONE = {"scenarios": ["fixed_features"], "methods": ["random", "bald"]}
REPORTS = {
    "curve": {"kind": "curves", "title": "Curve", "section": "main", "metric": "accuracy", **ONE},
    "pairs": {"kind": "paired", "title": "Pairs", **ONE},
    "table2": {
        "kind": "configuration_table",
        "title": "Table 2",
        "scenarios": ["fixed_features", "redundant_features"],
    },
    "figure7": {
        "kind": "surface",
        "title": "Figure 7",
        "study": "beta_surface",
        "methods": ["balent"],
    },
    "backbone": {
        "kind": "curves",
        "title": "Backbone",
        "metric": "accuracy",
        "scenarios": ["pretrained_backbone"],
        "methods": ["random"],
    },
    "extra/times": {
        "kind": "timing_table",
        "title": "Times",
        "study": "acquisition_time",
        "methods": ["bald"],
    },
    "index": {"kind": "index", "title": "All"},
}

STATED = {
    "kind": "agreement_table",
    "title": "Figure 1",
    "section": "main",
    "study": "rank_correlation",
    "pairs": [{"methods": ["bald", "mean_sd"], "paper": {"above": 0.9}}],
}
REPRODUCTION = {"kind": "reproduction", "title": "Every number"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with a configuration of few items and one seed; nothing is built."""
    config = read_yaml(ROOT / "config.yaml") | {"reports": REPORTS, "seeds": [4]}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    shutil.copy2(ROOT / "config.schema.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@cache
def settings(scale="small"):
    """The configuration of ``folder``, in any test."""
    config = read_yaml(ROOT / "config.yaml") | {"reports": REPORTS, "seeds": [4], "scale": scale}
    return resolve(config, read_yaml(ROOT / "config.schema.yaml"))


def status(scale="small"):
    return {item.name: item.status for item in overview(settings(scale))}


def make_chain(method, **changes):
    """The files of a finished chain."""
    chain = Chain.of(settings(), "fixed_features", method, 4)
    path = finished.chain_record("small", "fixed_features", method, 4)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"chain": json.loads(chain.to_json()) | changes}))
    path.with_name("history.csv").write_text(method)


def make_study(name="beta_surface", seconds=7.5, scale="small"):
    study = finished.untitled(settings(scale).studies[name])
    methods = {m: finished.untitled(settings().methods[m]) for m in study.get("methods", ())}
    path = finished.study_record(scale, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    about = {"name": name, "settings": study, "methods": methods, "torch_threads": 1}
    if study["kind"] == "marginals":
        about["chain"] = json.loads(scenario.chain(settings(scale), name).to_json())
    path.write_text(json.dumps({"study": about, "seconds": seconds}))
    path.with_name(f"{name}.npz").write_bytes(b"arrays")


def make_report(name, *suffixes, time=None, record=None):
    for suffix in suffixes:
        path = Path(f"reports/{name}{suffix}")
        path.parent.mkdir(exist_ok=True)
        path.write_text("report")
        if time is not None:
            os.utime(path, (time, time))
        if record is not None:
            records.write(path.as_posix(), record, path.stat().st_mtime)


def params(**context):
    """A report's parameters in Snakemake's record."""
    text = json.dumps({"seeds": [4], **context, "undefined": None}, separators=(",", ":"))
    return [repr("name"), repr(text), repr(["src/balent 0123456789abcdef"])]


def rows(capsys, *arguments):
    main(["reports", "--json", *arguments])
    return {row["item"]: row for row in json.loads(capsys.readouterr().out)}


def test_from_nothing_to_built(folder, capsys):
    assert set(status().values()) == {"missing"}
    make_chain("random")
    assert status()["curve"] == status()["pairs"] == "partly"
    make_chain("bald")
    assert status()["curve"] == "partly"  # the results, but no figure
    make_report("curve", ".pdf", ".svg")
    assert status()["curve"] == "partly"
    make_report("curve", ".png")
    assert status()["curve"] == "built"
    assert rows(capsys)["curve"]["chains"] == "2/2"
    make_report("table2", ".csv", ".md")
    assert status()["table2"] == "built"  # needs the configuration alone
    make_study()
    make_report("figure7", ".pdf", ".svg", ".png")
    assert status()["figure7"] == "built"
    assert status()["index"] == "partly"


def test_results_of_other_settings_do_not_count(folder):
    make_chain("random", torch_threads=7)
    assert status()["pairs"] == "missing"
    make_study()
    path = finished.study_record("small", "beta_surface")
    path.write_text(path.read_text().replace('"side": 61', '"side": 60'))
    assert finished.study_seconds(settings(), "beta_surface") is None


@pytest.mark.parametrize("name", ["beta_surface", "marginals_full_dropout"])
def test_a_study_with_other_threads_is_not_finished(folder, name):
    make_study(name)
    assert finished.study_seconds(settings(), name) == 7.5
    threads = replace(settings(), runtime=settings().runtime | {"torch_threads": 2})
    assert finished.study_seconds(threads, name) is None


@pytest.mark.parametrize("key", ["training", "model"])
def test_a_study_of_a_network_is_finished_with_its_scenario_alone(folder, key):
    """A study's own settings do not say how the network of its scenario is trained."""
    make_study("marginals_full_dropout")
    assert finished.study_seconds(settings(), "marginals_full_dropout") == 7.5
    changed = copy.deepcopy(settings().scenarios)
    changed["full_dropout"][key] |= {"learning_rate": 0.5} if key == "training" else {"hidden": 7}
    other = replace(settings(), scenarios=changed)
    assert finished.study_seconds(other, "marginals_full_dropout") is None


@pytest.mark.parametrize("text", ["", "[]", "{", "{}"])
def test_half_a_run_record_is_no_result(folder, text):
    make_chain("random")
    finished.chain_record("small", "fixed_features", "random", 4).write_text(text)
    assert finished.chains(settings(), [("fixed_features", "random", 4)]) == set()


def test_by_times_a_report_older_than_its_results_is_stale(folder):
    make_chain("random")
    make_chain("bald")
    make_report("pairs", ".csv", time=1e9)
    assert status()["pairs"] == "stale"


def test_by_records_contents_decide_and_not_times(folder):
    make_chain("random")
    make_chain("bald")
    history = finished.chain_record("small", "fixed_features", "bald", 4).with_name("history.csv")
    digest = {history.as_posix(): f"sha256:{sha256_file(history)}"}
    record = {"params": params(scale="small"), "input_checksums": digest}
    make_report("pairs", ".csv", time=1e9, record=record)
    assert status()["pairs"] == "built"
    history.write_text("other")
    assert status()["pairs"] == "stale"
    history.write_text("bald")
    assert status()["pairs"] == "built"


def test_a_report_of_another_scale_is_stale(folder):
    record = {"params": params(scale="small"), "input_checksums": {}}
    make_report("table2", ".csv", ".md", record=record)
    assert status()["table2"] == "built"
    assert status("cpu")["table2"] == "stale"


def test_a_report_of_other_seeds_is_stale(folder):
    make_report("table2", ".csv", ".md", record={"params": params(scale="small", seeds=[0, 4])})
    assert status()["table2"] == "stale"


def with_table(scale):
    """A configuration of one figure with numbers of the paper and the table of all of them."""
    return replace(settings(scale), reports={"figure1": STATED, "reproduction": REPRODUCTION})


def paper_table(scale="paper"):
    """The overview's entry of that table."""
    return overview(with_table(scale))[-1]


def test_a_table_of_what_is_finished_is_stale_after_more(folder):
    """At paper scale; by the times of results, and by the context of Snakemake's record."""
    table = Path("reports/reproduction.csv")
    assert paper_table().status == "missing"
    make_report("reproduction", ".csv", time=1e9)
    assert paper_table().status == "built"  # nothing is finished, nothing is shown
    make_study("rank_correlation", scale="paper")
    assert paper_table().status == "stale"
    assert paper_table().parts == paper_table().done == {("study", "rank_correlation")}
    os.utime(table, (4e9, 4e9))
    assert paper_table().status == "built"
    shown = finished.shown(with_table("paper"), [STATED])
    assert shown["finished_studies"] == ["rank_correlation"]
    make_report("reproduction", ".csv", record={"params": params(scale="paper", **shown)})
    assert paper_table().status == "built"
    make_study("rank_correlation", seconds=8.5, scale="paper")  # run again: another record
    assert paper_table().status == "stale"
    nothing = {"finished": {}, "finished_studies": [], "records": ""}
    make_report("reproduction", ".csv", record={"params": params(scale="paper", **nothing)})
    assert paper_table().status == "stale"


def test_at_other_scales_a_table_of_what_is_finished_shows_nothing(folder):
    make_study("rank_correlation")
    assert paper_table("small").status == "missing"
    make_report("reproduction", ".csv", time=1e9)
    assert paper_table("small").status == "built"
    make_report("reproduction", ".csv", record={"params": params(scale="small")})
    assert paper_table("small").status == "built"


def test_what_a_scale_does_not_define(folder):
    assert status("cpu")["backbone"] == "not defined at this scale"
    assert status("cpu")["table2"] == "missing"


def test_costs_are_those_of_the_forecasts_and_shared_results_count_once(folder, capsys):
    found = rows(capsys, "--cost")
    jobs, last = Jobs(settings()), 11
    chains = sum(jobs.rounds("fixed_features", m, 0, last).seconds for m in ("random", "bald"))
    features = jobs.simclr("simclr").seconds + jobs.extract("simclr").seconds
    assert found["curve"]["core_s"] == pytest.approx(chains + features, abs=0.06)
    assert found["curve"]["left_s"] == found["curve"]["core_s"] == found["pairs"]["core_s"]
    assert found["table2"]["core_s"] == 0
    make_chain("random")
    left = jobs.rounds("fixed_features", "bald", 0, last).seconds + features
    assert rows(capsys, "--cost")["curve"]["left_s"] == pytest.approx(left, abs=0.06)
    items = [item for item in overview(settings()) if item.name in ("curve", "pairs")]
    both = frozenset().union(*(item.parts for item in items))
    assert Costs(settings()).total(both) == pytest.approx(chains + features)


def test_a_study_costs_what_it_took_else_its_forecast(folder, capsys):
    assert rows(capsys, "--cost")["extra/times"]["core_s"] is None
    assert 0 < rows(capsys, "--cost")["figure7"]["core_s"] < 1
    make_study("acquisition_time", 12.5)
    make_study("beta_surface", 7.5)
    found = rows(capsys, "--cost")
    assert (found["extra/times"]["core_s"], found["extra/times"]["left_s"]) == (12.5, 0)
    assert found["figure7"]["core_s"] == 7.5


def test_the_page_of_all_needs_what_its_target_needs(folder):
    items = {item.name: item for item in overview(settings())}
    assert items["index"].chains() == (0, 3)
    assert ("study", "beta_surface") in items["index"].parts
    assert ("study", "acquisition_time") not in items["index"].parts


def test_the_table_names_what_it_shows(folder, capsys):
    main(["reports", "curve", "extra/times", "--cost"])
    head, curve, times, total = capsys.readouterr().out.splitlines()
    columns = "item,kind,scale,status,chains,core_s,left_s,section,title"
    assert head.split() == columns.split(",")
    assert curve.split()[:5] == ["curve", "curves", "small", "missing", "0/2"]
    assert curve.endswith("Main text         Curve")
    assert times.split()[5:7] == ["?", "?"]
    assert total.endswith("; and 1 studies without an estimate")
    main(["reports", "table2"])
    assert "core_s" not in capsys.readouterr().out


def test_an_unknown_name_is_refused_with_the_nearest(folder, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["reports", "tabel2"])
    assert stop.value.code == 2
    assert "NAME: unknown report 'tabel2'; did you mean 'table2'?" in capsys.readouterr().err


def test_chains_of_the_target_extra_are_shown_apart(folder, capsys):
    config = read_yaml("config.yaml")
    config["reports"]["extra/pairs"] = REPORTS["pairs"] | {"scenarios": ["redundant_features"]}
    Path("config.yaml").write_text(yaml.safe_dump(config))
    main(["status"])
    assert "small: 0 of 3 chains" in capsys.readouterr().out
    main(["status", "--extra"])
    out = capsys.readouterr().out
    assert "small: 0 of 2 chains" in out
    assert "redundant_features" in out


def test_nothing_heavy_is_imported(folder):
    code = (
        "import sys; from balent.cli import main; main(['reports', '--cost']); "
        "print([m for m in ('torch', 'pandas', 'snakemake', 'matplotlib') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.splitlines()[-1] == "[]"
