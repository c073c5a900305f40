"""Index roles and the initial set."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from balent.data.initial import initial_set
from balent.data.roles import assign
from balent.errors import ConfigError
from balent.streams import Streams


@given(
    pool=st.one_of(st.just("all"), st.integers(1, 60)),
    validation=st.integers(0, 20),
    reference=st.integers(0, 20),
)
def test_roles_are_disjoint_ascending_and_of_their_size(pool, validation, reference):
    y = np.zeros(100, np.int64)
    roles = assign(y, {"pool": pool, "validation": validation, "unlabelled_reference": reference})
    parts = [roles.pool, roles.validation, roles.unlabelled_reference]
    wanted = 100 - validation - reference if pool == "all" else pool
    assert [len(part) for part in parts] == [wanted, validation, reference]
    together = np.concatenate(parts)
    assert len(np.unique(together)) == len(together)
    assert set(together) <= set(range(100))
    for part in parts:
        assert part.dtype == np.int64
        assert (np.diff(part) > 0).all()


def test_roles_are_reproducible_and_do_not_touch_global_randomness():
    y = np.zeros(500, np.int64)
    spec = {"pool": 100, "validation": 50, "unlabelled_reference": 30}
    first = assign(y, spec)
    second = assign(y, spec, Streams(0))
    np.testing.assert_array_equal(first.pool, second.pool)
    np.testing.assert_array_equal(first.validation, second.validation)
    assert not np.array_equal(first.pool, assign(y, spec, Streams(1)).pool)


def test_validation_and_reference_do_not_depend_on_the_pools_size():
    y = np.zeros(500, np.int64)
    small = assign(y, {"pool": 10, "validation": 50, "unlabelled_reference": 30})
    large = assign(y, {"validation": 50, "unlabelled_reference": 30})
    np.testing.assert_array_equal(small.validation, large.validation)
    np.testing.assert_array_equal(small.unlabelled_reference, large.unlabelled_reference)
    assert set(small.pool) <= set(large.pool)


def test_the_whole_set_is_the_pool_by_default():
    np.testing.assert_array_equal(assign(np.zeros(7, np.int64), {}).pool, np.arange(7))


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ({"pool": 101}, "pool 101 do not fit the 100 training points"),
        ({"pool": 60, "validation": 41}, "pool 60, validation 41 do not fit"),
        ({"pool": "all", "validation": 100}, "at least 1 in the pool"),
        ({"pool": 0}, "at least 1 in the pool"),
        ({"pool": -1}, "pool.pool: -1 is not allowed"),
        ({"pool": "most"}, "pool.pool: 'most' is not allowed; give all or a whole number"),
        ({"validation": True}, "pool.validation: True is not allowed"),
        ({"validation": "all"}, "pool.validation: 'all' is not allowed"),
        ({"test": 5}, "unknown role 'test' (allowed: pool, validation, unlabelled_reference)"),
    ],
)
def test_wrong_roles_are_answered_in_one_line(spec, says):
    with pytest.raises(ConfigError) as caught:
        assign(np.zeros(100, np.int64), spec)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def labels():
    return np.random.default_rng(3).integers(0, 5, 200)


@pytest.mark.parametrize("size", [0, 5, 20])
def test_a_balanced_initial_set_has_every_class_equally(size):
    y = labels()
    chosen = initial_set(y, size, True, 5, np.random.default_rng(0))
    assert chosen.dtype == np.int64
    assert len(np.unique(chosen)) == size
    np.testing.assert_array_equal(np.bincount(y[chosen], minlength=5), [size // 5] * 5)


def test_an_unbalanced_initial_set_is_uniform_without_repeats():
    y, counts = labels(), np.zeros(200)
    rng = np.random.default_rng(1)
    for _ in range(2_000):
        chosen = initial_set(y, 20, False, 5, rng)
        assert len(np.unique(chosen)) == 20
        counts[chosen] += 1
    # Each position is drawn with probability 0.1: mean 200, standard deviation 13.4.
    assert 200 - 5 * 13.4 < counts.min() <= counts.max() < 200 + 5 * 13.4


@pytest.mark.parametrize("balanced", [False, True])
def test_the_same_generator_gives_the_same_initial_set(balanced):
    y = labels()
    draw = [initial_set(y, 20, balanced, 5, Streams(s).numpy("initial")) for s in (4, 4, 5)]
    np.testing.assert_array_equal(draw[0], draw[1])
    assert not np.array_equal(draw[0], draw[2])


@pytest.mark.parametrize(
    ("size", "balanced", "says"),
    [
        (201, False, "size 201 is not between 0 and the pool's 200"),
        (-1, False, "size -1"),
        (21, True, "balanced size 21 is not a multiple of the 5 classes; choose e.g. 25"),
        (200, True, "40 points of every class are wanted, but the pool has"),
    ],
)
def test_a_wrong_initial_size_is_answered_in_one_line(size, balanced, says):
    with pytest.raises(ConfigError) as caught:
        initial_set(labels(), size, balanced, 5, np.random.default_rng(0))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
