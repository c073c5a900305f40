"""Pointwise methods: brute-force oracles, ranges, and what every score has in common."""

import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from balent.acquisition import beta, catalog, registry
from balent.acquisition.balentacq import reciprocal_priority
from balent.acquisition.base import Context, Predictions
from balent.errors import MethodError
from balent.posterior.moments import Moments

POINTWISE = [
    name
    for name, entry in catalog.catalog().items()
    if entry.spec.kind == "score" and set(entry.spec.needs) <= {"moments"}
]
DETERMINISTIC = [name for name in POINTWISE if name not in ("random", "power_bald")]


def softmax(logits):
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def pool(seed, n=40, k=12, c=5, spread=2.0):
    """Probabilities [n, k, c] of varied confidence and disagreement."""
    rng = np.random.default_rng(seed)
    centre, width = rng.normal(size=(n, 1, c)), rng.uniform(0.01, spread, size=(n, 1, 1))
    return softmax(3 * centre + width * rng.normal(size=(n, k, c)))


def scores(name, probs, seed=0, **options):
    predictions = Predictions(len(probs), moments=Moments.from_probs(torch.as_tensor(probs)))
    return registry.score(name, predictions, Context(np.random.default_rng(seed)), options)


def plogp(p):
    return sum(-x * math.log(x) for x in p if x > 0)


def mean_of(probs_k_c):
    return [sum(column) / len(column) for column in zip(*probs_k_c.tolist(), strict=True)]


def brute_bald(p):
    return plogp(mean_of(p)) - sum(plogp(row) for row in p.tolist()) / len(p)


def brute_entropy(p):
    return plogp(mean_of(p))


def brute_mean_sd(p):
    deviations = []
    for column in zip(*p.tolist(), strict=True):
        m = sum(column) / len(column)
        deviations.append(math.sqrt(sum((x - m) ** 2 for x in column) / len(column)))
    return sum(deviations) / len(deviations)


def brute_balance(p, entropies):
    """(S + entropies·H)/(H + log 2) with mpmath, from the samples themselves."""
    with mpmath.workdps(50):
        total = entropy = mpmath.mpf(0)
        for column in zip(*p.tolist(), strict=True):
            column = [mpmath.mpf(x) for x in column]
            m = sum(column) / len(column)
            v = sum((x - m) ** 2 for x in column) / len(column)
            alpha = m**2 * (1 - m) / v - m
            a, b = alpha + 1, (1 / m - 1) * alpha
            h = mpmath.log(mpmath.beta(a, b)) - (a - 1) * mpmath.digamma(a)
            h += (a + b - 2) * mpmath.digamma(a + b) - (b - 1) * mpmath.digamma(b)
            total += m * h
            entropy -= m * mpmath.log(m)
        return float((total + entropies * entropy) / (entropy + mpmath.log(2)))


def prioritised(balance):
    return 1 / balance if balance >= 0 else balance


ORACLES = {
    "bald": brute_bald,
    "entropy": brute_entropy,
    "mean_sd": brute_mean_sd,
    "balentacq": lambda p: prioritised(brute_balance(p, 1)),
    "balentacq_released": lambda p: prioritised(brute_balance(p, 2)),
}


@pytest.mark.parametrize("name", ORACLES)
def test_equals_brute_force(name):
    probs = pool(seed=1)
    expected = [ORACLES[name](p) for p in probs]
    assert scores(name, probs) == pytest.approx(expected, rel=1e-8, abs=1e-12)


def test_balance_has_both_signs_among_the_examples():
    values = scores("balentacq", pool(seed=1))
    assert (values > 1).any()
    assert (values < 0).any()


def test_released_formula_counts_the_entropy_twice():
    probs = pool(seed=2)
    paper, released = (scores(n, probs) for n in ("balentacq", "balentacq_released"))
    balance, doubled = (np.where(s > 0, 1 / s, s) for s in (paper, released))
    entropy = scores("entropy", probs)
    assert doubled - balance == pytest.approx(entropy / (entropy + math.log(2)), rel=1e-9)


def test_power_bald_is_log_bald_plus_gumbel_noise():
    probs = pool(seed=3)
    noise = np.random.default_rng(7).gumbel(0, 2.5, len(probs))
    expected = np.log(scores("bald", probs)) + noise
    assert scores("power_bald", probs, seed=7, gumbel_scale=2.5) == pytest.approx(expected)


def test_power_bald_without_noise_ranks_as_bald():
    probs = pool(seed=3)
    ranks = [scores(n, probs, **o).argsort() for n, o in [("bald", {}), ("power_bald", NO_NOISE)]]
    assert ranks[0].tolist() == ranks[1].tolist()


NO_NOISE = {"gumbel_scale": 0.0}


def test_power_bald_of_points_without_information_is_minus_infinity():
    probs = np.tile(softmax(np.random.default_rng(0).normal(size=(200, 1, 10))), (1, 7, 1))
    assert (scores("bald", probs) < 0).any()  # by rounding
    values = scores("power_bald", probs)
    assert ((values == -math.inf) == (scores("bald", probs) <= 0)).all()


@pytest.mark.parametrize("scale", [-1.0, math.inf, math.nan])
def test_power_bald_refuses_a_scale_that_is_none(scale):
    with pytest.raises(MethodError, match=r"power_bald: gumbel_scale=.* give a number in \[0"):
        scores("power_bald", pool(seed=0), gumbel_scale=scale)


