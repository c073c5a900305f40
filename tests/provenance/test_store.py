"""Recording and restoring, without Snakemake: its records are written as it writes them."""

import json
import os
import subprocess
from dataclasses import asdict, replace

import pytest
from snakemake.persistence import RECORD_FORMAT_VERSION
from snakemake.persistence.file import FilePersistence

from balent.errors import DataError
from balent.files import sha256_file
from balent.provenance import entries, records, store
from balent.provenance import restore as restoring
from balent.provenance.entries import Entry
from balent.provenance.index import INDEX, Index

FACTS = {"state": "one", "config": "c", "code": "v1", "device": "cpu", "packages": {"numpy": "2"}}
TABLE, FEATURES = "reports/table.csv", "data/features/x.npz"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def put(path: str, content: str) -> None:
    """Write a file by hand."""
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    with open(path, "w") as file:
        file.write(content)


def make(output: str, content: str, **inputs: str) -> None:
    """Write an output as a job of Snakemake does, with the record that it then has."""
    put(output, content)
    record = {
        "rule": "table",
        "input": sorted(inputs.values()),
        "params": ["'p'"],
        "code": "make {output}",
        "record_format_version": RECORD_FORMAT_VERSION,
        "software_stack_hash": "s",
        "input_checksums": {path: f"sha256:{sha256_file(path)}" for path in inputs.values()},
        "conda_env": "of this machine",
    }
    records.write(output, record, os.stat(output).st_mtime)


def begin(facts: dict) -> None:
    """Start a run that makes both outputs: Snakemake has locked them then."""
    records.LOCKS.mkdir(parents=True, exist_ok=True)
    lock = records.LOCKS / "0.output.lock"
    lock.write_text("\n".join([FEATURES, TABLE, "results/a/history.csv"]))
    store.begin(facts)
    lock.unlink()


def restore(state: str) -> list[str]:
    """What a start says; jobs make arrays, tables of CSV and run records."""
    return restoring.restore(state, lambda path: path.endswith((".npz", ".csv", ".json")))


def publish() -> None:
    """What ``make publish`` leaves: the entries in git."""
    entries.write(entries.PUBLISHED, entries.read(entries.LOCAL))


def fresh_clone() -> None:
    """Forget what is not in git; all files are new."""
    for path in (entries.LOCAL, INDEX):
        path.unlink(missing_ok=True)
    for output in list(records.outputs()):
        records._path(records.METADATA, output).unlink()
    for output in entries.by_output(entries.read(entries.PUBLISHED)):
        if os.path.exists(output):
            os.utime(output)


@pytest.mark.parametrize("output", ["reports/a.csv", "results/" + "long/" * 60 + "é.csv"])
def test_snakemake_reads_our_records_and_we_its(output):
    records.write(output, {"rule": "r", "code": "c", "record_format_version": 6}, 5.0)
    theirs = FilePersistence(nolock=True)
    found = theirs._read_record(output)
    assert found is not None
    assert (found.rule, found.code, found.endtime) == ("r", "c", 5.0)
    found.code = "changed"
    theirs._write_record(output, found)
    assert records.read(output)["code"] == "changed"
    assert list(records.outputs()) == [output]
    records.mark_incomplete(output)
    assert theirs._filter_incomplete_keys([output]) == {output}
    records.write(output, {"rule": "r"}, 5.0)
    assert not records.is_incomplete(output)


def test_the_format_is_the_one_that_was_read():
    assert RECORD_FORMAT_VERSION == 6


def test_half_a_record_is_none():
    records.write("reports/a.csv", {"rule": "r"}, 5.0)
    records._path(records.METADATA, "reports/a.csv").write_text('{"rule": "r')
    assert records.read("reports/a.csv") is None


def test_an_entry_says_what_was_made_how():
    make(FEATURES, "features")
    begin(FACTS)
    make(TABLE, "table", features=FEATURES)
    store.record()
    first, entry = entries.read(entries.LOCAL)
    assert first.run.get("state") is None  # made before the first recorded run
    assert entry.outputs == {TABLE: sha256_file(TABLE)}
    assert entry.inputs == {FEATURES: sha256_file(FEATURES)}
    assert entry.run.items() >= FACTS.items()
    assert entry.record["code"] == "make {output}"
    assert "conda_env" not in entry.record
    assert "endtime" not in entry.record


