"""Which chains and studies have results of today's settings: by their run records."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from balent import sources
from balent.config import Settings
from balent.errors import DataError
from balent.files import read_json
from balent.loop.chain import Chain
from balent.studies import kinds
from balent.studies.scenario import chain as study_chain

SCALE = "paper"
"""Where the numbers of the paper have ours beside them."""


def chain_record(scale: str, scenario: str, method: str, seed: int) -> Path:
    """Where a chain's run record is."""
    return Path("results", scale, scenario, method, f"seed{seed}", "run.json")


def study_record(scale: str, name: str) -> Path:
    """Where a study's run record is."""
    return Path("results", scale, "studies", f"{name}.run.json")


def chains(settings: Settings, wanted: Iterable[tuple[str, str, int]]) -> set[tuple[str, str, int]]:
    """Those of the chains (scenario, method, seed) that are finished, below the working folder."""
    found = set()
    for scenario, method, seed in wanted:
        path = chain_record(settings.scale, scenario, method, seed)
        chain = asdict(Chain.of(settings, scenario, method, seed))
        if path.with_name("history.csv").is_file() and _read(path).get("chain") == chain:
            found.add((scenario, method, seed))
    return found


def study_seconds(settings: Settings, name: str) -> float | None:
    """The seconds that a finished study took; None of one that is not finished."""
    path = study_record(settings.scale, name)
    study = settings.studies[name]
    made, record = path.with_name(f"{name}.npz").is_file(), _read(path)
    methods = {method: settings.methods[method] for method in study.get("methods", ())}
    wanted = {
        "settings": untitled(study),
        "methods": untitled(methods),
        "torch_threads": settings.runtime["torch_threads"],
    }
    if study["kind"] in kinds.TRAINED:
        wanted["chain"] = asdict(study_chain(settings, name))
    about = record.get("study", {})
    same = wanted == {key: about.get(key) for key in wanted}
    return record["seconds"] if made and same else None


def shown(settings: Settings, items: Iterable[dict]) -> dict[str, Any]:
    """What is finished of what items show, as fields of a report's context; empty but at SCALE.

    Returns ``finished``: seeds by scenario/method, ``finished_studies``, and ``records``: a digest
    of their run records.
    """
    if settings.scale != SCALE:
        return {}
    items = list(items)
    made = sorted(chains(settings, settings.chains(items)))
    used = {item["study"] for item in items if "study" in item}
    studies = sorted(name for name in used if study_seconds(settings, name) is not None)
    seeds: dict[str, list[int]] = {}
    for scenario, method, seed in made:
        seeds.setdefault(f"{scenario}/{method}", []).append(seed)
    records = [chain_record(settings.scale, *chain) for chain in made]
    records += [study_record(settings.scale, name) for name in studies]
    return {
        "finished": seeds,
        "finished_studies": studies,
        "records": sources.digest(records),
    }


def untitled(value: Any) -> Any:
    """Settings without the titles in them, which determine no result."""
    if not isinstance(value, dict):
        return value
    return {key: untitled(entry) for key, entry in value.items() if key != "title"}


def _read(path: Path) -> dict:
    """What a record says; nothing where there is none, or while it is being written."""
    try:
        record = read_json(path)
    except DataError:
        return {}
    return record if isinstance(record, dict) else {}
