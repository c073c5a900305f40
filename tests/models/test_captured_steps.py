"""On a GPU: captured steps train as eager ones do."""

import pytest
import torch

from balent import runtime
from balent.data.inputs import Inputs
from balent.models import static_steps
from balent.models.build import build_model
from balent.models.training import train
from balent.streams import Streams

from .test_training import CNN, HEAD, MLP

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")

SPECS = [HEAD, MLP, CNN | {"last_bias": True}]
SETTINGS = {"learning_rate": 3e-3, "batch_size": 16, "steps": 12}
IMAGES = Streams(0).numpy("noise").integers(0, 256, (600, 8, 8), dtype="uint8")
LABELS = torch.arange(600) % 3
EVERY_GPU = range(torch.cuda.device_count())


@pytest.fixture(autouse=True)
def prepared(monkeypatch):
    monkeypatch.setattr(static_steps, "_kept", {})
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)  # as runtime.prepare


def trained(spec, n=33, gpu=0, captured=True, seed=0, **settings):
    device = torch.device("cuda", gpu)
    model = build_model(spec, (1, 8, 8), 3, Streams(seed).torch("weights")).to(device)
    inputs, index = Inputs(IMAGES, device=device), torch.arange(n)
    with pytest.MonkeyPatch.context() as patch:
        if not captured:
            patch.setattr(static_steps, "find", lambda training: None)
        before = len(static_steps._kept)
        chosen = SETTINGS | settings
        given = (lambda: 0.5) if "patience" in chosen else None
        train(model, inputs, LABELS[:n], index, chosen, Streams(seed), validation_error=given)
        assert bool(static_steps._kept) == (captured or before > 0)
    return torch.cat([value.flatten() for value in model.state_dict().values()]).cpu()


@pytest.mark.parametrize("gpu", EVERY_GPU)
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("spec", SPECS)
def test_weights_are_those_of_eager_steps(spec, precision, gpu):
    given = {"gpu": gpu, "precision": precision}
    captured = trained(spec, **given)
    eager = trained(spec, captured=False, **given)
    later = trained(spec, captured=False, **given, steps=13)
    assert (captured - eager).norm() < (later - eager).norm() / 5
    if precision == "float32":
        assert torch.allclose(captured, eager, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("spec", SPECS)
def test_kept_steps_start_anew(spec):
    first = trained(spec)
    trained(spec, n=9, seed=1)
    assert len(static_steps._kept) == 1
    assert torch.allclose(first, trained(spec), rtol=1e-3, atol=1e-4)


def test_more_labelled_points_than_there_is_room_for_are_captured_again():
    trained(CNN | {"last_bias": True}, n=30)
    [kept] = static_steps._kept
    many = trained(CNN | {"last_bias": True}, n=520)
    assert [kept] != list(static_steps._kept)
    eager = trained(CNN | {"last_bias": True}, n=520, captured=False)
    assert torch.allclose(many, eager, rtol=1e-3, atol=1e-4)


def test_early_stopping_sees_the_weights_after_every_epoch():
    settings = {"steps": None, "epochs": 9, "patience": 2}
    captured = trained(HEAD, **settings)
    assert torch.allclose(captured, trained(HEAD, captured=False, **settings), rtol=1e-3, atol=1e-4)
    once = trained(HEAD, **settings | {"epochs": 1})
    assert torch.equal(captured, once)  # no later epoch was better


def test_deterministic_steps_give_the_same_bits(monkeypatch):
    monkeypatch.setenv("BALENT_DETERMINISTIC", "1")
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    runtime.prepare(torch.get_num_threads())
    try:
        for spec in SPECS:
            assert torch.equal(trained(spec), trained(spec))
    finally:
        torch.use_deterministic_algorithms(False)
