"""BalEntAcq's variants, MJEntAcq, and the released code, against arithmetic with 50 digits."""

import logging
import math

import mpmath
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mpf
from scipy import special

from balent.acquisition import registry
from balent.acquisition.base import Context, Predictions
from balent.errors import MethodError
from balent.posterior.moments import Moments

PRECISIONS = [1, 2, 3, 4, 5]
NUMERATORS = ["mjent", "fano"]


def pool(n=25, k=12, c=5, seed=1):
    """Probabilities [n, k, c] of varied confidence and disagreement."""
    rng = np.random.default_rng(seed)
    centre, width = rng.normal(size=(n, 1, c)), rng.uniform(0.01, 2, size=(n, 1, 1))
    return special.softmax(3 * centre + width * rng.normal(size=(n, k, c)), axis=2)


def scores(name, probs, **options):
    moments = Moments.from_probs(torch.as_tensor(probs))
    predictions = Predictions(len(probs), probs.shape[1], moments)
    return registry.score(name, predictions, Context(np.random.default_rng(0)), options)


def exact(probs):
    """S and H of every point, from the printed formula and the samples themselves."""
    return [sums(point.tolist()) for point in probs]


def sums(samples):
    with mpmath.workdps(50):
        total = entropy = mpf(0)
        for column in zip(*samples, strict=True):
            p = [mpf(x) for x in column]
            m = mpmath.fsum(p) / len(p)
            v = mpmath.fsum((x - m) ** 2 for x in p) / len(p)
            a = m**2 * (1 - m) / v - m
            b = (1 / m - 1) * a
            h = mpmath.log(mpmath.beta(a + 1, b)) - a * mpmath.digamma(a + 1)
            h += (a + b - 1) * mpmath.digamma(a + b + 1) - (b - 1) * mpmath.digamma(b)
            total += m * h
            entropy -= m * mpmath.log(m)
        return float(total), float(entropy)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("numerator", NUMERATORS)
def test_priorities_at_every_precision_level(precision, numerator):
    probs = pool()
    options = {"precision": precision, "numerator": numerator}
    balances = []
    for s, h in exact(probs):
        level = h + (precision - 2) * math.log(2)
        above = s + h if numerator == "mjent" else s + level - math.log(2)
        balances.append(above / level if level > 0 else None)
    for priority, rank in {
        "P1": lambda b: -b,
        "P2": lambda b: 1 / b if b >= 0 else b,
        "P3": lambda b: b,
    }.items():
        expected = [-math.inf if b is None else rank(b) for b in balances]
        computed = scores("balentacq", probs, priority=priority, **options)
        assert computed == pytest.approx(expected, rel=1e-8)


def test_both_numerators_are_the_same_at_the_papers_precision():
    probs = pool()
    fano = scores("balentacq", probs, numerator="fano")
    assert fano == pytest.approx(scores("balentacq", probs), rel=1e-11)


def test_mjentacq_is_balentacq_without_denominator():
    probs = pool()
    expected = [1 / (s + h) if s + h >= 0 else s + h for s, h in exact(probs)]
    assert min(expected) < 0 < max(expected)
    assert scores("mjentacq", probs) == pytest.approx(expected, rel=1e-8)


numbers = st.sampled_from([0.0, 1.0, 30.0, -40.0, 700.0, -800.0]) | st.floats(-5, 5)


@pytest.mark.parametrize(
    ("numerator", "precision"),
    [("mjent", k) for k in PRECISIONS[1:]] + [("fano", k) for k in PRECISIONS],
)
@settings(max_examples=40, deadline=None)
@given(st.lists(numbers, min_size=24, max_size=24))
def test_balance_is_a_generalised_probability(numerator, precision, logits):
    probs = special.softmax(np.array(logits).reshape(2, 3, 4), axis=2)
    balance = scores("balentacq", probs, priority="P3", precision=precision, numerator=numerator)
    assert (balance <= 1).all()


def test_mjent_at_precision_1_may_exceed_1():
    """Dirichlet(1/10, …): nearly no posterior entropy is lost, and the level is below H."""
    probs = np.random.default_rng(0).dirichlet(np.full(10, 0.1), size=(1, 4000))
    [balance] = scores("balentacq", probs, priority="P3", precision=1)
    assert balance > 1


