"""No method makes a device wait more often than it must, or mixes devices.

On a CPU nothing waits; what would wait on a GPU is counted instead: values that Python reads,
transfers between host and device, and operations whose result has a size that values decide.
"""

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from balent.acquisition import balance, beta, catalog, centres, coremse, joint, registry
from balent.acquisition.base import Context, Predictions
from balent.acquisition.tile import GPU, tile_values
from balent.posterior.moments import Moments

METHODS = catalog.catalog()
SCORES = sorted(name for name, entry in METHODS.items() if entry.spec.kind == "score")
BATCHES = sorted(name for name, entry in METHODS.items() if entry.spec.kind == "batch")
aten = torch.ops.aten
READS = {aten._local_scalar_dense, aten.nonzero, aten.masked_select, aten._unique2}
MOVES = {torch.Tensor.cpu, torch.from_numpy, torch.tensor, torch.Tensor.tolist}
INDEXING = {aten.index, aten.index_put, aten.index_put_}


class Waits(TorchDispatchMode):
    """How often the host would wait for a device inside the block."""

    def __init__(self):
        super().__init__()
        self.count = 0
        self.calls = _Calls(self)

    def __enter__(self):
        self.calls.__enter__()
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        self.calls.__exit__(*error)

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        packet = function.overloadpacket
        by_mask = packet in INDEXING and any(
            index is not None and index.dtype == torch.bool for index in args[1]
        )
        self.count += packet in READS or by_mask
        return function(*args, **kwargs or {})


class _Calls(TorchFunctionMode):
    def __init__(self, waits):
        super().__init__()
        self.waits, self.on_host = waits, []

    def __torch_function__(self, function, types, args=(), kwargs=None):
        self.waits.count += function in MOVES
        if function in (torch.Tensor.numpy, torch.Tensor.__array__):
            assert any(args[0] is tensor for tensor in self.on_host), "numpy() without cpu()"
        result = function(*args, **kwargs or {})
        if function is torch.Tensor.cpu:
            self.on_host.append(result)
        return result


def waits(work, *arguments):
    with Waits() as counter:
        work(*arguments)
    return counter.count


def probabilities(generator, *shape):
    return torch.softmax(2 * torch.randn(*shape, generator=generator), dim=-1)


def pool(n, samples=6, classes=4):
    generator = torch.Generator().manual_seed(n)
    first, second = (probabilities(generator, n, samples, classes) for _ in range(2))
    generator.manual_seed(0)  # what is not of the pool is the same for every pool
    reference, pairs = (probabilities(generator, 20, samples, classes) for _ in range(2))
    features = torch.randn(n, 8, generator=generator)
    return Predictions(
        n, samples, Moments.from_probs(first), first, features, second, reference, pairs
    )


POOLS = {n: pool(n) for n in (40, 400)}
LABELLED = torch.linspace(-1, 1, 40).reshape(5, 8)


def context():
    return Context(np.random.default_rng(0), LABELLED, validation_error=0.3)


def run(name, predictions, size):
    if name in BATCHES:
        return registry.load(name)(predictions, context(), size)
    return registry.load(name)(predictions, context())


@pytest.fixture
def short_tiles(monkeypatch):
    """Tiles of a few points, so that a pool has many."""
    for module in (balance, beta, coremse):
        monkeypatch.setattr(module, "TILE", 100)
    monkeypatch.setattr(joint, "ELEMENTS", 100)
    monkeypatch.setattr(centres, "BLOCK", 4096)


def test_what_waits_is_counted():
    x = torch.arange(4.0)
    for work in (
        lambda: x[0].item(),
        lambda: float(x[0]),
        lambda: bool(x[0] > 1),
        lambda: x[x > 1],
        lambda: x.index_put_((x > 1,), x[:1]),
        lambda: x.nonzero(),
        lambda: x.unique(),
        lambda: x.cpu().numpy(),
        lambda: x.tolist(),
        lambda: torch.tensor([1.0, 2.0]),
    ):
        assert waits(work) >= 1
    assert waits(lambda: torch.where(x > 1, x, 0.0).index_select(0, x.argmax()[None])) == 0
    with pytest.raises(AssertionError, match="without cpu"):
        waits(x.numpy)


@pytest.mark.parametrize("name", SCORES)
def test_scores_wait_a_constant_number_of_times(name, short_tiles):
    """balance_partition: once for each cell of the hypotheses, of which there are 2K at most."""
    small, large = (waits(run, name, POOLS[n], 0) for n in (40, 400))
    assert small == large
    assert small <= (2 * 6 if name == "balance_partition" else 1)


@pytest.mark.parametrize("name", ["batch_balance", "large_batchbald", "power_large_batchbald"])
def test_batches_wait_once_for_a_point(name, short_tiles):
    for predictions in POOLS.values():
        counts = [waits(run, name, predictions, b) for b in (1, 2, 10)]
        assert counts[0] <= 2
        assert counts[1] - counts[0] == 1
        assert counts[2] - counts[0] == 9


@pytest.mark.parametrize("name", ["badge", "coreset"])
def test_distances_wait_once_each(name, short_tiles, monkeypatch):
    """And a few times for each pass over the pool, of which 64 looks share one."""
    asked, compared = [], []
    distance, compare = centres.NearestCentre.distance, centres.NearestCentre.compare
    monkeypatch.setattr(
        centres.NearestCentre, "distance", lambda *a: (asked.append(a), distance(*a))[1]
    )
    monkeypatch.setattr(
        centres.NearestCentre, "compare", lambda *a: (compared.append(a), compare(*a))[1]
    )
    for predictions in POOLS.values():
        asked.clear()
        compared.clear()
        count = waits(run, name, predictions, 30)
        assert len(compared) <= 2 + len(asked) / 64
        assert 30 <= count <= 1 + len(asked) + 2 * len(compared)


def test_batchbald_waits_a_few_times_for_a_block_of_candidates():
    """In one block: two transfers for each of three kinds of gains, and what sizes depend on."""
    for predictions in POOLS.values():
        counts = [waits(run, "batchbald", predictions, b) for b in (2, 12)]
        assert counts[1] - counts[0] <= 8 * 10


@pytest.mark.parametrize("name", sorted(METHODS))
def test_whatever_a_method_makes_is_made_on_the_device_of_its_predictions(name):
    """A tensor made on the default device would be a meta tensor here, and the method fail."""
    plain = run(name, POOLS[40], 12)
    with torch.device("meta"):
        elsewhere = run(name, POOLS[40], 12)
    for a, b in zip(plain, elsewhere, strict=True):
        np.testing.assert_array_equal(np.asarray(a), np.asarray(b))


def test_tiles_of_a_gpu_are_larger():
    assert tile_values(100, torch.device("cpu")) == 100
    assert tile_values(100, torch.device("cuda")) == 100 * GPU
