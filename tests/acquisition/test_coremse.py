"""CoreMSE against its definition, written out in plain Python."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from balent.acquisition import coremse as module
from balent.acquisition import registry
from balent.acquisition.base import Context, Predictions
from balent.errors import MethodError


def softmax(logits):
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def arrays(seed, n=6, r=7, k=5, c=4, spread=2.0):
    """Samples [n, k, c] and the same samples at reference points [r, k, c]."""
    rng = np.random.default_rng(seed)
    p = softmax(rng.normal(size=(n + r, 1, c)) + spread * rng.normal(size=(n + r, k, c)))
    return p[:n], p[n:]


def score(samples, reference):
    predictions = Predictions(
        len(samples), samples=torch.as_tensor(samples), reference=torch.as_tensor(reference)
    )
    return registry.score("coremse", predictions, Context(np.random.default_rng(0)), {})


def brute(point, reference):
    """One point [k, c]."""
    k, c = point.shape
    total = 0.0
    for y in range(c):
        evidence = sum(point[:, y])
        if evidence == 0:
            continue
        weights = [p / evidence for p in point[:, y]]
        change = 0.0
        for other, label in itertools.product(reference, range(c)):
            after = sum(w * p for w, p in zip(weights, other[:, label], strict=True))
            change += (after - sum(other[:, label]) / k) ** 2
        total += evidence / k * change / len(reference)
    return total


@pytest.mark.parametrize("shape", [{}, {"k": 1}, {"k": 12, "r": 2, "c": 2}, {"r": 1, "c": 3}])
@pytest.mark.parametrize("seed", range(3))
def test_equals_the_definition(seed, shape):
    samples, reference = arrays(seed, **shape)
    expected = [brute(point, reference) for point in samples]
    assert score(samples, reference) == pytest.approx(expected, rel=1e-11, abs=1e-16)


def test_it_is_the_expected_fall_of_the_brier_score():
    """Σ_y p(y|x) E_x'[(1 - Σ_c p(c|x')²) - (1 - Σ_c p(c|x', x, y)²)], as Tan et al. derive it."""
    samples, reference = arrays(3)
    before = 1 - (reference.mean(axis=1) ** 2).sum(axis=1).mean()
    expected = []
    for point in samples:
        after = 0.0
        for y in range(4):
            weights = point[:, y] / point[:, y].sum()
            updated = np.einsum("k,rkc->rc", weights, reference)
            after += point[:, y].mean() * (1 - (updated**2).sum(axis=1).mean())
        expected.append(before - after)
    assert score(samples, reference) == pytest.approx(expected, rel=1e-9)


@st.composite
def hard(draw):
    """Samples with probabilities of exactly 0 and 1."""
    n, r, k, c = (draw(st.integers(low, 4)) for low in (1, 1, 1, 2))
    logits = st.sampled_from([0.0, 1.0, 30.0, -40.0, 800.0, -800.0])
    size = (n + r) * k * c
    flat = draw(st.lists(logits, min_size=size, max_size=size))
    p = softmax(np.array(flat).reshape(n + r, k, c))
    return p[:n], p[n:]


@settings(max_examples=60, deadline=None)
@given(both=hard())
def test_certain_predictions_are_exact_and_scores_lie_in_their_range(both):
    samples, reference = both
    values = score(samples, reference)
    assert values == pytest.approx([brute(p, reference) for p in samples], rel=1e-11, abs=1e-15)
    assert (values >= 0).all()
    assert (values <= 1 + 1e-12).all()


def test_points_and_reference_points_without_disagreement_change_nothing():
    samples, reference = arrays(4)
    agreed = np.repeat(samples[:, :1], 5, axis=1)
    assert score(agreed, reference) == pytest.approx(0, abs=1e-30)
    assert score(samples, np.repeat(reference[:, :1], 5, axis=1)) == pytest.approx(0, abs=1e-30)


def test_the_order_of_samples_and_of_the_reference_set_does_not_matter():
    samples, reference = arrays(5)
    expected = score(samples, reference)
    assert score(samples[:, ::-1].copy(), reference[:, ::-1].copy()) == pytest.approx(expected)
    assert score(samples, reference[::-1].copy()) == pytest.approx(expected)
    assert score(samples, np.concatenate([reference] * 3)) == pytest.approx(expected)


def test_permuting_or_copying_the_pool_permutes_or_copies_scores_exactly():
    samples, reference = arrays(6, n=30)
    order = np.random.default_rng(1).integers(30, size=101)
    assert score(samples[order], reference).tolist() == score(samples, reference)[order].tolist()


@pytest.mark.parametrize("tile", [1, 90])
def test_tiles_change_nothing(tile, monkeypatch):
    samples, reference = arrays(7, n=40, r=60)
    whole = score(samples, reference)
    monkeypatch.setattr(module, "TILE", tile)
    assert score(samples, reference) == pytest.approx(whole, rel=1e-11)


def test_it_needs_the_reference_set():
    samples = torch.as_tensor(arrays(0)[0])
    context = Context(np.random.default_rng(0))
    with pytest.raises(MethodError, match="coremse needs reference_probs, which were not"):
        registry.score("coremse", Predictions(len(samples), samples=samples), context, {})
