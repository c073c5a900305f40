"""Areas under the curves, and the balance of the classes."""

import math
from dataclasses import replace

import pandas as pd
import pytest

from balent.reports.area import COLUMNS, area_table, draw, write
from balent.reports.class_balance import with_class_balance
from balent.reports.class_balance import write as write_balance
from balent.reports.statistics import area_under_curve

from .synthetic import METHODS, SCENARIOS, chains, history, settings

ITEM = {
    "kind": "area",
    "title": "Area",
    "scenarios": list(SCENARIOS),
    "methods": list(METHODS),
}


def test_areas_and_ends_by_hand(context):
    curves = {
        ("backbone", "bald", 0): history([20, 30, 60], [0.5, 0.7, 0.9]),
        ("backbone", "bald", 1): history([20, 30, 60], [0.4, 0.8, 0.8]),
    }
    item = ITEM | {"scenarios": ["backbone"], "methods": ["bald"]}
    table = area_table(item, replace(context, histories=chains(curves))).set_index("measure")
    assert table.loc["area_under_curve", "mean"] == pytest.approx(75.0)  # (6 + 24) / 40, twice
    assert table.loc["area_under_curve", "sd"] == pytest.approx(0.0)
    assert table.loc["final_accuracy", "mean"] == pytest.approx(85.0)
    assert table.loc["final_accuracy", "sd"] == pytest.approx(50**0.5)
    assert table["n"].tolist() == [2, 2]


def test_every_seed_is_a_dot_and_every_mean_a_bar(context, histories):
    axes = draw(ITEM, context).axes
    assert [len(panel.lines) for panel in axes] == [14] * 5 + [0]
    dots, bar = axes[0].lines[:2]
    chain = histories[(histories["scenario"] == "full_dropout") & (histories["method"] == "random")]
    want = [
        area_under_curve(c["n_labelled"].tolist(), (100 * c["accuracy"]).tolist())
        for _, c in chain.groupby("seed")
    ]
    assert list(dots.get_xdata()) == pytest.approx(want)
    assert bar.get_xdata()[0] == pytest.approx(sum(want) / 3)
    labels = [text.get_text() for text in axes[0].get_yticklabels()]
    assert labels == [method["title"] for method in METHODS.values()]


def test_the_foot_says_scale_and_data_and_what_is_drawn(context):
    foot = draw(ITEM, context).get_supxlabel()
    assert foot == "small scale: scikit-learn's handwritten digits; dots: seeds, bars: their mean"


def test_the_files_name_what_the_scale_lacks(context, tmp_path):
    scenarios = {name: value for name, value in SCENARIOS.items() if name != "backbone"}
    part = replace(context, scenarios=scenarios, undefined={"backbone": "Backbone"})
    write(ITEM, part, tmp_path / "area")
    table = pd.read_csv(tmp_path / "area.csv")
    assert tuple(table.columns) == COLUMNS
    assert len(table) == 5 * 7 * 2
    assert table[table["mean"].isna()]["scenario"].unique().tolist() == ["backbone"]
    assert {p.suffix for p in tmp_path.iterdir()} == {".pdf", ".svg", ".png", ".csv"}


def test_balance_is_the_entropy_over_that_of_even_classes(context, tmp_path):
    scenarios = SCENARIOS | {"backbone": settings("Backbone", data="cifar100")}
    found = with_class_balance(replace(context, scenarios=scenarios))
    classes = found["scenario"].map(lambda name: 100 if name == "backbone" else 10)
    assert found["class_balance"].tolist() == pytest.approx((2.0 / classes.map(math.log)).tolist())
    even = context.histories.assign(label_entropy=math.log(10))
    assert with_class_balance(replace(context, histories=even))["class_balance"].max() <= 1 + 1e-12
    write_balance(ITEM | {"kind": "class_balance"}, context, tmp_path / "balance")
    assert {p.suffix for p in tmp_path.iterdir()} == {".pdf", ".svg", ".png"}
