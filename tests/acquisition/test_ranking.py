"""The one place that ranks: top-k, ties, refusals, and methods at fault."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from balent.acquisition import registry
from balent.acquisition.base import Context, Predictions
from balent.acquisition.registry import acquire, top
from balent.errors import InputError, MethodError
from balent.posterior.moments import Moments

levels = st.sampled_from([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf]) | st.floats(-9, 9)


@settings(max_examples=200, deadline=None)
@given(st.lists(levels, min_size=1, max_size=40), st.data())
def test_top_equals_a_full_sort(values, data):
    scores = np.array(values)
    size = data.draw(st.integers(1, len(values)))
    order = np.random.default_rng(data.draw(st.integers(0, 99))).permutation(len(values))
    position = np.argsort(order)
    full = sorted(range(len(values)), key=lambda i: (-scores[i], position[i]))
    assert top(scores, size, order).tolist() == full[:size]


def context(seed=0):
    return Context(np.random.default_rng(seed))


def predictions(n=30, copies=1, seed=0):
    rng = np.random.default_rng(seed)
    probs = torch.softmax(torch.from_numpy(rng.normal(size=(n, 5, 4))), dim=2)
    return Predictions(n * copies, moments=Moments.from_probs(probs.repeat(copies, 1, 1)))


@pytest.fixture
def fixed(monkeypatch):
    """Replace what the method ``random`` returns."""

    def replace(scores):
        monkeypatch.setattr(registry, "load", lambda name: lambda predictions, context: scores)
        return Predictions(len(scores))

    return replace


def test_scores_come_back_in_order_with_their_points():
    pool = predictions()
    scores = registry.score("entropy", pool, context(), {})
    indices, chosen = acquire("entropy", pool, 7, context(), {})
    assert indices.dtype == np.int64
    assert indices.tolist() == np.argsort(-scores)[:7].tolist()
    assert chosen.tolist() == scores[indices].tolist()


def test_ties_are_in_random_order_and_follow_the_generator(fixed):
    pool = fixed(torch.zeros(50, dtype=torch.float64))
    batches = [tuple(acquire("random", pool, 10, context(s), {})[0]) for s in (0, 0, 1, 2, 3)]
    assert batches[0] == batches[1]
    assert len(set(batches)) == 4
    assert list(batches[0]) != sorted(batches[0])


def test_tied_points_at_the_edge_are_all_equally_likely(fixed):
    pool = fixed(torch.tensor([1.0, 0.0, 0.0, 0.0, -1.0], dtype=torch.float64))
    batches = np.array([acquire("random", pool, 2, context(s), {})[0] for s in range(3000)])
    assert (batches[:, 0] == 0).all()
    counts = np.bincount(batches[:, 1], minlength=5)
    assert counts[[0, 4]].sum() == 0
    assert counts[1:4] == pytest.approx(1000, abs=4 * np.sqrt(3000 * 2 / 9))


def test_copies_tie_and_no_copy_is_preferred():
    pool = predictions(copies=3)
    indices, scores = acquire("balentacq", pool, 9, context(), {})
    assert (np.diff(scores.reshape(3, 3), axis=1) == 0).all()
    assert all(len(set(group % 30)) == 1 for group in indices.reshape(3, 3))
    first = {acquire("balentacq", pool, 1, context(s), {})[0][0] // 30 for s in range(20)}
    assert first == {0, 1, 2}


def test_a_permutation_is_drawn_whether_or_not_there_are_ties(fixed):
    states = []
    for values in (np.arange(20.0), np.zeros(20)):
        generator = np.random.default_rng(0)
        acquire("random", fixed(torch.from_numpy(values)), 3, Context(generator), {})
        states.append(generator.random())
    assert states[0] == states[1]


@pytest.mark.parametrize("size", [0, -1, 31])
def test_a_size_outside_the_pool_is_refused(size):
    with pytest.raises(InputError, match=rf"size={size} is not allowed; give 1 to 30"):
        acquire("bald", predictions(), size, context(), {})


@pytest.mark.parametrize(("name", "field"), [("bald", "moments"), ("badge", "moments")])
def test_a_missing_need_is_refused(name, field):
    with pytest.raises(MethodError, match=f"{name} needs {field}"):
        acquire(name, Predictions(4), 2, context(), {})


def test_badge_without_features_is_refused():
    with pytest.raises(MethodError, match="badge needs features"):
        acquire("badge", predictions(), 2, context(), {})


def test_the_fields_of_needs():
    assert registry.fields(("mean_and_features", "moments")) == ["moments", "features"]
    assert registry.fields(("pairs",)) == ["samples", "pairs"]
    assert registry.fields(("samples", "reference")) == ["samples", "reference"]
    both = registry.fields(("pairs", "reference"))
    assert both == ["samples", "pairs", "reference", "reference_pairs"]


def test_a_batch_method_gives_no_scores():
    pool = predictions()
    pool = Predictions(30, moments=pool.moments, features=torch.ones(30, 2))
    with pytest.raises(MethodError, match="badge builds batches"):
        registry.score("badge", pool, context(), {})


def test_nan_is_never_ranked(fixed):
    pool = fixed(torch.tensor([0.0, 1.0, torch.nan], dtype=torch.float64))
    with pytest.raises(RuntimeError, match="1 of 3 scores are NaN, the first of point 2"):
        acquire("random", pool, 1, context(), {})


@pytest.mark.parametrize("scores", [torch.zeros(3), torch.zeros(3, 1, dtype=torch.float64)])
def test_scores_of_a_wrong_type_or_shape_are_refused(fixed, scores):
    with pytest.raises(RuntimeError, match=r"returned scores .* not float64 \(3,\)"):
        acquire("random", fixed(scores), 1, context(), {})


@pytest.mark.parametrize("indices", [[0, 0], [0, 3], [-1, 0], [0]])
def test_a_batch_that_is_none_is_refused(monkeypatch, indices):
    def faulty(predictions, context, size):
        return np.array(indices), np.zeros(len(indices))

    monkeypatch.setattr(registry, "load", lambda name: faulty)
    pool = predictions(n=3)
    pool = Predictions(3, moments=pool.moments, features=torch.ones(3, 2))
    with pytest.raises(RuntimeError, match="did not return 2 different points"):
        acquire("badge", pool, 2, context(), {})
