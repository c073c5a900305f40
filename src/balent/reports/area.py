"""Areas under the learning curves: every seed as a dot, and their means, per scenario."""

from __future__ import annotations

import math
from pathlib import Path
from textwrap import fill

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from balent.files import write_text
from balent.reports.context import UNDEFINED, ReportContext, output
from balent.reports.curve_panel import TITLE_WIDTH, scale_note
from balent.reports.histories import chain
from balent.reports.measures import MEASURES, measures
from balent.reports.statistics import summarise
from balent.reports.studies import foot, save
from balent.reports.style import WIDTH, house_style, look

COLUMNS = (
    "scale",
    "scenario",
    "scenario_title",
    "method",
    "method_title",
    "measure",
    "status",
    "n",
    "mean",
    "sd",
)
"""Percent; standard deviation with ddof 1 over n seeds."""
PANELS = 3  # in a row
LINE_HEIGHT = 0.17  # inches a method
FRAME_HEIGHT = 0.75  # inches of a panel's title and labels


def write(item: dict, context: ReportContext, stem: Path) -> None:
    """Write the figure, and COLUMNS for both measures as ``stem``.csv."""
    save(draw(item, context), stem)
    text = area_table(item, context).to_csv(index=False, float_format="%.4f")
    write_text(output(stem, ".csv"), text)


def area_table(item: dict, context: ReportContext) -> pd.DataFrame:
    """The rows of COLUMNS, one per (scenario, method, measure)."""
    rows = []
    for scenario in item["scenarios"]:
        base = {
            "scale": context.scale,
            "scenario": scenario,
            "scenario_title": context.scenario_title(scenario),
        }
        for method in item["methods"]:
            row = base | {"method": method, "method_title": context.methods[method]["title"]}
            if scenario in context.undefined:
                rows += [row | {"measure": measure, "status": UNDEFINED} for measure in MEASURES]
                continue
            for measure, values in measures(chain(context.histories, scenario, method)).items():
                found = summarise(list(values.values()))
                numbers = {"n": found.n, "mean": found.mean, "sd": found.sd}
                rows.append(row | {"measure": measure} | numbers)
    return pd.DataFrame(rows, columns=list(COLUMNS)).astype({"n": "Int64"})


@house_style()
def draw(item: dict, context: ReportContext) -> Figure:
    """A panel per scenario of the scale, a line per method; all panels share their methods."""
    shown = [scenario for scenario in item["scenarios"] if scenario in context.scenarios]
    columns = min(PANELS, max(1, len(shown)))
    rows = max(1, math.ceil(len(shown) / columns))
    height = rows * (FRAME_HEIGHT + LINE_HEIGHT * len(item["methods"])) + 0.2
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True).flatten()
    for panel, scenario in zip(axes, shown, strict=False):
        panel.set_title(fill(context.scenario_title(scenario), TITLE_WIDTH))
        panel.set_xlabel("Mean test accuracy (%)")
        _dots(panel, scenario, item["methods"], context)
    titles = [context.methods[method]["title"] for method in item["methods"]]
    axes[0].set_yticks(range(len(titles)), titles)
    axes[0].set_ylim(len(titles) - 0.5, -0.5)
    for empty in axes[len(shown) :]:
        empty.axis("off")
    foot(figure, scale_note(context, item["scenarios"]) + "; dots: seeds, bars: their mean")
    return figure


def _dots(panel: Axes, scenario: str, methods: list[str], context: ReportContext) -> None:
    for line, method in enumerate(methods):
        values = measures(chain(context.histories, scenario, method))["area_under_curve"]
        areas = list(values.values())
        style = look(method)
        panel.plot(areas, [line] * len(areas), "o", color=style.color, markersize=3.5, alpha=0.6)
        mean = summarise(areas).mean
        panel.plot([mean, mean], [line - 0.32, line + 0.32], color=style.color, linewidth=2)
