"""The public face: ``balent.methods``, ``balent.score``, ``balent.select``."""

import sys
import warnings
from dataclasses import replace
from importlib import metadata

import numpy as np
import pytest
import torch

import balent
from balent import pool as pool_module
from balent.acquisition import catalog, registry
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
    monkeypatch.setattr(pool_module, "TILE", 6 * 4 * 7)
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
        ({"name": "badge"}, r"badge needs features; give \[N, D\], mean penultimate features"),
        (
            {"name": "badge", "features": np.ones((19, 2))},
            r"features: shape \(19, 2\) has N = 19, but probs has N = 20; give \[N, D\]",
        ),
        ({"name": "badge", "features": np.ones(20)}, r"give \[N, D\]"),
        (
            {"name": "badge", "features": np.full((20, 2), np.nan)},
            "features: NaN or infinity is not",
        ),
    ],
)
def test_other_arguments_that_are_not_allowed_are_refused(arguments, message):
    with pytest.raises(BalentError, match=message) as caught:
        balent.select(**({"name": "bald", "probs": pool(), "size": 3} | arguments))
    assert "\n" not in str(caught.value)


def test_score_refuses_a_batch_method():
    with pytest.raises(MethodError, match="badge builds batches"):
        balent.score("badge", pool(), features=np.ones((20, 2)))


EVERYTHING = """
from balent.acquisition.base import register

@register(
    name="everything",
    title="Everything",
    kind="score",
    needs=("samples", "mean_and_features", "labelled_features", "pairs", "reference"),
    masks="pool",
    roles=("validation", "unlabelled_reference"),
)
def everything(predictions, context):
    return (
        predictions.samples[:, 0, 0].double()
        + 10 * predictions.pairs[:, 0, 0]
        + 100 * predictions.features[:, 0]
        + 1e3 * predictions.reference[0, 0, 0]
        + 1e4 * predictions.reference_pairs[0, 0, 0]
        + 1e5 * context.labelled_features[0, 0]
        + 1e6 * (context.validation_error or 0)
    )
"""


@pytest.fixture
def everything(tmp_path, monkeypatch):
    """A method that needs every input, and the inputs; each one shows in the score."""
    (tmp_path / "everything_module.py").write_text(EVERYTHING)
    point = metadata.EntryPoint("everything", "everything_module", catalog.GROUP)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(catalog.metadata, "entry_points", lambda group: [point])
    catalog.plugins.cache_clear()
    yield {
        "name": "everything",
        "probs": pool(),
        "features": np.random.default_rng(1).normal(size=(20, 3)),
        "labelled_features": np.random.default_rng(2).normal(size=(7, 3)).astype(np.float32),
        "pairs": pool(seed=3).astype(np.float32),
        "reference_probs": torch.from_numpy(pool(n=9, seed=4)),
        "reference_pairs": pool(n=9, seed=5),
        "validation_error": 0.25,
    }
    catalog.plugins.cache_clear()
    sys.modules.pop("everything_module", None)


def test_every_input_reaches_the_method(everything):
    scores = balent.score(**everything)
    assert scores == pytest.approx(
        everything["probs"][:, 0, 0]
        + 10 * everything["pairs"][:, 0, 0]
        + 100 * everything["features"][:, 0]
        + 1e3 * everything["reference_probs"][0, 0, 0].item()
        + 1e4 * everything["reference_pairs"][0, 0, 0]
        + 1e5 * everything["labelled_features"][0, 0]
        + 1e6 * 0.25
    )
    assert balent.select(**everything, size=20).tolist() == np.argsort(-scores).tolist()


def test_the_validation_error_may_be_left_out(everything):
    with_error = balent.score(**everything)
    without = balent.score(**everything | {"validation_error": None})
    assert without == pytest.approx(with_error - 1e6 * 0.25)


@pytest.mark.parametrize("keyword", ["features", "labelled_features", "pairs"])
def test_a_missing_input_is_named(everything, keyword):
    with pytest.raises(MethodError, match=rf"everything needs {keyword}; give \["):
        balent.score(**everything | {keyword: None})


