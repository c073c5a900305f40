"""BatchBALD against the enumeration of all label configurations, and its properties."""

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import balent
from balent.acquisition import joint as module
from balent.acquisition import registry
from balent.acquisition.base import Context, Predictions
from balent.acquisition.greedy import contenders, first_of_largest
from balent.acquisition.joint import Joint, rounding
from balent.errors import MethodError

SAMPLED = {"configurations": 1}
"""Nothing but the first pick is exact."""


def pool(seed, n=6, k=5, c=3, spread=2.0):
    """Correlated points, float64 [n, k, c]: a random linear model of three features."""
    rng = np.random.default_rng(seed)
    logits = np.einsum("nd,kdc->nkc", rng.normal(size=(n, 3)), rng.normal(size=(k, 3, c)))
    e = np.exp(spread * logits)
    return e / e.sum(axis=2, keepdims=True)


@st.composite
def pools(draw, most_points=6):
    """Small pools with probabilities of exactly 0 and 1, and copies of points."""
    c, k = draw(st.integers(2, 4)), draw(st.integers(1, 5))
    row = st.lists(st.integers(0, 5), min_size=c, max_size=c).filter(any)
    point = st.lists(row, min_size=k, max_size=k)
    points = draw(st.lists(point, min_size=1, max_size=most_points))
    copies = draw(st.lists(st.sampled_from(points), max_size=most_points - len(points)))
    weights = np.array(points + copies, dtype=float)
    return weights / weights.sum(axis=2, keepdims=True)


def run(probs, size, seed=0, **options):
    samples = torch.as_tensor(probs)
    context = Context(np.random.default_rng(seed))
    return registry.acquire(
        "batchbald", Predictions(len(probs), samples=samples), size, context, options
    )


def entropy(probabilities):
    return -sum(p * math.log(p) for p in probabilities if p > 0)


def information(probs, batch):
    """I(labels of the batch; ω), by enumeration of all configurations."""
    _, k, c = probs.shape
    joint = [
        sum(math.prod(probs[x, j, y] for x, y in zip(batch, labels, strict=True)) for j in range(k))
        / k
        for labels in itertools.product(range(c), repeat=len(batch))
    ]
    return entropy(joint) - sum(entropy(probs[x, j]) for x in batch for j in range(k)) / k


def gain(probs, batch, x):
    return information(probs, [*batch, x]) - information(probs, batch)


def assert_greedy(probs, indices, scores):
    """Every score is the gain by enumeration, given the picks before, and none is larger."""
    batch = []
    for x, score in zip(indices.tolist(), scores, strict=True):
        gains = {y: gain(probs, batch, y) for y in set(range(len(probs))) - set(batch)}
        assert score == pytest.approx(gains[x], abs=1e-12)
        assert gains[x] >= max(gains.values()) - 1e-12
        batch.append(x)


def joint_of(probs, batch, limit=10**6, seed=0):
    joint = Joint(torch.as_tensor(probs), limit, np.random.default_rng(seed))
    for x in batch:
        joint.add(x)
    return joint


def gains_of(joint, probs, dtype=torch.float64):
    return joint.configurations.information(torch.as_tensor(probs), dtype).numpy()


# Exact


@pytest.mark.parametrize("shape", [(6, 5, 3), (5, 4, 4), (6, 1, 2), (6, 20, 2)])
@pytest.mark.parametrize("seed", range(3))
def test_every_pick_equals_enumeration(seed, shape):
    probs = pool(seed, *shape)
    assert_greedy(probs, *run(probs, 4, seed))


@settings(max_examples=60, deadline=None)
@given(pools(), st.integers(0, 9))
def test_every_pick_equals_enumeration_with_zeros_ones_and_copies(probs, seed):
    assert_greedy(probs, *run(probs, min(4, len(probs)), seed))


