"""Performance profiles: ratios by hand, and what every profile must obey."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from balent.reports.profiles import COLUMNS, draw, labels, profile, profile_table, ratios, write

from .synthetic import METHODS, SCENARIOS, chains, history

INF = np.inf
ITEM = {
    "kind": "profiles",
    "title": "Profiles",
    "scenarios": list(SCENARIOS),
    "methods": list(METHODS),
    "accuracies": {"small": {name: [45, 50, 55] for name in SCENARIOS}},
}


def test_ratios_by_hand():
    needed = np.array([[40, 20, 30], [50, 50, INF], [INF, INF, INF]])
    want = [[2, 1, 1.5], [1, 1, INF], [INF, INF, INF]]
    np.testing.assert_array_equal(ratios(needed), want)
    at = np.array([1, 1.5, 2, 100])
    np.testing.assert_allclose(profile(ratios(needed)[:, 0], at), [1 / 3, 1 / 3, 2 / 3, 2 / 3])


@pytest.mark.parametrize("seed", range(5))
def test_properties_of_all_profiles(seed):
    generator = np.random.default_rng(seed)
    needed = generator.integers(20, 26, (40, 5)).astype(float)  # with ties
    needed[generator.random(needed.shape) < 0.3] = INF
    found = ratios(needed)
    solved = np.isfinite(needed)
    at = np.linspace(1, 10, 200)
    every = np.array([profile(ratio, at) for ratio in found.T])  # [methods, t]
    assert (np.diff(every, axis=1) >= 0).all()
    assert (found >= 1).all()
    np.testing.assert_allclose(every[:, -1], solved.mean(axis=0))  # the limit: share of reached
    assert every[:, 0].sum() >= solved.any(axis=1).mean()  # some method is best, ties for each
    brute = [[np.mean([r <= t for r in ratio]) for t in at] for ratio in found.T]
    np.testing.assert_allclose(every, brute)


def test_problems_are_those_of_scenario_seed_and_accuracy(context):
    needed = labels(ITEM, context)
    assert needed.shape == (5 * 3 * 3, 7)
    assert list(needed.columns) == list(METHODS)


def test_a_seed_that_one_method_lacks_is_no_problem(context):
    two = {("backbone", m, s): history([20, 30], [0.5, 0.9]) for m in METHODS for s in (0, 1)}
    del two["backbone", "badge", 1]
    item = ITEM | {"scenarios": ["backbone"]}
    assert len(labels(item, replace(context, histories=chains(two)))) == 3


@pytest.mark.filterwarnings("error")
def test_a_scale_with_none_of_the_scenarios_says_so(context, tmp_path):
    titles = {name: SCENARIOS[name]["title"] for name in SCENARIOS}
    write(ITEM, replace(context, scenarios={}, undefined=titles), tmp_path / "profiles")
    table = pd.read_csv(tmp_path / "profiles.csv")
    assert tuple(table.columns) == COLUMNS
    assert table["method"].tolist() == list(METHODS)
    assert set(table["status"]) == {"not defined at this scale"}
    assert table["best"].isna().all()
    (panel,) = draw(ITEM, replace(context, scenarios={}, undefined=titles)).axes
    assert [text.get_text() for text in panel.texts] == ["not defined at this scale"]


def test_the_table_agrees_with_the_profiles(context, tmp_path):
    write(ITEM, context, tmp_path / "profiles")
    table = pd.read_csv(tmp_path / "profiles.csv")
    pd.testing.assert_frame_equal(table, profile_table(ITEM, context), rtol=0, atol=1e-4)
    assert table["status"].isna().all()
    table = table.set_index("method")
    steps = table[["best", "within_1.1", "within_1.25", "within_1.5", "within_2", "reached"]]
    assert (np.diff(steps.to_numpy(), axis=1) >= -1e-9).all()
    assert table["best"].sum() >= 1 - 1e-3
    assert table.loc["balentacq", "best"] > table.loc["random", "best"]  # learns the fastest
    assert {p.suffix for p in tmp_path.iterdir()} == {".pdf", ".svg", ".png", ".csv"}


def test_the_figure_says_how_many_problems_were_never_reached(context):
    item = ITEM | {"accuracies": {"small": {name: [70, 99.9] for name in SCENARIOS}}}
    figure = draw(item, context)
    assert "30 problems" in figure.get_supxlabel()
    assert "21 of them reached by no method" in figure.get_supxlabel()
    (panel,) = figure.axes
    assert len(panel.lines) == 7
    for line in panel.lines:
        assert (np.diff(line.get_ydata()) >= 0).all()
        assert max(line.get_ydata()) <= 30
