"""baal: heuristics on [N, C, K] arrays, sorted by a score that is high or low."""

import numpy as np
import pytest
import torch

import balent

REASON = "needs the packages of envs/requirements-peers.txt: make test-peers"
heuristics = pytest.importorskip("baal.active.heuristics", reason=REASON)


def axes(probs: np.ndarray) -> np.ndarray:
    """[N, K, C] as the [N, C, K] that baal takes."""
    return probs.swapaxes(1, 2).copy()


def test_bald_and_entropy_agree(probs):
    probs[3] = np.eye(4)[[0, 0, 0, 1, 1, 1]]
    for name, peer in {"bald": heuristics.BALD(), "entropy": heuristics.Entropy()}.items():
        assert balent.score(name, probs) == pytest.approx(peer.compute_score(axes(probs)))
        order, scores = peer.get_ranks(axes(probs))
        assert len(set(scores)) == len(scores)
        assert balent.select(name, probs, len(probs)).tolist() == order.tolist()


def test_certainty_is_one_minus_the_variation_ratio(probs):
    """Theirs is sorted upwards: the least certain point comes first in both."""
    peer = heuristics.Certainty()
    assert balent.score("variation_ratio", probs) == pytest.approx(
        1 - peer.compute_score(axes(probs))
    )
    assert balent.select("variation_ratio", probs, 30).tolist() == peer(axes(probs)).tolist()


def test_mean_sd_is_their_variance_with_another_reduction(probs):
    peer = heuristics.Variance(reduction=lambda variance: np.sqrt(variance).mean(axis=1))
    assert balent.score("mean_sd", probs) == pytest.approx(peer.get_uncertainties(axes(probs)))


def test_difference_their_default_variance_ranks_otherwise(probs):
    """They average variances, MeanSD averages standard deviations: another order."""
    theirs = heuristics.Variance()(axes(probs)).tolist()
    assert balent.select("mean_sd", probs, 30).tolist() != theirs


def test_difference_one_value_above_one_changes_every_score(probs):
    """They take an array with such a value for logits and apply softmax to all of it.

    A float32 softmax gives values of 1 + 2⁻²³. The sum is checked here, and nothing is changed.
    """
    expected = balent.score("bald", probs)
    probs[3, 0] = [1 + 2.0**-23, 0.0, 0.0, 0.0]
    others = np.arange(30) != 3
    assert balent.score("bald", probs)[others].tolist() == expected[others].tolist()
    theirs = heuristics.BALD().compute_score(axes(probs))
    assert (theirs[others] < 0.5 * expected[others]).all()


def test_difference_logits_are_refused_not_guessed(probs):
    with pytest.raises(balent.errors.InputError, match="give probabilities"):
        balent.score("bald", np.log(probs))
    assert np.isfinite(heuristics.BALD().compute_score(axes(np.log(probs)))).all()


def test_difference_their_batchbald_drops_the_first_pick(probs, batch):
    """Their score of a pick is H(batch and pick) - H(pick | ω): it lacks the batch's own H(· | ω).

    So it grows from pick to pick, one pick more than asked for is made, and sorting by score puts
    the picks in reverse: a batch of 4 is the greedy picks 5, 4, 3, 2, without the best point.
    """
    greedy = batch("batchbald", probs, 5)[0].tolist()
    torch.manual_seed(0)
    theirs = heuristics.BatchBALD(num_samples=4, num_draw=2_000).get_ranks(axes(probs))[0][:4]
    assert theirs.tolist() == greedy[:0:-1]
    assert greedy[0] == balent.select("bald", probs, 1)[0] not in theirs


def test_difference_their_equal_points_are_taken_from_the_end_of_the_pool(probs):
    """argsort, reversed; equal scores are ordered at random here."""
    same = np.repeat(probs[:1], 12, axis=0)
    assert heuristics.BALD()(axes(same)).tolist() == list(range(12))[::-1]
    orders = {tuple(balent.select("bald", same, 12, seed=seed)) for seed in range(5)}
    assert len(orders) == 5
