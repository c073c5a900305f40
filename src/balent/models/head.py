"""A Bayesian head on fixed features: RESNETCLASSIFIER of Woo 2023, A.24.

linear → dropout → ReLU → linear. The first layer is the stem; the last one sees r ⊙ m_k.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from balent.models.base import BayesianModel, Folded, drop, for_products


class Head(BayesianModel):
    """Inputs of any shape, flattened to ``in_features``; hidden units with dropout; C classes."""

    samples_at_once = 50

    def __init__(
        self, in_features: int, n_classes: int, hidden: int, dropout: float, last_bias: bool
    ) -> None:
        super().__init__(dropout)
        self.hidden = nn.Linear(in_features, hidden)
        self.last = nn.Linear(hidden, n_classes, bias=last_bias)
        self.mask_sizes = (hidden,)
        self.stem_shape = (hidden,)

    def stem(self, x: Tensor) -> Tensor:
        return self.hidden(x.flatten(1)).relu_()  # [n, D]

    def penultimate(self, stem: Tensor, masks: list[Tensor] | None) -> Tensor:
        return drop(stem, masks[0] if masks else None)

    def workspace(self, points: int) -> int:
        weights = self.samples_at_once * self.last.weight.numel()
        floats = weights + 2 * points * self.last.in_features
        if self._by_unit:
            return 4 * floats
        logits = self.samples_at_once * self.last.out_features * points
        return 4 * floats + 2 * (weights + logits)  # with copies in bfloat16

    def fold(self, masks: list[Tensor]) -> Folded:
        (mask,) = masks
        return self._fold_by_unit(mask) if self._by_unit else self._fold_together(mask)

    @property
    def _by_unit(self) -> bool:
        return self.last.weight.is_cpu and not torch.is_autocast_enabled("cpu")

    def _fold_together(self, mask: Tensor) -> Folded:
        """All samples are one product, with the masks folded into its weights: for a GPU, where few
        large kernels are faster than less work."""
        shape = (*mask.shape[:1], *self.last.weight.shape[:1], -1)
        weights = for_products((self.last.weight * mask[:, None]).flatten(0, 1))  # [S·C, D]
        total = mask.sum(dim=0)  # [D]

        def evaluate(stem: Tensor, features: bool) -> tuple[Tensor, Tensor | None]:
            logits = (weights @ for_products(stem).T).view(shape).to(mask.dtype)  # [S, C, n]
            if self.last.bias is not None:
                logits += self.last.bias[:, None]
            return logits, stem * total if features else None

        return evaluate

    def _fold_by_unit(self, mask: Tensor) -> Folded:
        """Each sample is one product over its dropped units, or over its kept ones if p ≥ 1/2.

        (r ⊙ m) Wᵀ = (r Wᵀ - Σ_dropped r_u W_u) / (1-p): with p = 0.2 a fifth of the products that
        m folded into W takes. Rows of rᵀ are gathered, which costs a tenth of the product.
        """
        scale, by_dropped = 1 / (1 - self.dropout), self.dropout < 0.5
        weight = self.last.weight * scale  # [C, D]
        chosen = (mask == 0) if by_dropped else (mask != 0)
        units = [row.nonzero()[:, 0] for row in chosen]
        subtracted = weight if by_dropped else -weight
        weights = [subtracted.index_select(1, u) for u in units]  # [C, u] each
        bias = 0.0 if self.last.bias is None else self.last.bias[:, None]  # [C, 1]
        total = mask.sum(dim=0)  # [D]

        def evaluate(stem: Tensor, features: bool) -> tuple[Tensor, Tensor | None]:
            r = stem.T.contiguous()  # [D, n]
            logits = r.new_empty(len(units), len(weight), r.shape[1])  # [S, C, n]
            for k, (u, w) in enumerate(zip(units, weights, strict=True)):
                torch.mm(w, r.index_select(0, u), out=logits[k])
            base = weight @ r + bias if by_dropped else bias  # [C, n]
            return torch.sub(base, logits, out=logits), stem * total if features else None

        return evaluate
