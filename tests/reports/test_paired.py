"""Paired differences of areas and final accuracies."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from balent.reports.paired import COLUMNS, grid, paired_table, write

from .synthetic import METHODS, SCENARIOS, chains, history

ITEM = {
    "kind": "paired",
    "title": "Paired",
    "scenarios": ["backbone"],
    "methods": ["random", "bald"],
}
SIZES = [20, 30, 60]
BALD = [[0.5, 0.7, 0.9], [0.4, 0.8, 0.8], [0.5, 0.6, 0.7]]
RANDOM = [[0.5, 0.6, 0.7], [0.5, 0.6, 0.8], [0.4, 0.6, 0.8]]


def fixed(seeds=3) -> pd.DataFrame:
    table = {}
    for seed in range(seeds):
        table["backbone", "bald", seed] = history(SIZES, BALD[seed])
        table["backbone", "random", seed] = history(SIZES, RANDOM[seed])
    return chains(table)


def test_by_hand_and_against_scipy(context):
    table = paired_table(ITEM, replace(context, histories=fixed())).set_index("measure")
    final = table.loc["final_accuracy"]
    assert final["mean"] == pytest.approx(80.0)  # 90, 80, 70
    assert final["baseline_mean"] == pytest.approx(100 * 2.3 / 3)
    area = table.loc["area_under_curve"]
    # areas · 40: bald 30, 30, 25; random 25.0, 26.5, 26
    bald, random = np.array([30, 30, 25.0]) / 0.4, np.array([25, 26.5, 26]) / 0.4
    assert area["difference"] == pytest.approx((bald - random).mean())
    interval = stats.ttest_rel(bald, random).confidence_interval(0.95)
    assert (area["low"], area["high"]) == pytest.approx((interval.low, interval.high))
    assert list(table["n"]) == [3, 3]


def test_one_seed_has_no_interval(context):
    table = paired_table(ITEM, replace(context, histories=fixed(1)))
    assert table[["low", "high"]].isna().all(axis=None)
    assert table["difference"].tolist() == pytest.approx([12.5, 20.0])
    assert grid(table).rows == [("BALD", ["+12.50", "+20.00"])]


def test_every_method_but_random_in_every_scenario(context, tmp_path):
    item = ITEM | {"scenarios": list(SCENARIOS), "methods": list(METHODS)}
    write(item, context, tmp_path / "paired")
    table = pd.read_csv(tmp_path / "paired.csv")
    assert tuple(table.columns) == COLUMNS
    assert len(table) == 5 * 6 * 2
    assert (table["low"] < table["difference"]).all()
    assert (table["difference"] < table["high"]).all()


def test_another_baseline_turns_the_differences_round(context):
    given = replace(context, histories=fixed())
    usual = paired_table(ITEM, given).set_index("measure")
    turned = paired_table(ITEM | {"baseline": "bald"}, given).set_index("measure")
    assert list(turned["method"]) == ["random"] * 2
    assert list(turned["baseline"]) == ["bald"] * 2
    assert turned["difference"].tolist() == pytest.approx((-usual["difference"]).tolist())
    assert turned["low"].tolist() == pytest.approx((-usual["high"]).tolist())
    assert turned["mean"].tolist() == pytest.approx(usual["baseline_mean"].tolist())


def test_an_undefined_scenario_says_so(context):
    undefined = replace(context, scenarios={}, undefined={"backbone": "Backbone"})
    table = paired_table(ITEM, undefined)
    assert list(table["status"]) == ["not defined at this scale"] * 2
    assert table["difference"].isna().all()
    assert grid(table).rows == [("BALD", ["not defined at this scale"] * 2)]
