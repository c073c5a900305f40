"""BALanCe, Batch-BALanCe and BALanCe-Partition against enumeration in plain Python."""

import itertools
import logging
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from balent.acquisition import balance as module
from balent.acquisition import registry
from balent.acquisition.base import Context, Predictions
from balent.errors import MethodError

METHODS = ["balance", "batch_balance", "balance_partition"]


def softmax(logits):
    e = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def hypotheses(seed, n=6, r=9, k=5, c=3, spread=2.0):
    """(samples, pairs, reference, reference_pairs), [n, k, c] and [r, k, c]."""
    rng = np.random.default_rng(seed)
    centre = rng.normal(size=(n + r, 1, 1, c))
    both = softmax(centre + spread * rng.normal(size=(n + r, 2, k, c)))
    return both[:n, 0], both[:n, 1], both[n:, 0], both[n:, 1]


def predictions(samples, pairs, reference, reference_pairs):
    tensors = [torch.as_tensor(x) for x in (samples, pairs, reference, reference_pairs)]
    names = ("samples", "pairs", "reference", "reference_pairs")
    return Predictions(len(samples), **dict(zip(names, tensors, strict=True)))


def context(seed=0, error=0.5):
    return Context(np.random.default_rng(seed), validation_error=error)


def score(name, arrays, tau=0.2, **options):
    return registry.score(name, predictions(*arrays), context(), {"tau": tau, **options})


def select(arrays, size, seed=0, tau=0.2):
    options = {"tau": tau}
    return registry.acquire("batch_balance", predictions(*arrays), size, context(seed), options)


def is_edge(a, b, tau):
    """Whether predictions [r, c] of two hypotheses differ on more than a share tau."""
    return sum(x.argmax() != y.argmax() for x, y in zip(a, b, strict=True)) / len(a) > tau


def ratio(p, labels):
    """λ of a configuration: p [b, c] of one hypothesis."""
    return math.prod(row[y] / max(row) for row, y in zip(p, labels, strict=True))


def likelihood(p, labels):
    return math.prod(row[y] for row, y in zip(p, labels, strict=True))


def enumerated(arrays, batch, tau):
    """Eq. 4 of the paper: the sum over all label configurations of the batch."""
    samples, pairs, reference, reference_pairs = arrays
    k, c = samples.shape[1:]
    first, second = samples[batch].swapaxes(0, 1), pairs[batch].swapaxes(0, 1)  # [k, b, c]
    edges = [j for j in range(k) if is_edge(reference[:, j], reference_pairs[:, j], tau)]
    total = 0.0
    for labels in itertools.product(range(c), repeat=len(batch)):
        probability = sum(likelihood(p, labels) for p in [*first, *second]) / (2 * k)
        cut = sum(1 - ratio(first[j], labels) * ratio(second[j], labels) for j in edges) / k
        total += probability * cut
    return total


@pytest.mark.parametrize("tau", [0.0001, 0.3, 0.6])
@pytest.mark.parametrize("seed", range(4))
def test_balance_equals_enumeration(seed, tau):
    arrays = hypotheses(seed)
    expected = [enumerated(arrays, [i], tau) for i in range(6)]
    assert score("balance", arrays, tau) == pytest.approx(expected, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("c", [2, 4])
@pytest.mark.parametrize("seed", range(4))
def test_every_step_of_the_batch_is_the_best_of_all_and_gains_what_enumeration_says(seed, c):
    arrays = hypotheses(seed, c=c)
    indices, gains = select(arrays, 4)
    value = 0.0
    for step in range(4):
        taken = indices[:step].tolist()
        others = [i for i in range(6) if i not in taken]
        values = {i: enumerated(arrays, [*taken, i], 0.2) for i in others}
        assert indices[step] == max(values, key=values.__getitem__)
        assert gains[step] == pytest.approx(values[indices[step]] - value, rel=1e-10)
        value = values[indices[step]]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000), tau=st.sampled_from([0.1, 0.4, 0.7]))