def test_working_files_are_not_recorded():
    make("work/journal.npz", "x")
    store.record()
    assert entries.read(entries.LOCAL) == []


def test_outputs_of_one_job_are_one_entry_with_the_device_of_its_run_record():
    begin(FACTS)
    make("results/a/run.json", json.dumps({"device": "cuda:1"}))
    make("results/a/history.csv", "x")
    store.record()
    (entry,) = entries.read(entries.LOCAL)
    assert set(entry.outputs) == {"results/a/run.json", "results/a/history.csv"}
    assert entry.run["device"] == "cuda:1"


def test_recording_twice_adds_nothing():
    make(TABLE, "table")
    store.record()
    before = entries.LOCAL.read_bytes()
    store.record()
    assert entries.LOCAL.read_bytes() == before


def test_what_a_killed_run_made_gets_the_facts_of_that_run():
    begin(FACTS)
    make(TABLE, "table")  # and no record(): killed
    begin(FACTS | {"code": "v2"})
    (entry,) = entries.read(entries.LOCAL)
    assert entry.run["code"] == "v1"


def test_pulled_files_get_their_records_back():
    make(FEATURES, "features")
    make(TABLE, "table", features=FEATURES)
    store.record()
    publish()
    wanted = records.kept(records.read(TABLE))
    fresh_clone()
    assert restore("one") == ["2 outputs recognised by content"]
    assert records.kept(records.read(TABLE)) == wanted
    assert os.stat(TABLE).st_mtime == os.stat(FEATURES).st_mtime == store.RESTORED
    assert restore("one") == []


def test_files_made_here_are_left_alone():
    make(TABLE, "table")
    store.record()
    publish()
    before = os.stat(TABLE).st_mtime_ns
    assert restore("one") == []
    assert os.stat(TABLE).st_mtime_ns == before


@pytest.mark.parametrize("content", ["tablf", "", "half of the ta"])
def test_a_file_that_no_entry_knows_is_named_at_every_start_until_it_is_right(content):
    make(TABLE, "table")
    store.record()
    publish()
    fresh_clone()
    with open(TABLE, "w") as file:
        file.write(content)
    for _ in range(2):
        (line,) = restore("one")
        assert line == f"{TABLE}: no record knows its content; it will be made again"
        assert records.is_incomplete(TABLE)
    with open(TABLE, "w") as file:
        file.write("table")
    assert restore("one") == ["1 outputs recognised by content"]
    assert not records.is_incomplete(TABLE)


def test_an_exchange_that_keeps_size_and_time_is_noticed():
    make(TABLE, "table")
    store.record()
    publish()
    fresh_clone()
    restore("one")
    with open("other", "w") as file:
        file.write("tablf")
    os.utime("other", (store.RESTORED, store.RESTORED))
    os.replace("other", TABLE)
    assert "no record knows" in restore("one")[0]


def test_an_older_version_is_known_too():
    begin(FACTS)
    make(TABLE, "old")
    begin(FACTS)
    make(TABLE, "new")
    store.record()
    with open(TABLE, "w") as file:
        file.write("old")
    assert restore("one") == ["1 outputs recognised by content"]


def test_pulled_files_stay_known_when_git_has_newer_entries():
    """As after git pull and before dvc pull."""
    make(TABLE, "old")
    store.record()
    publish()
    fresh_clone()
    restore("one")
    (entry,) = entries.read(entries.PUBLISHED)
    entries.write(entries.PUBLISHED, [replace(entry, outputs={TABLE: "0" * 64})])
    assert restore("two") == []
    assert not records.is_incomplete(TABLE)


def test_an_output_of_other_inputs_gets_older_than_they_are():
    make(FEATURES, "first")
    make(TABLE, "table", features=FEATURES)
    store.record()
    make(FEATURES, "second")
    store.record()
    publish()
    fresh_clone()
    restore("one")
    assert os.stat(TABLE).st_mtime < os.stat(FEATURES).st_mtime


