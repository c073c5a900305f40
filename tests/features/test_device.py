"""A step on a device, as far as a CPU shows it: torch's meta device holds no values.

What reads one on the host, where a GPU would be waited for, fails there; and so does, with meta as
the default device, whatever is made without saying where.
"""

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode

from balent.data.inputs import Inputs
from balent.features import simclr
from balent.features.settings import SimclrSettings
from balent.streams import Streams

AUGMENTATION = {"crop": [0.2, 1.0], "flip": True, "jitter": 0.5, "greyscale": 0.2, "blur": 0.5}
MAKERS = (torch.tensor, torch.as_tensor, torch.from_numpy, torch.Tensor.new_tensor)


class Transfers(TorchFunctionMode):
    """Tensors that move between devices inside the block, and whether the host waits for it."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[int] = []
        """Bytes of each transfer that nobody waits for."""
        self.waits = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        result = function(*args, **kwargs or {})
        if function in MAKERS:
            self.waits += 1
        elif function is torch.Tensor.to and args[0].device != result.device:
            if (kwargs or {}).get("non_blocking"):
                self.sent.append(args[0].nbytes)
            else:
                self.waits += 1
        return result


@pytest.fixture
def run(settings, monkeypatch):
    """A training of 4 steps an epoch on a device; Adam's fused kernel knows no meta device."""
    monkeypatch.setattr(torch.optim, "Adam", lambda weights, fused: torch.optim.SGD(weights))
    images = np.random.default_rng(0).integers(0, 256, (70, 6, 6, 3), dtype=np.uint8)
    settings |= {"augmentation": AUGMENTATION, "image_size": 10}

    def build(device):
        inputs = Inputs(images, device=device)
        return simclr._Run(inputs, SimclrSettings.of(settings), Streams(0), None)

    return build


def test_within_an_epoch_the_host_reads_nothing_from_the_device(run):
    training = run("meta")
    for _ in range(training.steps - 1):
        training.step()
    with pytest.raises(RuntimeError, match="meta tensors"):
        training.step()  # the epoch's loss is the first thing that is read


def test_the_host_sends_little_and_waits_for_no_transfer(run):
    training = run("meta")
    with Transfers() as first:
        training.step()
    with Transfers() as second:
        training.step()
    assert first.waits == second.waits == 0
    assert len(first.sent) == len(second.sent) + 1  # the epoch's order
    assert len(second.sent) <= 7
    assert sum(second.sent) <= 220 * 2 * 16  # bytes for each view of each image


def test_whatever_a_step_makes_is_made_on_the_device(run):
    plain, elsewhere = run("cpu"), run("cpu")
    for training in (plain, elsewhere):
        training.step()  # the order is drawn on the host
    plain.step()
    with torch.device("meta"):
        elsewhere.step()
    assert torch.equal(plain.sum, elsewhere.sum)
