"""Learning curves of several scenarios in one panel, a panel per method (Figure 22)."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from balent.reports import curve_panel
from balent.reports.context import UNDEFINED, ReportContext
from balent.reports.histories import chain
from balent.reports.kinds import methods_of
from balent.reports.studies import foot, save
from balent.reports.style import house_style, sequence


def write(item: dict, context: ReportContext, stem: Path) -> None:
    """Write ``stem``.pdf, ``stem``.svg and ``stem``.png; equal histories give equal bytes."""
    save(draw(item, context), stem)


@house_style()
def draw(item: dict, context: ReportContext) -> Figure:
    """The figure of an item with ``scenarios``, ``methods`` and ``metric``.

    Curves are in an order of colours from dark to light, that of the scenarios; the foot names
    those that the scale does not define, a panel those in which its method is not run.
    """
    scenarios, methods = item["scenarios"], item["methods"]
    looks = dict(zip(scenarios, sequence(len(scenarios)), strict=True))
    defined = [scenario for scenario in scenarios if scenario in context.scenarios]
    labels = curve_labels(context, defined)
    figure, axes, columns = curve_panel.layout(len(methods), len(scenarios))
    for number, (panel, method) in enumerate(zip(axes, methods, strict=False)):
        curve_panel.head(panel, context.methods[method]["title"])
        if not defined:
            curve_panel.blank(panel)
            continue
        run = [scenario for scenario in defined if method in methods_of(item, scenario)]
        for position, scenario in enumerate(defined):
            if scenario in run:
                values = chain(context.histories, scenario, method)
                curve_panel.curve(panel, values, item["metric"], looks[scenario], position)
        curve_panel.finish(panel, item["metric"], label=number % columns == 0)
        left_out = [labels[scenario] for scenario in defined if scenario not in run]
        curve_panel.corner(panel, curve_panel.not_run(left_out))
    curve_panel.legend(axes[len(methods)], {labels[name]: looks[name] for name in defined})
    text = curve_panel.note(context, item)
    absent = [context.scenario_title(name) for name in scenarios if name not in defined]
    foot(figure, text + (f"\n{UNDEFINED}: {', '.join(absent)}" if absent else ""))
    return figure


def curve_labels(context: ReportContext, scenarios: list[str]) -> dict[str, str]:
    """What tells scenarios apart: their data with the number of copies, or else their titles."""
    data = {name: curve_panel.data_of(context, name) for name in scenarios}
    if len(set(data.values())) == len(scenarios):
        return data
    return {name: context.scenario_title(name) for name in scenarios}