@pytest.mark.parametrize("keyword", ["reference_probs", "reference_pairs"])
def test_a_missing_reference_is_named(everything, keyword):
    with pytest.raises(MethodError, match=rf"everything needs {keyword}; give \[R, K, C\]"):
        balent.score(**everything | {keyword: None})


@pytest.mark.parametrize(
    "keyword",
    ["labelled_features", "pairs", "reference_probs", "reference_pairs", "validation_error"],
)
def test_a_superfluous_input_is_named(everything, keyword):
    with pytest.raises(MethodError, match=f"bald uses no {keyword}; leave it out"):
        balent.score("bald", pool(), **{keyword: everything[keyword]})


@pytest.mark.parametrize(
    ("keyword", "value", "message"),
    [
        ("labelled_features", np.ones((7, 2)), r"has D = 2, but features has D = 3"),
        ("labelled_features", np.ones((0, 3)), r"labelled_features: shape \(0, 3\) is not"),
        ("labelled_features", np.full((7, 3), np.inf), "labelled_features: NaN or infinity"),
        ("pairs", pool(n=19), r"pairs: shape \(19, 6, 4\) has N = 19, but probs has N = 20"),
        ("pairs", pool(k=5), "has K = 5, but probs has K = 6"),
        ("pairs", pool() * 1.1, r"pairs: row \[0, 0\] does not sum to 1"),
        ("reference_probs", pool(c=3), "reference_probs: .* has C = 3, but probs has C = 4"),
        ("reference_probs", [1.0], "reference_probs: a list is not allowed"),
        ("reference_pairs", pool(n=8), "has R = 8, but reference_probs has R = 9"),
        ("reference_pairs", -pool(n=9), r"reference_pairs: row \[0, 0\] holds a negative value"),
        ("validation_error", 1.5, r"validation_error=1.5 is not allowed; give a number in \[0"),
        ("validation_error", float("nan"), "validation_error=nan is not allowed"),
        ("validation_error", True, "validation_error=True is not allowed"),
        ("validation_error", "0.1", "validation_error='0.1' is not allowed"),
    ],
)
def test_an_input_that_is_not_allowed_is_named(everything, keyword, value, message):
    with pytest.raises(InputError, match=message) as caught:
        balent.score(**everything | {keyword: value})
    assert "\n" not in str(caught.value)


def one_sample(name) -> pool_module.Pool:
    """What a method needs of 30 points, with K = 1."""
    inputs = {
        "features": np.random.default_rng(1).normal(size=(30, 3)),
        "labelled_features": np.random.default_rng(2).normal(size=(7, 3)),
        "pairs": pool(n=30, k=1, seed=3),
        "reference_probs": pool(n=9, k=1, seed=4),
        "reference_pairs": pool(n=9, k=1, seed=5),
    }
    spec = catalog.find(name).spec
    used = {key for key, extra in pool_module.EXTRAS.items() if {*extra.needs} <= {*spec.needs}}
    return pool_module.Pool(
        pool(n=30, k=1),
        **{key: value for key, value in inputs.items() if key in used},
        validation_error=0.2 if "validation" in spec.roles else None,
    )


@pytest.mark.parametrize("name", sorted(catalog.catalog()))
def test_methods_without_a_ranking_of_one_sample_declare_it(name, monkeypatch):
    """They are refused by ``prepare``; without that their scores are constant up to rounding."""
    entry = catalog.find(name)
    known = entry.spec.least_samples == 2
    lenient = replace(entry, spec=replace(entry.spec, least_samples=1))
    monkeypatch.setattr(pool_module.catalog, "find", lambda name: lenient)
    checked = pool_module.check(name, one_sample(name))
    predictions, context = pool_module.prepare(checked), checked.context
    scores = registry.acquire(name, predictions, 30, context, {})[1]
    assert (len(np.unique(np.exp(scores).round(9))) == 1) == known


@pytest.mark.parametrize(
    "name", [name for name, e in catalog.catalog().items() if e.spec.least_samples == 2]
)
def test_one_sample_is_refused_by_methods_that_compare_samples(name):
    with pytest.raises(
        MethodError, match=rf"{name} compares .* \(30, 1, 4\) has 1 \(K = 1\); give"
    ):
        pool_module.check(name, one_sample(name))


