"""A report's view of a pool against the loop's own."""

import numpy as np
import pytest

from balent.files import save_npz
from balent.loop.chain import Chain
from balent.loop.problem import load_problem
from balent.reports.pools import load_pool

from .synthetic import settings

LABELS = np.arange(60) % 5


@pytest.mark.parametrize("layout", ["concatenated", "adjacent"])
@pytest.mark.parametrize("balanced", [True, False])
@pytest.mark.parametrize("points", ["all", 40])
def test_the_initial_set_and_the_images_are_the_loop_s(tmp_path, layout, balanced, points):
    features = np.arange(60, dtype=np.float32)[:, None]
    test = {"x_test": features[:5], "y_test": LABELS[:5]}
    save_npz(tmp_path / "digits.npz", x_train=features, y_train=LABELS, **test)
    scenario = settings(
        "Redundant",
        copies=3,
        layout=layout,
        noise_sd=0.0,
        pool={"pool": points},
        acquisition={"initial": 10, "balanced": balanced, "size": 5, "budget": 20},
    )
    chain = Chain("small", "redundant", "random", 3, scenario, "random")
    problem = load_problem(chain, tmp_path / "digits.npz")
    pool = load_pool(scenario, tmp_path)
    np.testing.assert_array_equal(pool.initial(seed=3), problem.initial)
    everything = np.arange(len(problem.pool))
    point, row = pool.points(everything), problem.pool.row(everything)
    pairs = set(zip(point.tolist(), row.tolist(), strict=True))
    assert len(pairs) == len(set(point)) == len(set(row))  # copies of one image, and no others
    if balanced:
        labels = problem.pool_labels[problem.initial].bincount()
        assert labels.tolist() == [2] * 5
