"""Paired tests against brute force over all signs, against scipy, and their correction."""

import re
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from balent.config import read_yaml
from balent.reports.paired_tests import ALL, COLUMNS, comparison_table, holm, signed_rank_p, write

from .synthetic import METHODS, SCENARIOS, chains, history

ITEM = {
    "kind": "paired_tests",
    "title": "Tests",
    "scenarios": list(SCENARIOS),
    "methods": list(METHODS),
    "baseline": "balentacq",
}


def brute_force(differences) -> float:
    """Both tails over all 2ⁿ sign patterns of the ranks."""
    rest = np.array([d for d in differences if d])
    ranks = stats.rankdata(np.abs(rest))
    sums = np.array([ranks[np.array(s) > 0].sum() for s in product((-1, 1), repeat=len(rest))])
    observed = ranks[rest > 0].sum()
    return min(1.0, 2 * min((sums <= observed).mean(), (sums >= observed).mean()))


@pytest.mark.parametrize("n", [1, 2, 3, 5, 9])
@pytest.mark.parametrize("ties", [False, True])
def test_the_signed_rank_test_is_exact(n, ties):
    generator = np.random.default_rng(n)
    for _ in range(5):
        values = generator.normal(0.5, 1, n)
        differences = np.round(2 * values) if ties else values  # zeros, too
        assert signed_rank_p(differences) == pytest.approx(brute_force(differences))
        if not ties:
            assert signed_rank_p(values) == pytest.approx(stats.wilcoxon(values).pvalue)


@pytest.mark.parametrize(("n", "least"), [(1, 1.0), (3, 0.25), (5, 0.0625), (15, 2.0**-14)])
def test_no_p_is_below_two_over_two_to_the_n(n, least):
    assert signed_rank_p(np.arange(1.0, n + 1)) == pytest.approx(least)


def test_nothing_differs_from_itself():
    assert signed_rank_p(np.zeros(4)) == 1.0
    assert np.isnan(signed_rank_p(np.zeros(0)))


def test_all_scenarios_cannot_be_taken_for_one_of_them():
    schema = read_yaml(Path(__file__).parents[2] / "config.schema.yaml")
    names = schema["properties"]["scenarios"]["propertyNames"]["pattern"]
    assert re.search(names, "backbone")
    assert not re.search(names, ALL)


def test_holm_by_hand():
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.6, np.nan, 0.5]) == pytest.approx([1.0, np.nan, 1.0], nan_ok=True)
    assert holm([0.02]) == [0.02]


def test_holm_rejects_what_the_step_down_procedure_rejects():
    generator = np.random.default_rng(0)
    for _ in range(50):
        p = generator.random(6) ** 3
        rejected = []
        for k, index in enumerate(np.argsort(p)):
            if p[index] > 0.05 / (6 - k):
                break
            rejected.append(index)
        assert sorted(rejected) == list(np.flatnonzero(np.array(holm(p)) <= 0.05))


def compared(context, **ends: dict[str, dict[int, float]]) -> pd.DataFrame:
    """Final accuracies of {scenario: {method: {seed: accuracy}}}, compared with random."""
    table = {
        (scenario, method, seed): history([20, 30], [0.5, end])
        for scenario, methods in ends.items()
        for method, by_seed in methods.items()
        for seed, end in by_seed.items()
    }
    methods = list(next(iter(ends.values())))
    item = ITEM | {"scenarios": list(ends), "methods": methods, "baseline": "random"}
    found = comparison_table(item, replace(context, histories=chains(table)))
    return found[found["measure"] == "final_accuracy"].set_index(["scenario", "method"])


def seeds(*ends: float) -> dict[int, float]:
    return dict(enumerate(ends))


def test_equal_differences_of_accuracies_are_ties(context):
    bald, random = seeds(0.940, 0.746, 0.8), seeds(0.952, 0.740, 0.806)
    assert 100 * 0.740 - 100 * 0.746 != -(100 * 0.806 - 100 * 0.8)  # in their last bits
    row = compared(context, backbone={"random": random, "bald": bald}).loc["backbone", "bald"]
    assert row["rank_p"] == pytest.approx(brute_force([-12, 6, -6]))
    assert row["rank_p"] == 0.75
    assert (row["higher"], row["lower"]) == (1, 2)


