"""balent provenance and balent verify."""

import json
import os
import shutil
from dataclasses import replace

import pytest

from balent.errors import DataError, InputError
from balent.files import sha256_file
from balent.provenance import entries, store
from balent.provenance.describe import describe
from balent.provenance.verify import verify

from .files import FACTS, FEATURES, TABLE, begin, make, put, restore

pytestmark = pytest.mark.usefixtures("folder")

RAW = "data/raw/x.npz"


@pytest.fixture
def made(folder):
    """A table of features of raw data; the table and the features in one run."""
    begin(FACTS)
    make(RAW, "raw")
    make(FEATURES, "features", data=RAW)
    make(TABLE, "table", features=FEATURES)
    store.record()


@pytest.mark.usefixtures("made")
def test_a_result_is_described_down_to_its_data():
    lines = list(describe(TABLE))
    assert lines[0] == TABLE
    assert f"  sha256    {sha256_file(TABLE)}" in lines
    assert "  code      v1, digest one" in lines
    assert "  device    cpu" in lines
    assert "  packages  numpy 2" in lines
    start = lines.index("made from")
    assert lines[start + 1] == f"  {FEATURES}  {sha256_file(FEATURES)[:16]}  rule table"
    assert lines[start + 2] == f"    {RAW}  {sha256_file(RAW)[:16]}  rule table"


@pytest.mark.usefixtures("made")
def test_the_seed_is_said():
    (*_, last) = entries.read(entries.LOCAL)
    chain = repr(json.dumps({"method": "bald", "seed": 7}))
    last.record["params"] = [chain]
    entries.write(entries.LOCAL, [last])
    assert "  rule      table, seed 7" in list(describe(TABLE))


@pytest.mark.usefixtures("made")
def test_inputs_are_those_that_the_result_was_made_from():
    was = sha256_file(FEATURES)[:16]
    make(FEATURES, "other", data=RAW)
    store.record()
    assert any(was in line for line in describe(TABLE))


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize(
    ("file", "error", "message"),
    [
        ("nothing.csv", InputError, "nothing.csv: has no record; give an output"),
        (FEATURES, InputError, "is not here; run dvc pull or snakemake"),
        (TABLE, DataError, "no record knows its content; run snakemake"),
    ],
)
def test_what_can_not_be_described_is_one_line(file, error, message):
    shutil.rmtree("data/features")
    with open(TABLE, "a") as table:
        table.write("edited")
    with pytest.raises(error, match=message):
        list(describe(file))


@pytest.mark.usefixtures("made")
def test_all_is_well():
    assert verify() == (3, 0, [])


@pytest.mark.usefixtures("made")
def test_verify_reads_contents_not_times():
    moment = os.stat(TABLE).st_mtime
    with open(TABLE, "r+") as table:
        table.write("TABLE")
    os.utime(TABLE, (moment, moment))
    shutil.rmtree("data/features")
    here, absent, problems = verify()
    assert (here, absent) == (2, 1)
    assert problems[0].startswith(f"{TABLE}: has SHA-256 ")


@pytest.mark.usefixtures("made")
def test_verify_names_what_was_made_from_other_inputs():
    make(FEATURES, "other", data=RAW)
    store.record()
    assert verify().problems == [f"{TABLE}: was made from another {FEATURES}"]


@pytest.mark.usefixtures("made")
def test_verify_names_files_without_a_record():
    put("results/s/m/seed1/history.csv", "copied")
    put("reports/captions/table.rst", "in git")
    make("results/s/m/seed2/history.csv", "made here, recorded at the next start")
    (problem,) = verify().problems
    assert problem.startswith("results/s/m/seed1/history.csv: has no record; let snakemake")


@pytest.mark.usefixtures("made")
def test_the_entry_in_force_is_described_not_the_newest():
    *others, last = entries.read(entries.LOCAL)
    newer = replace(
        last, record=last.record | {"rule": "other"}, run=last.run | {"state": "two", "code": "v2"}
    )
    entries.write(entries.LOCAL, [*others, last, newer])
    restore("one")
    assert "  code      v1, digest one" in list(describe(TABLE))
    restore("two")
    assert "  code      v2, digest two" in list(describe(TABLE))
