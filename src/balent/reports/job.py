"""One report item from its description: what the workflow's report script calls."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from balent import sources
from balent.reports.context import ReportContext
from balent.reports.histories import load_histories
from balent.reports.kinds import KINDS, pairs
from balent.reports.runs import load_runs


def write_report(name: str, description: str, results: Path, stem: Path) -> None:
    """Write all outputs of item ``name`` as ``stem`` plus its kind's suffixes.

    description  JSON with the fields of ReportContext that are data, as the workflow resolved them
    results      folder of the histories, results/SCALE/SCENARIO/METHOD/seedN/history.csv, and of
                 the studies, results/SCALE/studies/NAME.npz
    """
    fields = json.loads(description)
    context = ReportContext(**{**fields, "seeds": tuple(fields["seeds"])})
    item = context.items[name]
    kind = KINDS[item["kind"]]
    sources.check_unchanged(sources.closure(kind.source))
    if kind.reads in ("histories", "picks"):
        histories = load_histories(chains(context, [item], results))
        context = replace(context, histories=histories, results_folder=results / context.scale)
    elif kind.reads == "study":
        context = replace(context, study_folder=results / context.scale / "studies")
    elif kind.reads == "finished":
        folder = results / context.scale
        histories = load_histories(finished(context, folder, "history.csv"))
        context = replace(context, histories=histories, results_folder=folder)
        context = replace(context, study_folder=folder / "studies")
    elif kind.reads == "reports":
        found = chains(context, list(context.items.values()), results, "run.json")
        folder = stem.parents[name.count("/")]
        context = replace(context, runs=load_runs(found), folder=folder)
    kind.load()(item, context, stem)


def chains(
    context: ReportContext, items: list[dict], results: Path, file: str = "history.csv"
) -> Iterator[tuple[str, str, int, Path]]:
    """(scenario, method, seed, file) of every chain that the items show, each once."""
    found = {pair for item in items for pair in pairs(item)}
    shown = {(scenario, method) for scenario, method in found if scenario in context.scenarios}
    for scenario, method in sorted(shown):
        for seed in context.seeds:
            folder = results / context.scale / scenario / method / f"seed{seed}"
            yield scenario, method, seed, folder / file


def finished(
    context: ReportContext, folder: Path, file: str
) -> Iterator[tuple[str, str, int, Path]]:
    """As ``chains``, of those that are finished; folder: the results of the scale."""
    for place, seeds in context.finished.items():
        scenario, method = place.split("/")
        for seed in seeds:
            yield scenario, method, seed, folder / scenario / method / f"seed{seed}" / file
