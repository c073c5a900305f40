"""Labels needed: first crossings, censoring, and the table."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from balent.reports.labels_needed import COLUMNS, labels_table, write
from balent.reports.reach import labels_to_reach, reach

from .synthetic import METHODS, SCENARIOS, chains, history

SIZES = [20, 30, 60]
ITEM = {
    "kind": "labels_needed",
    "title": "Labels needed",
    "scenarios": ["backbone"],
    "methods": ["bald"],
    "accuracies": {"small": {"backbone": [70]}},
}


def context_of(context, *curves, sizes=SIZES):
    table = {("backbone", "bald", seed): history(sizes, c) for seed, c in enumerate(curves)}
    return replace(context, histories=chains(table))


@pytest.mark.parametrize(
    ("values", "target", "labels"),
    [
        ([50, 60, 90], 60, 30),  # at a round
        ([50, 60, 90], 55, 25),  # between rounds
        ([50, 60, 90], 80, 50),
        ([50, 60, 90], 90, 60),  # at the end
        ([50, 60, 90], 90.1, math.inf),
        ([50, 60, 90], 50, 20),  # at the start
        ([50, 60, 90], 40, 20),
        ([50, 80, 60], 70, 30 - 10 / 3),  # the first of two crossings
        ([80, 50, 90], 70, 20),  # falls below later
        ([50, 50, 70], 60, 45),  # a flat piece
    ],
)
def test_the_first_crossing_by_hand(values, target, labels):
    assert labels_to_reach(SIZES, values, target) == pytest.approx(labels)


def test_an_accuracy_that_is_reached_exactly_counts(context):
    for hits in range(501, 1000):
        item = ITEM | {"accuracies": {"small": {"backbone": [hits / 10]}}}
        curve = reach(item, context_of(context, [0.5, hits / 1000, 0.5]))
        assert curve["labels"].tolist() == [30], hits


def test_the_first_crossing_against_a_fine_lattice():
    generator = np.random.default_rng(0)
    lattice = np.linspace(20, 120, 100_001)
    for _ in range(50):
        sizes = np.sort(np.concatenate([[20, 120], generator.uniform(21, 119, 6)]))
        values, target = generator.uniform(0, 100, 8), generator.uniform(0, 100)
        above = np.flatnonzero(np.interp(lattice, sizes, values) >= target)
        want = lattice[above[0]] if len(above) else math.inf
        assert labels_to_reach(sizes, values, target) == pytest.approx(want, abs=2e-3)


def test_a_higher_accuracy_never_needs_fewer_labels(context):
    item = ITEM | {"scenarios": list(SCENARIOS), "methods": list(METHODS)}
    item["accuracies"] = {"small": {name: [60, 65, 70, 75] for name in SCENARIOS}}
    table = reach(item, context)
    assert len(table) == 5 * 7 * 3 * 4
    needed = table.set_index(["scenario", "method", "seed", "accuracy"])["labels"].unstack()
    steps = np.diff(needed.replace(np.inf, 1e9).to_numpy(), axis=1)
    assert (steps >= 0).all()
    assert (steps > 0).any()


def test_censored_seeds_are_marked_and_count_as_more(context):
    curves = [[0.5, 0.6, 0.9], [0.5, 0.6, 0.69], [0.7, 0.8, 0.9]]
    (row,) = labels_table(ITEM, context_of(context, *curves)).to_dict("records")
    assert (row["n"], row["reached"]) == (3, 2)
    assert (row["lowest"], row["median"], row["highest"]) == ("≤ 20", "40.0", "> 60")


@pytest.mark.parametrize(
    ("curves", "median"),
    [
        ([[0.5, 0.6, 0.65]] * 2 + [[0.5, 0.7, 0.8]], "> 60"),  # most seeds never reach it
        ([[0.5, 0.7, 0.8], [0.5, 0.6, 0.65]], "> 60"),  # of two the higher
        ([[0.5, 0.7, 0.8], [0.7, 0.7, 0.8]], "30.0"),
        ([[0.7, 0.7, 0.8]], "≤ 20"),
    ],
)
def test_the_median_is_a_seed_s_own(context, curves, median):
    (row,) = labels_table(ITEM, context_of(context, *curves)).to_dict("records")
    assert row["median"] == median


def test_the_file_has_a_row_for_all_that_was_asked(context, tmp_path):
    item = ITEM | {"scenarios": list(SCENARIOS), "methods": list(METHODS)}
    item["accuracies"] = {"small": {name: [60, 75] for name in SCENARIOS}}
    scenarios = {name: value for name, value in SCENARIOS.items() if name != "backbone"}
    part = replace(context, scenarios=scenarios, undefined={"backbone": "Backbone"})
    write(item, part, tmp_path / "needed")
    table = pd.read_csv(tmp_path / "needed.csv")
    assert tuple(table.columns) == COLUMNS
    assert len(table) == 4 * 2 * 7 + 7
    absent = table[table["scenario"] == "backbone"]
    assert set(absent["status"]) == {"not defined at this scale"}
    assert absent["median"].isna().all()
    assert table["median"].notna().sum() == 4 * 2 * 7
    assert (table["reached"].dropna() <= 3).all()
