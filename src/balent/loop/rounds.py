"""The four steps of a round, as pure functions: train, mc_sample, acquire, evaluate.

Each draws only from the streams of (seed, round), so a step's result is determined by the chain,
the round, the labelled set and, with warm start, the previous model. Both granularities of the
workflow call these functions and nothing else.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from balent.acquisition import catalog, registry
from balent.acquisition.base import Context, Predictions
from balent.loop.history import Metrics, Picks
from balent.loop.problem import Problem
from balent.models.base import BayesianModel
from balent.models.build import build_model
from balent.models.training import train as train_model
from balent.posterior.mc_dropout import mc_predict

KEEP = {"moments": "moments", "samples": "samples", "mean_and_features": "features"}


def new_model(problem: Problem, round: int) -> BayesianModel:
    """A network with fresh weights; the same for every method of one (scenario, seed, round)."""
    return build_model(
        problem.chain.settings["model"],
        problem.pool.shape,
        problem.n_classes,
        problem.streams(round).torch("weights"),
        problem.encoder,
    ).to(problem.device)


def train(
    problem: Problem, round: int, labelled: np.ndarray, previous: dict[str, Tensor] | None
) -> BayesianModel:
    """Train on the labelled set (pool indices, int64 [n]).

    previous  the last round's weights, used where the scenario has ``warm_start``; else ignored.
    """
    model = new_model(problem, round)
    settings = problem.chain.settings["training"]
    if settings["warm_start"] and previous is not None:
        model.load_state_dict(previous)
    index = torch.as_tensor(labelled, device=problem.device)
    return train_model(
        model,
        problem.pool,
        problem.pool_labels[index],
        index,
        settings,
        problem.streams(round),
    )


def mc_sample(
    problem: Problem, round: int, labelled: np.ndarray, model: BayesianModel
) -> Predictions:
    """What the chain's method needs of the remaining pool, and nothing more."""
    spec = catalog.find(problem.chain.function).spec
    remaining = problem.remaining(labelled)
    keep = {KEEP[need] for need in spec.needs}
    if "features" in keep:
        keep.add("moments")  # mean prediction
    if not keep:
        return Predictions(n_points=len(remaining))
    sampling = problem.chain.settings["sampling"]
    return mc_predict(
        model,
        problem.pool,
        remaining,
        samples=sampling["samples"],
        mask_scope="pool" if spec.masks == "pool" else sampling["mask_scope"],
        streams=problem.streams(round),
        stream_name="masks",
        keep=keep,
        memory_budget=problem.memory_budget,
        device=problem.device,
    )


def acquire(
    problem: Problem, round: int, labelled: np.ndarray, predictions: Predictions, size: int
) -> Picks:
    """Choose ``size`` points of the remaining pool."""
    chain = problem.chain
    remaining = problem.remaining(labelled)
    context = Context(generator=problem.streams(round).numpy("acquisition"))
    indices, scores = registry.acquire(chain.function, predictions, size, context, chain.options)
    return Picks(indices=remaining[indices], scores=scores)


def evaluate(
    problem: Problem, round: int, labelled: np.ndarray, model: BayesianModel, picks: np.ndarray
) -> Metrics:
    """Accuracy and negative log-likelihood of the mean prediction on the test set, and more."""
    streams, settings = problem.streams(round), problem.chain.settings
    test = mc_predict(
        model,
        problem.test,
        np.arange(len(problem.test)),
        samples=settings["evaluation"]["samples"],
        mask_scope=settings["sampling"]["mask_scope"],
        streams=streams.at(0),
        stream_name="evaluation",
        keep={"moments"},
        memory_budget=problem.memory_budget,
        device=problem.device,
    ).moments
    assert test is not None
    probability = test.mean.gather(1, problem.test_labels[:, None])  # [N, 1]
    hits = test.mean.argmax(dim=1) == problem.test_labels  # [N]
    epistemic, aleatoric = _uncertainty(problem, round, model, picks)
    frequency = torch.bincount(problem.pool_labels[labelled], minlength=problem.n_classes).double()
    return Metrics(
        accuracy=hits.double().mean().item(),
        nll=-probability.log().mean().item(),
        epistemic=epistemic,
        aleatoric=aleatoric,
        label_entropy=torch.special.entr(frequency / len(labelled)).sum().item(),
    )


def _uncertainty(
    problem: Problem, round: int, model: BayesianModel, picks: np.ndarray
) -> tuple[float, float]:
    if not len(picks):
        return float("nan"), float("nan")
    sampling = problem.chain.settings["sampling"]
    moments = mc_predict(
        model,
        problem.pool,
        picks,
        samples=sampling["samples"],
        mask_scope=sampling["mask_scope"],
        streams=problem.streams(round).at(1),
        stream_name="evaluation",
        keep={"moments"},
        memory_budget=problem.memory_budget,
        device=problem.device,
    ).moments
    assert moments is not None
    aleatoric = moments.expected_entropy.mean().item()
    total = torch.special.entr(moments.mean).sum(dim=1).mean().item()
    return total - aleatoric, aleatoric