def test_a_batch_of_one_is_balance(seed, tau):
    arrays = hypotheses(seed, n=20)
    scores = score("balance", arrays, tau)
    indices, gains = select(arrays, 1, tau=tau)
    assert gains[0] == scores[indices[0]] == scores.max()


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_the_objective_is_monotone_and_submodular(seed):
    arrays = hypotheses(seed, n=4, k=3)
    values = {
        batch: enumerated(arrays, list(batch), 0.2)
        for size in range(5)
        for batch in itertools.combinations(range(4), size)
    }
    for small, large in itertools.product(values, values):
        if set(small) <= set(large):
            assert values[small] <= values[large] + 1e-12
            for x in set(range(4)) - set(large):
                gains = [values[tuple(sorted({*s, x}))] - values[s] for s in (small, large)]
                assert gains[0] >= gains[1] - 1e-12


def test_gains_of_a_long_batch_fall_to_nothing_and_stay_ordered():
    arrays = hypotheses(3, n=400, k=8)
    indices, gains = select(arrays, 400)
    assert sorted(indices) == list(range(400))
    assert (np.diff(gains) <= 1e-15).all()
    assert (gains >= 0).all()
    assert gains[200] < 1e-20
    # beyond float64's resolution of the sum, points still differ
    assert (np.diff(gains[gains > 0]) < 0).mean() > 0.9


def sampled(arrays, batch, tau, draws, rng):
    """The paper's estimate, eq. 5: ω, then all labels but the last given ω; a sum over the last."""
    samples, pairs, reference, reference_pairs = arrays
    k = samples.shape[1]
    every = np.concatenate([samples[batch], pairs[batch]], axis=1)  # [b, 2k, c]
    edges = [j for j in range(k) if is_edge(reference[:, j], reference_pairs[:, j], tau)]
    chosen = rng.integers(2 * k, size=draws)
    prefix = every[:-1, chosen].cumsum(axis=2)  # [b-1, draws, c]
    labels = (rng.random((len(batch) - 1, draws, 1)) > prefix[:, :, :-1]).sum(axis=2)
    at = [p[:, y] for p, y in zip(every[:-1], labels, strict=True)]  # [2k, draws] each
    relative = [
        (p / p.max(axis=1, keepdims=True))[:, y] for p, y in zip(every[:-1], labels, strict=True)
    ]
    joint, ratios = np.prod(at, axis=0), np.prod(relative, axis=0)  # [2k, draws]
    last = every[-1]  # [2k, c]
    conditional = joint.T @ last / joint.sum(axis=0)[:, None]  # [draws, c]
    ratios = ratios[:, :, None] * (last / last.max(axis=1, keepdims=True))[:, None]
    cut = sum(1 - ratios[j] * ratios[j + k] for j in edges) / k  # [draws, c]
    return (conditional * cut).sum(axis=1)


def test_the_papers_estimate_has_the_closed_form_as_its_mean():
    arrays = hypotheses(5, n=5, k=6)
    batch = [0, 1, 2, 3, 4]
    exact = enumerated(arrays, batch, 0.2)
    estimates = sampled(arrays, batch, 0.2, 20_000, np.random.default_rng(0))
    error = estimates.std() / math.sqrt(len(estimates))
    assert 0 < error < 0.01 * exact
    assert estimates.mean() == pytest.approx(exact, abs=4 * error)
    uncut = module._Uncut(predictions(*arrays), module._edges(predictions(*arrays), 0.2))
    edges = len(uncut.weights[0]) / 6
    for index in batch:
        uncut.label(index)
    assert edges - uncut.total == pytest.approx(exact, rel=1e-12)


