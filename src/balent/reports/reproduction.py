"""Every number of the paper beside ours: cells of its tables, and what it states of its figures.

Ours stand there at paper scale alone, and where there are results: nothing is run for this table.
Differences and verdicts of accuracies are those of balent.reports.accuracy_table.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from balent.files import load_npz, write_text
from balent.reports import agreement_table, timing_table
from balent.reports.accuracy_table import accuracy_table
from balent.reports.context import ReportContext, output
from balent.reports.grid import Grid
from balent.reports.kinds import PAPER_TABLES, pairs, stated
from balent.reports.reference import load_reference
from balent.reports.runs import PROVENANCE, provenance
from balent.reports.statistics import Summary, bound_verdict, summarise

SCALE = "paper"
NO_ITEM, NOT_RUN, DIFFERS = "no item shows it", "not run", "data or settings differ"
NO_VALUE = "not defined for any number of classes"
FIRST = ("", NO_VALUE, DIFFERS, NOT_RUN)
"""Of several items that show a number the status that counts; "": there is one of ours."""
OTHER_SCALE = "not the scale of the paper"

CELL = ("table", "row", "column", "unit")
PAPER = ("paper_relation", "paper_mean", "paper_sd", "paper_status")
OURS = ("status", "mean", "sd", "n", "difference", "verdict", "note")
COLUMNS = (*CELL, *PAPER, "scale", *OURS, *PROVENANCE)
"""``paper_relation`` is above, below or about where the paper states that of a figure; ``status``
says why ``mean`` is empty; ``note`` which of several numbers it is."""

Key = tuple[str, str, str]  # table or figure, row, column


def write(item: dict, context: ReportContext, stem: Path) -> None:
    """Write ``stem``.csv: COLUMNS, a row per number of the paper."""
    text = table(context).to_csv(index=False, float_format="%.6g")
    write_text(output(stem, ".csv"), text)


def table(context: ReportContext) -> pd.DataFrame:
    """All rows, of the items of context.items for which the paper has numbers."""
    printed = {**_cells(context), **_statements(context)}
    ours = _ours(context) if context.scale == SCALE else {}
    absent = NO_ITEM if context.scale == SCALE else OTHER_SCALE
    rows = [
        dict(zip(CELL, key, strict=False))
        | paper
        | {"scale": context.scale, "status": absent}
        | ours.get(key, {})
        for key, paper in printed.items()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"n": "Int64"})


def grid(rows: pd.DataFrame) -> Grid:
    """How many numbers there are of each table or figure, and how ours compare."""
    found = []
    for name, group in rows.groupby("table", sort=False):
        verdicts = Counter(group["verdict"].dropna())
        counts = [len(group), group["paper_mean"].count(), group["mean"].count()]
        counts += [verdicts[verdict] for verdict in ("agrees", "higher", "lower")]
        found.append((str(name), [str(count) for count in counts]))
    heads = ["Cells", "Numbers", "Ours", "Agree", "Higher", "Lower"]
    return Grid("Table or figure", [("", head) for head in heads], found)


def _cells(context: ReportContext) -> dict[Key, dict]:
    """The cells of the paper's tables of results."""
    found = {}
    for name in PAPER_TABLES:
        for cell in load_reference(context.reference_folder, name).to_dict("records"):
            found[name, cell["row"], cell["column"]] = {
                "unit": "s" if name == "table8" else "%",
                "paper_mean": cell["mean"],
                "paper_sd": cell["sd"],
                "paper_status": cell["status"],
            }
    return found


class Statement(NamedTuple):
    """What the paper states of a pair of methods and a generator.

    column    of agreement_table, without _mean
    relation  above, below or about
    """

    key: Key
    unit: str
    generator: str
    pair: tuple[str, ...]
    column: str
    relation: str
    value: float


def _statements(context: ReportContext) -> dict[Key, dict]:
    """What the paper states of its figures."""
    return {
        found.key: {
            "unit": found.unit,
            "paper_relation": found.relation,
            "paper_mean": found.value,
        }
        for name, item in stated(context.items).items()
        for found in _of_figure(name, item, context)
    }


def _of_figure(name: str, item: dict, context: ReportContext) -> Iterator[Statement]:
    for pair in item.get("pairs", ()):
        titles = tuple(context.methods[method]["title"] for method in pair["methods"])
        generators = context.studies[item["study"]]["generators"]
        for generator, settings in generators.items():
            title, row = settings["title"], " – ".join(titles)
            of = f", {title}" if len(generators) > 1 else ""
            if "paper" in pair:
                key = (name, row, f"rank correlation{of}")
                yield Statement(key, "1", title, titles, "spearman", *agreement_table.stated(pair))
            if generator in item.get("paper_rmse", {}):
                key, bound = (name, row, f"RMSE{of}"), item["paper_rmse"][generator]
                yield Statement(key, "nats", title, titles, "rmse", "below", bound)


