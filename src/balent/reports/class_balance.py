"""How evenly the labelled set is spread over the classes, round by round."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pandas as pd

from balent.data.registry import DATASETS
from balent.reports import curves
from balent.reports.context import ReportContext


def write(item: dict, context: ReportContext, stem: Path) -> None:
    """Write the curves of the relative entropy as ``stem``.pdf, .svg and .png."""
    drawn = replace(context, histories=with_class_balance(context))
    curves.write(item | {"metric": "class_balance"}, drawn, stem)


def with_class_balance(context: ReportContext) -> pd.DataFrame:
    """The histories with the column class_balance: the labels' entropy over log C, in [0, 1].

    C is that of the project's data set (balent.reports.item_checks refuses others).
    """
    largest = {
        name: math.log(DATASETS[settings["data"]].n_classes)
        for name, settings in context.scenarios.items()
    }
    histories = context.histories
    shares = histories["label_entropy"] / histories["scenario"].map(largest)
    return histories.assign(class_balance=shares)
