"""How a result came to be, in words: down to data, features and seed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from balent.errors import DataError, InputError
from balent.files import sha256_file
from balent.provenance import entries
from balent.provenance.entries import LOCAL, PUBLISHED, Entry
from balent.provenance.index import Index

SEED = re.compile(r'"seed": ?(\d+)')


def describe(path: str) -> Iterator[str]:
    """Lines on a file and everything that it was made from, each file once.

    Raises InputError for a file without an entry, DataError where its content is not the recorded.
    """
    known = entries.by_output([*entries.read(LOCAL), *entries.read(PUBLISHED)])
    name = Path(path).as_posix()
    if name not in known:
        raise InputError(
            f"{name}: has no record; give an output of the workflow, such as reports/table1.csv, "
            "in the folder of the Snakefile"
        )
    if not Path(name).is_file():
        raise InputError(f"{name}: is not here; run dvc pull or snakemake")
    index = Index()
    entry = find(known, name, digest := sha256_file(name), index)
    if entry is None:
        raise DataError(f"{name}: no record knows its content; run snakemake to make it again")
    yield name
    yield from (f"  {line}" for line in _facts(entry, digest))
    yield "made from"
    yield from _made_from(entry, known, index, {name}, "  ")


def find(known: dict[str, list[Entry]], path: str, digest: str, index: Index) -> Entry | None:
    """Of a file's entries with that content the one in force, else the newest."""
    matching = [entry for entry in known.get(path, ()) if entry.outputs[path] == digest]
    in_force = [entry for entry in matching if entry.id == index.entry(path)]
    return next(reversed(in_force or matching), None)


def _facts(entry: Entry, digest: str) -> Iterator[str]:
    run = entry.run
    yield f"sha256    {digest}"
    yield f"rule      {entry.record['rule']}{_seed(entry)}"
    yield f"date      {run['date']}"
    if entry.state is None:
        yield "code, configuration and packages were not recorded"
        return
    yield f"code      {run['code'] or 'no checkout'}, digest {entry.state.partition('-')[0]}"
    yield f"config    {run['config']}"
    yield f"device    {run['device']}"
    yield f"packages  {', '.join(f'{name} {found}' for name, found in run['packages'].items())}"


def _seed(entry: Entry) -> str:
    seeds = sorted(set(SEED.findall(" ".join(map(str, entry.record["params"])))))
    return f", seed {', '.join(seeds)}" if seeds else ""


def _made_from(
    entry: Entry, known: dict[str, list[Entry]], index: Index, shown: set[str], indent: str
) -> Iterator[str]:
    for path, digest in sorted(entry.inputs.items()):
        maker = find(known, path, digest, index)
        how = f"rule {maker.record['rule']}{_seed(maker)}" if maker else "no rule"
        yield f"{indent}{path}  {digest[:16]}  {how}{' (above)' if path in shown else ''}"
        if maker and path not in shown:
            shown.add(path)
            yield from _made_from(maker, known, index, shown, f"{indent}  ")
