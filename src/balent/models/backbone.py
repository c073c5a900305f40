"""A Bayesian head on an image encoder: RESNETBNN of Woo 2023, A.24."""

from __future__ import annotations

from torch import Tensor, nn

from balent.models.head import Head


class Backbone(Head):
    """encoder → Head; the encoder (images to [n, in_features]) is trained along, without dropout.

    In evaluation mode encoder and first linear layer are the stem, so folding is the head's.
    """

    def __init__(
        self,
        encoder: nn.Module,
        in_features: int,
        n_classes: int,
        hidden: int,
        dropout: float,
        last_bias: bool,
    ) -> None:
        super().__init__(in_features, n_classes, hidden, dropout, last_bias)
        self.encoder = encoder

    def stem(self, x: Tensor) -> Tensor:
        return super().stem(self.encoder(x))  # [n, D]
