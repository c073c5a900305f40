"""NT-Xent against the sum written out as in Chen et al. 2020, eq. 1."""

import math

import pytest
import torch

from balent.features.ntxent import nt_xent


def written_out(z: torch.Tensor, temperature: float) -> float:
    z = z.double()
    n = len(z)

    def similarity(i: int, j: int) -> float:
        return float(z[i] @ z[j] / (z[i].norm() * z[j].norm()))

    total = 0.0
    for i in range(n):
        partner = (i + n // 2) % n
        others = [math.exp(similarity(i, q) / temperature) for q in range(n) if q != i]
        total -= math.log(math.exp(similarity(i, partner) / temperature) / sum(others))
    return total / n


@pytest.mark.parametrize("temperature", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("pairs", [1, 2, 7])
def test_equals_the_loop(pairs: int, temperature: float) -> None:
    z = torch.randn(2 * pairs, 5, generator=torch.Generator().manual_seed(pairs))
    loss = nt_xent(z, temperature)
    assert float(loss) == pytest.approx(written_out(z, temperature), abs=1e-5)


def test_ignores_length_and_the_order_of_pairs() -> None:
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(12, 4, generator=generator)
    loss = nt_xent(z, 0.5)
    scaled = nt_xent(z * torch.rand(12, 1, generator=generator).add(0.1), 0.5)
    order = torch.randperm(6, generator=generator)
    swapped = nt_xent(z[torch.cat([order + 6, order])], 0.5)
    torch.testing.assert_close(scaled, loss)
    torch.testing.assert_close(swapped, loss)


def test_perfect_pairs_reach_the_minimum() -> None:
    """Orthogonal images, equal views: -log(e^(1/t) / (e^(1/t) + 2B - 2)), with zero gradient."""
    z = torch.eye(4).repeat(2, 1).requires_grad_()
    loss = nt_xent(z, 0.5)
    loss.backward()
    assert loss.item() == pytest.approx(-math.log(math.e**2 / (math.e**2 + 6)), abs=1e-6)
    assert torch.isfinite(z.grad).all()
