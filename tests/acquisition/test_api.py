"""The public face: ``balent.methods``, ``balent.score``, ``balent.select``."""

import numpy as np
import pytest
import torch

import balent
from balent import api
from balent.errors import BalentError, InputError, MethodError


def pool(n=20, k=6, c=4, seed=0):
    logits = np.random.default_rng(seed).normal(size=(n, k, c))
    return torch.softmax(torch.from_numpy(logits), dim=2).numpy()


def test_methods_are_rows_with_options():
    rows = {row["name"]: row for row in balent.methods()}
    assert rows["power_bald"]["options"] == {"gumbel_scale": 1.0}
    assert rows["badge"]["kind"] == "batch"
    assert rows["balentacq"]["needs"] == ("moments",)


def test_select_takes_the_largest_scores():
    probs = pool()
    scores = balent.score("balentacq", probs)
    assert scores.dtype == np.float64
    picked = balent.select("balentacq", probs, 5)
    assert picked.dtype == np.int64
    assert picked.tolist() == np.argsort(-scores)[:5].tolist()


def test_score_and_select_of_a_random_method_agree_for_a_seed():
    probs = pool()
    scores = balent.score("power_bald", probs, seed=3, gumbel_scale=2.0)
    picked = balent.select("power_bald", probs, 20, seed=3, gumbel_scale=2.0)
    assert picked.tolist() == np.argsort(-scores).tolist()
    assert picked.tolist() != balent.select("power_bald", probs, 20, gumbel_scale=2.0).tolist()


def test_arrays_of_every_kind_give_the_same_scores(tmp_path):
    probs = pool()
    expected = balent.score("balentacq", probs).tolist()
    np.save(tmp_path / "probs.npy", probs)
    for same in (
        torch.from_numpy(probs).requires_grad_(),
        np.load(tmp_path / "probs.npy", mmap_mode="r"),
        probs[::-1].copy()[::-1],
        np.asfortranarray(probs),
        probs.astype(">f8"),
    ):
        assert balent.score("balentacq", same).tolist() == expected


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_rounded_probabilities_are_accepted(dtype):
    probs = torch.softmax(3 * torch.randn(40, 5, 300, generator=torch.manual_seed(0)), dim=2)
    assert np.isfinite(balent.score("entropy", probs.to(dtype))).all()
    if dtype == torch.float16:
        balent.score("entropy", probs.to(dtype).float())


def test_tiles_change_nothing(monkeypatch):
    probs = pool(n=50)
    whole = balent.score("balentacq", probs)
    picked = balent.select("bald", np.tile(probs, (3, 1, 1)), 30)
    monkeypatch.setattr(api, "TILE", 6 * 4 * 7)
    assert balent.score("balentacq", probs).tolist() == whole.tolist()
    assert balent.select("bald", np.tile(probs, (3, 1, 1)), 30).tolist() == picked.tolist()
    probs[33, 4] *= 2
    with pytest.raises(InputError, match=r"row \[33, 4\] does not sum to 1"):
        balent.score("balentacq", probs)


def test_equal_scores_are_not_in_pool_order():
    same = np.repeat(pool(n=1), 30, axis=0)
    batches = [balent.select("entropy", same, 10, seed=s).tolist() for s in (0, 0, 1)]
    assert batches[0] == batches[1] != batches[2]
    assert batches[0] != sorted(batches[0])


def test_badge_takes_features():
    probs = pool()
    features = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    picked = balent.select("badge", probs, 20, features=features)
    assert sorted(picked) == list(range(20))


def broken(value, place=(7, 2, 1)):
    probs = pool()
    probs[place] = value
    return probs


@pytest.mark.parametrize(
    ("probs", "message"),
    [
        ([[[0.5, 0.5]]], "probs: a list is not allowed"),
        (pool()[:, 0], r"probs: shape \(20, 4\) is not allowed; give \[N, K, C\]"),
        (pool()[:0], r"shape \(0, 6, 4\) is not allowed"),
        (pool()[:, :, :0], r"shape \(20, 6, 0\) is not allowed"),
        (np.ones((3, 2, 1)), r"probs: shape \(3, 2, 1\) has 1 class"),
        (np.ones((3, 2, 2), dtype=int), "type int64 is not allowed"),
        (np.ones((3, 2, 2), dtype=complex), "type complex128 is not allowed"),
        (broken(np.nan), r"row \[7, 2\] holds NaN or infinity"),
        (broken(np.inf), r"row \[7, 2\] holds NaN or infinity"),
        (broken(-0.1), r"row \[7, 2\] holds a negative value"),
        (broken(0.999), r"row \[7, 2\] does not sum to 1"),
        (pool() * 0.998, r"row \[0, 0\] does not sum to 1"),
    ],
)
@pytest.mark.parametrize("name", ["random", "balentacq"])
def test_probs_that_are_none_are_refused(name, probs, message):
    with pytest.raises(InputError, match=message) as caught:
        balent.select(name, probs, 1)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 21}, "size=21 is not allowed; give 1 to 20"),
        ({"size": 0}, "size=0 is not allowed"),
        ({"size": 2.5}, "size=2.5 is not allowed; give a whole number"),
        ({"seed": -1}, "seed=-1 is not allowed"),
        ({"seed": None}, "seed=None is not allowed"),
        ({"features": np.ones((20, 2))}, "bald uses no features"),
        ({"gumbel_scale": 1.0}, "bald: unknown option 'gumbel_scale'"),
        ({"name": "bold"}, "unknown method 'bold'; did you mean 'bald'"),
        ({"name": "badge"}, "badge needs features"),
        ({"name": "badge", "features": np.ones((19, 2))}, "features: 19 rows for the 20 points"),
        ({"name": "badge", "features": np.ones(20)}, r"give \[N, D\]"),
        ({"name": "badge", "features": np.full((20, 2), np.nan)}, "features: hold NaN"),
    ],
)
def test_other_arguments_that_are_not_allowed_are_refused(arguments, message):
    with pytest.raises(BalentError, match=message) as caught:
        balent.select(**({"name": "bald", "probs": pool(), "size": 3} | arguments))
    assert "\n" not in str(caught.value)


def test_score_refuses_a_batch_method():
    with pytest.raises(MethodError, match="badge builds batches"):
        balent.score("badge", pool(), features=np.ones((20, 2)))
