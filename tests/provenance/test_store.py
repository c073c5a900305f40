"""Recording and restoring, without Snakemake: its records are written as it writes them."""

import json
import os
from dataclasses import replace

import pytest
from snakemake.persistence import RECORD_FORMAT_VERSION
from snakemake.persistence.file import FilePersistence

from balent.errors import DataError
from balent.files import sha256_file
from balent.provenance import entries, records, store
from balent.provenance.index import INDEX

FACTS = {"state": "one", "config": "c", "code": "v1", "device": "cpu", "packages": {"numpy": "2"}}
TABLE, FEATURES = "reports/table.csv", "data/features/x.npz"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def make(output: str, content: str, **inputs: str) -> None:
    """Write an output as a job of Snakemake does, with the record that it then has."""
    os.makedirs(os.path.dirname(output), exist_ok=True)
    with open(output, "w") as file:
        file.write(content)
    record = {
        "rule": "table",
        "input": sorted(inputs),
        "params": ["'p'"],
        "code": "make {output}",
        "record_format_version": RECORD_FORMAT_VERSION,
        "software_stack_hash": "s",
        "input_checksums": {path: f"sha256:{sha256_file(path)}" for path in inputs.values()},
        "conda_env": "of this machine",
    }
    records.write(output, record, os.stat(output).st_mtime)


def publish() -> None:
    """What ``make publish`` leaves: the entries in git."""
    entries.write(entries.PUBLISHED, entries.read(entries.LOCAL))


def fresh_clone() -> None:
    """Forget what is not in git; all files are new."""
    for path in (entries.LOCAL, store.RUN, INDEX):
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
    store.begin(FACTS)
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
    store.begin(FACTS)
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
    store.begin(FACTS)
    make(TABLE, "table")  # and no record(): killed
    store.begin(FACTS | {"code": "v2"})
    (entry,) = entries.read(entries.LOCAL)
    assert entry.run["code"] == "v1"


def test_pulled_files_get_their_records_back():
    make(FEATURES, "features")
    make(TABLE, "table", features=FEATURES)
    store.record()
    publish()
    wanted = records.kept(records.read(TABLE))
    fresh_clone()
    assert store.restore("one") == ["2 outputs recognised by content"]
    assert records.kept(records.read(TABLE)) == wanted
    assert os.stat(TABLE).st_mtime == os.stat(FEATURES).st_mtime == store.RESTORED
    assert store.restore("one") == []


def test_files_made_here_are_left_alone():
    make(TABLE, "table")
    store.record()
    publish()
    before = os.stat(TABLE).st_mtime_ns
    assert store.restore("one") == []
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
        (line,) = store.restore("one")
        assert line == f"{TABLE}: no record knows its content; it will be made again"
        assert records.is_incomplete(TABLE)
    with open(TABLE, "w") as file:
        file.write("table")
    assert store.restore("one") == ["1 outputs recognised by content"]
    assert not records.is_incomplete(TABLE)


def test_an_exchange_that_keeps_size_and_time_is_noticed():
    make(TABLE, "table")
    store.record()
    publish()
    fresh_clone()
    store.restore("one")
    with open("other", "w") as file:
        file.write("tablf")
    os.utime("other", (store.RESTORED, store.RESTORED))
    os.replace("other", TABLE)
    assert "no record knows" in store.restore("one")[0]


def test_an_older_version_is_known_too():
    store.begin(FACTS)
    make(TABLE, "old")
    store.begin(FACTS)
    make(TABLE, "new")
    store.record()
    with open(TABLE, "w") as file:
        file.write("old")
    assert store.restore("one") == ["1 outputs recognised by content"]


def test_pulled_files_stay_known_when_git_has_newer_entries():
    """As after git pull and before dvc pull."""
    make(TABLE, "old")
    store.record()
    publish()
    fresh_clone()
    store.restore("one")
    (entry,) = entries.read(entries.PUBLISHED)
    entries.write(entries.PUBLISHED, [replace(entry, outputs={TABLE: "0" * 64})])
    assert store.restore("two") == []
    assert not records.is_incomplete(TABLE)


def test_an_output_of_other_inputs_gets_older_than_they_are():
    make(FEATURES, "first")
    make(TABLE, "table", features=FEATURES)
    store.record()
    make(FEATURES, "second")
    store.record()
    publish()
    fresh_clone()
    store.restore("one")
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
    store.restore("one")
    assert os.stat(FEATURES).st_mtime == store.RESTORED
    assert os.stat(TABLE).st_mtime < store.RESTORED


def test_nothing_is_touched_while_snakemake_works():
    make(TABLE, "table")
    store.record()
    publish()
    fresh_clone()
    records.LOCKS.mkdir(parents=True)
    (records.LOCKS / "0.output.lock").write_text(TABLE)
    assert store.restore("one") == []
    assert os.stat(TABLE).st_mtime > store.RESTORED


def test_records_are_given_back_after_the_working_folder_of_snakemake_was_deleted():
    make(TABLE, "table")
    store.record()
    assert store.restore("one") == []
    records.METADATA.parent.rename("gone")
    assert store.restore("one") == ["1 outputs recognised by content"]


@pytest.mark.parametrize("line", ["<<<<<<< HEAD", '{"outputs": []}', "[]", '{"outputs": {"a": 1}}'])
def test_a_broken_file_of_entries_is_one_line(line):
    make(TABLE, "table")
    store.record()
    publish()
    with open(entries.PUBLISHED, "a") as file:
        file.write(line + "\n")
    with pytest.raises(
        DataError, match=r"^provenance.jsonl:2: is no provenance entry; git restore"
    ):
        store.restore("two")
