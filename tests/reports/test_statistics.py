"""Hand-computed means, verdicts and areas; intervals against scipy's own tests."""

import math

import numpy as np
import pytest
from scipy import stats

from balent.reports.statistics import (
    Summary,
    area_under_curve,
    paired_difference,
    summarise,
    welch_verdict,
)


@pytest.mark.parametrize("theirs", [Summary(50.0, float("nan"), 6), Summary(50.0, 1.0, 1)])
def test_no_verdict_without_a_standard_deviation(theirs):
    assert welch_verdict(Summary(60.0, 1.0, 3), theirs) == ""
    assert welch_verdict(Summary(60.0, float("nan"), 3), Summary(50.0, 1.0, 3)) == ""


def test_mean_and_sd_by_hand():
    assert summarise([1.0, 2.0, 6.0]) == Summary(3.0, math.sqrt(7), 3)


def test_one_value_has_no_sd():
    summary = summarise([4.0])
    assert (summary.mean, summary.n) == (4.0, 1)
    assert math.isnan(summary.sd)


def test_equal_spreads_give_the_verdict_of_four_degrees_of_freedom():
    # s = 1, n = 3 on both sides: df = 4, t = 2.7764, margin = 2.7764 · √(2/3) = 2.2670
    theirs = Summary(50.0, 1.0, 3)
    assert welch_verdict(Summary(52.26, 1.0, 3), theirs) == "agrees"
    assert welch_verdict(Summary(52.27, 1.0, 3), theirs) == "higher"
    assert welch_verdict(Summary(47.74, 1.0, 3), theirs) == "agrees"
    assert welch_verdict(Summary(47.73, 1.0, 3), theirs) == "lower"


def test_one_zero_spread_leaves_the_other_side_s_degrees_of_freedom():
    # s₁ = 0, s₂ = 1, n₂ = 3: df = 2, t = 4.3027, margin = 4.3027 / √3 = 2.4841
    assert welch_verdict(Summary(52.48, 0.0, 5), Summary(50.0, 1.0, 3)) == "agrees"
    assert welch_verdict(Summary(52.49, 0.0, 5), Summary(50.0, 1.0, 3)) == "higher"


def test_two_zero_spreads_agree_only_when_equal():
    theirs = Summary(50.0, 0.0, 3)
    assert welch_verdict(Summary(50.0, 0.0, 3), theirs) == "agrees"
    assert welch_verdict(Summary(50.1, 0.0, 3), theirs) == "higher"
    assert welch_verdict(Summary(49.9, 0.0, 3), theirs) == "lower"


def test_no_verdict_from_one_run():
    assert welch_verdict(summarise([50.0]), Summary(50.0, 1.0, 3)) == ""
    assert welch_verdict(Summary(50.0, 1.0, 3), summarise([50.0])) == ""


@pytest.mark.parametrize("seed", range(20))
def test_verdict_is_welch_s_test_at_five_percent(seed):
    generator = np.random.default_rng(seed)
    a, b = generator.normal(0, 1, 4), generator.normal(1.5, 2, 6)
    significant = stats.ttest_ind(a, b, equal_var=False).pvalue < 0.05
    verdict = welch_verdict(summarise(a), summarise(b))
    assert (verdict != "agrees") == significant
    assert verdict in ("agrees", "lower" if a.mean() < b.mean() else "higher")


def test_paired_interval_is_scipy_s():
    generator = np.random.default_rng(3)
    a, b = generator.normal(1, 1, 7), generator.normal(0, 1, 7)
    interval = stats.ttest_rel(a, b).confidence_interval(0.95)
    difference = paired_difference(dict(enumerate(a)), dict(enumerate(b)))
    assert difference.n == 7
    assert difference.mean == pytest.approx((a - b).mean())
    assert (difference.low, difference.high) == pytest.approx((interval.low, interval.high))


def test_pairs_are_matched_by_seed_and_not_by_order():
    difference = paired_difference({0: 1.0, 1: 5.0, 9: 100.0}, {1: 4.0, 0: 0.0, 7: -100.0})
    assert (difference.mean, difference.low, difference.high, difference.n) == (1, 1, 1, 2)


def test_one_pair_has_no_interval_and_no_pair_no_difference():
    difference = paired_difference({0: 3.0}, {0: 1.0})
    assert difference.mean == 2.0
    assert math.isnan(difference.low)
    assert math.isnan(difference.high)
    assert paired_difference({0: 3.0}, {1: 1.0}) is None


def test_area_by_hand_on_an_uneven_grid():
    # (0.5 + 0.7)/2 · 10 + (0.7 + 0.9)/2 · 30 = 30; 30/40 = 0.75
    assert area_under_curve([20, 30, 60], [0.5, 0.7, 0.9]) == pytest.approx(0.75)


def test_area_of_a_constant_curve_is_its_height_and_of_a_point_undefined():
    assert area_under_curve([20, 25, 100], [0.8, 0.8, 0.8]) == pytest.approx(0.8)
    assert math.isnan(area_under_curve([20], [0.8]))
