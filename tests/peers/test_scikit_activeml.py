"""scikit-activeml: committees of [K, N, C] probabilities, or their mean [N, C]."""

import numpy as np
import pytest

import balent

REASON = "needs the packages of envs/requirements-peers.txt: make test-peers"
pool = pytest.importorskip("skactiveml.pool", reason=REASON)
base = pytest.importorskip("skactiveml.base", reason=REASON)


def committee(probs: np.ndarray) -> np.ndarray:
    """[N, K, C] as the [K, N, C] that scikit-activeml takes, in memory of its own."""
    return probs.swapaxes(0, 1).copy()


def votes(probs: np.ndarray) -> np.ndarray:
    """The class that each sample predicts, [N, K]."""
    return probs.argmax(axis=2)


def test_bald_is_the_mean_divergence_from_the_consensus(probs):
    peer = pool.average_kl_divergence(committee(probs))
    assert balent.score("bald", probs) == pytest.approx(peer, abs=1e-13)


def test_scores_of_the_mean_prediction_agree(probs):
    mean = probs.mean(axis=1)
    for name, method in {"entropy": "entropy", "variation_ratio": "least_confident"}.items():
        peer = pool.uncertainty_scores(mean, method=method)
        assert balent.score(name, probs) == pytest.approx(peer, abs=1e-14)


def test_variation_ratios_of_votes_agree(probs):
    peer = pool.variation_ratios(votes(probs))
    assert balent.score("variation_ratio", probs, votes=True) == pytest.approx(peer, abs=1e-14)


def test_batchbald_agrees_while_it_is_exact(probs, batch):
    """A row of theirs holds the information of the batch so far with each further point."""
    indices, scores = batch("batchbald", probs, 5)
    rows = pool.batch_bald(committee(probs), 5, n_MC_samples=10_000)
    assert indices.tolist() == np.nanargmax(rows, axis=1).tolist()
    assert scores.cumsum() == pytest.approx(np.nanmax(rows, axis=1), abs=1e-12)


def test_coreset_agrees():
    generator = np.random.default_rng(0)
    labelled, features = generator.normal(size=(3, 5)), generator.normal(size=(40, 5))
    labels = np.r_[np.zeros(3), np.full(40, np.nan)]
    peer = pool.k_greedy_center(np.r_[labelled, features], labels, batch_size=10)[0] - 3
    probs = np.full((40, 1, 2), 0.5)
    ours = balent.select("coreset", probs, 10, features=features, labelled_features=labelled)
    assert ours.tolist() == peer.tolist()


class Classifier(base.SkactivemlClassifier):
    """A fitted classifier whose prediction for point i is row i of ``probs`` [N, C]."""

    def __init__(self, probs, classes, missing_label=np.nan):
        super().__init__(classes=classes, missing_label=missing_label)
        self.probs = probs

    def fit(self, X, y):
        self.classes_ = np.asarray(self.classes)
        return self

    def predict_proba(self, X):
        return self.probs


def test_difference_badge_has_the_origin_for_a_further_centre(probs, batch):
    """Both take the longest gradient first; their distances are then capped by each one's norm.

    Their utilities are the probabilities of a draw; our scores are squared distances.
    """
    features = np.random.default_rng(1).normal(size=(30, 5))
    mean = probs.mean(axis=1)
    classifier = Classifier(mean, range(4)).fit(features, None)
    first, second = pool.Badge(random_state=0).query(
        features,
        np.full(30, np.nan),
        classifier,
        fit_clf=False,
        batch_size=2,
        return_utilities=True,
    )[1]
    gradients = np.eye(4)[mean.argmax(axis=1)] - mean  # [N, C]
    embedded = (gradients[:, :, None] * features[:, None, :]).reshape(30, -1)
    norms = (embedded**2).sum(axis=1)
    distances = ((embedded - embedded[norms.argmax()]) ** 2).sum(axis=1)
    capped = np.minimum(norms, distances)
    assert np.nansum(second) == pytest.approx(1)
    assert np.nan_to_num(second) == pytest.approx(capped / capped.sum())
    assert not np.allclose(capped / capped.sum(), distances / distances.sum(), atol=0.01)
    for seed in range(20):
        indices, scores = batch("badge", probs, 2, seed, features)
        assert indices[0] == first.argmax()
        assert scores[1] == pytest.approx(distances[indices[1]])


def test_difference_their_default_samples_one_configuration_a_sample(probs, batch):
    """By default n_MC_samples is K, so from the second pick on information is a rough estimate."""
    exact = batch("batchbald", probs, 4)[1].cumsum()
    sampled = batch("batchbald", probs, 4, configurations=6)[1].cumsum()
    rows = pool.batch_bald(committee(probs), 4, random_state=0)
    assert abs(np.nanmax(rows, axis=1) - exact).max() > 0.05
    assert abs(sampled - exact).max() > 0.0


def test_difference_small_probabilities_are_raised():
    """Values below 1e-7 become 1e-7; here 0 stays 0, and scores are exact."""
    certain = np.repeat(np.eye(2)[None, :1], 6, axis=1).repeat(3, axis=0)  # [3, 6, 2]
    certain[0, 0] = [1 - 1e-9, 1e-9]
    peer = pool.average_kl_divergence(committee(certain))
    assert abs(peer).max() < 1e-14
    assert balent.score("bald", certain)[0] == pytest.approx(1e-9 * np.log(6) / 6, rel=1e-6)


def test_difference_the_callers_array_is_changed(probs):
    """Both clip in place; probabilities given here are never written to."""
    probs[0, 0] = [1.0, 0.0, 0.0, 0.0]
    for function in (pool.average_kl_divergence, lambda array: pool.batch_bald(array, 2)):
        given = committee(probs)
        function(given)
        assert given[0, 0].min() == pytest.approx(1e-7, rel=1e-5)
    probs.flags.writeable = False
    balent.score("bald", probs)


class Committee(base.SkactivemlClassifier):
    """A fitted ensemble whose K predictions of point i are those of row i of ``probs``."""

    def __init__(self, probs, classes, missing_label=np.nan):
        super().__init__(classes=classes, missing_label=missing_label)
        self.probs = probs

    def fit(self, X, y):
        self.classes_ = np.asarray(self.classes)
        return self

    def sample(self, X):
        return committee(self.probs)


def test_difference_their_batch_can_hold_a_point_twice(probs):
    """Among equal points the batch is built with one random state and read off with another."""
    twins = np.repeat(probs[:1], 3, axis=0)
    points = np.arange(3.0)[:, None]
    batches = []
    for seed in range(20):
        ensemble = Committee(twins, classes=range(4)).fit(points, None)
        strategy = pool.BatchBALD(
            n_MC_samples=1000, sample_predictions_method_name="sample", random_state=seed
        )
        batches.append(
            strategy.query(
                points, np.full(3, np.nan), ensemble, fit_ensemble=False, batch_size=3
            ).tolist()
        )
    assert any(len(set(found)) < 3 for found in batches)
    for seed in range(20):
        assert len(set(balent.select("batchbald", twins, 3, seed=seed))) == 3
