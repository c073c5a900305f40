"""By what an output is recognised: its content, whatever times, index and places say."""

import os
import subprocess
from dataclasses import replace

import pytest

from balent.provenance import entries, records, store
from balent.provenance import restore as restoring
from balent.provenance.index import INDEX, Index

from .files import FACTS, TABLE, begin, fresh_clone, make, publish, put, restore

pytestmark = pytest.mark.usefixtures("folder")


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
