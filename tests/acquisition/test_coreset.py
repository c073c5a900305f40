"""CoreSet against k-centre greedy with all distances written out."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from balent.acquisition import coreset as module
from balent.acquisition import registry
from balent.acquisition.base import Context, Predictions
from balent.errors import MethodError
from balent.posterior.moments import Moments


def run(features, labelled, size, seed=0):
    n = len(features)
    predictions = Predictions(
        n,
        moments=Moments.from_probs(torch.full((n, 2, 2), 0.5)),
        features=torch.as_tensor(features),
    )
    context = Context(np.random.default_rng(seed), labelled_features=torch.as_tensor(labelled))
    return registry.acquire("coreset", predictions, size, context, {})


def explicit(features, labelled, size):
    """Farthest-first traversal from the labelled points."""
    centres, indices, scores = list(labelled), [], []
    while len(indices) < size:
        distances = np.array([min(np.linalg.norm(x - c) for c in centres) for x in features])
        indices.append(int(distances.argmax()))
        scores.append(distances.max())
        centres.append(features[indices[-1]])
    return indices, scores


def clusters(seed, n=80, d=5):
    """Points around a few places, so that most picks lower many distances."""
    rng = np.random.default_rng(seed)
    return 10 * rng.normal(size=(6, d))[rng.integers(6, size=n)] + rng.normal(size=(n, d))


@pytest.mark.parametrize("looks", [1, 7, 64])
@pytest.mark.parametrize("seed", range(4))
def test_equals_farthest_first_traversal(seed, looks, monkeypatch):
    monkeypatch.setattr(module, "LOOKS", looks)
    features = clusters(seed)
    indices, scores = run(features[8:], features[:8], 40)
    expected = explicit(features[8:], features[:8], 40)
    assert indices.tolist() == expected[0]
    assert scores == pytest.approx(expected[1], rel=1e-9)


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 10_000), size=st.integers(1, 4))
def test_no_batch_covers_the_pool_twice_as_closely(seed, size):
    """The guarantee of the greedy: radius at most twice the best, found here by trying all."""
    from itertools import combinations

    rng = np.random.default_rng(seed)
    features = rng.integers(0, 6, size=(8, 2)).astype(float)
    labelled = features[rng.integers(8, size=1)] + 1

    def radius(batch):
        centres = np.concatenate([labelled, features[list(batch)]])
        return np.linalg.norm(features[:, None] - centres, axis=2).min(axis=1).max()

    best = min(map(radius, combinations(range(8), size)))
    assert radius(run(features, labelled, size, seed)[0]) <= 2 * best + 1e-9


def test_distances_fall_and_permuting_the_pool_permutes_the_batch():
    features = clusters(9)
    order = np.random.default_rng(1).permutation(70)
    indices, scores = run(features[10:], features[:10], 30)
    assert (np.diff(scores) <= 1e-12).all()
    permuted, same = run(features[10:][order], features[:10], 30, seed=5)
    assert order[permuted].tolist() == indices.tolist()
    assert same == pytest.approx(scores, rel=1e-12)


def test_copies_come_last_at_distance_0_in_random_order():
    distinct = np.random.default_rng(0).normal(size=(6, 300)).astype(np.float32)
    features = np.concatenate([distinct] * 3)
    batches = []
    for seed in range(8):
        indices, scores = run(features, distinct[:1], 18, seed)
        assert sorted(indices) == list(range(18))
        assert set(indices[:5] % 6) == {1, 2, 3, 4, 5}
        assert (scores[:5] > 0).all()
        assert (scores[5:] == 0).all()
        batches.append(tuple(indices))
    assert len(set(batches)) == 8


def test_equally_far_points_are_equally_likely():
    features = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, 0.0]])
    firsts = [run(features, np.zeros((1, 2)), 1, seed)[0][0] for seed in range(900)]
    counts = np.bincount(firsts, minlength=4)
    assert counts[3] == 0
    assert counts[:3] == pytest.approx(300, abs=4 * np.sqrt(200))


def test_points_that_rounding_alone_tells_apart_are_equally_likely():
    rng = np.random.default_rng(0)
    half = rng.normal(size=(20, 5))
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    features = np.concatenate([half, -half])
    firsts = {run(features, np.zeros((1, 5)), 1, seed)[0][0] for seed in range(400)}
    assert len(firsts) == 40  # each is missed with probability 4e-5


def test_it_needs_the_labelled_points():
    predictions = Predictions(
        3, moments=Moments.from_probs(torch.full((3, 2, 2), 0.5)), features=torch.ones(3, 2)
    )
    with pytest.raises(MethodError, match="coreset needs labelled_features"):
        registry.acquire("coreset", predictions, 1, Context(np.random.default_rng(0)), {})
