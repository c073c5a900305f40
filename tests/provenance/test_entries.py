"""Of several entries of one content one is in force; entries from elsewhere are checked."""

import json
import os
from dataclasses import asdict, replace

import pytest

from balent.errors import DataError
from balent.provenance import entries, records, store
from balent.provenance.entries import Entry

from .files import TABLE, fresh_clone, make, publish, put, restore

pytestmark = pytest.mark.usefixtures("folder")


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
