"""Training and predictions on a device that is not the CPU: torch's meta device.

Its tensors have shapes and no values, so whatever waits for a value raises. A watch over every
operation refuses tensors of two devices, which a GPU would refuse, too. So a round's two long steps
neither leave a device nor wait for it. Autocast refuses this device: float32 alone is seen here.
"""

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

from balent.models import static_steps, training
from balent.models.build import build_model, build_variational
from balent.models.ensemble import Ensemble
from balent.posterior.sampler import TILE, mc_predict
from balent.posterior.sampling import Sampling
from balent.streams import Streams

META = torch.device("meta")
LAYERS = {"hidden": 16, "dropout": 0.5, "last_bias": True}
ENCODER = {"name": "narrow_resnet", "stem": "small", "width": 4, "blocks": [1, 1]}
FAMILIES = {
    "cnn": ({"family": "cnn", "channels": [6, 8], "kernels": [5, 5], **LAYERS}, (1, 28, 28)),
    "head": ({"family": "head", **LAYERS}, (40,)),
    "mlp": ({"family": "mlp", **LAYERS, "hidden": [16, 8], "dropped": [True, True]}, (40,)),
    "backbone": ({"family": "backbone", "encoder": ENCODER, **LAYERS}, (3, 8, 8)),
}
CAPTURED = ["cnn", "head", "mlp"]
LABELLED = 40
SETTINGS = {"learning_rate": 1e-3, "batch_size": 16, "epochs": 2}


class Generator(torch.Generator):
    """Says that it is on the meta device, where nothing is drawn."""

    device = META


class OneDevice(TorchDispatchMode):
    """Refuses operations on tensors of several devices; scalars and transfers are allowed."""

    TRANSFERS = (torch.ops.aten.copy_.default, torch.ops.aten._to_copy.default)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        given = tree_flatten((args, kwargs))[0]
        devices = {x.device.type for x in given if isinstance(x, torch.Tensor) and x.dim()}
        if len(devices) > 1 and func not in self.TRANSFERS:
            raise AssertionError(f"{func} of tensors on {sorted(devices)}")
        return func(*args, **(kwargs or {}))


class Points:
    def __init__(self, shape):
        self.shape = shape

    def gather(self, index):
        return torch.empty(len(index), *self.shape, device=index.device)


@pytest.fixture(autouse=True)
def generators(monkeypatch):
    real = Streams.torch

    def stream(self, name, *path, device="cpu"):
        return Generator() if torch.device(device) == META else real(self, name, *path)

    monkeypatch.setattr(Streams, "torch", stream)
    monkeypatch.setattr(torch, "is_autocast_enabled", lambda *_: False)  # refuses this device
    monkeypatch.setattr(static_steps, "_kept", {})


def network(family, kind="dropout"):
    spec, shape = FAMILIES[family]
    streams = Streams(0)
    if kind == "variational":
        spec = {k: v for k, v in spec.items() if k not in LAYERS}
        weights = streams.torch("weights")
        return build_variational(spec, shape, 10, weights, hidden=[16, 8], alpha=0.25).to(META)
    if kind == "ensemble":
        members = [
            build_model(spec, shape, 10, streams.torch("weights", number)) for number in range(5)
        ]
        return Ensemble(members, shape).to(META)
    return build_model(spec, shape, 10, streams.torch("weights")).to(META)


def train(family, kind="dropout", penalty=None):
    model, points = network(family, kind), Points(FAMILIES[family][1])
    y = torch.zeros(LABELLED, dtype=torch.int64, device=META)
    index = torch.arange(LABELLED, device=META)
    with OneDevice():
        training.train(model, points, y, index, SETTINGS, Streams(0), penalty and penalty(model))


@pytest.mark.parametrize("family", FAMILIES)
def test_steps_stay_on_the_device(family):
    train(family)


@pytest.mark.parametrize("family", ["cnn", "head"])
def test_steps_of_variational_dropout(family):
    train(family, "variational", penalty=lambda model: model.divergence)


@pytest.mark.parametrize("family", CAPTURED)
def test_captured_steps(family, monkeypatch):
    replayed = []

    def find(given):
        steps = static_steps.prepare(given)
        once = steps.replay
        steps.replay = lambda: (replayed.append(1), once())
        return steps

    monkeypatch.setattr(static_steps, "find", find)
    train(family)
    assert len(replayed) == 2 * 3  # epochs, batches


@pytest.mark.parametrize("scope", ["pool", "batch", "point"])
@pytest.mark.parametrize(
    ("family", "kind"),
    [
        *((family, "dropout") for family in FAMILIES),
        ("cnn", "variational"),
        ("head", "variational"),
        ("cnn", "ensemble"),
        ("head", "ensemble"),
    ],
)
def test_predictions(family, kind, scope):
    keep = {"moments", "samples", "features"}
    sampling = Sampling(5, scope, Streams(0), "masks", keep, 1 << 33)
    points = Points(FAMILIES[family][1])
    with OneDevice():
        found = mc_predict(network(family, kind), points, np.arange(TILE + 100), sampling, META)
    for tensor in (*vars(found.moments).values(), found.samples, found.features):
        assert tensor.device == META
        assert len(tensor) == TILE + 100


def test_a_tensor_of_another_device_is_found():
    model = network("head")
    model.hidden.weight = torch.nn.Parameter(torch.zeros(16, 40))
    sampling = Sampling(5, "batch", Streams(0), "masks", {"moments"}, 1 << 33)
    with pytest.raises(AssertionError, match="of tensors on"), OneDevice():
        mc_predict(model, Points((40,)), np.arange(100), sampling, META)
