"""reports/index.html: all tables and figures on one self-contained page, a cheap view."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from html import escape
from pathlib import Path

import pandas as pd
import yaml

from balent.errors import DataError
from balent.files import read_json, write_text
from balent.reports import accuracy_grids, paired, reproduction, sections
from balent.reports.configuration_table import encoder_title
from balent.reports.context import ReportContext, output
from balent.reports.curve_panel import METRICS
from balent.reports.grid import Grid
from balent.reports.kinds import KINDS, baseline_of

SCALES = {
    "small": "Small scale: every scenario on small images that come inside a dependency. It shows "
    "that the pipeline works; its numbers are not the paper's experiments.",
    "cpu": "CPU scale: real data sets, reduced for two processor cores. Its numbers are not the "
    "paper's experiments.",
    "paper": "Paper scale: the paper's settings.",
}

PROBES = {"features": "features", "pixels": "pixels", "random": "random encoder"}
"""Heads of the inputs of a linear probe, in the order of the table."""

CSS = """
body{font:16px/1.5 system-ui,sans-serif;color:#1a1a1a;background:#fff;max-width:70rem;
margin:0 auto;padding:1rem}
h1,h2,h3{line-height:1.2}h2{margin-top:2.5rem;border-top:1px solid #ddd;padding-top:1rem}
.scale{background:#fff4e0;border-left:4px solid #b35a00;padding:.6rem 1rem}
.wide{overflow-x:auto;margin:1rem 0}
table{border-collapse:collapse;font-size:.85rem;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:600;padding:.3rem 0}
th,td{padding:.25rem .6rem;border-bottom:1px solid #e4e4e4;text-align:right;white-space:nowrap}
th[scope=row],tr>th:first-child{text-align:left}
th[scope=colgroup]{text-align:center}
img{width:100%;max-width:56rem;height:auto}
pre{overflow-x:auto;background:#f6f6f6;padding:1rem;font-size:.8rem}
nav ul{padding-left:1.2rem}
h3{margin-top:2rem}
"""


def write(item: dict, context: ReportContext, stem: Path) -> None:
    """Write ``stem``.html from the outputs of all other items, the run records and the probes.

    Styles and figures are inside the page: it loads nothing and works from a disk or an e-mail.
    """
    shown = {name: other for name, other in context.items.items() if other["kind"] != "index"}
    groups = sections.grouped(shown)
    links = "".join(_links(title, names, shown) for title, names in groups.items())
    parts = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<title>{escape(item['title'])}: {context.scale} scale</title>\n<style>{CSS}</style>",
        f"</head>\n<body>\n<header><h1>{escape(item['title'])}</h1>",
        f'<p class="scale">{SCALES[context.scale]}</p></header>',
        f'<nav aria-label="Contents"><ul>{links}<li><a href="#features">Features</a></li>'
        '<li><a href="#runs">Runs</a></li>'
        '<li><a href="#configuration">Configuration</a></li></ul></nav>\n<main>',
    ]
    for title, names in groups.items():
        parts.append(f"<h2>{escape(title)}</h2>")
        for name in names:
            parts.append(f'<section id="{name}">\n<h3>{escape(shown[name]["title"])}</h3>')
            parts += [_caption(name, context), *_body(name, shown[name], context), "</section>"]
    parts += ['<section id="features">\n<h2>Features</h2>', _features(context), "</section>"]
    parts += ['<section id="runs">\n<h2>Runs</h2>', *_runs(context), "</section>"]
    parts += ['<section id="configuration">\n<h2>Configuration</h2>', _configuration(context)]
    parts.append("</section>\n</main>\n</body>\n</html>\n")
    write_text(output(stem, ".html"), "\n".join(parts))


def _links(title: str, names: list[str], items: Mapping[str, dict]) -> str:
    """A part of the paper in the contents, with its items below it."""
    links = "".join(f'<li><a href="#{n}">{escape(items[n]["title"])}</a></li>' for n in names)
    return f"<li>{escape(title)}<ul>{links}</ul></li>"


def _body(name: str, item: dict, context: ReportContext) -> list[str]:
    stem = context.folder / name
    if ".svg" in KINDS[item["kind"]].suffixes:
        return [_figure(output(stem, ".svg"), alt_text(item, context))]
    table = pd.read_csv(output(stem, ".csv"), keep_default_na=item["kind"] != "configuration_table")
    if item["kind"] == "accuracy_table":
        table = table.astype({"n_labelled": "Int64", "n": "Int64"})
        note = f"<p>{escape(accuracy_grids.notes(table))}</p>"
        found = [_wide(grid, title) for title, grid in accuracy_grids.grids(table)]
        last = accuracy_grids.paper_note(table)
        return [note, *found, *([f"<p>{escape(last)}</p>"] if last else [])]
    if item["kind"] == "reproduction":
        note = f"<p>{escape(name)}.csv holds the numbers, and how ours came to be.</p>"
        return [note, _wide(reproduction.grid(table), item["title"])]
    if item["kind"] == "paired":
        baseline = context.methods[baseline_of(item)]["title"]
        title = f"Difference against {baseline} (percentage points) [95 % interval]"
        return [_wide(paired.grid(table), title)]
    return [_wide(Grid.of(table), item["title"])]


def _caption(name: str, context: ReportContext) -> str:
    """The text of captions/NAME.rst, where the item has one."""
    path = context.folder / "captions" / f"{name}.rst"
    return f"<p>{escape(path.read_text(encoding='utf-8').strip())}</p>" if path.is_file() else ""


def _wide(grid: Grid, caption: str) -> str:
    """A table that scrolls sideways on a narrow screen, by keyboard too."""
    name = escape(caption, quote=True)
    start = f'<div class="wide" role="region" aria-label="{name}" tabindex="0">'
    return f"{start}{grid.html(caption)}</div>"


def _figure(svg: Path, alt: str) -> str:
    data = base64.b64encode(svg.read_bytes()).decode("ascii")
    return f'<img alt="{escape(alt, quote=True)}" src="data:image/svg+xml;base64,{data}">'


def alt_text(item: dict, context: ReportContext) -> str:
    """What a figure shows, for readers who do not see it."""
    if item["kind"] != "curves":
        return f"{item['title']}. The text above it says what is drawn and what it shows."
    methods = ", ".join(context.methods[method]["title"] for method in item["methods"])
    panels = "; ".join(context.scenario_title(scenario) for scenario in item["scenarios"])
    return (
        f"{METRICS[item['metric']][0]} against the number of labelled points, one curve for each "
        f"of {methods}. Panels: {panels}. The tables on this page hold numbers behind the curves."
    )


def _features(context: ReportContext) -> str:
    """The linear probe of every feature set, on the features and on what they improve upon."""
    if not context.features:
        return "<p>No feature sets.</p>"
    rows = []
    for name, settings in context.features.items():
        path = context.probes.get(name)
        cells = _probe(path) if path else [""] * len(PROBES)
        rows.append((name, [encoder_title(settings["simclr"]["encoder"]), *cells]))
    heads = [("", "Encoder"), *(("Linear probe on", title) for title in PROBES.values())]
    return _wide(Grid("Features", heads, rows), "Test accuracy of linear probes (%)")


def _probe(path: str) -> list[str]:
    """Test accuracies of a probe record; empty where a reference was not asked for."""
    record = read_json(path)
    try:
        accuracy = record["accuracy"]
        found = {kind: 100 * value["test"] for kind, value in accuracy.items()}
        marks = {kind: "" if accuracy[kind]["converged"] else " (not converged)" for kind in found}
    except (KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: is not a probe record (no {error}); extract again") from None
    return [f"{found[kind]:.1f}{marks[kind]}" if kind in found else "" for kind in PROBES]


def _runs(context: ReportContext) -> list[str]:
    """Seconds and memory per scenario and method, and the versions that made the histories."""
    if context.runs.empty:
        return ["<p>No run records.</p>"]
    groups = context.runs.groupby(["scenario", "method", "device"], sort=False)
    table = groups.agg(
        chains=("seed", "count"),
        rounds=("rounds", "sum"),
        seconds=("seconds", "sum"),
        memory=("peak_memory_mib", "max"),
    ).reset_index()
    table["scenario"] = table["scenario"].map(context.scenario_title)
    table["method"] = table["method"].map(lambda method: context.methods[method]["title"])
    table["seconds"] = table["seconds"].map("{:,.1f}".format)
    table["memory"] = table["memory"].map("{:,.0f}".format)
    table.columns = ["Scenario", "Method", "Device", "Chains", "Rounds", "Seconds", "Peak MiB"]
    total = context.runs["seconds"].sum()
    lines = "".join(f"<li>{escape(line)}</li>" for line in dict.fromkeys(context.runs["versions"]))
    return [
        f"<p>{len(context.runs)} chains, {total:,.0f} seconds of training, sampling, acquisition "
        "and evaluation in all; a number of one machine, not a result.</p>",
        _wide(Grid.of(table), "Run time (all seeds together)"),
        f"<h3>Versions</h3>\n<ul>{lines}</ul>",
    ]


def _configuration(context: ReportContext) -> str:
    settings = {
        "scale": context.scale,
        "seeds": list(context.seeds),
        "methods": dict(context.methods),
        "features": dict(context.features),
        "scenarios": dict(context.scenarios),
        "undefined at this scale": dict(context.undefined),
    }
    text = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True, default_flow_style=None)
    return f"<details><summary>Resolved settings</summary>\n<pre>{escape(text)}</pre></details>"
