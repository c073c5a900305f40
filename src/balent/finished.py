"""Which chains and studies have results of today's settings: by their run records."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from balent.config import Settings
from balent.errors import DataError
from balent.files import read_json
from balent.loop.chain import Chain


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
    about = {"methods": {}} | record.get("study", {})
    same = (about.get("settings"), about["methods"]) == (untitled(study), untitled(methods))
    return record["seconds"] if made and same else None


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