def test_a_result_made_here_is_not_newer_than_pulled_inputs_that_it_was_not_made_from():
    make(FEATURES, "pulled")
    store.record()
    publish()
    make(FEATURES, "mine")
    make(TABLE, "table", features=FEATURES)
    store.record()
    with open(FEATURES, "w") as file:  # as dvc pull --force
        file.write("pulled")
    restore("one")
    assert os.stat(FEATURES).st_mtime == store.RESTORED
    assert os.stat(TABLE).st_mtime < store.RESTORED


def test_nothing_is_touched_while_snakemake_works():
    make(TABLE, "table")
    store.record()
    publish()
    fresh_clone()
    records.LOCKS.mkdir(parents=True)
    (records.LOCKS / "0.output.lock").write_text(TABLE)
    assert restore("one") == [restoring.LOCKED]
    assert os.stat(TABLE).st_mtime > store.RESTORED


def test_records_are_given_back_after_the_working_folder_of_snakemake_was_deleted():
    make(TABLE, "table")
    store.record()
    assert restore("one") == []
    records.METADATA.parent.rename("gone")
    assert restore("one") == ["1 outputs recognised by content"]


def test_while_snakemake_works_nothing_is_said_where_nothing_changed():
    make(TABLE, "table")
    store.record()
    restore("one")
    records.LOCKS.mkdir(parents=True)
    (records.LOCKS / "0.output.lock").write_text(TABLE)
    assert restore("one") == []


@pytest.mark.parametrize("looked_before", [False, True])
def test_a_file_that_nobody_made_here_is_made_again(looked_before):
    make(TABLE, "table")
    if looked_before:
        assert restore("one") == []
    put("results/s/m/seed1/history.csv", "copied")
    put("results/notes.txt", "no output of a job")
    for _ in range(2):
        assert restore("one") == [f"results/s/m/seed1/history.csv: {restoring.UNKNOWN}"]
        assert records.is_incomplete("results/s/m/seed1/history.csv")
    assert not records.is_incomplete(TABLE)


def test_a_linked_folder_of_results_is_not_believed():
    put("elsewhere/seed1/history.csv", "a colleague's")
    os.makedirs("results/s/m")
    os.symlink(os.path.abspath("elsewhere/seed1"), "results/s/m/seed1")
    assert restore("one") == [f"results/s/m/seed1/history.csv: {restoring.UNKNOWN}"]


def test_results_made_before_provenance_are_believed_by_the_records_of_snakemake():
    make(TABLE, "table")
    assert restore("one") == []
    assert not records.is_incomplete(TABLE)
    (entry,) = entries.read(entries.LOCAL)
    assert entry.state is None


def test_deleted_entries_are_recorded_again():
    begin(FACTS)
    make(TABLE, "table")
    restore("one")
    entries.LOCAL.unlink()
    assert restore("one") == []
    assert entries.by_output(entries.read(entries.LOCAL)).keys() == {TABLE}
    assert not records.is_incomplete(TABLE)


def test_deleted_entries_of_pulled_files_are_kept_again():
    make(TABLE, "table")
    store.record()
    publish()
    fresh_clone()
    restore("one")
    entries.LOCAL.unlink()
    assert restore("one") == []
    assert entries.by_output(entries.read(entries.LOCAL)).keys() == {TABLE}


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"state": "one", "files": {"a": [1]}}'])
def test_a_damaged_index_is_written_again_and_no_fact_is_lost(damage):
    begin(FACTS)
    make(TABLE, "table")
    restore("one")
    before = entries.LOCAL.read_bytes()
    INDEX.write_text(damage)
    assert restore("one") == []
    assert entries.LOCAL.read_bytes() == before
    assert Index().state == "one"


def test_bytes_written_over_a_file_are_noticed_though_size_time_and_inode_stay():
    make(TABLE, "table")
    store.record()
    publish()
    fresh_clone()
    restore("one")
    was = os.stat(TABLE)
    put("other", "tablf")
    os.utime("other", (store.RESTORED, store.RESTORED))
    subprocess.run(["cp", "-p", "other", TABLE], check=True)
    now = os.stat(TABLE)
    assert (now.st_size, now.st_mtime, now.st_ino) == (was.st_size, was.st_mtime, was.st_ino)
    assert restore("one") == [f"{TABLE}: {restoring.UNKNOWN}"]


