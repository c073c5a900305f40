"""Gaussian processes given labels: what is exact algebra, whatever the hyperparameters come from.

One process f_c a class, independent of the others, each with a constant mean and a scaled RBF
kernel. Everything is float64: posterior variances are small differences.

Axis letters: n labelled points, t points of a tile, C classes, D features.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from balent.errors import InputError

JITTER = 1e-8
"""Of the prior variance, added to a posterior covariance before it is factorised: copies of a point
make it singular, and rounding then negative. In float64, and with distances of centred points,
rounding is 10⁶ times smaller."""


NOT_DEFINITE = (
    "the Gaussian process's covariance of {} is not positive definite with the hyperparameters "
    "found in training; lower training.learning_rate or training.steps"
)


@dataclass(frozen=True)
class Hyperparameters:
    """Of the C processes, each float64 [C]."""

    mean: Tensor
    scale: Tensor
    lengthscale: Tensor


@dataclass(frozen=True)
class Labelled:
    """Labelled points x float64 [n, D], with targets and noise variances float64 [C, n]."""

    x: Tensor
    targets: Tensor
    noise: Tensor

    @classmethod
    def of(cls, x: Tensor, labels: Tensor, n_classes: int, alpha_epsilon: float) -> Labelled:
        """With the targets of the Dirichlet likelihood (Milios et al. 2018).

        x       any float type [n, D]; labels int64 [n]
        """
        classes = torch.arange(n_classes, device=labels.device)
        shape = alpha_epsilon + (classes[:, None] == labels).double()  # [C, n]
        noise = shape.reciprocal().log1p()
        return cls(x.double(), shape.log() - noise / 2, noise)

    def start(self) -> Hyperparameters:
        """Where training starts (ours): mean and variance of the targets, the root mean square
        distance of two labelled points. Far shorter lengthscales have no gradient.

        Raises InputError when all labelled points are equal.
        """
        mean, variance = self.targets.mean(dim=1), self.targets.var(correction=0)
        distance = (2 * self.x.var(dim=0, correction=0).sum()).sqrt()
        if distance == 0:
            raise InputError(
                f"the {len(self.x)} labelled points are all equal: a Gaussian process learns no "
                "lengthscale from them; start with others"
            )
        return Hyperparameters(mean, variance.expand_as(mean), distance.expand_as(mean))


@dataclass(frozen=True)
class Conditioned:
    """C processes given the labels."""

    labelled: Labelled
    of: Hyperparameters

    def mean_and_root(
        self, c: int, squared: Tensor, within: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Mean [t] of process c at points, and the root of its covariance.

        squared  their squared distances to the labelled points [t, n]
        within   those among them [t, t], for a Cholesky factor [t, t]; without, the root is the
                 standard deviation [t]
        """
        factor, weights = self._factors[c]
        scale, lengthscale = self.of.scale[c], self.of.lengthscale[c]
        across = rbf(squared, scale, lengthscale)  # [t, n]
        mean = self.of.mean[c] + across @ weights
        solved = torch.linalg.solve_triangular(factor, across.T, upper=False)  # [n, t]
        if within is None:
            variance = (1 + JITTER) * scale - solved.square_().sum(dim=0)
            if not (variance > 0).all():
                raise InputError(NOT_DEFINITE.format("predicted points"))
            return mean, variance.sqrt()
        covariance = rbf(within, scale, lengthscale).addmm_(solved.T, solved, alpha=-1)
        covariance.diagonal().add_(JITTER * scale)
        return mean, cholesky(covariance, "predicted points")

    def mean(self, c: int, squared: Tensor) -> Tensor:
        """Mean [t] of process c at points, as in ``mean_and_root``."""
        across = rbf(squared, self.of.scale[c], self.of.lengthscale[c])
        return self.of.mean[c] + across @ self._factors[c][1]

    @cached_property
    def _factors(self) -> list[tuple[Tensor, Tensor]]:
        """Of each process the factor [n, n] of the labelled points' covariance, noise included, and
        the weights [n] of their kernels in the posterior mean."""
        squared = squared_distances(self.labelled.x, self.labelled.x)
        factors = []
        for c, mean in enumerate(self.of.mean):
            covariance = rbf(squared, self.of.scale[c], self.of.lengthscale[c])
            covariance.diagonal().add_(self.labelled.noise[c])
            factor = cholesky(covariance, "labelled points")
            residual = (self.labelled.targets[c] - mean)[:, None]
            factors.append((factor, torch.cholesky_solve(residual, factor)[:, 0]))
        return factors


def rbf(squared: Tensor, scale: Tensor, lengthscale: Tensor) -> Tensor:
    """The kernel scale · exp(-d² / (2 lengthscale²)) of squared distances."""
    return squared.div(-2 * lengthscale.square()).exp_().mul_(scale)


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """Squared distances [t, n] of points [t, D] and [n, D]; rounding below zero is zero.

    Both are centred first: rounding is relative to the squares of what is multiplied.
    """
    centre = y.mean(dim=0)
    x, y = x - centre, y - centre
    squared = (x @ y.T).mul_(-2)
    return squared.add_(x.square().sum(dim=1)[:, None]).add_(y.square().sum(dim=1)).clamp_(min=0)


def cholesky(covariance: Tensor, points: str) -> Tensor:
    """The lower factor of a covariance of points, which the error names."""
    try:
        return torch.linalg.cholesky(covariance)
    except torch.linalg.LinAlgError:
        raise InputError(NOT_DEFINITE.format(points)) from None
