"""Outputs and records in the working folder as Snakemake leaves them, without Snakemake."""

import os

from snakemake.persistence import RECORD_FORMAT_VERSION

from balent.files import sha256_file
from balent.provenance import entries, records, store
from balent.provenance import restore as restoring
from balent.provenance.index import INDEX

FACTS = {"state": "one", "config": "c", "code": "v1", "device": "cpu", "packages": {"numpy": "2"}}
TABLE, FEATURES = "reports/table.csv", "data/features/x.npz"


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
