"""Copies among the picks: against the pool's own view, and by hand."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from balent.data.copies import LAYOUTS, copy_and_point, pool_index
from balent.data.inputs import Inputs, PoolView
from balent.errors import InputError
from balent.files import save_npz
from balent.reports.duplicates import COLUMNS, draw, repeated, with_duplicates, write
from balent.reports.pools import Pool

from .synthetic import METHODS, chains, history, settings

LABELS = np.arange(40) % 4  # 10 points of each of four classes
SMALL = {"initial": 4, "balanced": True, "size": 3, "budget": 10}
ITEM = {
    "kind": "duplicates",
    "title": "Duplicates",
    "scenarios": ["redundant"],
    "methods": ["random", "bald"],
}


def redundant(layout="concatenated", pool="all") -> dict:
    changes = {"copies": 3, "layout": layout, "acquisition": SMALL, "pool": {"pool": pool}}
    return settings("Redundant", **changes)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_indices_of_copies_and_back(layout):
    point, copy = np.divmod(np.arange(15), 3)
    index = np.array([pool_index(p, t, 5, 3, layout) for p, t in zip(point, copy, strict=True)])
    assert sorted(index) == list(range(15))
    found = copy_and_point(index, 5, 3, layout)
    np.testing.assert_array_equal(found[0], copy)
    np.testing.assert_array_equal(found[1], point)


def test_an_unknown_layout_is_refused():
    with pytest.raises(InputError, match=r"unknown layout 'mixed'; allowed: concatenated, adj"):
        pool_index(np.arange(3), 0, 3, 2, "mixed")


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("pool", ["all", 25])
def test_points_are_those_of_the_pool_s_view(layout, pool):
    from balent.data import roles

    source = roles.assign(LABELS, {"pool": pool}).pool
    features = np.arange(40, dtype=np.float32)[:, None]
    view = PoolView(Inputs(features), source, copies=3, layout=layout)
    everything = np.arange(len(view))
    found = Pool(redundant(layout, pool), LABELS)
    np.testing.assert_array_equal(source[found.points(everything)], view.row(everything))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_initial_set_is_balanced_and_without_copies(layout):
    pool = Pool(redundant(layout), LABELS)
    points = pool.points(pool.initial(seed=1))
    assert len(set(points)) == 4
    assert sorted(LABELS[points]) == [0, 1, 2, 3]
    assert list(points) == list(Pool(redundant(), LABELS).initial(seed=1))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_repeated_against_a_plain_loop(layout):
    pool = Pool(redundant(layout), LABELS)
    initial = pool.initial(seed=0)
    rest = np.setdiff1d(np.arange(120), initial)
    picks = np.random.default_rng(0).permutation(rest)
    known, want = set(pool.points(initial).tolist()), []
    for point in pool.points(picks).tolist():
        want.append(point in known)
        known.add(point)
    assert repeated(pool, 0, picks).tolist() == want
    assert sum(want) == 120 - 40  # every point's other copies, and the initial ones' own


@pytest.fixture
def bought(context, tmp_path):
    """BALD buys copies of an image at once, random buys no image twice: rounds of three and two."""
    save_npz(tmp_path / "digits.npz", y_train=LABELS)
    scenario = redundant()
    pool = Pool(scenario, LABELS)
    fresh = np.setdiff1d(np.arange(40), pool.initial(0))
    indices = {
        "bald": np.concatenate([fresh[0] + [0, 40, 80], fresh[1] + [0, 40]]),
        "random": fresh[:5],
    }
    for method, picked in indices.items():
        folder = tmp_path / "redundant" / method / "seed0"
        folder.mkdir(parents=True)
        save_npz(folder / "picks.npz", indices=picked, rounds=np.repeat([0, 1], [3, 2]))
    curves = {("redundant", m, 0): history([4, 7, 9], [0.5, 0.6, 0.7]) for m in indices}
    return replace(
        context,
        histories=chains(curves),
        scenarios={"redundant": scenario},
        results_folder=tmp_path,
        data_folder=tmp_path,
    )


def test_shares_by_hand(bought):
    found = with_duplicates(ITEM, bought).set_index(["method", "round"])["duplicates"]
    assert found["bald"].tolist() == pytest.approx([2 / 3, 1 / 2, np.nan], nan_ok=True)
    assert found["random"].tolist() == pytest.approx([0, 0, np.nan], nan_ok=True)


def test_the_files(bought, tmp_path):
    (tmp_path / "out").mkdir()
    write(ITEM, bought, tmp_path / "out" / "duplicates")
    table = pd.read_csv(tmp_path / "out" / "duplicates.csv")
    assert tuple(table.columns) == COLUMNS
    assert table["mean"].tolist() == pytest.approx([0, 60], abs=1e-4)  # 3 of 5 picks
    assert table["copies"].tolist() == [3, 3]
    assert table["sd"].isna().all()  # one seed
    assert {p.suffix for p in (tmp_path / "out").iterdir()} == {".pdf", ".svg", ".png", ".csv"}


def test_an_undefined_scenario_says_so(bought, tmp_path):
    part = replace(bought, scenarios={}, undefined={"redundant": "Redundant"})
    write(ITEM, part, tmp_path / "duplicates")
    table = pd.read_csv(tmp_path / "duplicates.csv")
    assert set(table["status"]) == {"not defined at this scale"}
    assert list(table["method_title"]) == [METHODS[m]["title"] for m in ITEM["methods"]]


def test_panels_share_an_axis_from_zero_to_the_highest_curve(context):
    shares = {"full_dropout": [0.02, 0.05], "backbone": [0.3, 0.4], "redundant": [0.1, 0.2]}
    curves = {
        (scenario, "bald", 0): history([4, 7], [0.5, 0.6]).assign(duplicates=values)
        for scenario, values in shares.items()
    }
    item = ITEM | {"scenarios": list(shares), "methods": ["bald"]}
    *panels, _ = draw(item, replace(context, histories=chains(curves))).axes
    lowest, highest = zip(*(panel.get_ylim() for panel in panels), strict=True)
    assert set(lowest) == {0}
    assert len(set(highest)) == 1
    assert 40 < highest[0] < 45
