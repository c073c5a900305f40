"""BADGE against k-means++ on embeddings that are written out, with the same random draws."""

from itertools import permutations

import numpy as np
import pytest
import torch

from balent.acquisition import badge as module
from balent.acquisition import centres, registry
from balent.acquisition.base import Context, Predictions
from balent.posterior.moments import Moments


def make(n, c, d, seed, dtype=torch.float64):
    rng = np.random.default_rng(seed)
    probs = torch.softmax(torch.from_numpy(2 * rng.normal(size=(n, 4, c))), dim=2)
    features = torch.from_numpy(rng.normal(size=(n, d))).to(dtype)
    return Predictions(n, moments=Moments.from_probs(probs), features=features)


def run(predictions, size, seed=0):
    context = Context(np.random.default_rng(seed))
    return registry.acquire("badge", predictions, size, context, {})


def embeddings(predictions):
    """The outer products, [N, C·D]."""
    mean = predictions.moments.mean.numpy()
    gradient = np.eye(mean.shape[1])[mean.argmax(axis=1)] - mean
    features = predictions.features.double().numpy()
    return np.einsum("nc,nd->ncd", gradient, features).reshape(len(mean), -1)


def squared_distances(points, chosen):
    """To the nearest of the chosen, from scratch."""
    return ((points[:, None] - points[chosen]) ** 2).sum(axis=2).min(axis=1)


def explicit(predictions, size, seed=0):
    """k-means++ of the outer products; after each draw one more number, which takes the point."""
    points = embeddings(predictions)
    generator = np.random.default_rng(seed)
    norms = (points**2).sum(axis=1)
    indices = [generator.choice(np.flatnonzero(norms == norms.max()))]
    scores = [norms.max()]
    while len(indices) < size:
        distances = squared_distances(points, indices)
        indices.append(generator.choice(len(points), p=distances / distances.sum()))
        scores.append(distances[indices[-1]])
        generator.random()
    return indices, scores


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("seed", range(5))
def test_equals_kmeans_plus_plus_when_bounds_are_exact(seed, dtype, monkeypatch):
    monkeypatch.setattr(module, "DRAWS", 1)
    predictions = make(n=60, c=4, d=7, seed=seed, dtype=dtype)
    indices, scores = run(predictions, size=20, seed=seed)
    expected = explicit(predictions, size=20, seed=seed)
    assert indices.tolist() == expected[0]
    assert scores == pytest.approx(expected[1], rel=1e-9)


@pytest.mark.parametrize("draws", [1, 64])
def test_batches_follow_the_law_of_kmeans_plus_plus(draws, monkeypatch):
    """Every ordered batch of 4 of 5 points against its probability, whatever the bounds."""
    monkeypatch.setattr(module, "DRAWS", draws)
    predictions = make(n=5, c=3, d=2, seed=1)
    points = embeddings(predictions)
    first = (points**2).sum(axis=1).argmax()
    law = {}
    for rest in permutations(set(range(5)) - {first}, 3):
        batch, probability = [first], 1.0
        for index in rest:
            distances = squared_distances(points, batch)
            probability *= distances[index] / distances.sum()
            batch.append(index)
        law[tuple(batch)] = probability
    assert sum(law.values()) == pytest.approx(1)
    runs = 2000
    found = [tuple(run(predictions, 4, seed)[0]) for seed in range(runs)]
    expected = np.array([law[batch] for batch in law]) * runs
    counts = np.array([found.count(batch) for batch in law])
    assert counts.sum() == runs
    chi_squared = ((counts - expected) ** 2 / expected).sum()
    assert chi_squared < 52  # 23 degrees of freedom: 0.05 % lie beyond


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_scores_are_distances_when_drawn(dtype):
    predictions = make(n=200, c=4, d=3, seed=6, dtype=dtype)
    points = embeddings(predictions)
    indices, scores = run(predictions, 150)
    for step in range(1, 150):
        expected = squared_distances(points, indices[:step])[indices[step]]
        assert scores[step] == pytest.approx(expected, rel=1e-9)


def test_block_sizes_do_not_change_the_batch(monkeypatch):
    predictions = make(n=50, c=3, d=6, seed=0, dtype=torch.float32)
    whole = run(predictions, 45)
    monkeypatch.setattr(centres, "BLOCK", 6 * 7)
    monkeypatch.setattr(centres, "CENTRES", 5)
    blocked = run(predictions, 45)
    assert whole[0].tolist() == blocked[0].tolist()
    assert whole[1] == pytest.approx(blocked[1], rel=1e-12)


def test_the_whole_pool_is_a_permutation():
    assert sorted(run(make(n=30, c=3, d=2, seed=1), 30)[0]) == list(range(30))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_copies_of_a_centre_wait_until_nothing_else_is_left(dtype):
    distinct = make(n=6, c=4, d=300, seed=2, dtype=dtype)
    copies = Predictions(
        24,
        moments=Moments.cat([distinct.moments] * 4),
        features=distinct.features.repeat(4, 1),
    )
    for seed in range(10):
        indices, scores = run(copies, 12, seed)
        assert sorted(indices[:6] % 6) == list(range(6))
        assert (scores[:6] > 0).all()
        assert (scores[6:] == 0).all()


def test_zero_embeddings_are_drawn_uniformly_and_not_in_pool_order():
    certain = torch.zeros(8, 3, 2, dtype=torch.float64)
    certain[..., 0] = 1.0
    predictions = Predictions(
        8, moments=Moments.from_probs(certain), features=torch.ones(8, 4, dtype=torch.float64)
    )
    batches = [tuple(run(predictions, 8, seed)[0]) for seed in range(40)]
    assert all(sorted(batch) == list(range(8)) for batch in batches)
    assert len(set(batches)) == 40
    assert {batch[0] for batch in batches} == set(range(8))


def test_a_zero_embedding_among_others_is_no_first_centre_but_can_be_chosen():
    predictions = make(n=5, c=3, d=2, seed=3)
    predictions.features[2] = 0
    firsts = {run(predictions, 1, seed)[0][0] for seed in range(10)}
    assert 2 not in firsts
    assert any(2 in run(predictions, 3, seed)[0] for seed in range(30))


def test_draws_follow_squared_distances():
    """Three points on a line of features, p alike: from the far one, weights are 81 and 16."""
    probs = torch.tensor([0.6, 0.4], dtype=torch.float64).expand(3, 2, 2)
    features = torch.tensor([[10.0], [1.0], [6.0]], dtype=torch.float64)
    predictions = Predictions(3, moments=Moments.from_probs(probs), features=features)
    batches = np.array([run(predictions, 2, seed)[0] for seed in range(2000)])
    assert (batches[:, 0] == 0).all()
    share = (batches[:, 1] == 1).mean()
    assert share == pytest.approx(81 / 97, abs=4 * np.sqrt(81 / 97 * 16 / 97 / 2000))