@pytest.mark.parametrize("priority", ["P1", "P2", "P3"])
@pytest.mark.parametrize("numerator", NUMERATORS)
def test_points_without_precision_level_rank_last_and_are_counted(priority, numerator, caplog):
    probs = pool(n=40)
    low = np.array([h <= math.log(2) for _, h in exact(probs)])
    assert 0 < low.sum() < len(low)
    with caplog.at_level(logging.WARNING):
        values = scores("balentacq", probs, priority=priority, numerator=numerator, precision=1)
    assert (values[low] == -math.inf).all()
    assert np.isfinite(values[~low]).all()
    [record] = caplog.records
    assert record.getMessage().startswith(f"balentacq: {low.sum()} of 40 points rank last")


@pytest.mark.parametrize("precision", PRECISIONS[2:])
def test_nothing_is_logged_where_every_point_has_a_level(precision, caplog):
    scores("balentacq", degenerate(), precision=precision)
    assert not caplog.records


def degenerate():
    """An ordinary point; the same in every sample; one class in every sample; 0 or 1."""
    probs = np.zeros((4, 4, 3))
    probs[0] = pool(n=1, k=4, c=3)
    probs[1] = special.softmax([1.0, 0.0, -1.0])
    probs[2, :, 0] = 1
    probs[3, :2, 0] = probs[3, 2:, 1] = 1
    return probs


@pytest.mark.parametrize("precision", PRECISIONS)
def test_degenerate_points(precision):
    first = scores("balentacq", degenerate(), priority="P1", precision=precision)
    assert first[1:3].tolist() == [-math.inf] * 2
    if precision > 1:  # the level of log 2 - log 2 is none
        assert math.inf == first[3] > first[0] > -math.inf
    for priority in ("P2", "P3"):
        last = scores("balentacq", degenerate(), priority=priority, precision=precision)
        assert last[1:].tolist() == [-math.inf] * 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"priority": "P4"}, "priority='P4' is not allowed; give one of P1, P2, P3"),
        ({"precision": 0}, "precision=0 is not allowed; give one of 1, 2, 3, 4, 5"),
        ({"precision": 6}, "precision=6 is not allowed"),
        ({"numerator": "MJEnt"}, "numerator='MJEnt' is not allowed; give one of mjent, fano"),
        ({"precision": 2.0}, "precision=2.0 is float; give a whole number"),
    ],
)
def test_other_values_are_refused(options, message):
    with pytest.raises(MethodError, match=message):
        scores("balentacq", pool(), **options)


def released(point):
    """The released score of samples [K, C] with its floors, class by class."""
    total = entropy = 0.0
    for column in point.T:
        entropy -= special.xlogy(column.mean(), column.mean())
        m, v = max(column.mean(), 1e-9), max(column.var(ddof=1), 1e-9)
        a = m**2 * (1 - m) / v - m
        b = (1 / m - 1) * a
        log_b = special.gammaln(a + 1) + special.gammaln(b) - special.gammaln(a + b + 1)
        h = np.log(np.exp(log_b) + 1e-32) - a * special.psi(a + 1) - (b - 1) * special.psi(b)
        total += min(m * (h + (a + b - 1) * special.psi(a + b + 1)), 0)
    balance = (total + 2 * entropy) / (entropy + math.log(2))
    return 1 / balance if balance >= 0 else balance


def test_released_floors():
    probs = pool(n=60)
    values = scores("balentacq_released", probs, released_floors=True)
    assert values == pytest.approx([released(point) for point in probs], rel=1e-9)
    without = scores("balentacq_released", probs)
    assert (np.abs(values / without - 1) > 1e-4).all()  # the unbiased variance alone does that


def concentrated():
    """Ten classes, the first with mean 0.997 and a logit of standard deviation 0.05."""
    normal = special.ndtri((np.arange(400) + 0.5) / 400)
    p = special.expit(special.logit(0.997) + 0.05 * normal)[:, None]
    return np.concatenate([p, np.repeat((1 - p) / 9, 9, axis=1)], axis=1)[None]


def test_released_floors_take_a_concentrated_class_for_perfectly_uncertain():
    assert scores("balentacq", concentrated()) == pytest.approx(-10.4, abs=0.3)
    values = scores("balentacq_released", concentrated(), released_floors=True)
    assert values == pytest.approx(13.3, abs=0.05)


def test_released_floors_put_nan_last():
    values = scores("balentacq_released", degenerate(), released_floors=True)
    assert not np.isnan(values).any()
    assert values[2] == -math.inf  # m = 1: α = -1, B is not defined
