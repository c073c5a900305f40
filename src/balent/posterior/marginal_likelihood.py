"""Hyperparameters of exact Gaussian processes by their marginal likelihood, with gpytorch."""

from __future__ import annotations

import gpytorch
import torch
from gpytorch.distributions import MultivariateNormal
from gpytorch.kernels import RBFKernel, ScaleKernel
from gpytorch.likelihoods import FixedNoiseGaussianLikelihood
from gpytorch.means import ConstantMean
from gpytorch.mlls import ExactMarginalLogLikelihood
from linear_operator.utils.errors import NanError, NotPSDError
from torch import Tensor

from balent.errors import InputError
from balent.posterior.conditioning import Hyperparameters, Labelled


class Processes(gpytorch.models.ExactGP):
    """C independent processes with constant means and scaled RBF kernels, in float64.

    gpytorch's own DirichletClassificationLikelihood counts classes up to the largest label, so the
    targets and noise of absent classes are given from outside.
    """

    def __init__(self, labelled: Labelled, start: Hyperparameters) -> None:
        c = torch.Size([len(labelled.targets)])
        likelihood = FixedNoiseGaussianLikelihood(labelled.noise, batch_shape=c)
        super().__init__(labelled.x, labelled.targets, likelihood)
        self.mean_module = ConstantMean(batch_shape=c)
        self.covar_module = ScaleKernel(RBFKernel(batch_shape=c), batch_shape=c)
        self.to(labelled.x)
        self.mean_module.constant = start.mean
        self.covar_module.outputscale = start.scale
        self.covar_module.base_kernel.lengthscale = start.lengthscale[:, None, None]

    def forward(self, x: Tensor) -> MultivariateNormal:
        return MultivariateNormal(self.mean_module(x), self.covar_module(x))

    def hyperparameters(self) -> Hyperparameters:
        kernel = self.covar_module
        found = self.mean_module.constant, kernel.outputscale, kernel.base_kernel.lengthscale
        return Hyperparameters(*(value.detach().flatten() for value in found))


def maximise(
    labelled: Labelled, start: Hyperparameters, learning_rate: float, steps: int
) -> Hyperparameters:
    """Maximise the sum of the processes' log marginal likelihoods, a point each, by Adam.

    Every step is exact, by Cholesky factors: gpytorch's conjugate gradients would draw from the
    global random state. Raises InputError where training diverges.
    """
    processes = Processes(labelled, start)
    processes.train()
    likelihood = ExactMarginalLogLikelihood(processes.likelihood, processes)
    optimiser = torch.optim.Adam(processes.parameters(), lr=learning_rate)
    try:
        with gpytorch.settings.fast_computations(False, False, False):
            for _ in range(steps):
                optimiser.zero_grad()
                loss = -likelihood(processes(labelled.x), labelled.targets).sum()
                loss.backward()
                optimiser.step()
        found = processes.hyperparameters()
        diverged = not all(value.isfinite().all() for value in vars(found).values())
    except (NanError, NotPSDError, torch.linalg.LinAlgError):
        diverged = True
    if diverged:
        raise InputError(
            f"training of the Gaussian process diverged (learning_rate {learning_rate}, steps "
            f"{steps}); lower training.learning_rate or training.steps"
        )
    return found
