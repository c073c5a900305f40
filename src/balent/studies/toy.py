"""What acquisition functions choose around three moons (Woo 2023, sec. 4.2, A.10, A.11)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from balent import runtime
from balent.acquisition import registry
from balent.data.inputs import Inputs
from balent.posterior.build import build_posterior
from balent.posterior.sampling import Sampling
from balent.streams import Streams
from balent.studies.moons import CLASSES, lattice, three_moons
from balent.studies.scores import score


def run(
    settings: Mapping[str, Any], methods: Mapping[str, Mapping], streams: Streams
) -> dict[str, np.ndarray]:
    """Train a Bayesian network on three moons and let every method choose from a lattice.

    settings  data {per_class, noise}, model (as of a scenario), training {learning_rate,
              batch_size, steps}, samples, mask_scope, side and half_width of the lattice, picks

    Returns ``points`` float32 [L, 2] and ``labels`` int64 [L] of the training set, its
    ``accuracy`` [] without dropout; ``x``, ``y`` float64 [side]; ``prediction`` int8 [side, side],
    the most likely class; ``scores`` float32 [M, side, side] (y along the first lattice axis);
    ``picks`` int64 [M, picks] into the flattened lattice, best first; ``methods`` [M].
    """
    points, labels = three_moons(**settings["data"], generator=streams.numpy("initial"))
    posterior = build_posterior(settings, (2,), CLASSES, streams)
    labelled, y = Inputs(points), torch.from_numpy(labels)
    posterior.fit(labelled, torch.arange(len(points)), y, settings["training"], streams)
    xs, ys = lattice(settings["side"], settings["half_width"])
    pool = np.stack(np.meshgrid(xs, ys), axis=-1).reshape(-1, 2).astype(np.float32)  # [N, 2]
    samples, scope = settings["samples"], settings["mask_scope"]
    sampling = Sampling(samples, scope, streams, "masks", {"moments"}, runtime.memory_budget())
    predictions = posterior.predict(Inputs(pool), np.arange(len(pool)), sampling)
    moments = predictions.moments
    assert moments is not None
    shape = (len(ys), len(xs))
    scores, picks = [], []
    for method in methods.values():
        generator = streams.numpy("acquisition")
        values = score(method, moments, generator, settings["samples"])
        order = generator.permutation(len(values))
        scores.append(values.reshape(shape).astype(np.float32))
        picks.append(registry.top(values, settings["picks"], order))
    return {
        "points": points,
        "labels": labels,
        "accuracy": np.array(1 - posterior.error_rate(labelled, y)),
        "x": xs,
        "y": ys,
        "prediction": moments.mean.argmax(dim=1).reshape(shape).to(torch.int8).numpy(),
        "scores": np.stack(scores),
        "picks": np.stack(picks),
        "methods": np.array(list(methods)),
    }
