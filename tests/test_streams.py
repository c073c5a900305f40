"""Named streams: independent, addressed by name and path, and no global state."""

import random

import numpy as np
import pytest
import torch

from balent.streams import NAMES, Streams


def test_a_stream_is_determined_by_seed_name_and_path():
    draw = Streams(3).numpy("initial", 1).random(4)
    np.testing.assert_array_equal(draw, Streams(3).numpy("initial", 1).random(4))
    np.testing.assert_array_equal(draw, Streams(3).at(1).numpy("initial").random(4))


def test_streams_differ_by_seed_name_and_path():
    keys = [(seed, name, r) for seed in (0, 1) for name in NAMES for r in (0, 1)]
    draws = {Streams(s).numpy(n, r).integers(1 << 62) for s, n, r in keys}
    assert len(draws) == len(keys)
    draws = {
        int(torch.randint(1 << 62, (1,), generator=Streams(s).torch(n, r))) for s, n, r in keys
    }
    assert len(draws) == len(keys)


def test_no_global_random_state_is_touched():
    before = random.getstate(), np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    Streams(0).numpy("masks").random()
    torch.rand(1, generator=Streams(0).torch("masks"))
    assert random.getstate() == before[0]
    np.testing.assert_array_equal(np.random.get_state()[1], before[1])  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), before[2])


def test_an_unknown_stream_is_an_error():
    with pytest.raises(ValueError):  # noqa: PT011
        Streams(0).numpy("shuffle")
