"""batchbald_redux: the released BatchBALD, on log-probabilities [N, K, C]."""

import numpy as np
import pytest
import torch

import balent

REASON = "needs the packages of envs/requirements-peers.txt: make test-peers"
redux = pytest.importorskip("batchbald_redux.batchbald", reason=REASON)


def log(probs: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(probs).log()


def greedy(probs, size, configurations=10_000):
    return redux.get_batchbald_batch(log(probs), size, configurations, dtype=torch.double)


def test_bald_and_entropy_agree(probs):
    peer = redux.get_bald_batch(log(probs), len(probs))
    assert balent.select("bald", probs, len(probs)).tolist() == peer.indices
    assert balent.score("bald", probs)[peer.indices] == pytest.approx(peer.scores, abs=1e-14)
    assert balent.score("entropy", probs) == pytest.approx(
        redux.compute_entropy(log(probs)).numpy()
    )


def test_batchbald_agrees_while_it_is_exact(probs, batch):
    """Their scores are the information of the whole batch so far, ours what the pick adds."""
    indices, scores = batch("batchbald", probs, 5)
    peer = greedy(probs, 5)
    assert indices.tolist() == peer.indices
    assert scores.cumsum() == pytest.approx(peer.scores, abs=1e-12)


def test_difference_a_probability_of_zero_makes_their_scores_nan(probs, batch):
    """0 · log 0 is NaN there, and NaN is picked first; 0 here, its limit."""
    probs[3, 0] = [0.5, 0.5, 0.0, 0.0]
    assert np.isfinite(balent.score("bald", probs)).all()
    assert np.isfinite(batch("batchbald", probs, 3)[1]).all()
    peer = greedy(probs, 3)
    assert peer.indices[0] == 3
    assert np.isnan(peer.scores).all()


def test_difference_they_compute_in_the_precision_of_the_input(probs):
    """float32 predictions give float32 differences of entropies there, float64 ones here.

    The rows of a float32 array sum to 1 only up to its own rounding, so neither is exact.
    """
    single = probs.astype(np.float32)

    def difference(dtype: torch.dtype) -> float:
        given = torch.from_numpy(single).to(dtype).log()
        theirs = redux.compute_entropy(given) - redux.compute_conditional_entropy(given)
        return abs(theirs.numpy() - balent.score("bald", single)).max()

    assert difference(torch.double) < 1e-8
    assert difference(torch.float) > 10 * difference(torch.double)


def test_difference_fewer_configurations_than_samples_fail_there(probs):
    """S = configurations // K choices of each sample: none."""
    with pytest.raises(RuntimeError, match="cannot sample n_sample <= 0"):
        greedy(probs, 3, configurations=5)


def test_difference_their_sampling_draws_from_the_global_state(probs, batch):
    """Beyond the exact regime their batch depends on torch.manual_seed and moves that state."""
    torch.manual_seed(0)
    before = torch.get_rng_state()
    greedy(probs, 4, configurations=12)
    assert not torch.equal(torch.get_rng_state(), before)
    before = torch.get_rng_state()
    batch("batchbald", probs, 4, configurations=12)
    assert torch.equal(torch.get_rng_state(), before)


def test_difference_equal_points_are_taken_in_pool_order(probs):
    same = np.repeat(probs[:1], 20, axis=0)
    assert redux.get_bald_batch(log(same), 20).scores == pytest.approx(
        balent.score("bald", same).tolist()
    )
    assert greedy(same, 1).indices == [0]
    first = {balent.select("bald", same, 1, seed=seed)[0] for seed in range(10)}
    assert len(first) > 1
