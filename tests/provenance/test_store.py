"""Recording, without Snakemake: its records are written as it writes them."""

import json
import os

import pytest
from snakemake.persistence import RECORD_FORMAT_VERSION
from snakemake.persistence.file import FilePersistence

from balent.files import sha256_file
from balent.provenance import entries, records, store

from .files import FACTS, FEATURES, TABLE, begin, make, put

pytestmark = pytest.mark.usefixtures("folder")


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