def test_random_is_uniform_and_follows_its_generator():
    values = [registry.score("random", Predictions(5000), context(s), {}) for s in (0, 0, 1)]
    assert values[0].tolist() == values[1].tolist() != values[2].tolist()
    assert 0 <= values[0].min() < 0.01
    assert 0.99 < values[0].max() < 1


def context(seed):
    return Context(np.random.default_rng(seed))


def in_range(name, values, n_classes):
    slack = 1e-12  # rounding
    if name in INFORMATION:
        return (values >= -slack).all() and (values <= math.log(n_classes) + slack).all()
    if name in ("mean_sd", "beta_marginal_mean_sd"):
        return (values >= 0).all() and (values <= 0.5).all()
    if name == "beta_marginal_eig":
        return (values >= -slack).all() and (values < math.inf).all()
    if name == "variation_ratio":
        return (values >= 0).all() and (values <= 1 - 1 / n_classes + slack).all()
    if name == "power_bald":
        return (values < math.inf).all()
    if name == "random":
        return (values >= 0).all() and (values < 1).all()
    # BalEnt < 1, (S + 2H)/(H + log 2) < 2, MJEnt ≤ log C
    bounds = {"balentacq": 1.0, "balentacq_released": 0.5, "mjentacq": 1 / math.log(n_classes)}
    return ((values < 0) | (values > bounds[name] - slack)).all()


INFORMATION = (
    "bald",
    "entropy",
    "beta_marginal_bald",
    "beta_marginal_aleatoric",
    "dirichlet_bald",
    "expected_effective_loss",
)


@st.composite
def hard_pools(draw):
    """Pools with saturated, constant, never-predicted and copied classes among ordinary ones."""
    n, k, c = draw(st.integers(1, 6)), draw(st.integers(1, 6)), draw(st.integers(2, 5))
    logits = st.sampled_from([0.0, 1.0, -1.0, 30.0, -40.0, 700.0, -800.0]) | st.floats(-5, 5)
    flat = draw(st.lists(logits, min_size=n * k * c, max_size=n * k * c))
    return softmax(np.array(flat).reshape(n, k, c))


@pytest.mark.parametrize("name", POINTWISE)
@settings(max_examples=60, deadline=None)
@given(probs=hard_pools())
def test_scores_lie_in_their_range_and_are_never_nan(name, probs):
    values = scores(name, probs)
    assert values.dtype == np.float64
    assert values.shape == (len(probs),)
    assert in_range(name, values, probs.shape[2])


@pytest.mark.parametrize("name", DETERMINISTIC)
@settings(max_examples=30, deadline=None)
@given(probs=hard_pools(), seed=st.integers(0, 1000))
def test_permuting_or_copying_the_pool_permutes_or_copies_scores_exactly(name, probs, seed):
    order = np.random.default_rng(seed).integers(0, len(probs), size=37)
    assert scores(name, probs[order]).tolist() == scores(name, probs)[order].tolist()


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_tiles_change_no_bit(name, monkeypatch):
    probs = pool(seed=7, n=300, c=7)
    whole = scores(name, probs)
    monkeypatch.setattr(beta, "TILE", 7 * 11)
    assert scores(name, probs).tolist() == whole.tolist()


@pytest.mark.parametrize("name", DETERMINISTIC)
def test_class_and_sample_order_do_not_matter(name):
    probs, rng = pool(seed=4), np.random.default_rng(0)
    mixed = probs[:, rng.permutation(probs.shape[1])][:, :, rng.permutation(probs.shape[2])]
    assert scores(name, mixed) == pytest.approx(scores(name, probs), rel=1e-7, abs=1e-12)


@pytest.mark.parametrize("name", ["balentacq", "balentacq_released", "mjentacq"])
def test_points_without_posterior_uncertainty_rank_last(name):
    ordinary = pool(seed=5, n=1, k=4, c=3)
    constant = np.tile(softmax(np.array([[[1.0, 0.0, -1.0]]])), (1, 4, 1))
    saturated = np.zeros((1, 4, 3))
    saturated[0, :2, 0] = saturated[0, 2:, 1] = 1.0  # 0 or 1 in every sample
    certain = np.zeros((1, 4, 3))
    certain[0, :, 0] = 1.0
    values = scores(name, np.concatenate([ordinary, constant, saturated, certain]))
    assert values[0] > -math.inf
    assert values[1:].tolist() == [-math.inf] * 3


@pytest.mark.parametrize("never", [0.0, 1e-320, 1e-200])
@pytest.mark.parametrize("name", [n for n in DETERMINISTIC if not n.endswith("mean_sd")])
def test_a_class_that_never_has_probability_changes_nothing(name, never):
    probs = pool(seed=6)
    padded = np.concatenate([probs, np.full_like(probs[..., :1], never)], axis=2)
    assert scores(name, padded) == pytest.approx(scores(name, probs), rel=1e-12)


def test_reciprocal_priority_puts_zero_first_and_falls_on_both_sides():
    balance = torch.tensor([0.0, -0.0, 1e-320, 0.1, 0.9, -1e-9, -3.0, -math.inf])
    values = reciprocal_priority(balance.double())
    assert values[:3].tolist() == [math.inf] * 3
    assert (values[3:].diff() < 0).all()
