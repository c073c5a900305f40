"""Moments of softmax probabilities, accumulated over blocks of samples.

Axis letters: n points, S samples of a block, K samples in all, C classes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from balent.kernels import fused
from balent.posterior.moments import Moments, from_deviations

CORE_BYTES = 2 << 20
"""Temporaries of a step, for each thread: the second-level cache of a core. A constant, so that no
bit depends on the machine's cache. On a GPU, OTHER_BYTES: few large kernels are faster there."""

OTHER_BYTES = 256 << 20

WIDTH = 64
"""Points of a step on a CPU."""


def scratch_bytes(device: torch.device) -> int:
    """What the temporaries of ``Accumulator.add`` take, about."""
    if fused(device):
        return 0
    return CORE_BYTES * torch.get_num_threads() if device.type == "cpu" else OTHER_BYTES


class Accumulator:
    """Sums over samples, all float64 [C, n] with points innermost; see from_deviations."""

    def __init__(self, c: int, n: int, device: torch.device) -> None:
        self.samples = 0
        sums = torch.zeros(4, c, n, dtype=torch.float64, device=device)
        self.first, self.deviation, self.square, self.spread = sums
        self.large = torch.zeros(c, n, dtype=torch.bool, device=device)
        self.entropy = sums.new_zeros(n)

    def add(self, logits_s_c_n: Tensor) -> None:
        """Add S samples, given as finite logits [S, C, n] of any float type."""
        if fused(logits_s_c_n.device):
            self._add_in_one_pass(logits_s_c_n)
        else:
            self._add_in_steps(logits_s_c_n)
        self.samples += len(logits_s_c_n)

    def _add_in_one_pass(self, logits_s_c_n: Tensor) -> None:
        from balent.kernels.moments import add_samples

        add_samples(
            logits_s_c_n,
            self.samples,
            self.first,
            self.large,
            self.deviation,
            self.square,
            self.spread,
            self.entropy,
        )

    def _add_in_steps(self, logits_s_c_n: Tensor) -> None:
        s, c, n = logits_s_c_n.shape
        width = WIDTH if logits_s_c_n.is_cpu else n
        depth = min(s, max(1, scratch_bytes(logits_s_c_n.device) // (3 * 8 * c * width)))
        scratch = self.first.new_empty(3, depth, c, min(n, width))
        for i in range(0, n, width):
            for j in range(0, s, depth):
                logits = logits_s_c_n[j : j + depth, :, i : i + width]
                at_start = self.samples + j == 0
                self._add(
                    logits,
                    slice(i, i + width),
                    at_start,
                    *scratch[:, : len(logits), :, : logits.shape[2]],
                )

    def _add(
        self, logits: Tensor, points: slice, at_start: bool, z: Tensor, e: Tensor, q: Tensor
    ) -> None:
        """Add samples of some points; z, e and q are scratch of the logits' shape [S, C, n]."""
        z.copy_(logits)
        z -= z.amax(dim=1, keepdim=True)
        torch.exp(z, out=e)
        total = e.sum(dim=1, keepdim=True)  # [S, 1, n], Z; p = e / Z
        # Z - 1 without the 1 of the largest class: floor(e - 1) is 0 there and -1 elsewhere.
        # Below 3/2 no other class ties with it.
        rest = -torch.sub(e, 1, out=q).floor_().mul_(e).sum(dim=1, keepdim=True)
        rest = torch.where(total < 1.5, rest, total - 1)
        scale = total.reciprocal()
        # log Z - Σ e z / Z: no logarithm per class, and no cancellation.
        entropy = rest.log1p() - z.mul_(e).sum(dim=1, keepdim=True) * scale
        self.entropy[points] += entropy.sum(dim=(0, 1))
        torch.sub(e, 1, out=q).sub_(rest).mul_(-scale)  # 1 - p = (Z - e) / Z
        p = e.mul_(scale)
        self.spread[:, points] += torch.mul(p, q, out=z).sum(dim=0)
        first, large = self.first[:, points], self.large[:, points]
        if at_start:
            torch.gt(p[0], 0.5, out=large)
            torch.where(large, q[0], p[0], out=first)
        d = torch.where(large, q, p, out=z).sub_(first)
        self.deviation[:, points] += d.sum(dim=0)
        self.square[:, points] += d.square_().sum(dim=0)

    def moments(self) -> Moments:
        """The moments of all samples added so far, [n, C]."""
        k = self.samples
        return from_deviations(
            first=self.first.T,
            large=self.large.T,
            deviation=self.deviation.T / k,
            square=self.square.T / k,
            spread=self.spread.T / k,
            expected_entropy=self.entropy / k,
        )
