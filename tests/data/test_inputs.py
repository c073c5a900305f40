"""What networks see: conversion against NumPy, pool views against explicit copies."""

import numpy as np
import pytest
import torch

from balent.data import inputs as module
from balent.data.inputs import Inputs, PoolView
from balent.errors import InputError
from balent.streams import Streams

RNG = np.random.default_rng(0)
ARRAYS = {
    "grey": RNG.integers(0, 256, (40, 6, 5), dtype=np.uint8),
    "colour": RNG.integers(0, 256, (40, 6, 5, 3), dtype=np.uint8),
    "float32": RNG.normal(size=(40, 7)).astype(np.float32),
    "float64": RNG.normal(size=(40, 7)),
}
SCALES = {
    "grey": ([0.1307], [0.3081]),
    "colour": ([0.4914, 0.4822, 0.4465], [0.2470, 0.2435, 0.2616]),
    "float32": (RNG.normal(size=7).tolist(), RNG.uniform(0.5, 2, 7).tolist()),
    "float64": ([0.5], [2.0]),
}
INDEX = torch.tensor([3, 0, 39, 3, 17])


def oracle(array, mean, std):
    """The conversion in NumPy, float32 throughout."""
    x = array.astype(np.float32)
    if array.dtype == np.uint8:
        x = x / np.float32(255)
        x = x[:, None] if x.ndim == 3 else np.moveaxis(x, 3, 1)
    if mean is not None:
        form = (-1, 1, 1) if array.dtype == np.uint8 else (-1,)
        x = (x - np.float32(mean).reshape(form)) / np.float32(std).reshape(form)
    return x


@pytest.mark.parametrize("ready_bytes", [0, 64 << 20])
@pytest.mark.parametrize("scaled", [False, True])
@pytest.mark.parametrize("name", ARRAYS)
def test_gathering_equals_the_formula_bit_by_bit(monkeypatch, name, scaled, ready_bytes):
    monkeypatch.setattr(module, "READY_BYTES", ready_bytes)  # converted late, or once
    array = ARRAYS[name]
    mean, std = SCALES[name] if scaled else (None, None)
    inputs = Inputs(array, mean, std)
    got = inputs.gather(INDEX)
    want = oracle(array, mean, std)[INDEX.numpy()]
    assert got.dtype == torch.float32
    assert got.is_contiguous()
    assert len(inputs) == 40
    assert inputs.shape == want.shape[1:] == tuple(got.shape[1:])
    np.testing.assert_array_equal(got.numpy(), want)


def test_what_is_gathered_may_be_changed(monkeypatch):
    for ready_bytes in (0, 64 << 20):
        monkeypatch.setattr(module, "READY_BYTES", ready_bytes)
        for array in ARRAYS.values():
            inputs = Inputs(array)
            first = inputs.gather(INDEX)
            kept = first.clone()
            first.zero_()
            assert torch.equal(inputs.gather(INDEX), kept)


@pytest.mark.parametrize("name", ["grey", "colour", "float32"])
def test_a_large_array_is_not_copied_on_the_cpu(monkeypatch, name):
    monkeypatch.setattr(module, "READY_BYTES", 0)
    array = ARRAYS[name]
    assert Inputs(array)._data.data_ptr() == array.ctypes.data


@pytest.mark.filterwarnings("error")
def test_a_read_only_array_is_taken_without_a_word(tmp_path):
    np.save(tmp_path / "a.npy", ARRAYS["float32"])
    inputs = Inputs(np.load(tmp_path / "a.npy", mmap_mode="r"))
    np.testing.assert_array_equal(inputs.gather(INDEX), ARRAYS["float32"][INDEX])


@pytest.mark.parametrize("name", ["grey", "colour", "float32"])
def test_denormalise_undoes_normalise(name):
    inputs = Inputs(ARRAYS[name], *SCALES[name])
    plain = torch.from_numpy(oracle(ARRAYS[name], None, None))
    assert torch.equal(inputs.normalise(plain), inputs.gather(torch.arange(40)))
    torch.testing.assert_close(inputs.denormalise(inputs.normalise(plain)), plain)
    bare = Inputs(ARRAYS[name])
    assert bare.normalise(plain) is plain
    assert bare.denormalise(plain) is plain


@pytest.mark.parametrize(
    ("array", "mean", "std", "says"),
    [
        (np.zeros((3, 4), np.uint8), None, None, "array is uint8 [3, 4]; allowed"),
        (np.zeros((3, 4, 5, 2), np.uint8), None, None, "array is uint8 [3, 4, 5, 2]"),
        (np.zeros((3, 4, 5), np.float32), None, None, "array is float32 [3, 4, 5]"),
        (np.zeros((3, 4), np.int64), None, None, "array is int64"),
        (ARRAYS["colour"], [0.5, 0.5], [1.0, 1.0], "2 and 2 values; allowed: 1 or 3"),
        (ARRAYS["colour"], [0.5], [1.0, 1.0], "1 and 2 values"),
        (ARRAYS["grey"], [0.5], None, "give both or neither"),
        (ARRAYS["grey"], None, [0.5], "give both or neither"),
        (ARRAYS["grey"], [0.5], [0.0], "std above 0"),
        (ARRAYS["grey"], [float("nan")], [1.0], "must be finite"),
    ],
)
def test_wrong_inputs_are_answered_in_one_line(array, mean, std, says):
    with pytest.raises(InputError) as caught:
        Inputs(array, mean, std)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


