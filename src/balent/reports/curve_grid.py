"""Learning curves of several metrics: a row per scenario, a column per metric (Figure 17)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from textwrap import fill

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine

from balent.reports import curve_panel
from balent.reports.context import UNDEFINED, ReportContext
from balent.reports.curve_panel import METRICS
from balent.reports.histories import chain
from balent.reports.kinds import methods_of
from balent.reports.studies import SMALL, foot, save, titles
from balent.reports.style import WIDTH, house_style, look

ROW_HEIGHT = 1.75  # inches
MARGIN = 0.7  # inches: the legend and the foot
TEXT_HEIGHT = 0.12  # inches: half a line between rows, for the data of a scenario
LEGEND_COLUMNS = 4
TITLE_WIDTH = 24  # characters along a row


def write(item: dict, context: ReportContext, stem: Path) -> None:
    """Write ``stem``.pdf, ``stem``.svg and ``stem``.png; equal histories give equal bytes."""
    save(draw(item, context), stem)


@house_style()
def draw(item: dict, context: ReportContext) -> Figure:
    """The figure of an item with ``scenarios``, ``methods`` and ``metrics``; its legend on top.

    The line above a row says the data, and which methods are not run in the scenario.
    """
    scenarios, metrics = item["scenarios"], item["metrics"]
    height = ROW_HEIGHT * len(scenarios) + MARGIN
    engine = ConstrainedLayoutEngine(h_pad=TEXT_HEIGHT)
    figure = Figure(figsize=(WIDTH, height), layout=engine)
    panels = figure.subplots(len(scenarios), len(metrics), squeeze=False)
    for row, scenario in zip(panels, scenarios, strict=True):
        if scenario in context.undefined:
            _blank(row, context.scenario_title(scenario))
        else:
            _fill(row, item, context, scenario)
    for panel, metric in zip(panels[0], metrics, strict=True):
        panel.set_title(METRICS[metric].short, pad=17)  # above the data of the first row
    for panel in panels[:-1].flat:
        panel.set_xlabel("")
    methods = item["methods"]
    looks = dict(zip(titles(context, methods), map(look, methods), strict=True))
    figure.legend(
        handles=curve_panel.handles(looks), loc="outside upper center", ncols=LEGEND_COLUMNS
    )
    foot(figure, curve_panel.note(context, item))
    return figure


def _fill(row: Sequence[Axes], item: dict, context: ReportContext, scenario: str) -> None:
    run = methods_of(item, scenario)
    for panel, metric in zip(row, item["metrics"], strict=True):
        for position, method in enumerate(item["methods"]):
            if method in run:
                values = chain(context.histories, scenario, method)
                curve_panel.curve(panel, values, metric, look(method), position)
        curve_panel.finish(panel, metric, label=False, ticks=3)
    row[0].set_ylabel(fill(context.scenario_title(scenario), TITLE_WIDTH))
    left_out = [method for method in item["methods"] if method not in run]
    parts = [curve_panel.data_of(context, scenario), curve_panel.not_run(titles(context, left_out))]
    text = row[0].annotate(
        "; ".join(filter(None, parts)),
        (0, 1),
        (0, 6),
        "axes fraction",
        textcoords="offset points",
        **SMALL,
    )
    text.set_in_layout(False)  # it may reach above the next panel


def _blank(row: Sequence[Axes], title: str) -> None:
    for panel in row:
        panel.axis("off")
    row[0].text(0, 0.5, f"{title}: {UNDEFINED}", va="center", transform=row[0].transAxes)
