"""One pass against steps in plain PyTorch, which tests/posterior holds against exact arithmetic."""

from dataclasses import fields

import pytest
import torch

from balent.posterior.accumulator import Accumulator
from balent.posterior.moments import Moments

from .conftest import REASON

pytest.importorskip("triton", reason=REASON)

NAMES = [field.name for field in fields(Moments)]


def normal(s, c, n, scale=2.0):
    return scale * torch.randn(s, c, n, generator=torch.Generator().manual_seed(s + c + n))


def certain(gap):
    """Class 1 has 1 - p of about exp(-gap)."""
    logits = normal(7, 10, 19, 1.0)
    logits[:, 1] += gap
    return logits


def ties(gap):
    logits = torch.zeros(7, 4, 9)
    logits[:, :2] = gap
    return logits


def reference(*blocks):
    sums = Accumulator(*blocks[0].shape[1:], torch.device("cpu"))
    for block in blocks:
        sums._add_in_steps(block)
        sums.samples += len(block)
    return sums.moments()


def one_pass(device, *blocks):
    sums = Accumulator(*blocks[0].shape[1:], device)
    for block in blocks:
        sums.add(block.to(device))
    return sums.moments().to("cpu")


def assert_equal(moments, expected):
    for name in NAMES:
        torch.testing.assert_close(
            getattr(moments, name), getattr(expected, name), rtol=1e-12, atol=0, msg=name
        )


@pytest.mark.parametrize("c", [2, 3, 10, 100])
@pytest.mark.parametrize(("s", "n"), [(1, 5), (7, 19), (100, 8)])
def test_moments_of_any_shape(device, s, c, n):
    logits = normal(s, c, n)
    assert_equal(one_pass(device, logits), reference(logits))


@pytest.mark.parametrize(
    "logits",
    [
        certain(10.0),
        certain(40.0),  # 1 - p is less than float64's last digit of p
        certain(70.0),  # 1 - p = 1e-30
        certain(150.0),
        normal(5, 40, 3, 30.0),
        ties(0.0),
        ties(30.0),
        torch.tensor([[[0.0], [-60.0]], [[-60.0], [0.0]]]),  # disagreement
    ],
)
def test_moments_at_the_ends_of_the_range(device, logits):
    assert_equal(one_pass(device, logits), reference(logits))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_logits_of_other_types_and_not_contiguous(device, dtype):
    logits = normal(9, 12, 6).to(dtype).transpose(1, 2)  # [9, 6, 12]
    assert_equal(one_pass(device, logits), reference(logits))


def test_more_classes_than_a_program_holds_at_a_time(device):
    logits = normal(3, 3000, 2)
    assert_equal(one_pass(device, logits), reference(logits))


def test_blocks_add_up_and_repeat_bit_by_bit(device):
    logits = certain(35.0).repeat(5, 1, 1) + 0.1 * normal(35, 10, 19)
    blocks = logits.split([11, 4, 20])
    moments = one_pass(device, *blocks)
    assert_equal(moments, reference(*blocks))
    for name in NAMES:
        assert torch.equal(getattr(moments, name), getattr(one_pass(device, *blocks), name))


@pytest.mark.parametrize("c", [3, 10, 100])
def test_variance_is_zero_where_all_samples_agree_and_only_there(device, c):
    """In any lane, and in blocks of other sizes."""
    logits = normal(1, c, 50).expand(49, -1, -1).clone()
    assert (one_pass(device, *logits.split([1, 31, 17])).variance == 0).all()
    logits[-1, 0] += 1e-5
    assert (one_pass(device, logits).variance > 0).all()