@pytest.mark.parametrize("moment", [0.0, 1e8, 1.5e9])
@pytest.mark.parametrize("cloned", [False, True])
def test_another_input_of_any_age_makes_the_output_older(moment, cloned):
    """Such as a user's own data, which no job makes."""
    put("own.npz", "first")
    make(TABLE, "table", own="own.npz")
    store.record()
    publish()
    if cloned:
        fresh_clone()
    restore("one")
    put("own.npz", "other")
    os.utime("own.npz", (moment, moment))
    restore("one")
    assert os.stat(TABLE).st_mtime < os.stat("own.npz").st_mtime
    assert records.read(TABLE)["endtime"] == os.stat(TABLE).st_mtime


def test_inputs_that_snakemake_did_not_hash_are_known():
    put("large.npz", "first")
    make(TABLE, "table", large="large.npz")
    record = records.read(TABLE) | {"input_checksums": {}}
    records.write(TABLE, record, os.stat(TABLE).st_mtime)
    store.record()
    (entry,) = entries.read(entries.LOCAL)
    assert entry.inputs == {"large.npz": sha256_file("large.npz")}


def test_inputs_that_changed_since_the_job_are_not_hashed():
    put("large.npz", "first")
    make(TABLE, "table", large="large.npz")
    record = records.read(TABLE) | {"input_checksums": {}}
    moment = os.stat(TABLE).st_mtime
    while os.stat("large.npz").st_ctime <= moment:
        put("large.npz", "other")
    records.write(TABLE, record, moment)
    store.record()
    (entry,) = entries.read(entries.LOCAL)
    assert entry.inputs == {}


def test_inputs_that_are_gone_are_not_hashed():
    put("large.npz", "first")
    make(TABLE, "table", large="large.npz")
    records.write(TABLE, records.read(TABLE) | {"input_checksums": {}}, os.stat(TABLE).st_mtime)
    os.unlink("large.npz")
    store.record()
    (entry,) = entries.read(entries.LOCAL)
    assert entry.inputs == {}


def test_runs_at_the_same_time_keep_their_own_facts(monkeypatch):
    begin(FACTS)
    monkeypatch.setattr(os, "getpid", lambda: 0)
    records.LOCKS.mkdir(exist_ok=True)
    lock = records.LOCKS / "1.output.lock"
    lock.write_text("results/b/history.csv")
    store.begin(FACTS | {"code": "v2"})
    lock.unlink()
    make(TABLE, "of the first run")
    make("results/b/history.csv", "of the second run", table=TABLE)
    store.record()
    codes = {path: e.run["code"] for e in entries.read(entries.LOCAL) for path in e.outputs}
    assert codes == {TABLE: "v1", "results/b/history.csv": "v2"}


def test_the_facts_of_a_finished_run_are_not_kept():
    begin(FACTS)
    make(TABLE, "table")
    assert len(list(store.RUNS.iterdir())) == 1
    store.record()
    assert list(store.RUNS.iterdir()) == []


def versions(*states: str) -> list[Entry]:
    """Entries of one content, each made with other parameters."""
    make(TABLE, "table")
    store.record()
    (entry,) = entries.read(entries.LOCAL)
    return [
        replace(entry, record=entry.record | {"params": [state]}, run=entry.run | {"state": state})
        for state in states
    ]


def test_of_equal_contents_the_record_of_this_code_and_configuration_is_in_force():
    one, two = versions("one", "two")
    entries.write(entries.LOCAL, [one, two])
    for state in ("one", "two", "one"):
        restore(state)
        assert records.read(TABLE)["params"] == [state]


def test_else_the_record_that_is_in_force_stays():
    one, two = versions("one", "two")
    entries.write(entries.LOCAL, [one, two])
    restore("one")
    assert restore("three") == []
    assert records.read(TABLE)["params"] == ["one"]


def test_unless_another_one_was_published_since():
    one, two = versions("one", "two")
    entries.write(entries.LOCAL, [one])
    restore("one")
    entries.write(entries.PUBLISHED, [two])
    restore("three")
    assert records.read(TABLE)["params"] == ["two"]
    entries.write(entries.LOCAL, [one, two])
    restore("one")
    restore("four")  # nothing was published in between
    assert records.read(TABLE)["params"] == ["one"]