def test_samples_that_agree_everywhere_are_warned_of():
    same = np.repeat(pool(k=1), 5, axis=1)
    with pytest.warns(UserWarning, match=r"so bald ranks by chance; is dropout on\?") as caught:
        balent.select("bald", same, 3)
    assert caught[0].filename == __file__
    same[7, 2] = same[6, 2]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        balent.select("bald", same, 3)
        balent.select("entropy", np.repeat(pool(k=1), 5, axis=1), 3)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_arrays_on_a_gpu_give_the_same_picks():
    probs = torch.from_numpy(pool())
    for name in ("bald", "balentacq"):
        expected = balent.select(name, probs, 5).tolist()
        assert balent.select(name, probs.cuda(), 5).tolist() == expected


@pytest.mark.parametrize("name", ["balentacq", "power_bald", "random", "entropy"])
def test_pieces_of_a_pool_are_scored_as_the_whole(name, monkeypatch):
    probs = pool(n=200)
    expected, picks = balent.score(name, probs, seed=3), balent.select(name, probs, 50, seed=3)
    monkeypatch.setattr(pool_module, "TILE", 7 * probs.shape[1] * probs.shape[2])
    monkeypatch.setattr(pool_module, "PIECE", 20 * probs.shape[2])
    assert balent.score(name, probs, seed=3).tolist() == expected.tolist()
    assert balent.select(name, probs, 50, seed=3).tolist() == picks.tolist()


def test_moments_of_a_large_pool_are_never_held_whole(monkeypatch):
    probs, sizes = pool(n=400), []
    monkeypatch.setattr(pool_module, "TILE", 5 * probs.shape[1] * probs.shape[2])
    monkeypatch.setattr(pool_module, "PIECE", 20 * probs.shape[2])
    original = pool_module.Moments.cat
    join = staticmethod(lambda parts: sizes.append(sum(map(len, parts))) or original(parts))
    monkeypatch.setattr(pool_module.Moments, "cat", join)
    balent.score("balentacq", probs)
    assert sizes == [20] * 20


def test_a_size_beyond_the_pool_is_refused_before_values_are_read():
    probs = pool()
    probs[0, 0] = np.nan
    with pytest.raises(InputError, match="size=21 is not allowed; give 1 to 20"):
        balent.select("bald", probs, 21)
    for size in (True, 2.0, "2"):
        with pytest.raises(InputError, match="give a whole number"):
            balent.select("bald", probs, size)


def test_rows_that_sum_to_nearly_one_are_brought_to_one():
    probs = pool()
    exact = balent.score("balentacq", probs)
    assert balent.score("balentacq", probs * 1.0009) == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize("scale", [1e160, 1e-170])
def test_features_whose_squares_are_lost_are_refused(scale):
    features = np.ones((20, 3)) * scale
    with pytest.raises(InputError, match=r"features: a row's largest value is .* scale"):
        balent.select("badge", pool(), 3, features=features)


def test_arrays_that_are_not_what_they_seem_are_refused():
    masked = np.ma.masked_array(pool(), mask=False)
    sparse = torch.from_numpy(pool()).to_sparse()
    for wrong, message in ((masked, "masked array"), (sparse, "sparse or meta tensor")):
        with pytest.raises(InputError, match=message):
            balent.select("bald", wrong, 3)


def test_numbers_of_numpy_are_options_like_any_others():
    assert balent.score("balentacq", pool(), precision=np.int64(3)).shape == (20,)
    assert balent.score("power_bald", pool(), gumbel_scale=np.float64(2)).shape == (20,)
    with pytest.raises(MethodError, match="give a number in"):
        balent.score("power_bald", pool(), gumbel_scale=10**400)


def test_swapped_arguments_are_named():
    with pytest.raises(MethodError, match="method: a ndarray is not allowed; give a name"):
        balent.select(pool(), "bald", 3)
    with pytest.raises(InputError, match="size: a ndarray is not allowed; give a whole number"):
        balent.select("bald", 3, pool())
    with pytest.raises(MethodError, match="did you mean 'bald'"):
        balent.select("BALD", pool(), 3)