@settings(max_examples=60, deadline=None)
@given(pools(), st.data())
def test_information_is_monotone_and_submodular(probs, data):
    points = data.draw(st.permutations(range(len(probs))))[:4]
    gains = [gains_of(joint_of(probs, points[:size]), probs) for size in range(len(points))]
    for size, now in enumerate(gains):
        assert (now >= -1e-12).all()
        assert (now <= gains[size - 1] + 1e-12).all() or size == 0


def full_greedy(probs, size):
    """Eq. 12 and 13 as written: the likelihoods of all configurations, all points at every step."""
    k = probs.shape[1]
    conditional = np.array([sum(map(entropy, point)) / k for point in probs])
    likelihood, batch = np.ones((1, k)), []
    for _ in range(size):
        joint = np.einsum("mk,nkc->nmc", likelihood, probs) / k
        values = -(joint * np.log(joint)).sum(axis=(1, 2)) - conditional
        values[batch] = -np.inf
        batch.append(int(values.argmax()))
        likelihood = np.einsum("mk,kc->mck", likelihood, probs[batch[-1]]).reshape(-1, k)
    return batch


@pytest.mark.parametrize("seed", range(4))
def test_lazy_picks_what_full_greedy_picks(seed):
    probs = pool(seed, n=300, k=10, c=3, spread=0.7)
    assert run(probs, 7)[0].tolist() == full_greedy(probs, 7)


def test_one_point_is_bald():
    probs = pool(0, n=50)
    indices, scores = run(probs, 1)
    bald = balent.score("bald", probs)
    assert indices.tolist() == [bald.argmax()]
    assert scores == pytest.approx([bald.max()], abs=1e-14)


def test_a_copy_adds_its_conditional_gain():
    probs = np.repeat(pool(1, n=2), 3, axis=0)
    indices, scores = run(probs, 4)
    assert_greedy(probs, indices, scores)
    assert scores[1:].max() < scores[0]


def test_copies_of_an_informative_point_wait():
    """Samples that are certain and disagree: a label says which, a copy's label says nothing."""
    certain = np.eye(2)[[[0, 0, 1, 1]] * 3 + [[0, 1, 0, 1]]]  # three copies, and another point
    indices, scores = run(certain, 4)
    assert 3 in indices[:2]
    assert scores == pytest.approx([math.log(2), math.log(2), 0, 0], abs=1e-12)


def test_single_precision_finds_double_decides():
    """A gain smaller by 1e-9, far below single precision, is never preferred."""
    probs = pool(2, n=40, k=100)
    best = run(probs, 1)[0][0]
    probs[7 if best != 7 else 8] = (1 - 1e-9) * probs[best] + 1e-9 * probs[best].mean(axis=0)
    for seed in range(20):
        assert run(probs, 1, seed)[0][0] == best


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_input_of_other_types_is_as_good_as_its_values(dtype):
    samples = torch.as_tensor(pool(3, n=40)).to(dtype)
    few = run(samples, 5)
    expected = run(samples.double(), 5)
    assert few[0].tolist() == expected[0].tolist()
    assert few[1].tolist() == expected[1].tolist()
    weights = joint_of(samples, few[0][:4]).configurations.weights
    assert float(weights.sum()) == pytest.approx(1, abs=1e-14)  # though rows do not sum to 1


# Both


@pytest.mark.parametrize("options", [{}, {"configurations": 200}])
def test_order_of_the_pool_does_not_matter(options):
    probs = pool(4, n=80, k=10, c=4)
    order = np.random.default_rng(0).permutation(80)
    indices, scores = run(probs, 8, **options)
    permuted, same = run(probs[order], 8, **options)
    assert order[permuted].tolist() == indices.tolist()
    assert same == pytest.approx(scores, abs=1e-12)


@pytest.mark.parametrize("options", [{}, {"configurations": 200}])
def test_tiles_do_not_matter(monkeypatch, options):
    probs = pool(5, n=80, k=10, c=4)
    whole = run(probs, 8, **options)
    monkeypatch.setattr(module, "ELEMENTS", 7 * 10 * 4)
    monkeypatch.setattr(module, "ROWS", 3)
    tiled = run(probs, 8, **options)
    assert tiled[0].tolist() == whole[0].tolist()
    assert tiled[1] == pytest.approx(whole[1], abs=1e-12)