def test_of_new_ones_the_newest_is_in_force():
    one, two = versions("one", "two")
    fresh_clone()
    entries.write(entries.PUBLISHED, [one, two])
    restore("three")
    assert records.read(TABLE)["params"] == ["two"]


def test_of_ones_that_were_published_before_the_newest_is_in_force():
    one, two = versions("one", "two")
    fresh_clone()
    os.unlink(TABLE)
    entries.write(entries.PUBLISHED, [one, two])
    restore("three")
    put(TABLE, "table")
    restore("three")
    assert records.read(TABLE)["params"] == ["two"]


@pytest.mark.parametrize("where", ["out", "device", "folder"])
def test_an_output_that_is_no_file_of_the_checkout_is_made_again(where, tmp_path_factory):
    make(TABLE, "table")
    store.record()
    publish()
    fresh_clone()
    outside = tmp_path_factory.mktemp("outside") / "table.csv"
    outside.write_text("table")
    os.utime(outside, (1e9, 1e9))
    os.unlink(TABLE)
    if where == "folder":
        os.mkdir(TABLE)
    else:
        os.symlink({"out": outside, "device": "/dev/zero"}[where], TABLE)
    assert restore("one") == [f"{TABLE}: {restoring.ELSEWHERE}"]
    assert outside.stat().st_mtime == 1e9
    if where != "folder":
        os.unlink(TABLE)
        put(TABLE, "table")
        assert restore("one") == ["1 outputs recognised by content"]


def test_a_device_as_an_input_is_not_read():
    """Reading it would never end."""
    make(TABLE, "table")
    store.record()
    (entry,) = entries.read(entries.LOCAL)
    entries.write(entries.PUBLISHED, [replace(entry, hashed={"/dev/zero": "0" * 64})])
    assert restore("one") == ["1 outputs recognised by content"]


@pytest.mark.parametrize("top", ["results", "reports"])
def test_a_kept_folder_may_lie_on_another_disk(top, tmp_path_factory):
    os.symlink(tmp_path_factory.mktemp("disk"), top)
    make(f"{top}/a.csv", "x")
    store.record()
    publish()
    fresh_clone()
    assert restore("one") == ["1 outputs recognised by content"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"outputs": {"../reports/a.csv": "0" * 64}}, "no plain path below data/raw/"),
        ({"outputs": {"reports/../../a.csv": "0" * 64}}, "no plain path below data/raw/"),
        ({"outputs": {"reports//a.csv": "0" * 64}}, "no plain path below data/raw/"),
        ({"outputs": {"/etc/passwd": "0" * 64}}, "no plain path below data/raw/"),
        ({"outputs": {"src/balent/x.py": "0" * 64}}, "no plain path below data/raw/"),
        ({"outputs": {TABLE: "0" * 63}}, "is no SHA-256"),
        ({"outputs": {TABLE: "0" * 65}}, "is no SHA-256"),
        ({"outputs": {TABLE: None}}, "expected string"),
        ({"outputs": []}, "has no attribute"),
        ({"outputs": {"reports/\0": "0" * 64}}, "is no path"),
        ({"outputs": {"reports/\ud800": "0" * 64}}, "surrogates"),
        ({"hashed": {"own.npz": "x"}}, "is no SHA-256"),
        ({"record": {}}, "has not the keys"),
        ({"run": {}}, "has no date"),
        ({"run": {"date": "d", "packages": []}}, "packages"),
    ],
)
def test_an_entry_from_elsewhere_is_checked(change, message):
    make(TABLE, "table")
    store.record()
    (entry,) = entries.read(entries.LOCAL)
    entries.PUBLISHED.write_text(json.dumps(asdict(entry) | change) + "\n")
    with pytest.raises(DataError, match=f"^provenance.jsonl:1: .*{message}.*; git restore the"):
        restore("one")


@pytest.mark.parametrize("line", ["<<<<<<< HEAD", '{"outputs": []}', "[]", '{"outputs": {"a": 1}}'])
def test_a_broken_file_of_entries_is_one_line(line):
    make(TABLE, "table")
    store.record()
    publish()
    with open(entries.PUBLISHED, "a") as file:
        file.write(line + "\n")
    with pytest.raises(
        DataError, match=r"^provenance.jsonl:2: is no provenance entry \(.+\); git restore"
    ):
        restore("two")