def test_differences_that_cancel_over_scenarios_are_zero(context):
    up = {"random": seeds(0.940, 0.5), "bald": seeds(0.952, 0.6)}
    down = {"random": seeds(0.512, 0.5), "bald": seeds(0.500, 0.7)}
    assert (100 * 0.952 - 100 * 0.940) + (100 * 0.500 - 100 * 0.512) != 0  # in the last bits
    row = compared(context, backbone=up, full_dropout=down).loc[ALL, "bald"]
    assert (row["n"], row["higher"], row["lower"]) == (2, 1, 0)


def test_equal_differences_have_no_t_test(context):
    ends = {"random": seeds(0.940, 0.734, 0.5), "bald": seeds(0.952, 0.746, 0.512)}
    row = compared(context, backbone=ends).loc["backbone", "bald"]
    assert row[["t_p", "t_p_holm"]].isna().all()
    assert row["rank_p"] == 0.25


def test_methods_without_a_common_seed_have_no_tests_and_do_not_count(context):
    ends = {"random": seeds(0.5, 0.6, 0.7), "bald": {7: 0.5}, "badge": seeds(0.6, 0.8, 0.71)}
    found = compared(context, backbone=ends)
    none, some = found.loc["backbone", "bald"], found.loc["backbone", "badge"]
    assert none["n"] == 0
    tests = ["difference", "t_p", "t_p_holm", "rank_p", "rank_p_holm", "rank_p_least"]
    assert none[tests].isna().all()
    assert some["rank_p_holm"] == some["rank_p"] == 0.25
    assert some["t_p_holm"] == some["t_p"]


def test_a_table_by_hand(context):
    ends = {"random": seeds(0.8, 0.9, 0.5), "bald": seeds(0.9, 0.8, 0.7)}
    found = compared(context, backbone=ends)
    row = found.loc["backbone", "bald"]
    assert (row["n"], row["higher"], row["lower"]) == (3, 2, 1)
    assert row["difference"] == pytest.approx(20 / 3)
    want = stats.ttest_rel([90, 80, 70], [80, 90, 50]).pvalue
    assert row["t_p"] == row["t_p_holm"] == pytest.approx(want)
    assert row["rank_p"] == pytest.approx(brute_force([10, -10, 20]))
    assert row["rank_p_least"] == 0.25
    assert list(found.index) == [("backbone", "bald")]  # one scenario: no row for all


def test_all_scenarios_together(context, tmp_path):
    write(ITEM, context, tmp_path / "tests")
    table = pd.read_csv(tmp_path / "tests.csv")
    assert tuple(table.columns) == COLUMNS
    assert len(table) == 6 * 2 * 6
    assert set(table["n"]) == {3}  # seeds, never scenarios times seeds
    parts = table[table["scenario"] != ALL].groupby(["method", "measure"])["difference"].mean()
    everything = table[table["scenario"] == ALL].set_index(["method", "measure"])["difference"]
    assert everything.to_dict() == pytest.approx(parts[everything.index].to_dict(), abs=2e-4)
    assert (table["higher"] + table["lower"] <= table["n"]).all()
    assert (table["t_p_holm"] >= table["t_p"]).all()
    assert (table["rank_p"] >= table["rank_p_least"] - 1e-4).all()


def test_all_scenarios_count_a_seed_once(context):
    random = seeds(0.5, 0.5, 0.5)
    one = {"random": random, "bald": seeds(0.6, 0.7, 0.9)}
    two = {"random": random, "bald": seeds(0.8, 0.5, 0.7)}
    row = compared(context, backbone=one, full_dropout=two).loc[ALL, "bald"]
    assert row["t_p"] == pytest.approx(stats.ttest_1samp([20, 10, 30], 0).pvalue)
    assert (row["n"], row["difference"]) == (3, pytest.approx(20.0))
