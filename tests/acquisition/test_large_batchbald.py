"""Large BatchBALD and its power variant against sums over all pairs of labels, written out."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import balent
from balent.acquisition import joint as tiling
from balent.acquisition import registry
from balent.acquisition.base import Context, Predictions
from balent.acquisition.joint import entropies
from balent.acquisition.large_batchbald import pair_information
from balent.errors import MethodError

METHODS = ["large_batchbald", "power_large_batchbald"]


def pool(seed, n=20, k=6, c=4, spread=2.0):
    """Correlated points, float64 [n, k, c]: a random linear model of three features."""
    rng = np.random.default_rng(seed)
    logits = np.einsum("nd,kdc->nkc", rng.normal(size=(n, 3)), rng.normal(size=(k, 3, c)))
    e = np.exp(spread * logits)
    return e / e.sum(axis=2, keepdims=True)


@st.composite
def pools(draw):
    """Small pools with probabilities of exactly 0 and 1, and copies of points."""
    c, k = draw(st.integers(2, 4)), draw(st.integers(1, 5))
    row = st.lists(st.integers(0, 5), min_size=c, max_size=c).filter(any)
    points = draw(st.lists(st.lists(row, min_size=k, max_size=k), min_size=1, max_size=4))
    copies = draw(st.lists(st.sampled_from(points), max_size=3))
    weights = np.array(points + copies, dtype=float)
    return weights / weights.sum(axis=2, keepdims=True)


def run(name, probs, size, seed=0, **options):
    predictions = Predictions(len(probs), samples=torch.as_tensor(probs))
    return registry.acquire(name, predictions, size, Context(np.random.default_rng(seed)), options)


def bald(p):
    """I(y; ω) of one point [k, c], as a divergence."""
    mean = p.mean(axis=0)
    terms = [x * math.log(x / m) for row in p for x, m in zip(row, mean, strict=True) if x > 0]
    return sum(terms) / len(p)


def pair(p, q):
    """I(y; y') of two points [k, c], A.2 as printed: all pairs of labels."""
    total = 0.0
    for i in range(p.shape[1]):
        for j in range(q.shape[1]):
            both = float(np.mean(p[:, i] * q[:, j]))
            if both > 0:
                total += both * math.log(both / (p[:, i].mean() * q[:, j].mean()))
    return total


def gain(probs, batch, x, pair_factor):
    return bald(probs[x]) - pair_factor * sum(pair(probs[x], probs[y]) for y in batch)


def assert_greedy(probs, indices, scores, pair_factor):
    batch = []
    for x, score in zip(indices.tolist(), scores, strict=True):
        left = set(range(len(probs))) - set(batch)
        assert score == pytest.approx(gain(probs, batch, x, pair_factor), abs=1e-12)
        assert score >= max(gain(probs, batch, y, pair_factor) for y in left) - 1e-12
        batch.append(x)


@settings(max_examples=60, deadline=None)
@given(pools())
def test_pair_information_equals_the_sum_over_all_pairs_of_labels(probs):
    samples = torch.as_tensor(probs)
    for point in range(len(probs)):
        values = pair_information(samples, entropies(samples)[0], point)
        assert values.tolist() == pytest.approx([pair(p, probs[point]) for p in probs], abs=1e-13)


@pytest.mark.parametrize("pair_factor", [0.0, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("seed", range(3))
def test_every_pick_equals_the_equation(seed, pair_factor):
    probs = pool(seed)
    picks = run("large_batchbald", probs, 8, seed, pair_factor=pair_factor)
    assert_greedy(probs, *picks, pair_factor)


@settings(max_examples=60, deadline=None)
@given(pools(), st.integers(0, 9))
def test_every_pick_equals_the_equation_with_zeros_ones_and_copies(probs, seed):
    assert_greedy(probs, *run("large_batchbald", probs, min(5, len(probs)), seed), 1.0)


def test_without_penalty_it_is_bald():
    probs = pool(1)
    indices, scores = run("large_batchbald", probs, 20, pair_factor=0.0)
    assert indices.tolist() == balent.select("bald", probs, 20).tolist()
    assert scores == pytest.approx(np.sort(balent.score("bald", probs))[::-1], abs=1e-14)


def test_two_points_are_batchbald():
    """I(y1, y2; ω) = I(y1; ω) + I(y2; ω) - I(y1; y2), since labels are independent given ω."""
    probs = pool(2, n=60)
    large, exact = run("large_batchbald", probs, 2), run("batchbald", probs, 2)
    assert large[0].tolist() == exact[0].tolist()
    assert large[1] == pytest.approx(exact[1], abs=1e-12)


@pytest.mark.parametrize("name", METHODS)
def test_order_of_the_pool_and_tiles_do_not_matter(name, monkeypatch):
    probs = pool(3, n=50)
    options = {} if name == "large_batchbald" else {"alpha": 1e4}
    indices, scores = run(name, probs, 10, **options)
    order = np.random.default_rng(0).permutation(50)
    permuted = run(name, probs[order], 10, **options)
    assert order[permuted[0]].tolist() == indices.tolist()
    monkeypatch.setattr(tiling, "ELEMENTS", 7 * 6 * 4)
    tiled = run(name, probs, 10, **options)
    assert tiled[0].tolist() == indices.tolist()
    assert tiled[1] == pytest.approx(scores, abs=1e-12)


@pytest.mark.parametrize("name", METHODS)
def test_equal_gains_are_in_random_order_and_follow_the_seed(name):
    copies = np.repeat(pool(4, n=1), 10, axis=0)
    batches = [tuple(run(name, copies, 10, seed)[0]) for seed in (*range(20), 0)]
    assert batches[0] == batches[-1]
    assert len(set(batches)) == 20
    assert sorted(batches[0]) == list(range(10))


@pytest.mark.parametrize("name", METHODS)
def test_rounding_decides_nothing(name):
    """Samples that agree: every gain is 0, but for rounding of either sign."""
    probs = np.tile(np.random.default_rng(0).dirichlet(np.ones(10), size=(8, 1)), (1, 7, 1))
    assert len(set(run(name, probs, 8)[1])) > 1
    batches = np.array([run(name, probs, 2, seed)[0] for seed in range(80)])
    assert set(batches[:, 0]) == set(batches[:, 1]) == set(range(8))


def test_power_draws_with_probability_proportional_to_the_power_of_the_gain():
    probs = pool(5, n=5)
    batches = np.array(
        [run("power_large_batchbald", probs, 2, seed, alpha=2.0)[0] for seed in range(3000)]
    )
    first = np.array([bald(p) for p in probs]) ** 2
    expected = first / first.sum()
    error = np.sqrt(expected * (1 - expected) / len(batches))
    shares = np.bincount(batches[:, 0], minlength=5) / len(batches)
    assert (np.abs(shares - expected) < 4 * error).all()
    start = expected.argmax()
    after = batches[batches[:, 0] == start, 1]
    gains = [0.0 if x == start else max(gain(probs, [start], x, 1.0), 0) ** 2 for x in range(5)]
    expected = np.array(gains) / sum(gains)
    error = np.sqrt(expected * (1 - expected) / len(after))
    assert (np.abs(np.bincount(after, minlength=5) / len(after) - expected) <= 4 * error).all()


def test_power_scores_are_gains():
    probs = pool(6)
    indices, scores = run("power_large_batchbald", probs, 6, seed=3)
    expected = [gain(probs, indices[:i], x, 1.0) for i, x in enumerate(indices)]
    assert scores == pytest.approx(expected, abs=1e-12)


def test_a_large_power_takes_the_largest_gain():
    probs = pool(7)
    power = run("power_large_batchbald", probs, 6, alpha=1e6)
    assert power[0].tolist() == run("large_batchbald", probs, 6)[0].tolist()


def test_power_takes_the_largest_gain_where_none_is_positive():
    """Samples that are certain: once both values of the only bit are told apart, gains are ≤ 0."""
    certain = np.eye(2)[[[0, 1], [0, 1], [0, 1], [1, 1]]]
    for seed in range(20):
        indices, scores = run("power_large_batchbald", certain, 4, seed, pair_factor=2.0)
        assert indices[1] == 3  # a gain of 0: the copies have log 2 - 2 log 2
        assert scores == pytest.approx([math.log(2), 0, -math.log(2), -3 * math.log(2)], abs=1e-12)


@pytest.mark.parametrize(
    ("name", "option", "value", "allowed"),
    [
        ("large_batchbald", "pair_factor", -0.5, r"\[0, ∞\)"),
        ("large_batchbald", "pair_factor", math.nan, r"\[0, ∞\)"),
        ("power_large_batchbald", "pair_factor", math.inf, r"\[0, ∞\)"),
        ("power_large_batchbald", "alpha", 0.0, r"\(0, ∞\)"),
        ("power_large_batchbald", "alpha", math.inf, r"\(0, ∞\)"),
    ],
)
def test_options_that_are_not_allowed_are_refused(name, option, value, allowed):
    message = f"^{name}: {option}={value} is not allowed; give a number in {allowed}$"
    with pytest.raises(MethodError, match=message):
        run(name, pool(0), 2, **{option: value})
