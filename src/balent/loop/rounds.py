"""The four steps of a round, as pure functions: train, mc_sample, acquire, evaluate.

Each draws only from the streams of (seed, round), so a step's result is determined by the chain,
the round, the labelled set and, with warm start, the previous state. Both granularities of the
workflow call these functions and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from balent.acquisition import catalog, registry
from balent.acquisition.base import Context, Predictions
from balent.data.points import Points
from balent.loop.history import Metrics, Picks
from balent.loop.predictions import Sampled
from balent.loop.problem import Problem
from balent.posterior.base import Posterior, Validation
from balent.posterior.build import build_posterior
from balent.posterior.sampling import KEEP, Sampling
from balent.streams import Streams

PAIRS = 1
"""The path below a round of the second, independent set of masks."""


def new_posterior(problem: Problem, round: int) -> Posterior:
    """A posterior with fresh weights; the same for every method of one (scenario, seed, round)."""
    return build_posterior(
        problem.chain.settings,
        problem.pool.shape,
        problem.n_classes,
        problem.streams(round),
        problem.encoder,
        problem.device,
    )


def train(
    problem: Problem, round: int, labelled: np.ndarray, previous: Mapping[str, Tensor] | None
) -> Posterior:
    """Fit to the labelled set (pool indices, int64 [n]).

    previous  the last round's state, used where the scenario has ``warm_start``; else ignored.
    """
    posterior = new_posterior(problem, round)
    settings = problem.chain.settings["training"]
    if settings["warm_start"] and previous is not None:
        posterior.load_state_dict(previous)
    index = torch.as_tensor(labelled, device=problem.device)
    labels = problem.pool_labels[index]
    validation = None
    if len(problem.validation):
        validation = Validation(problem.validation, problem.validation_labels)
    posterior.fit(problem.pool, index, labels, settings, problem.streams(round), validation)
    return posterior


def mc_sample(problem: Problem, round: int, labelled: np.ndarray, posterior: Posterior) -> Sampled:
    """What the chain's method needs, and nothing more."""
    entry = catalog.find(problem.chain.function)
    wanted = set(registry.fields(entry.needs(problem.chain.options)))
    scope = "pool" if entry.spec.masks == "pool" else None
    first = problem.streams(round)
    second = first.at(PAIRS)

    def predict(inputs: Points, index: np.ndarray, keep: set[str], streams: Streams) -> Predictions:
        sampling = sampling_of(problem, streams, "masks", keep, scope=scope)
        return posterior.predict(inputs, index, sampling)

    remaining, reference = problem.remaining(labelled), np.arange(len(problem.reference))
    keep = wanted & set(KEEP)
    found = Predictions(n_points=len(remaining))
    if keep:
        found = predict(problem.pool, remaining, keep, first)
    for name, inputs, index, streams in (
        ("pairs", problem.pool, remaining, second),
        ("reference", problem.reference, reference, first),
        ("reference_pairs", problem.reference, reference, second),
    ):
        if name in wanted:
            samples = predict(inputs, index, {"samples"}, streams).samples
            found = replace(found, **{name: samples})  # type: ignore[arg-type]
    features = error = None
    if "labelled_features" in wanted:
        features = predict(problem.pool, labelled, {"features"}, first).features
    if "validation" in entry.spec.roles:
        error = posterior.error_rate(problem.validation, problem.validation_labels)
    return Sampled(found, features, error)


def acquire(
    problem: Problem, round: int, labelled: np.ndarray, sampled: Sampled, size: int
) -> Picks:
    """Choose ``size`` points of the remaining pool."""
    chain = problem.chain
    remaining = problem.remaining(labelled)
    context = Context(
        generator=problem.streams(round).numpy("acquisition"),
        labelled_features=sampled.labelled_features,
        validation_error=sampled.validation_error,
    )
    indices, scores = registry.acquire(
        chain.function, sampled.predictions, size, context, chain.options
    )
    return Picks(indices=remaining[indices], scores=scores)


def evaluate(
    problem: Problem, round: int, labelled: np.ndarray, posterior: Posterior, picks: np.ndarray
) -> Metrics:
    """Accuracy and negative log-likelihood of the mean prediction on the test set, and more."""
    streams = problem.streams(round)
    samples = problem.chain.settings["evaluation"]["samples"]
    sampling = sampling_of(problem, streams.at(0), "evaluation", {"moments"}, samples=samples)
    test = posterior.predict(problem.test, np.arange(len(problem.test)), sampling).moments
    assert test is not None
    probability = test.mean.gather(1, problem.test_labels[:, None])  # [N, 1]
    hits = test.mean.argmax(dim=1) == problem.test_labels  # [N]
    epistemic, aleatoric = _uncertainty(problem, round, posterior, picks)
    frequency = torch.bincount(problem.pool_labels[labelled], minlength=problem.n_classes).double()
    return Metrics(
        accuracy=hits.double().mean().item(),
        nll=-probability.log().mean().item(),
        epistemic=epistemic,
        aleatoric=aleatoric,
        label_entropy=torch.special.entr(frequency / len(labelled)).sum().item(),
    )


def _uncertainty(
    problem: Problem, round: int, posterior: Posterior, picks: np.ndarray
) -> tuple[float, float]:
    if not len(picks):
        return float("nan"), float("nan")
    sampling = sampling_of(problem, problem.streams(round).at(1), "evaluation", {"moments"})
    moments = posterior.predict(problem.pool, picks, sampling).moments
    assert moments is not None
    aleatoric = moments.expected_entropy.mean().item()
    total = torch.special.entr(moments.mean).sum(dim=1).mean().item()
    return total - aleatoric, aleatoric


def sampling_of(
    problem: Problem,
    streams: Streams,
    stream_name: str,
    keep: set[str],
    *,
    scope: str | None = None,
    samples: int | None = None,
) -> Sampling:
    """As the scenario says, but for what is given."""
    settings = problem.chain.settings["sampling"]
    return Sampling(
        samples=samples or settings["samples"],
        mask_scope=scope or settings["mask_scope"],
        streams=streams,
        stream_name=stream_name,
        keep=keep,
        memory_budget=problem.memory_budget,
        precision=settings.get("precision", "float32"),
    )
