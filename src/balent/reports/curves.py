"""Learning curves: one panel per scenario, a mean with a band of ± 1 sd per method."""

from __future__ import annotations

from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from balent.reports import curve_panel
from balent.reports.context import ReportContext
from balent.reports.histories import chain
from balent.reports.kinds import methods_of
from balent.reports.studies import foot, save, titles
from balent.reports.style import house_style, look


def write(item: dict, context: ReportContext, stem: Path) -> None:
    """Write ``stem``.pdf, ``stem``.svg and ``stem``.png; equal histories give equal bytes."""
    save(draw(item, context), stem)


@house_style()
def draw(item: dict, context: ReportContext) -> Figure:
    """The figure of an item with ``scenarios``, ``methods`` and ``metric``.

    The cell after the last panel holds the legend; a line at the foot says the scale, the data and
    what line and band are. A method that is not run in a scenario is named there.
    """
    scenarios, methods = item["scenarios"], item["methods"]
    figure, axes, columns = curve_panel.layout(len(scenarios), len(methods))
    for number, (panel, scenario) in enumerate(zip(axes, scenarios, strict=False)):
        if scenario in context.undefined:
            curve_panel.head(panel, context.scenario_title(scenario))
            curve_panel.blank(panel)
        else:
            _fill(panel, item, context, scenario)
            curve_panel.finish(panel, item["metric"], label=number % columns == 0)
    looks = dict(zip(titles(context, methods), map(look, methods), strict=True))
    curve_panel.legend(axes[len(scenarios)], looks)
    foot(figure, curve_panel.note(context, item))
    return figure


def _fill(panel: Axes, item: dict, context: ReportContext, scenario: str) -> None:
    title, data = context.scenario_title(scenario), curve_panel.data_of(context, scenario)
    curve_panel.head(panel, title, data)
    run = methods_of(item, scenario)
    for position, method in enumerate(item["methods"]):
        if method in run:
            values = chain(context.histories, scenario, method)
            curve_panel.curve(panel, values, item["metric"], look(method), position)
    left_out = [method for method in item["methods"] if method not in run]
    curve_panel.corner(panel, curve_panel.not_run(titles(context, left_out)))
