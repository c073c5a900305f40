"""Performance profiles of the labels needed (Dolan and Moré, Math. Program. 91, 2002).

A problem is a (scenario, seed, accuracy). A method's ratio on it is the labels that it needs over
the fewest that any of the item's methods needs, infinite where it never reaches the accuracy. Its
profile ρ(τ) is the share of problems on which its ratio is at most τ: ρ(1) is how often it is the
best (ties count for each), the limit is how often it reaches the accuracy at all.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullLocator

from balent.files import write_text
from balent.reports.context import UNDEFINED, ReportContext, output
from balent.reports.curve_panel import blank, scale_note
from balent.reports.reach import reach
from balent.reports.studies import foot, save
from balent.reports.style import WIDTH, house_style, look

HEIGHT = 3.0  # inches
TICKS = (1, 1.1, 1.25, 1.5, 1.75, 2, 2.5, 3, 4, 5, 7, 10, 20, 50, 100)
AT = (1.1, 1.25, 1.5, 2.0)
"""The ratios at which the table gives the profile, besides 1 and infinity."""
COLUMNS = (
    "scale",
    "method",
    "method_title",
    "status",
    "problems",
    "best",
    *(f"within_{at:g}" for at in AT),
    "reached",
)
"""Shares of the problems in [0, 1]: ρ at 1 (best), at AT and in the limit (reached)."""


def write(item: dict, context: ReportContext, stem: Path) -> None:
    """Write the figure, and COLUMNS as ``stem``.csv."""
    save(draw(item, context), stem)
    text = profile_table(item, context).to_csv(index=False, float_format="%.4f")
    write_text(output(stem, ".csv"), text)


def labels(item: dict, context: ReportContext) -> pd.DataFrame:
    """Labels needed, a row per problem that all of the item's methods have, a column per method."""
    keys = ["scenario", "accuracy", "seed"]
    table = reach(item, context).set_index([*keys, "method"])["labels"].unstack("method")
    return table.reindex(columns=item["methods"]).dropna()


def ratios(needed: np.ndarray) -> np.ndarray:
    """Performance ratios of labels needed [problems, methods]; ∞ where labels are ∞."""
    least = needed.min(axis=1, keepdims=True)
    solved = np.broadcast_to(np.isfinite(least), needed.shape)
    return np.divide(needed, least, out=np.full(needed.shape, np.inf), where=solved)


def profile(ratio: np.ndarray, at: np.ndarray) -> np.ndarray:
    """ρ(τ) for the ratios [problems] of one method at τ = ``at`` [t]: shares in [0, 1], [t]."""
    return (ratio[:, None] <= at).mean(axis=0)


def profile_table(item: dict, context: ReportContext) -> pd.DataFrame:
    """The rows of COLUMNS, one per method; a scale with none of the scenarios has no shares."""
    found = ratios(labels(item, context).to_numpy())
    rows = []
    for method, ratio in zip(item["methods"], found.T, strict=True):
        row = {
            "scale": context.scale,
            "method": method,
            "method_title": context.methods[method]["title"],
            "problems": len(ratio),
        }
        if _defined(item, context):
            row |= {"best": (ratio == 1).mean(), "reached": np.isfinite(ratio).mean()}
            row |= {f"within_{at:g}": profile(ratio, np.array([at]))[0] for at in AT}
        else:
            row["status"] = UNDEFINED
        rows.append(row)
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _defined(item: dict, context: ReportContext) -> bool:
    """Whether the scale defines any of an item's scenarios."""
    return any(scenario in context.scenarios for scenario in item["scenarios"])


@house_style()
def draw(item: dict, context: ReportContext) -> Figure:
    """The profiles as steps over τ, on a logarithmic axis from 1 to the largest finite ratio."""
    needed = labels(item, context)
    found = ratios(needed.to_numpy())
    largest = max(1.05, 1.02 * found[np.isfinite(found)].max(initial=1))
    figure = Figure(figsize=(WIDTH, HEIGHT), layout="constrained")
    panel = figure.subplots()
    if not _defined(item, context):
        blank(panel)
        foot(figure, scale_note(context, item["scenarios"]))
        return figure
    for method, ratio in zip(item["methods"], found.T, strict=True):
        steps = np.unique(ratio[np.isfinite(ratio)])
        at = np.concatenate([[1.0], steps, [largest]])
        style = look(method)
        panel.step(
            at,
            100 * profile(ratio, at),
            where="post",
            label=context.methods[method]["title"],
            color=style.color,
            linestyle=style.line,
            linewidth=style.width,
        )
    panel.set(xscale="log", xlim=(1, largest), ylim=(0, 102))
    panel.set_xticks([tick for tick in TICKS if tick <= largest])
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.set_xlabel("Ratio τ of labels needed to the fewest of all methods")
    panel.set_ylabel("Problems within τ (%)")
    figure.legend(*panel.get_legend_handles_labels(), loc="outside right center")
    unsolved = int((~np.isfinite(found)).all(axis=1).sum())
    foot(
        figure,
        f"{scale_note(context, item['scenarios'])}; {len(found)} problems "
        f"(scenario, seed, accuracy), {unsolved} of them reached by no method",
    )
    return figure