def _ours(context: ReportContext) -> dict[Key, dict]:
    """What there is of ours: of several items that show a cell, the first of the best status."""
    found: dict[Key, dict] = {}
    for name, item in stated(context.items).items():
        kind = item["kind"]
        if kind == "accuracy_table":
            numbers = _accuracies(item, context)
        elif kind == "timing_table":
            numbers = _seconds(item, context)
        else:
            numbers = _correlations(name, item, context)
        for key, entry in numbers:
            if FIRST.index(entry["status"]) < _rank(found.get(key)):
                found[key] = entry
    return found


def _rank(entry: dict | None) -> int:
    """The place of an entry's status in FIRST, behind which nothing stands."""
    return len(FIRST) if entry is None else FIRST.index(entry["status"])


def _accuracies(item: dict, context: ReportContext) -> Iterator[tuple[Key, dict]]:
    """Ours of the chains that are finished, each with the seeds that it has."""
    spec = item["reference"]
    for scenario, method in pairs(item):
        if not (scenario in context.scenarios and scenario in spec["columns"]):
            continue
        if method not in spec["rows"]:
            continue
        seeds = context.finished.get(f"{scenario}/{method}", [])
        cell = partial(_cell, spec, scenario, method)
        for size in item["budgets"].get(context.scale, {}).get(scenario, ()):
            yield cell(size), {"status": DIFFERS if seeds else NOT_RUN}
        if not seeds:
            continue
        folder = context.results_folder / scenario / method
        made = provenance([folder / f"seed{seed}" / "run.json" for seed in seeds])
        alone = item | {"scenarios": [scenario], "methods": [method]}
        for row in accuracy_table(alone, context).to_dict("records"):
            if isinstance(row["paper_status"], str):  # else data or settings are not the paper's
                kept = {name: row[name] for name in OURS if name in row}
                yield cell(row["n_labelled"]), kept | {"status": ""} | made


def _cell(spec: dict, scenario: str, method: str, size: int) -> Key:
    return spec["table"], spec["rows"][method], f"{spec['columns'][scenario]['dataset']}/{size}"


def _correlations(name: str, item: dict, context: ReportContext) -> Iterator[tuple[Key, dict]]:
    """Ours at the number of classes where it is furthest from what the paper states of all.

    Numbers of classes at which it is not defined, as the correlation with a constant, are named;
    there is no verdict then.
    """
    study = item["study"]
    if study not in context.finished_studies:
        yield from ((found.key, {"status": NOT_RUN}) for found in _of_figure(name, item, context))
        return
    rows = agreement_table.table(item, context).to_dict("records")
    for found in _of_figure(name, item, context):
        wanted = (found.generator, *found.pair)
        chosen = [r for r in rows if (r["generator"], r["first"], r["second"]) == wanted]
        yield found.key, _furthest(found, chosen) | provenance([_record(context, study)])


def _furthest(found: Statement, rows: list[dict]) -> dict:
    """The entry of the row, of one for each number of classes, that is furthest."""
    mean, sd = f"{found.column}_mean", f"{found.column}_sd"
    defined = [row for row in rows if not math.isnan(row[mean])]
    if not defined:
        return {"status": NO_VALUE}
    worst = max(defined, key=lambda row: _excess(row[mean], found))
    ours = Summary(worst[mean], worst[sd], worst["repeats"])
    note = f"C = {worst['classes']}, the furthest of {len(defined)}"
    undefined = [str(row["classes"]) for row in rows if math.isnan(row[mean])]
    if undefined:
        return _entry(ours, found.value, note=f"{note}; not defined for C = {', '.join(undefined)}")
    verdict = bound_verdict(ours, found.relation, found.value, len(rows))
    return _entry(ours, found.value, verdict, note)


def _excess(ours: float, found: Statement) -> float:
    """How far ours is on the wrong side of what is stated."""
    above = ours - found.value
    return {"above": -above, "below": above, "about": abs(above)}[found.relation]


def _seconds(item: dict, context: ReportContext) -> Iterator[tuple[Key, dict]]:
    """Medians of sampling and choosing, as in the item's table; no verdict: another machine's."""
    spec, study = item["reference"], item["study"]
    finished = study in context.finished_studies
    printed = load_reference(context.reference_folder, spec["table"])
    paper = printed.set_index(["row", "column"])["mean"]
    data = load_npz(context.study_folder / f"{study}.npz") if finished else {}
    for column, case in spec["columns"].items():
        for method, row in spec["rows"].items():
            key = (spec["table"], row, column)
            if not finished:
                yield key, {"status": NOT_RUN}
                continue
            value = paper.get((row, column), math.nan)
            seconds = timing_table.at(data, method, **case).tolist()
            ours = replace(summarise(seconds), mean=float(np.median(seconds)))
            entry = _entry(ours, value, note=f"median of {ours.n}")
            yield key, entry | provenance([_record(context, study)])


def _entry(ours: Summary, paper: float, verdict: str = "", note: str = "") -> dict:
    return {
        "status": "",
        "mean": ours.mean,
        "sd": ours.sd,
        "n": ours.n,
        "difference": ours.mean - paper,
        "verdict": verdict,
        "note": note,
    }


def _record(context: ReportContext, study: str) -> Path:
    return context.study_folder / f"{study}.run.json"