@pytest.mark.parametrize("options", [{}, SAMPLED])
def test_the_whole_pool_is_a_permutation(options):
    assert sorted(run(pool(6, n=12), 12, **options)[0]) == list(range(12))


@pytest.mark.parametrize("options", [{}, SAMPLED])
def test_equal_gains_are_in_random_order_and_follow_the_seed(options):
    copies = np.repeat(pool(7, n=1), 10, axis=0)
    batches = [tuple(run(copies, 3, seed, **options)[0]) for seed in (*range(20), 0)]
    assert batches[0] == batches[-1]
    assert len(set(batches)) > 15
    alike = np.tile(np.random.default_rng(0).dirichlet(np.ones(10), size=(8, 1)), (1, 7, 1))
    assert {run(alike, 1, seed, **options)[0][0] for seed in range(60)} == set(range(8))
    certain = np.zeros((10, 3, 2))
    certain[..., 1] = 1.0
    assert len({run(certain, 1, seed)[0][0] for seed in range(40)}) == 10
    assert (run(certain, 3)[1] == 0).all()


@settings(max_examples=60, deadline=None)
@given(pools(), st.sampled_from([3, 10**6]), st.data())
def test_merged_configurations_give_upper_bounds(probs, limit, data):
    batch = data.draw(st.permutations(range(len(probs))))[:4]
    rows = joint_of(probs, batch, limit).configurations
    samples = torch.as_tensor(probs)
    values = rows.information(samples, torch.float64)
    assert (values >= -1e-12).all()
    assert (rows.merged().information(samples, torch.float64) >= values - 1e-12).all()
    assert len(rows.merged()) <= len(rows)


def test_merging_leaves_few_rows():
    rows = joint_of(pool(0, n=9, k=10, c=4), range(6)).configurations
    assert len(rows.merged()) < len(rows) / 20


@pytest.mark.parametrize(("k", "c"), [(2, 2), (10, 10), (100, 10), (20, 100)])
def test_rounding_bounds_single_precision(k, c):
    probs = pool(8, n=60, k=k, c=c)
    joint = joint_of(probs, [0, 1], limit=5000)
    difference = gains_of(joint, probs, torch.float32) - gains_of(joint, probs)
    assert 0 < np.abs(difference).max() <= rounding(k + c, c, torch.float32) < 1e-4


# Drawn configurations


def test_an_estimate_is_unbiased_and_its_error_falls():
    probs = pool(9, n=12, k=6, c=3, spread=1.0)
    exact = gains_of(joint_of(probs, range(4)), probs)
    errors = {
        limit: np.array(
            [gains_of(joint_of(probs, range(4), limit, s), probs) - exact for s in range(300)]
        )
        for limit in (12, 60)
    }
    for error in errors.values():
        standard_error = error.std(axis=0) / math.sqrt(len(error))
        assert (np.abs(error.mean(axis=0)) < 4.5 * standard_error).all()
    assert errors[60].std() < errors[12].std() / 2


