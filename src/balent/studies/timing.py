"""Time and memory of an acquisition, by the sizes of pool and batch (Woo 2023, A.18)."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
import torch

from balent import runtime
from balent.acquisition import catalog, registry
from balent.acquisition.base import Context, Predictions
from balent.data.inputs import Inputs
from balent.posterior.build import build_posterior
from balent.posterior.sampling import Sampling
from balent.streams import Streams
from balent.studies.memory import Meter

KEEPS = {(): (), ("moments",): ("moments",), ("mean_and_features",): ("moments", "features")}
"""What the sampler keeps for a method's needs."""


def run(
    settings: Mapping[str, Any], methods: Mapping[str, Mapping], streams: Streams, device: str
) -> dict[str, np.ndarray]:
    """Seconds and memory of MC sampling and choosing, in every cell (classes, points, size).

    settings  classes, pools (points), sizes (batches), points and size (of the cells in which the
              other varies), features (of a point), model, samples, mask_scope, repeats

    Points are random features of a fixed number: the time depends on shapes, but for BADGE's
    draws, which depend a little on values.

    Returns the seconds ``sampling`` and ``choosing`` [M, L, J, R] and ``memory`` [M, L, J] (MiB
    above model and pool, at the higher peak of the two; predictions are held during both) for M
    methods, L numbers of classes, J cells and R repeats; with ``methods`` [M], ``classes`` [L],
    ``points`` and ``sizes`` [J], and ``n_pools``: so many cells vary the pool, the rest the batch.
    """
    cells = [(points, settings["size"]) for points in settings["pools"]]
    cells += [(settings["points"], size) for size in settings["sizes"]]
    shape = (len(methods), len(settings["classes"]), len(cells))
    sampling, choosing = np.empty((2, *shape, settings["repeats"]))
    memory = np.empty(shape)
    for c, classes in enumerate(settings["classes"]):
        sample = _sampler(settings, classes, streams, device)
        for j, (points, size) in enumerate(cells):
            for m, method in enumerate(methods.values()):
                needs = catalog.find(method["function"]).needs(method["options"])
                sampled, sampling[m, c, j], peak = sample(points, KEEPS[needs])
                choosing[m, c, j], own_peak = _choose(
                    method, sampled, size, settings["repeats"], streams, device
                )
                memory[m, c, j] = max(peak, _held(sampled) + own_peak)
    return {
        "sampling": sampling,
        "choosing": choosing,
        "memory": memory,
        "points": np.array([points for points, _ in cells]),
        "sizes": np.array([size for _, size in cells]),
        "n_pools": np.array(len(settings["pools"])),
        "classes": np.array(settings["classes"]),
        "methods": np.array(list(methods)),
    }


def _sampler(settings: Mapping, classes: int, streams: Streams, device: str) -> Callable:
    """f(points, keep) -> (predictions, seconds [R], MiB), measured once for each argument."""
    width, repeats = settings["features"], settings["repeats"]
    posterior = build_posterior(settings, (width,), classes, streams, device=device)

    @cache
    def sample(points: int, keep: tuple[str, ...]) -> tuple[Predictions, np.ndarray, float]:
        if not keep:
            return Predictions(points), np.zeros(repeats), 0.0
        draws = streams.numpy("noise", points)
        inputs = Inputs(draws.standard_normal((points, width), dtype=np.float32), device=device)

        samples, scope = settings["samples"], settings["mask_scope"]
        sampling = Sampling(samples, scope, streams, "masks", keep, runtime.memory_budget())

        def once() -> Predictions:
            return posterior.predict(inputs, np.arange(points), sampling)

        return _measured(once, repeats, device)

    return sample


def _choose(
    method: Mapping, predictions: Predictions, size: int, repeats: int, streams: Streams, device
) -> tuple[np.ndarray, float]:
    """Seconds [R] and MiB of choosing a batch from predictions."""

    def once() -> Any:
        context = Context(streams.numpy("acquisition"))
        return registry.acquire(method["function"], predictions, size, context, method["options"])

    return _measured(once, repeats, device)[1:]


def _held(predictions: Predictions) -> float:
    """MiB of predictions: there already when choosing begins, so its own peak is above them."""
    moments = predictions.moments
    kept = [predictions.features, *(vars(moments).values() if moments else ())]
    return sum(tensor.nbytes for tensor in kept if tensor is not None) / 2**20


def _measured(work: Callable, repeats: int, device: str) -> tuple[Any, np.ndarray, float]:
    """What some work returns, its seconds [R] after one run that does not count, and its MiB.

    The memory is that of the first run, which takes what later ones find there.
    """
    meter = Meter(device)
    result = work()
    peak, seconds = meter.mib(), []
    for _ in range(repeats):
        _wait(device)
        start = time.perf_counter()
        work()
        _wait(device)
        seconds.append(time.perf_counter() - start)
    return result, np.array(seconds), peak


def _wait(device: str) -> None:
    if device.startswith("cuda"):
        torch.cuda.synchronize(device)
