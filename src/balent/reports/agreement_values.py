"""Values of two acquisition functions on random points (Woo 2023, Figure 10)."""

from __future__ import annotations

from pathlib import Path

from matplotlib.figure import Figure

from balent.reports import agreement_table
from balent.reports.agreement import curves, line, note, scatter
from balent.reports.agreement_table import statement, table
from balent.reports.context import ReportContext
from balent.reports.studies import foot, result, save
from balent.reports.style import OTHER_COLORS, WIDTH, house_style

ROW_HEIGHT = 2.1  # inches


def write(item: dict, context: ReportContext, stem: Path) -> None:
    """Write the figure, and as ``stem``.csv the numbers behind its curves."""
    save(draw(item, context), stem)
    agreement_table.write(item, context, stem)


@house_style()
def draw(item: dict, context: ReportContext) -> Figure:
    """A row per generator: scatter at the most classes, RMSE and rank correlation over classes.

    Of the item's one pair. Dashed: ``paper_rmse`` of the generator and the pair's ``paper``.
    """
    data, settings = result(item, context), context.studies[item["study"]]
    rows, (pair,) = table(item, context), item["pairs"]
    names = data["generators"].tolist()
    figure = Figure(figsize=(WIDTH, ROW_HEIGHT * len(names)), layout="constrained")
    panels = figure.subplots(len(names), 3, squeeze=False)
    for g, name in enumerate(names):
        title = settings["generators"][name]["title"]
        chosen = rows[rows["generator"] == title]
        left, middle, right = panels[g]
        scatter(left, data["scores"][g, -1, 0], data["methods"], pair["methods"], context)
        start = min(left.get_xlim()[0], left.get_ylim()[0])
        left.axline((start, start), slope=1, color="#6e6e6e", linewidth=0.7)
        left.set_title(f"{title}, C = {data['classes'][-1]:,}, first repeat")
        line(middle, chosen, "rmse", 0, "")
        if name in item.get("paper_rmse", {}):
            bound = item["paper_rmse"][name]
            middle.axhline(bound, color=OTHER_COLORS[0], linewidth=0.7, linestyle=(0, (2, 2)))
            title = f"{title}, paper: < {bound:g}"
        middle.set_ylim(bottom=0)
        middle.set(xlabel="Classes C", ylabel="RMSE (nats)", title=title)
        curves(right, item, chosen, context)
        right.set_ylabel("Rank correlation")
        if "paper" in pair:
            right.set_title(f"paper: {statement(pair)}")
    foot(figure, note(context.scale, settings) + "; grey line: equality")
    return figure