SOURCE = np.array([5, 2, 30, 11])


@pytest.mark.parametrize("name", ARRAYS)
@pytest.mark.parametrize("layout", ["concatenated", "adjacent"])
@pytest.mark.parametrize("copies", [1, 3])
def test_a_view_equals_an_explicit_array_of_copies(name, layout, copies):
    array = ARRAYS[name][SOURCE]
    if layout == "concatenated":
        explicit = np.concatenate([array] * copies)
        rows = np.concatenate([SOURCE] * copies)
    else:
        explicit = np.concatenate([array[i : i + 1] for i in range(4) for _ in range(copies)])
        rows = np.array([row for row in SOURCE for _ in range(copies)])
    view = PoolView(Inputs(ARRAYS[name], *SCALES[name]), SOURCE, copies, layout=layout)
    everything = torch.randperm(4 * copies, generator=torch.Generator().manual_seed(0))
    want = Inputs(explicit, *SCALES[name]).gather(everything)
    assert len(view) == 4 * copies
    assert view.shape == want.shape[1:]
    assert torch.equal(view.gather(everything), want)
    assert torch.equal(view.row(everything), torch.from_numpy(rows)[everything])
    got = view.row(everything.numpy())
    assert isinstance(got, np.ndarray)
    np.testing.assert_array_equal(got, rows[everything])


@pytest.mark.parametrize("layout", ["concatenated", "adjacent"])
def test_first_copies_are_of_the_points_at_the_positions(layout):
    view = PoolView(Inputs(ARRAYS["grey"]), SOURCE, copies=3, layout=layout)
    position = np.array([0, 1, 3])
    np.testing.assert_array_equal(view.row(view.first_copies(position)), SOURCE[position])


@pytest.mark.parametrize("bad", [-1, 12])
def test_an_index_outside_the_pool_is_an_error(bad):
    view = PoolView(Inputs(ARRAYS["grey"]), SOURCE, copies=3)
    for ask in (view.gather, view.row):
        with pytest.raises((IndexError, RuntimeError)):
            ask(torch.tensor([bad]))
    with pytest.raises((IndexError, RuntimeError)):
        view.row(np.array([bad]))


def noisy(layout="concatenated", sd=0.1, seed=0, n=40, copies=3, name="grey"):
    inputs = Inputs(ARRAYS[name], *SCALES[name])
    return PoolView(inputs, np.arange(n), copies, sd, layout, Streams(seed))


@pytest.mark.parametrize("name", ["grey", "colour", "float32"])
def test_noise_does_not_depend_on_the_order_of_queries(name):
    view = noisy(name=name)
    everything = view.gather(torch.arange(120))
    for index in (torch.tensor([119]), torch.tensor([7, 47, 7, 0]), torch.arange(119, -1, -1)):
        assert torch.equal(view.gather(index), everything[index])
        assert torch.equal(noisy(name=name).gather(index), everything[index])


def test_noise_belongs_to_the_copy_whatever_the_layout():
    concatenated = noisy().gather(torch.arange(120)).reshape(3, 40, 30)  # [τ, n, pixels]
    adjacent = noisy("adjacent").gather(torch.arange(120)).reshape(40, 3, 30)
    assert torch.equal(concatenated, adjacent.transpose(0, 1))


def test_noise_is_gaussian_of_its_sd_and_independent_between_copies_points_and_seeds():
    clean = noisy(sd=0.0).gather(torch.arange(120)).double()
    noise = (noisy(sd=0.5).gather(torch.arange(120)).double() - clean) / 0.5
    n = noise.numel()
    assert abs(noise.mean()) < 5 / n**0.5
    assert abs(noise.var() - 1) < 5 * (2 / n) ** 0.5
    rows = noise.reshape(120, -1)
    assert len(torch.unique(rows, dim=0)) == 120
    copies = rows.reshape(3, -1)
    other = (noisy(sd=0.5, seed=1).gather(torch.arange(120)).double() - clean).flatten()
    for a, b in ((copies[0], copies[1]), (rows[:-1].flatten(), rows[1:].flatten())):
        assert abs(torch.corrcoef(torch.stack([a, b]))[0, 1]) < 5 / a.numel() ** 0.5
    assert abs(torch.corrcoef(torch.stack([noise.flatten(), other]))[0, 1]) < 5 / n**0.5
    from_noise_alone = noisy(sd=0.5).inputs.gather(torch.arange(40)).double()
    assert torch.equal(from_noise_alone, clean[:40])  # the inputs themselves stay clean


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"source": np.array([0.0])}, "source is float64"),
        ({"source": np.array([[0]])}, "source is int64 [1, 1]"),
        ({"source": np.array([0, 40])}, "rows 0 to 40; allowed: 0 to 39"),
        ({"source": np.array([-1])}, "rows -1 to -1"),
        ({"copies": 0}, "copies is 0"),
        ({"layout": "mixed"}, "unknown layout 'mixed'; allowed: concatenated, adjacent"),
        ({"noise_sd": -0.1, "streams": Streams(0)}, "noise_sd is -0.1"),
        ({"noise_sd": float("nan"), "streams": Streams(0)}, "noise_sd is nan"),
        ({"noise_sd": 0.1}, "streams is missing"),
    ],
)
def test_a_wrong_view_is_answered_in_one_line(arguments, says):
    with pytest.raises(InputError) as caught:
        PoolView(Inputs(ARRAYS["grey"]), **({"source": SOURCE} | arguments))
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
