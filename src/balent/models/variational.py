"""Variational dropout: Gaussian noise on weights, with a variance that is learned.

Kingma, Salimans & Welling, "Variational dropout and the local reparameterization trick", NeurIPS
2015. Each weight is w = θ (1 + √α ε), ε ~ N(0, 1), so that w ~ N(θ, α θ²). With the log-uniform
prior p(log |w|) ∝ 1, under which training moves α alone and not the size of weights, their
approximation of the divergence (its constant left out) is
    -KL(q ‖ p) = log(α)/2 + c₁ α + c₂ α² + c₃ α³ for each weight, for α ≤ 1.
In training, what a layer puts out is drawn in the place of its weights: for
inputs A it has mean A θ and variance A² (α θ²), independently for every point. The units of a layer
are independent either way, given its inputs: a point's logits have one joint distribution under
both. Only points differ: they share weights, and noise they do not.

Ours: one α per layer. With few labels, an α per weight would learn from little but the divergence.

Axis letters: n points, S samples, C classes, D units before the last layer.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional

from balent.models.network import Folded, Networks, NoisyNetwork

COEFFICIENTS = (1.16145124, -1.50204118, 0.58629921)
"""c₁, c₂ and c₃ of Kingma et al. 2015."""


class VariationalLinear(nn.Linear):
    """A linear layer with noise on its weights; its bias has none.

    alpha  of the start, above 0 and below 1. It is the logistic function of the parameter
           ``logit``, and so is at most 1, where the approximation of the divergence holds.
    """

    def __init__(self, in_features: int, out_features: int, alpha: float) -> None:
        super().__init__(in_features, out_features)
        self.start = alpha
        self.logit = nn.Parameter(torch.empty(()))
        self.reset_alpha()

    def reset_alpha(self) -> None:
        """Go back to the start."""
        nn.init.constant_(self.logit, math.log(self.start / (1 - self.start)))

    @property
    def alpha(self) -> Tensor:
        return self.logit.sigmoid()

    def forward(self, x: Tensor, noise: Tensor | None = None) -> Tensor:
        """[n, in] → [n, out]: the mean; with standard normal noise [n, out] a draw of its own for
        every point."""
        mean = super().forward(x)
        if noise is None:
            return mean
        variance = self.alpha * functional.linear(x.square(), self.weight.square())
        # Where all inputs are 0 there is no noise; the square root's gradient is infinite there.
        positive = variance > 0
        deviation = torch.where(positive, variance, 1.0).sqrt() * positive
        return mean + deviation * noise

    def divergence(self) -> Tensor:
        """KL(q ‖ p) of all weights, up to a constant: a scalar."""
        alpha = self.alpha
        powers = sum(c * alpha**i for i, c in enumerate(COEFFICIENTS, start=1))
        return -self.weight.numel() * (functional.logsigmoid(self.logit) / 2 + powers)

    def draw(self, samples: int, generator: torch.Generator) -> Tensor:
        """Weights [S, out, in]; the generator is on their device."""
        shape = (samples, *self.weight.shape)
        noise = torch.randn(shape, generator=generator, device=generator.device)
        return noise.mul_(self.alpha.sqrt()).add_(1).mul_(self.weight)


class VariationalNetwork(NoisyNetwork):
    """``features`` → layers with noise, each followed by ReLU → linear without bias.

    features      inputs → [n, in_features], without noise: the stem
    hidden        units of each layer with noise
    alpha         that they start with

    Woo 2023, A.21 lists the layers without what stands between them. Ours: ReLU, since without it
    the network would be linear.
    """

    samples_at_once = 10

    def __init__(
        self,
        features: nn.Module,
        in_features: int,
        hidden: Sequence[int],
        n_classes: int,
        alpha: float,
    ) -> None:
        super().__init__()
        self.features = features
        self.noisy = nn.ModuleList(
            VariationalLinear(a, b, alpha) for a, b in pairwise([in_features, *hidden])
        )
        self.last = nn.Linear(hidden[-1], n_classes, bias=False)
        self.stem_shape = (in_features,)

    @property
    def layers(self) -> list[VariationalLinear]:
        return cast("list[VariationalLinear]", list(self.noisy))

    def reset_alpha(self) -> None:
        """Let every layer start anew with the α that it was given."""
        for layer in self.layers:
            layer.reset_alpha()

    def stem(self, x: Tensor) -> Tensor:
        return self.features(x)

    def draw_masks(self, n: int, generator: torch.Generator) -> list[Tensor]:
        """Standard normal noise, one [n, units] per layer."""
        return [
            torch.randn(n, layer.out_features, generator=generator, device=generator.device)
            for layer in self.layers
        ]

    def penultimate(self, stem: Tensor, masks: list[Tensor] | None) -> Tensor:
        y = stem
        for i, layer in enumerate(self.layers):
            y = layer(y, masks[i] if masks else None).relu()
        return y  # [n, D]

    def divergence(self) -> Tensor:
        """Of all layers, up to a constant: a scalar."""
        return sum((layer.divergence() for layer in self.layers), torch.zeros(()))

    def networks(
        self, samples: int, generator: torch.Generator, points: int | None = None
    ) -> Networks:
        """As Network.networks. Shared weights are drawn when their block is asked for, on the
        device of the network; noise of every point stands for weights of its own."""
        if points is not None:
            return self.per_point(points, generator)
        return lambda block: self._draw(block.stop - block.start, generator)

    def workspace(self, points: int) -> int:
        weights = sum(layer.weight.numel() for layer in self.layers)
        widest = max(layer.out_features for layer in self.layers)
        return 4 * (self.samples_at_once * weights + 3 * points * widest)

    def _draw(self, samples: int, generator: torch.Generator) -> Folded:
        """A network for each of S draws of the weights, which all points share."""
        weights = [layer.draw(samples, generator) for layer in self.layers]

        def evaluate(stem: Tensor, features: bool) -> tuple[Tensor, Tensor | None]:
            n = len(stem)
            logits = stem.new_empty(samples, self.last.out_features, n)  # [S, C, n]
            total = stem.new_zeros(n, self.last.in_features) if features else None  # [n, D]
            for k in range(samples):
                y = stem
                for layer, weight in zip(self.layers, weights, strict=True):
                    y = functional.linear(y, weight[k], layer.bias).relu_()
                logits[k] = self.last(y).T
                if total is not None:
                    total += y
            return logits, total

        return evaluate
