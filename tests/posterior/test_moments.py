"""Moments against arithmetic with 200 digits, in the ordinary range and at its ends."""

from dataclasses import fields

import mpmath
import pytest
import torch

from balent.posterior import accumulator as module
from balent.posterior.moments import Moments, one_minus

NAMES = [field.name for field in fields(Moments)]


def exact(logits_k_c):
    """The moments of one point with 200 digits, by their definitions; dict of lists."""
    with mpmath.workdps(200):
        samples = []
        for row in logits_k_c.tolist():
            e = [mpmath.exp(z) for z in row]
            samples.append([x / mpmath.fsum(e) for x in e])
        k = len(samples)
        by_class = list(zip(*samples, strict=True))
        mean = [mpmath.fsum(p) / k for p in by_class]
        entropies = [-mpmath.fsum(p * mpmath.log(p) for p in row) for row in samples]
        return {
            "mean": mean,
            "complement": [1 - m for m in mean],
            "variance": [
                mpmath.fsum((x - m) ** 2 for x in p) / k
                for p, m in zip(by_class, mean, strict=True)
            ],
            "spread": [mpmath.fsum(x * (1 - x) for x in p) / k for p in by_class],
            "expected_entropy": [mpmath.fsum(entropies) / k],
        }


def moments_of(*blocks_s_c_n):
    """The moments of softmax(logits), accumulated block by block."""
    sums = module.Accumulator(*blocks_s_c_n[0].shape[1:], blocks_s_c_n[0].device)
    for block in blocks_s_c_n:
        sums.add(block)
    return sums.moments()


def relative_error(value, reference):
    pairs = zip(value.flatten().tolist(), reference, strict=True)
    return max(float(abs(mpmath.mpf(v) - r) / abs(r)) for v, r in pairs)


def normal(k, c, n, scale=2.0):
    return scale * torch.randn(k, c, n, generator=torch.Generator().manual_seed(k + c + n))


def certain(gap):
    """Samples that give class 1 a logit larger by about ``gap``."""
    logits = normal(6, 4, 3, 1.0)
    logits[:, 1] += gap
    return logits


@pytest.mark.parametrize(
    ("logits", "tolerance"),
    [
        (normal(7, 5, 4), 1e-13),
        (normal(1, 3, 2), None),  # one sample: no variance
        (normal(9, 2, 3), 1e-13),
        (normal(5, 40, 2, 8.0), 1e-12),
        (certain(10.0), 1e-12),
        (certain(40.0), 1e-12),  # 1 - p = 1e-17 is less than float64's last digit of p
        (certain(150.0), 1e-12),
        (torch.tensor([[[0.0], [-60.0]], [[-60.0], [0.0]]]), 1e-12),  # disagreement
    ],
)
def test_moments_of_logits_are_exact_to_relative_rounding(logits, tolerance):
    result = moments_of(logits)
    for i in range(logits.shape[2]):
        reference = exact(logits[:, :, i].double())
        for name in NAMES:
            if tolerance is None and name == "variance":
                assert (result.variance == 0).all()
            else:
                value = getattr(result, name)[i]
                assert relative_error(value, reference[name]) < (tolerance or 1e-13), name


def test_ties_for_the_largest_class():
    logits = torch.zeros(3, 4, 2)
    logits[:, :2, 1] = 30.0
    result = moments_of(logits)
    torch.testing.assert_close(result.mean[0], torch.full((4,), 0.25).double())
    torch.testing.assert_close(result.spread[1, :2], torch.full((2,), 0.25).double())
    torch.testing.assert_close(
        result.expected_entropy, torch.tensor([4.0, 2.0]).double().log(), rtol=1e-11, atol=0
    )
    assert (result.variance == 0).all()


def test_moments_of_probabilities_agree_with_those_of_logits():
    logits = normal(20, 6, 50, 3.0)
    probs = logits.double().softmax(1).permute(2, 0, 1)
    first, second = moments_of(logits), Moments.from_probs(probs)
    for name in NAMES:
        torch.testing.assert_close(getattr(first, name), getattr(second, name), rtol=1e-12, atol=0)
    assert (len(first), first.n_classes) == (50, 6)


def test_probabilities_rounded_to_one_keep_the_variance_of_what_is_left():
    """In float32, 1 - 1e-9 is 1: the other classes tell how sure each sample is."""
    rest = torch.tensor([1e-9, 2e-9, 6e-9])
    probs = torch.stack([1 - rest, rest / 4, rest * 3 / 4], dim=1)[None]  # [1, 3, 3]
    assert (probs[..., 0] == 1).all()
    result = Moments.from_probs(probs)
    expected = rest.double().var(correction=0)
    torch.testing.assert_close(result.variance[0, 0], expected, rtol=1e-6, atol=0)
    torch.testing.assert_close(result.complement[0, 0], rest.double().mean(), rtol=1e-6, atol=0)
    torch.testing.assert_close(result.spread[0, 0], rest.double().mean(), rtol=1e-6, atol=0)


def test_points_and_samples_at_a_time(monkeypatch):
    """Points change no bit; how samples are grouped only the last ones."""
    logits = normal(10, 5, 96)
    whole = moments_of(logits)
    monkeypatch.setattr(module, "WIDTH", 32)
    for name in NAMES:
        assert torch.equal(getattr(whole, name), getattr(moments_of(logits), name))
    monkeypatch.setattr(module, "scratch_bytes", lambda device: 3 * 8 * 5 * 32 * 4)  # 4 samples
    for name in NAMES:
        a, b = getattr(whole, name), getattr(moments_of(logits), name)
        torch.testing.assert_close(a, b, rtol=1e-13, atol=0)


@pytest.mark.parametrize("logits", [normal(30, 4, 5), certain(35.0).repeat(5, 1, 1)])
def test_adding_blocks_of_samples_gives_the_moments_of_all(logits):
    logits = logits + 0.1 * normal(30, 4, logits.shape[2])
    blocks, whole = moments_of(*logits.split([11, 4, 15])), moments_of(logits)
    for name in NAMES:
        torch.testing.assert_close(getattr(blocks, name), getattr(whole, name), rtol=1e-12, atol=0)


@pytest.mark.parametrize("samples", [1, 3, 7, 49])
def test_variance_is_zero_where_all_samples_agree_and_only_there(samples):
    """The mean of equal numbers may round; also over blocks of different sizes."""
    logits = normal(1, 5, 200).expand(samples, -1, -1).clone()
    result = moments_of(logits)
    merged = moments_of(logits, logits[:1])
    probs = Moments.from_probs(logits.softmax(1).permute(2, 0, 1))
    for moments in (result, merged, probs):
        assert (moments.variance == 0).all()
        assert torch.equal(moments.mean, moments.mean.clamp(0, 1))
    if samples > 1:
        logits[-1, 0] += 1e-5
        assert (moments_of(logits).variance > 0).all()


def test_cat_joins_points():
    logits = normal(4, 3, 7)
    parts = Moments.cat([moments_of(part) for part in logits.split(3, dim=2)])
    for name in NAMES:
        torch.testing.assert_close(getattr(parts, name), getattr(moments_of(logits), name))


def test_one_minus_keeps_relative_precision():
    p = torch.tensor([[1 - 3e-18, 1e-18, 2e-18], [0.25, 0.25, 0.5]], dtype=torch.float64)
    expected = torch.tensor([[3e-18, 1.0, 1.0], [0.75, 0.75, 0.5]], dtype=torch.float64)
    torch.testing.assert_close(one_minus(p), expected, rtol=1e-15, atol=0)
