"""What a learning curve comes to as one setting of the scenario varies."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

from balent.files import write_text
from balent.reports.context import ReportContext, output
from balent.reports.curve_panel import note
from balent.reports.histories import chain
from balent.reports.measures import MEASURES, measures
from balent.reports.settings import varied
from balent.reports.statistics import summarise
from balent.reports.studies import foot, save
from balent.reports.style import WIDTH, house_style, look

HEIGHT = 2.9  # inches
COLUMNS = ("scale", "setting", "value", "scenario", "method", "method_title", "measure", "n")
NUMBERS = ("mean", "sd")
"""Percent; standard deviation with ddof 1 over n seeds."""
LABELS = {"sampling.samples": "MC samples of the pool", "copies": "Copies of every image"}


def write(item: dict, context: ReportContext, stem: Path) -> None:
    """Write the figure, and COLUMNS with NUMBERS as ``stem``.csv."""
    save(draw(item, context), stem)
    text = setting_table(item, context).to_csv(index=False, float_format="%.4f")
    write_text(output(stem, ".csv"), text)


def setting_table(item: dict, context: ReportContext) -> pd.DataFrame:
    """The rows of COLUMNS and NUMBERS in ascending order of the setting's value.

    item keys: ``scenarios``, ``methods``, ``setting`` (inner names with dots). Scenarios that the
    scale does not define are left out. Raises ConfigError as ``varied``.
    """
    rows = []
    for value, scenario in varied("reports", item, context.scenarios):
        for method in item["methods"]:
            found = measures(chain(context.histories, scenario, method))
            for measure, by_seed in found.items():
                ours = summarise(list(by_seed.values()))
                labels = (scenario, method, context.methods[method]["title"], measure)
                row = (context.scale, item["setting"], value, *labels)
                rows.append((*row, ours.n, ours.mean, ours.sd))
    return pd.DataFrame(rows, columns=[*COLUMNS, *NUMBERS])


@house_style()
def draw(item: dict, context: ReportContext) -> Figure:
    """A panel per measure: mean and ± 1 sd over seeds against the setting, on a log axis."""
    table = setting_table(item, context)
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    for panel, (measure, title) in zip(figure.subplots(1, 2), MEASURES.items(), strict=True):
        part = table[table["measure"] == measure]
        for method in item["methods"]:
            _curve(panel, part[part["method"] == method], method)
        panel.set_title(title)
        panel.set(xscale="log", xlabel=LABELS.get(item["setting"], item["setting"]))
        panel.set_xticks(sorted(set(part["value"])))
        panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
        panel.xaxis.set_minor_formatter(NullFormatter())
        panel.xaxis.set_minor_locator(NullLocator())
    figure.axes[0].set_ylabel("Test accuracy (%)")
    handles, _ = figure.axes[0].get_legend_handles_labels()
    titles = [context.methods[method]["title"] for method in item["methods"]]
    figure.legend(handles, titles, loc="outside right center")
    foot(figure, note(context, item))
    return figure


def _curve(panel: Axes, rows: pd.DataFrame, method: str) -> None:
    style, mean, sd = look(method), rows["mean"], rows["sd"]
    panel.plot(rows["value"], mean, label=method, **style.arguments())
    if sd.notna().any():
        band = (mean - sd, mean + sd)
        panel.fill_between(rows["value"], *band, color=style.color, alpha=0.15, linewidth=0)
