"""Paired tests against brute force over all signs, against scipy, and their correction."""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from balent.reports.paired_tests import COLUMNS, comparison_table, holm, signed_rank_p, write

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


def test_a_table_by_hand(context):
    final = {"bald": [0.9, 0.8, 0.7], "random": [0.8, 0.9, 0.5]}
    table = {
        ("backbone", method, seed): history([20, 30], [0.5, value])
        for method, values in final.items()
        for seed, value in enumerate(values)
    }
    item = ITEM | {"scenarios": ["backbone"], "methods": list(final), "baseline": "random"}
    found = comparison_table(item, replace(context, histories=chains(table)))
    row = found.set_index("measure").loc["final_accuracy"]
    assert (row["n"], row["higher"], row["lower"]) == (3, 2, 1)
    assert row["difference"] == pytest.approx(20 / 3)
    want = stats.ttest_rel([90, 80, 70], [80, 90, 50]).pvalue
    assert row["t_p"] == row["t_p_holm"] == pytest.approx(want)
    assert row["rank_p"] == pytest.approx(brute_force([10, -10, 20]))
    assert row["rank_p_least"] == 0.25
    assert list(found["scenario"]) == ["backbone"] * 2  # one scenario: no row for all


def test_all_scenarios_together(context, tmp_path):
    write(ITEM, context, tmp_path / "tests")
    table = pd.read_csv(tmp_path / "tests.csv")
    assert tuple(table.columns) == COLUMNS
    assert len(table) == 6 * 2 * 6
    assert set(table["n"]) == {3}  # seeds, never scenarios times seeds
    parts = table[table["scenario"] != "all"].groupby(["method", "measure"])["difference"].mean()
    everything = table[table["scenario"] == "all"].set_index(["method", "measure"])["difference"]
    assert everything.to_dict() == pytest.approx(parts[everything.index].to_dict(), abs=2e-4)
    assert (table["higher"] + table["lower"] <= table["n"]).all()
    assert (table["t_p_holm"] >= table["t_p"]).all()
    assert (table["rank_p"] >= table["rank_p_least"] - 1e-4).all()


def test_all_scenarios_count_a_seed_once(context):
    ends = {"backbone": [0.6, 0.7, 0.9], "full_dropout": [0.8, 0.5, 0.7]}
    table = {
        (scenario, method, seed): history([20, 30], [0.5, end if method == "bald" else 0.5])
        for scenario, values in ends.items()
        for seed, end in enumerate(values)
        for method in ("bald", "random")
    }
    item = ITEM | {"scenarios": list(ends), "methods": ["random", "bald"], "baseline": "random"}
    found = comparison_table(item, replace(context, histories=chains(table)))
    row = found[(found["scenario"] == "all") & (found["measure"] == "final_accuracy")].iloc[0]
    assert row["t_p"] == pytest.approx(stats.ttest_1samp([20, 10, 30], 0).pvalue)
    assert (row["n"], row["difference"]) == (3, pytest.approx(20.0))


def test_equal_differences_have_no_t_test(context):
    table = {
        ("backbone", method, seed): history([20, 30], [0.5, end])
        for method, end in (("bald", 0.75), ("random", 0.5))
        for seed in range(3)
    }
    item = ITEM | {"scenarios": ["backbone"], "methods": ["random", "bald"], "baseline": "random"}
    found = comparison_table(item, replace(context, histories=chains(table)))
    assert found["t_p"].isna().all()
    assert list(found["rank_p"]) == [0.25, 0.25]
