"""Cost of recognising pulled outputs: the first start after a pull, and every later start.

    python benchmarks/provenance.py [--outputs 20000] [--bytes 2000]

Chains of three outputs, which all depend on the same features. The time to hash the code is
included; what Snakemake does anyway is not.
"""

import argparse
import os
import random
import tempfile
import time
from pathlib import Path

from balent.config import Settings, read_yaml, resolve
from balent.files import sha256_file
from balent.provenance import entries, records, versions
from balent.provenance.entries import Entry
from balent.provenance.index import INDEX
from balent.provenance.restore import restore

ROOT = Path(__file__).resolve().parents[1]
FIRST, LATER = 15.0, 1.0  # limits in seconds
FEATURES = "data/features/small/simclr/features.npz"


def write(path: str, size: int, source: random.Random) -> str:
    """Write random bytes; returns their SHA-256."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    Path(path).write_bytes(source.randbytes(size))
    return sha256_file(path)


def entry(outputs: dict[str, str], inputs: dict[str, str], number: int, facts: dict) -> Entry:
    """The entry of a job; its parameters have the size of a chain's settings."""
    record = {
        "rule": "chain",
        "input": list(inputs),
        "log": [f"logs/{number}.log"],
        "params": [f"{number} " + "x" * 1200],
        "code": "python scripts/block.py " + "x" * 200,
        "record_format_version": 6,
        "input_checksums": {path: f"sha256:{digest}" for path, digest in inputs.items()},
    }
    return Entry(outputs, {key: record.get(key) for key in records.KEPT}, facts)


def make_pulled(count: int, size: int, settings: Settings) -> None:
    """A folder as after git clone and dvc pull."""
    source = random.Random(0)
    facts = versions.facts(ROOT, settings) | {"date": "2026-01-01T00:00:00+00:00"}
    features = {FEATURES: write(FEATURES, 1_000_000, source)}
    made = [entry(features, {}, -1, facts)]
    for number in range(count // 3):
        folder = f"results/small/scenario/method/seed{number}"
        paths = [f"{folder}/{name}" for name in ("history.csv", "picks.npz", "run.json")]
        made.append(entry({p: write(p, size, source) for p in paths}, features, number, facts))
    entries.write(entries.PUBLISHED, made)


def timed_restore(settings: Settings) -> tuple[float, list[str]]:
    start = time.perf_counter()
    lines = restore(versions.state(ROOT, settings), lambda path: True)
    return time.perf_counter() - start, lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--outputs", type=int, default=20_000)
    parser.add_argument("--bytes", type=int, default=2_000, help="size of each output")
    arguments = parser.parse_args()
    settings = resolve(read_yaml(ROOT / "config.yaml"), read_yaml(ROOT / "config.schema.yaml"))
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        make_pulled(arguments.outputs, arguments.bytes, settings)
        first, lines = timed_restore(settings)
        print(f"first restore: {first:.2f} s (limit {FIRST:.0f}): {lines[0]}")
        later, lines = timed_restore(settings)
        assert lines == []
        print(f"later starts: {later:.2f} s (limit {LATER:.0f})")
        os.utime(FEATURES)
        print(f"after one file was touched: {timed_restore(settings)[0]:.2f} s")
        for path in (entries.PUBLISHED, INDEX):
            print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")
        os.chdir("/")
    raise SystemExit(first >= FIRST or later >= LATER)


if __name__ == "__main__":
    main()
