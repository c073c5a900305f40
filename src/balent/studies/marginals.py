"""Beta approximations of a trained network's class probabilities (Woo 2023, A.7, Figures 5, 6).

Axis letters: N test points, K samples, C classes, S shown points, B bins, T strata, R draws.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from balent import runtime
from balent.acquisition.base import Predictions
from balent.loop import rounds
from balent.loop.chain import Chain
from balent.loop.problem import Problem, load_problem
from balent.posterior.moments import one_minus
from balent.streams import Streams
from balent.studies import beta_fit

STRATA = (0.0, 1e-4, 1e-2, 0.1, 0.5)
"""Bounds of min(m, 1 - m), by which marginals are compared with their reference: the smaller it is,
the smaller α or β, and the farther are even samples that are Beta from their own fit."""


def run(
    settings: Mapping[str, Any],
    methods: Mapping[str, Mapping],
    streams: Streams,
    chain: str,
    data: str | Path,
    encoder: str | Path | None,
) -> dict[str, np.ndarray]:
    """Train a scenario's posterior on random labels and fit Beta distributions to its marginals.

    settings  labels, samples (K) and points (N, the first ones of the test set); shown: quantiles,
              which choose points by their epistemic uncertainty; bins; draws: R of a stratum
    chain     of the scenario, with these sizes, as written by Chain.to_json
    data      and encoder: its files, as for load_problem

    Returns what ``fits`` and ``histograms`` give, ``reference`` float64 [T, R] (distances of
    samples that are Beta, as often drawn for each stratum: NaN without a fit) with
    ``strata`` [T + 1], ``accuracy`` [] of the N points, and ``data``, ``copies`` of the scenario.
    """
    described = Chain.from_json(chain)
    problem = load_problem(described, data, encoder, memory_budget=runtime.memory_budget())
    predictions = predict(problem)
    arrays = fits(predictions)
    hits = arrays["mean"].argmax(axis=1) == problem.test_labels.numpy()
    chosen = at_quantiles(arrays["epistemic"], settings["shown"])
    return {
        **arrays,
        **histograms(predictions, chosen, settings["bins"]),
        "reference": references(arrays, settings, streams),
        "strata": np.array(STRATA),
        "accuracy": np.array(hits.mean()),
        "data": np.array(described.settings["data"]),
        "copies": np.array(described.settings["copies"]),
    }


def predict(problem: Problem) -> Predictions:
    """Samples [N, K, C] and moments of the test points, after fitting to the initial set."""
    posterior = rounds.train(problem, 0, problem.initial, None)
    keep = {"samples", "moments"}
    sampling = rounds.sampling_of(problem, problem.streams(0), "evaluation", keep)
    return posterior.predict(problem.test, np.arange(len(problem.test)), sampling)


def fits(predictions: Predictions) -> dict[str, np.ndarray]:
    """The Beta distribution of every marginal, and how far its samples are from it.

    Returns ``mean``, ``alpha``, ``beta`` and ``distance`` (Kolmogorov–Smirnov) float64 [N, C], the
    latter NaN where no Beta distribution has these moments, ``stratum`` int64 [N, C] by the mean,
    and ``epistemic`` [N], in nats.
    """
    moments = predictions.moments
    assert moments is not None
    assert predictions.samples is not None
    parts = (moments.mean, moments.complement, moments.variance, moments.spread)
    mean, complement, variance, spread = (part.numpy() for part in parts)
    alpha, beta = beta_fit.parameters(mean, complement, variance, spread)
    distance = np.full(mean.shape, np.nan)
    large = mean > 0.5  # of these 1 - P is compared: its samples are exact near 0
    for n, probs in enumerate(predictions.samples):
        p = probs.double()  # [K, C]
        x = torch.where(torch.from_numpy(large[n]), one_minus(p), p).numpy()
        a, b = np.where(large[n], (beta[n], alpha[n]), (alpha[n], beta[n]))
        fitted = beta_fit.fitted(a, b)
        with np.errstate(divide="ignore"):
            logs = np.log(x[:, fitted])
        distance[n, fitted] = beta_fit.distances(logs, a[fitted], b[fitted])
    entropy = torch.special.entr(moments.mean).sum(dim=1) - moments.expected_entropy
    epistemic = entropy.numpy()
    return {
        "mean": mean,
        "alpha": alpha,
        "beta": beta,
        "distance": distance,
        "stratum": np.digitize(np.minimum(mean, 1 - mean), STRATA[1:-1]),
        "epistemic": epistemic,
    }


def at_quantiles(values: np.ndarray, quantiles: list[float]) -> np.ndarray:
    """The positions int64 [S] of the values at these quantiles, the lower one of two."""
    order = np.argsort(values, kind="stable")
    return order[[int(q * (len(values) - 1)) for q in quantiles]]


def histograms(predictions: Predictions, chosen: np.ndarray, bins: int) -> dict[str, np.ndarray]:
    """``shown`` [S], and of these ``counts`` int64 [S, C, B] and ``edges`` float64 [S, C, B + 1].

    Bins are equal, from the smallest to the largest of the K samples; of constant ones from 0 to 1.
    """
    assert predictions.samples is not None
    counts, edges = [], []
    for n in chosen:
        p = predictions.samples[n].double()
        values = torch.where(p > 0.5, 1 - one_minus(p), p).T.numpy()  # [C, K]
        ends = [(row.min(), row.max()) if row.min() < row.max() else (0, 1) for row in values]
        found = [np.histogram(row, bins, end) for row, end in zip(values, ends, strict=True)]
        counts.append([count for count, _ in found])
        edges.append([edge for _, edge in found])
    return {"shown": chosen, "counts": np.array(counts), "edges": np.array(edges)}


def references(
    arrays: Mapping[str, np.ndarray], settings: Mapping[str, Any], streams: Streams
) -> np.ndarray:
    """Distances of samples that are Beta, float64 [T, R].

    Of each stratum, with the parameters of R of its marginals, drawn with replacement; NaN where
    such samples have no fit, and for a stratum without marginals that have one.
    """
    found = np.full((len(STRATA) - 1, settings["draws"]), np.nan)
    known = np.isfinite(arrays["distance"])
    for t in range(len(found)):
        n, c = np.nonzero(known & (arrays["stratum"] == t))
        if len(n):
            generator = streams.numpy("noise", t)
            drawn = generator.integers(len(n), size=settings["draws"])
            pair = n[drawn], c[drawn]
            a, b = arrays["alpha"][pair], arrays["beta"][pair]
            found[t] = beta_fit.reference(a, b, settings["samples"], generator)
    return found
