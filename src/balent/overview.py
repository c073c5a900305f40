"""What there is of every report item, and what the rest costs: from files and configuration alone.

Nothing is computed, and Snakemake, which compares contents, is not asked.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from balent import finished
from balent.budget import rounds
from balent.config import Settings
from balent.files import sha256_file
from balent.layout import feature_set, features
from balent.provenance import records
from balent.reports import kinds, sections
from balent.resources import Jobs
from balent.studies import forecast

BUILT, STALE, PARTLY, MISSING = "built", "stale", "partly", "missing"
"""Report and results are there; there, but results are newer or the report is of another scale;
some of either is there; none is."""

Part = tuple  # ("chain", scenario, method, seed), ("features", name) or ("study", name)


@dataclass(frozen=True)
class Item:
    """A report item.

    parts   results that it needs, of itself or through the items that it collects; of a table of
            what there is, those that are there
    done    those of them that are there
    """

    name: str
    kind: str
    section: str
    title: str
    scale: str
    status: str
    parts: frozenset[Part]
    done: frozenset[Part]

    def chains(self) -> tuple[int, int]:
        """How many chains are finished, and how many the item needs."""
        return _chains(self.done), _chains(self.parts)


def overview(settings: Settings) -> list[Item]:
    """All items in the order of the paper; results/ and reports/ lie in this folder."""
    parts = {name: _parts(settings, name) for name in settings.reports}
    found = _finished(settings, frozenset().union(*parts.values()))
    stated = kinds.stated(settings.reports) if settings.scale == finished.SCALE else {}
    shown = found.intersection(part for name in stated for part in parts[name] if _is_result(part))
    parts |= {name: shown for name in parts if _of_finished(settings, name)}
    done = {name: _done(settings, parts[name], parts[name] & found) for name in parts}
    digest = cache(sha256_file)
    return [
        Item(
            name=name,
            kind=settings.reports[name]["kind"],
            section=section,
            title=settings.reports[name]["title"],
            scale=settings.scale,
            status=_status(settings, name, parts[name], done[name], digest),
            parts=parts[name],
            done=done[name],
        )
        for section, names in sections.grouped(settings.reports).items()
        for name in names
    ]


class Costs:
    """Estimated core-seconds of results: forecasts, and what a finished study took."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.jobs = Jobs(settings)

    def total(self, parts: Iterable[Part]) -> float:
        """Of all parts for which there is an estimate."""
        return sum(self._seconds(part) or 0.0 for part in parts)

    def unknown(self, parts: Iterable[Part]) -> int:
        """How many parts have no estimate."""
        return sum(self._seconds(part) is None for part in parts)

    def _seconds(self, part: Part) -> float | None:
        what, *names = part
        if what == "features":
            return self.jobs.simclr(names[0]).seconds + self.jobs.extract(names[0]).seconds
        if what == "study":
            measured = finished.study_seconds(self.settings, names[0])
            return measured or forecast.seconds(self.settings.studies[names[0]])
        scenario, method, _ = names
        last = rounds(self.settings.scenarios[scenario]["acquisition"])
        return self.jobs.rounds(scenario, method, 0, last).seconds


def _parts(settings: Settings, name: str) -> frozenset[Part]:
    item = settings.reports[name]
    if kinds.KINDS[item["kind"]].reads == "reports":
        others = kinds.of_target(settings.reports, name.startswith(kinds.EXTRA))
        collected = [other for other in others if others[other]["kind"] != item["kind"]]
        return frozenset().union(*(_parts(settings, other) for other in collected))
    chains = settings.chains([item])
    used = {feature_set(settings.scenarios[scenario]) for scenario, _, _ in chains} - {None}
    found: set[Part] = {("chain", *chain) for chain in chains}
    found |= {("features", feature) for feature in used}
    return frozenset(found | ({("study", item["study"])} if "study" in item else set()))


def _finished(settings: Settings, parts: frozenset[Part]) -> frozenset[Part]:
    """Those of the parts whose files are there."""
    chains = finished.chains(settings, [part[1:] for part in parts if _is_chain(part)])
    found: set[Part] = {("chain", *chain) for chain in chains}
    for part in parts:
        if part[0] == "features" and Path(features(settings.scale, part[1])).is_file():
            found.add(part)
        if part[0] == "study" and finished.study_seconds(settings, part[1]) is not None:
            found.add(part)
    return frozenset(found)


def _done(settings: Settings, parts: frozenset[Part], found: frozenset[Part]) -> frozenset[Part]:
    """What is there, and the features that no unfinished chain of the parts waits for."""
    waiting = {
        feature_set(settings.scenarios[part[1]]) for part in parts - found if _is_chain(part)
    }
    idle = {part for part in parts if part[0] == "features" and part[1] not in waiting}
    return found | idle


def _status(
    settings: Settings,
    name: str,
    parts: frozenset[Part],
    done: frozenset[Part],
    digest: Callable[[str], str],
) -> str:
    item = settings.reports[name]
    if not set(item.get("scenarios", settings.scenarios)) & set(settings.scenarios):
        return kinds.UNDEFINED
    outputs = [Path(path) for path in kinds.outputs(name, item)]
    there = [path for path in outputs if path.is_file()]
    mine = [part for part in done if _is_result(part)]
    if len(there) < len(outputs) or done != parts:
        return PARTLY if mine or (there and not parts) else MISSING
    context: dict[str, Any] = {"scale": settings.scale, "seeds": list(settings.seeds)}
    if _of_finished(settings, name):
        context |= finished.shown(settings, kinds.stated(settings.reports).values())
    shown = [_file(settings, part) for part in mine]
    return STALE if _stale(context, outputs[0], shown, digest) else BUILT


def _of_finished(settings: Settings, name: str) -> bool:
    """Whether an item shows what is finished, whatever that is."""
    return kinds.KINDS[settings.reports[name]["kind"]].reads == "finished"


def _file(settings: Settings, part: Part) -> Path:
    """What a report reads of a result."""
    what, *names = part
    if what == "study":
        return finished.study_record(settings.scale, names[0]).with_name(f"{names[0]}.npz")
    return finished.chain_record(settings.scale, *names).with_name("history.csv")


def _stale(
    context: dict[str, Any], output: Path, shown: list[Path], digest: Callable[[str], str]
) -> bool:
    """Whether a report is of another context or of other contents than its results have now.

    context  what it must hold: scale, seeds, and what is finished where that counts

    By Snakemake's record of it; by times where there is none, as before a pull was recognised.
    """
    record = records.read(output.as_posix())
    if record is None:
        return any(path.stat().st_mtime > output.stat().st_mtime for path in shown)
    known = record.get("input_checksums") or {}
    changed = any(
        known[path.as_posix()] != f"sha256:{digest(path.as_posix())}"
        for path in shown
        if path.as_posix() in known
    )
    had = _context(record)
    return changed or any(had.get(key) != value for key, value in context.items())


def _context(record: dict[str, Any]) -> dict[str, Any]:
    """The context that a report was made with: the parameter of its job that is a JSON object.

    Snakemake writes parameters as Python literals. Empty where a job had no such parameter.
    """
    values = [ast.literal_eval(text) for text in record["params"]]
    texts = (value for value in values if isinstance(value, str) and value.startswith("{"))
    return json.loads(next(texts, "{}"))


def _chains(parts: Iterable[Part]) -> int:
    return sum(map(_is_chain, parts))


def _is_chain(part: Part) -> bool:
    return part[0] == "chain"


def _is_result(part: Part) -> bool:
    """Whether reports read a part; features are there for chains, also those of other items."""
    return part[0] != "features"