def partitioned(arrays, tau):
    """B.3 written out: cells by farthest-first traversal, then a loop over pairs and labels."""
    samples, pairs, reference, reference_pairs = arrays
    every = np.concatenate([samples, pairs], axis=1)  # [n, 2k, c]
    labels = np.concatenate([reference, reference_pairs], axis=1).argmax(axis=2).T  # [2k, r]
    count = len(labels)
    distance = np.array([[(a != b).mean() for b in labels] for a in labels])
    centres = [0]
    while distance[centres].min(axis=0).max() > tau:
        centres.append(int(distance[centres].min(axis=0).argmax()))
    cell = distance[centres].argmin(axis=0)
    assert all(distance[h, centres[cell[h]]] <= tau for h in range(count))
    scores = []
    for p in every:
        total = 0.0
        for y in range(p.shape[1]):
            ratios = p[:, y] / p.max(axis=1)
            for a, b in itertools.combinations(range(count), 2):
                if cell[a] != cell[b]:
                    total += p[:, y].mean() * (1 - ratios[a] * ratios[b])
        scores.append(total / math.comb(count, 2))
    return scores, len(centres)


@pytest.mark.parametrize("tau", [0.0001, 0.3, 0.5])
@pytest.mark.parametrize("seed", range(4))
def test_partition_equals_a_loop_over_all_pairs(seed, tau):
    arrays = hypotheses(seed)
    expected, cells = partitioned(arrays, tau)
    assert 2 <= cells <= 10
    assert score("balance_partition", arrays, tau) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", METHODS)
def test_without_edges_points_are_chosen_at_random_and_it_is_said(name, caplog):
    arrays = hypotheses(0, n=12)
    arrays = (*arrays[:3], arrays[2])  # both hypotheses of a pair predict alike
    if name == "balance_partition":
        arrays = (*arrays[:2], *[np.repeat(arrays[2][:, :1], 5, axis=1)] * 2)
    with caplog.at_level(logging.WARNING):
        batches = [
            registry.acquire(name, predictions(*arrays), 5, context(s), {"tau": 0.1})
            for s in range(20)
        ]
    assert "no two hypotheses differ on more than tau=0.1" in caplog.text
    assert all((scores == 0).all() for _, scores in batches)
    assert len({tuple(indices) for indices, _ in batches}) == 20


@pytest.mark.parametrize("name", METHODS)
def test_tau_follows_the_validation_error(name):
    arrays = predictions(*hypotheses(2, n=12))

    def run(error, **options):
        return registry.acquire(name, arrays, 4, context(error=error), options)[1].tolist()

    assert run(0.8, divisor=2) == run(None, tau=0.4) != run(None, tau=0.2)
    assert run(0.8, divisor=4) == run(None, tau=0.2)
    assert run(0.8, divisor=8) == run(None, tau=0.1)
    with pytest.raises(MethodError, match=rf"{name} with tau=0 needs validation_error, which"):
        run(None)


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tau": 1.0}, r"tau=1.0 is not allowed; give a number in \[0, 1\)"),
        ({"tau": -0.1}, r"tau=-0.1 is not allowed"),
        ({"tau": math.nan}, r"tau=nan is not allowed"),
        ({"divisor": 3}, "divisor=3 is not allowed; give one of 2, 4, 8"),
    ],
)
def test_options_out_of_range_are_refused(name, options, message):
    with pytest.raises(MethodError, match=f"{name}: {message}"):
        registry.acquire(name, predictions(*hypotheses(0)), 2, context(), options)


@st.composite
def hard(draw):
    """Hypotheses with probabilities of exactly 0 and 1, and classes that are never predicted."""
    n, k, c = draw(st.integers(1, 4)), draw(st.integers(1, 4)), draw(st.integers(2, 4))
    logits = st.sampled_from([0.0, 1.0, 30.0, -40.0, 800.0, -800.0])
    size = 2 * (n + 3) * k * c
    flat = draw(st.lists(logits, min_size=size, max_size=size))
    both = softmax(np.array(flat).reshape(2, n + 3, k, c))
    return both[0, :n], both[1, :n], both[0, n:], both[1, n:]


