"""Restoring: which outputs get their records back, and which are made again."""

import os
from dataclasses import replace

import pytest

from balent.provenance import entries, records, store
from balent.provenance import restore as restoring

from .files import FACTS, FEATURES, TABLE, begin, fresh_clone, make, publish, put, restore

pytestmark = pytest.mark.usefixtures("folder")


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