def test_strata_are_equally_likely_and_uniforms_spread_evenly():
    generator = np.random.default_rng(0)
    drawn = np.array([module._strata(4, 6, generator) for _ in range(4000)])
    assert np.ptp([np.bincount(row, minlength=4) for row in drawn], axis=1).max() == 1
    assert np.bincount(drawn.ravel()) / drawn.size == pytest.approx([0.25] * 4, abs=0.01)
    strata = np.repeat([0, 1], [5, 3])
    uniforms = np.array([module._even_uniforms(strata, generator) for _ in range(4000)])
    assert (np.sort(uniforms[:, :5] * 5 // 1, axis=1) == range(5)).all()
    assert (np.sort(uniforms[:, 5:] * 3 // 1, axis=1) == range(3)).all()
    assert uniforms.mean(axis=0) == pytest.approx([0.5] * 8, abs=0.02)


def test_where_labels_are_certain_given_the_weights_drawing_changes_nothing():
    """Three bits of 8 samples, one point each, and copies: a bit is log 2, a copy is 0."""
    bits = (np.arange(8)[None] >> np.arange(3)[:, None]) & 1  # [3, 8]
    probs = np.tile(np.eye(2)[bits], (2, 1, 1))
    indices, scores = run(probs, 6, configurations=8)
    assert sorted(indices[:3] % 3) == [0, 1, 2]
    assert scores == pytest.approx([math.log(2)] * 3 + [0] * 3, abs=1e-12)


def test_a_large_batch_does_not_underflow():
    probs = np.random.default_rng(0).dirichlet(np.ones(10), size=(400, 3))
    joint = joint_of(probs, range(400), limit=30)
    posterior = joint.configurations.posterior
    assert float((posterior.sum(dim=1) - 1).abs().max()) < 1e-12
    assert float(posterior.max(dim=1).values.min()) > 0.999
    assert np.abs(gains_of(joint, probs)).max() < 1e-3


def test_picks_are_near_those_of_the_exact_entropy():
    probs = pool(10, n=6, k=5, c=4, spread=1.0)
    for seed in range(5):
        indices, scores = run(probs, 4, seed, configurations=200)
        for step, (x, score) in enumerate(zip(indices.tolist(), scores, strict=True)):
            batch = indices[:step].tolist()
            gains = [gain(probs, batch, y) for y in range(6) if y not in batch]
            assert score == pytest.approx(gain(probs, batch, x), abs=0.02)
            assert score == pytest.approx(max(gains), abs=0.02)


@pytest.mark.parametrize("configurations", [0, -5])
def test_a_number_of_configurations_that_is_none_is_refused(configurations):
    with pytest.raises(MethodError, match=r"^batchbald: configurations=.* number in \[1, ∞\)$"):
        run(pool(0), 2, configurations=configurations)


# Lazy evaluation


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_contenders_hold_the_largest_gain(data):
    n, error = data.draw(st.integers(1, 30)), data.draw(st.sampled_from([0.0, 0.125]))
    rng = np.random.default_rng(data.draw(st.integers(0, 999)))
    true = rng.integers(0, 8, n) / 8
    bounds = true + rng.integers(0, 4, n) / 8
    left = rng.permutation(n)[: data.draw(st.integers(1, n))]

    def noisy(points):
        return true[points] + error * rng.choice([-1, 1], len(points))

    cheap = data.draw(st.sampled_from([None, lambda points: noisy(points) + 0.25]))
    block = data.draw(st.integers(1, 9))
    found = contenders(bounds, left, noisy, cheap, block, error, spare=0.0)
    assert set(left[true[left] == true[left].max()]) <= set(found)
    assert (true[found] >= true[left].max() - 4 * error).all()
    assert (bounds >= true).all()


def test_few_gains_are_computed():
    asked = []

    def gains(points):
        asked.extend(points)
        return np.zeros(len(points))

    bounds = np.linspace(-1, 0.5, 100)
    needed = np.flatnonzero(bounds >= 0)
    contenders(bounds, np.arange(100), gains, None, 5, 0.0, spare=0.0)
    assert sorted(asked) == needed.tolist()
    asked.clear()
    contenders(np.linspace(-1, 0.5, 100), np.arange(100), gains, None, 5, 0.0, spare=0.6)
    assert sorted(asked) == [95, 96, 97, 98, 99]


def test_first_of_largest_takes_the_first_by_rank_of_what_rounding_leaves_equal():
    rank = np.array([3, 0, 2, 1])
    values = np.array([1.0, 0.5, 1.0 - 1e-9, 1.0 - 1e-3])
    points = np.arange(4)
    assert first_of_largest(values, points, rank, 0.0) == (0, 1.0)
    assert first_of_largest(values, points, rank, 1e-9) == (2, 1.0 - 1e-9)
    assert first_of_largest(values[1:], points[1:], rank, 1e-3)[0] == 3
