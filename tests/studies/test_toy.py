"""What acquisition functions choose from a lattice around three moons."""

import numpy as np
import pytest
from scipy.spatial.distance import pdist, squareform

from balent.reports.selection import locations, mean_distance
from balent.streams import Streams
from balent.studies import toy
from balent.studies.moons import CENTRE, lattice, three_moons

SETTINGS = {
    "data": {"per_class": 50, "noise": 0.1},
    "model": {
        "family": "mlp",
        "hidden": [72, 72, 72],
        "dropped": [False, True, True],
        "dropout": 0.2,
        "last_bias": False,
    },
    "training": {"batch_size": 64, "learning_rate": 0.001, "steps": 2000},
    "samples": 100,
    "mask_scope": "pool",
    "side": 150,
    "half_width": 2.75,
    "picks": 100,
}
METHODS = {
    "balentacq": {"function": "balentacq", "options": {}},
    "bald": {"function": "bald", "options": {}},
    "expected_effective_loss": {"function": "expected_effective_loss", "options": {}},
    "balent": {"function": "balentacq", "options": {"priority": "P3"}},
}
SEEDS = (0, 1, 2)


def nearest_distance(points: np.ndarray) -> float:
    """The mean distance from a point [size, 2] to the nearest other one."""
    return float(np.sort(squareform(pdist(points)), axis=1)[:, 1].mean())


@pytest.fixture(scope="module")
def runs() -> list[dict]:
    return [toy.run(SETTINGS, METHODS, Streams(seed)) for seed in SEEDS]


def test_moons_without_noise_lie_on_half_circles():
    points, labels = three_moons(200, 0.0, np.random.default_rng(0))
    centres = np.array([[0, 0], [1, 0.5], [2, 0]])
    offsets = points - centres[labels]
    np.testing.assert_allclose(np.hypot(*offsets.T), 1, atol=1e-6)
    upper = np.where(labels == 1, -offsets[:, 1], offsets[:, 1])
    assert (upper >= -1e-6).all()
    assert np.bincount(labels).tolist() == [200, 200, 200]


def test_the_lattice_is_a_square_around_the_moons():
    x, y = lattice(5, 2.0)
    np.testing.assert_allclose([x.mean(), y.mean()], CENTRE)
    assert np.ptp(x) == np.ptp(y) == 4


def test_the_network_fits_its_training_set(runs):
    assert all(run["accuracy"] > 0.97 for run in runs)


def test_picks_are_the_largest_scores_best_first(runs):
    for method, picks in enumerate(runs[0]["picks"]):
        scores = runs[0]["scores"][method].flatten()
        assert len(np.unique(picks)) == SETTINGS["picks"]
        assert (np.diff(scores[picks]) <= 0).all()
        assert scores[picks[-1]] >= np.delete(scores, picks).max()


def test_balentacq_spreads_its_choice_along_the_boundary_and_bald_does_not(runs):
    """Figure 2: the best 25 of BalEntAcq are diversified near the boundary, BALD's one cluster."""
    for run in runs:
        spread = {
            name: mean_distance(locations(run, run["picks"][number, :25]))
            for number, name in enumerate(METHODS)
        }
        assert spread["balentacq"] > 2 * spread["bald"]


def test_balds_points_are_neighbours_on_the_lattice_and_balentacqs_are_apart(runs):
    """As above, by the distance to the nearest chosen point: several clusters are no spread."""
    for run in runs:
        nearest = {
            name: nearest_distance(locations(run, run["picks"][number, :25]))
            for number, name in enumerate(METHODS)
        }
        assert nearest["bald"] < 1.25 * (run["x"][1] - run["x"][0])
        assert nearest["balentacq"] > 2 * nearest["bald"]


def test_balentacq_chooses_where_balent_is_just_above_zero(runs):
    """Figure 14: the best points lie in the region where BalEnt is not negative, near its edge."""
    for run in runs:
        ratio = run["scores"][list(METHODS).index("balent")].flatten()
        chosen = ratio[run["picks"][0, :25]]
        assert (chosen >= 0).all()
        assert chosen.max() < np.median(ratio[ratio >= 0])


def test_bald_and_expected_effective_loss_choose_alike(runs):
    """Figure 11: most of the best 100 are shared; at random less than one would be."""
    for run in runs:
        shared = np.intersect1d(run["picks"][1], run["picks"][2])
        assert len(shared) > 50


def test_equal_seeds_give_equal_results(runs):
    again = toy.run(SETTINGS, METHODS, Streams(0))
    for name, values in runs[0].items():
        np.testing.assert_array_equal(values, again[name])
