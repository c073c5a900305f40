"""Variation ratio: the mean prediction's, and that of votes."""

from collections import Counter

import numpy as np
import pytest
import torch

from balent.acquisition import catalog, registry
from balent.acquisition.base import Context, Predictions
from balent.errors import MethodError
from balent.posterior.moments import Moments


def pool(n=50, k=9, c=4, seed=0):
    logits = np.random.default_rng(seed).normal(size=(n, k, c))
    return torch.softmax(2 * torch.from_numpy(logits), dim=2)


def scores(probs, **options):
    predictions = Predictions(len(probs), moments=Moments.from_probs(probs), samples=probs)
    return registry.score(
        "variation_ratio", predictions, Context(np.random.default_rng(0)), options
    )


def test_one_minus_the_largest_mean_probability():
    probs = pool()
    expected = [1 - max(np.mean(point.numpy(), axis=0)) for point in probs]
    assert scores(probs) == pytest.approx(expected, rel=1e-12)


def test_nearly_certain_points_keep_their_order():
    rest = torch.tensor([1e-20, 3e-20, 2e-20], dtype=torch.float64)
    probs = torch.stack([1 - rest, rest], dim=1)[:, None]  # [3, 1, 2]
    assert scores(probs).tolist() == rest.tolist()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_votes_are_one_minus_the_modal_frequency(dtype):
    probs = pool().to(dtype)
    counts = [Counter(point.argmax(dim=1).tolist()) for point in probs]
    expected = [1 - max(count.values()) / 9 for count in counts]
    assert len(set(expected)) > 3
    assert scores(probs, votes=True) == pytest.approx(expected, rel=1e-12, abs=1e-15)


def test_samples_without_preference_vote_for_the_first_class():
    assert scores(torch.full((1, 7, 4), 0.25), votes=True).tolist() == [0]


def test_votes_differ_from_the_mean_prediction():
    """Two samples hardly prefer class 0, one is sure of class 1."""
    probs = torch.tensor([[[0.51, 0.49], [0.51, 0.49], [0.0, 1.0]]], dtype=torch.float64)
    assert scores(probs) == pytest.approx([0.34])
    assert scores(probs, votes=True) == pytest.approx([1 / 3])


def test_votes_without_samples_are_refused():
    predictions = Predictions(3, moments=Moments.from_probs(pool(3)))
    with pytest.raises(MethodError, match="variation_ratio needs probs, which were not"):
        registry.score(
            "variation_ratio", predictions, Context(np.random.default_rng(0)), {"votes": True}
        )


def test_least_confidence_is_another_name():
    assert catalog.find("least_confidence").spec.name == "variation_ratio"
