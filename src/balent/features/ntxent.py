"""NT-Xent, the contrastive loss of SimCLR (Chen et al. 2020, eq. 1)."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def nt_xent(z: Tensor, temperature: float) -> Tensor:
    """The normalised, temperature-scaled cross-entropy over all 2B positive pairs, in nats.

    ``z`` is [2B, D], rows i and B + i being the two views of image i:
    mean over rows r of  -log( exp(s_rp / t) / sum_{q != r} exp(s_rq / t) ),
    with s the cosine similarity and p the other view of r's image.
    """
    pairs = len(z) // 2
    z = functional.normalize(z, dim=1)
    similarity = z @ z.T / temperature  # [2B, 2B]
    similarity.fill_diagonal_(-torch.inf)
    partner = torch.arange(2 * pairs, device=z.device).roll(pairs)  # [2B]
    return functional.cross_entropy(similarity, partner)