@settings(max_examples=60, deadline=None)
@given(arrays=hard())
def test_certain_predictions_are_exact(arrays):
    n = len(arrays[0])
    expected = [enumerated(arrays, [i], 0.2) for i in range(n)]
    assert score("balance", arrays) == pytest.approx(expected, rel=1e-12, abs=1e-15)
    partition = score("balance_partition", arrays)
    assert partition == pytest.approx(partitioned(arrays, 0.2)[0], rel=1e-12, abs=1e-14)
    indices, gains = select(arrays, n)
    for size in range(1, n + 1):
        value = enumerated(arrays, indices[:size].tolist(), 0.2)
        assert gains[:size].sum() == pytest.approx(value, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("name", ["balance", "balance_partition"])
def test_permuting_or_copying_the_pool_permutes_or_copies_scores_exactly(name):
    arrays = hypotheses(7, n=30)
    order = np.random.default_rng(1).integers(30, size=101)
    moved = (arrays[0][order], arrays[1][order], *arrays[2:])
    assert score(name, moved).tolist() == score(name, arrays)[order].tolist()


def test_a_permuted_pool_gives_the_same_batch():
    arrays = hypotheses(8, n=40)
    order = np.random.default_rng(1).permutation(40)
    indices, gains = select(arrays, 12)
    permuted, same = select((arrays[0][order], arrays[1][order], *arrays[2:]), 12, seed=5)
    assert order[permuted].tolist() == indices.tolist()
    assert same == pytest.approx(gains, rel=1e-12)


def test_a_copy_gains_what_a_second_label_of_the_point_gains():
    arrays = hypotheses(9, n=3)
    copied = (*(np.concatenate([x, x]) for x in arrays[:2]), *arrays[2:])
    indices, gains = select(copied, 6)
    for size in range(1, 5):
        value = enumerated(copied, indices[:size].tolist(), 0.2)
        assert gains[:size].sum() == pytest.approx(value, rel=1e-10)
    many = hypotheses(9, n=57, k=20)
    many = (*(np.concatenate([x, x, x]) for x in many[:2]), *many[2:])
    batches = np.array([select(many, 3, seed)[0] for seed in range(40)])
    assert (batches % 57 == batches[0] % 57).all()
    for step in range(3):  # copies are equal up to rounding: none of them is preferred
        assert len(set(batches[:, step])) == 3
    firsts = {int(select(copied, 1, seed)[0][0]) // 3 for seed in range(20)}
    assert firsts == {0, 1}  # neither copy is preferred


@pytest.mark.parametrize("tile", [1, 100, 1000])
def test_tiles_change_nothing(tile, monkeypatch):
    arrays = hypotheses(10, n=57)
    whole = score("balance", arrays), score("balance_partition", arrays), select(arrays, 9)
    monkeypatch.setattr(module, "TILE", tile)
    assert score("balance", arrays).tolist() == whole[0].tolist()
    assert score("balance_partition", arrays) == pytest.approx(whole[1], rel=1e-12)
    indices, gains = select(arrays, 9)
    assert indices.tolist() == whole[2][0].tolist()
    assert gains == pytest.approx(whole[2][1], rel=1e-12)


def test_float32_samples_are_taken_as_distributions():
    arrays = hypotheses(11, n=30)
    narrow = tuple(x.astype(np.float32) for x in arrays)
    assert score("balance", narrow) == pytest.approx(score("balance", arrays), rel=1e-5)
    assert select(narrow, 8)[0].tolist() == select(arrays, 8)[0].tolist()


@pytest.mark.parametrize("missing", ["pairs", "reference", "reference_pairs"])
def test_missing_predictions_are_refused(missing):
    given = vars(predictions(*hypotheses(0))) | {missing: None}
    field = "reference_probs" if missing == "reference" else missing
    with pytest.raises(MethodError, match=f"balance needs {field}"):
        registry.score("balance", Predictions(**given), context(), {})
