"""The two steps of a feature set, file to file: train an encoder, extract and probe features."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch

from balent import files, sources
from balent.data.dataset import Dataset, load_dataset
from balent.data.inputs import Inputs
from balent.errors import ConfigError
from balent.features import simclr
from balent.features.extract import extract
from balent.features.probe import ProbeSettings, probe
from balent.features.progress import Epoch, sentence, write_csv
from balent.features.settings import SimclrSettings, content_key
from balent.models.encoders import Encoder, load_encoder
from balent.streams import Streams

PROBED = 5000, 2000
"""Training images at most that a probe during the training is fitted to, and held out for it."""

WHILE_TRAINING = ProbeSettings(max_iter=100)
"""Enough to judge a training by; the probe of ``extract_features`` is the one to cite."""


def train_encoder(
    data: str | Path,
    settings: dict[str, Any],
    encoder_out: str | Path,
    report_out: str | Path,
    *,
    checkpoint: str | Path,
    seed: int,
    device: str = "cpu",
    threads: int = 1,
    minutes: float | None = None,
    progress: bool = True,
) -> bool:
    """SimCLR on the training images of ``data``; whether it is finished.

    Test images are not used, and labels only for probes during the training, which do not change
    it.

    settings     a mapping for ``SimclrSettings.of``
    encoder_out  the encoder's weights, safetensors
    report_out   JSON: seed, settings, images, mean loss per epoch; and accuracies of probes, if any
    checkpoint   where an interrupted training is continued from; removed at the end. Beside it is
                 progress.csv, a row an epoch (balent.features.progress)
    minutes      after so many the training is left, to be continued by the same call; above 0
    progress     tell each epoch on standard error
    Raises ConfigError or DataError in one line.
    """
    if minutes is not None and not minutes > 0:
        raise ConfigError(f"simclr: minutes is {minutes:g}, but must be above 0; or leave it out")
    deadline = math.inf if minutes is None else time.monotonic() + 60 * minutes
    chosen = SimclrSettings.of(settings)
    if find_spec("safetensors") is None:
        raise ConfigError("simclr: checkpoint and encoder need safetensors, which is not installed")
    dataset = load_dataset(data)
    checkpoint = Path(checkpoint)

    def report(epochs: Sequence[Epoch]) -> None:
        write_csv(checkpoint.with_name("progress.csv"), epochs)
        if progress:
            print(f"simclr: {sentence(epochs, chosen.epochs)}", file=sys.stderr, flush=True)

    key = content_key(
        chosen.what_determines_the_result(),
        files.sha256_arrays(dataset.x_train),
        sources.digest(sources.closure(simclr.__file__)),
        [seed, torch.device(device).type, threads, torch.__version__],
    )
    with _threads(threads):
        trained = simclr.train_simclr(
            Inputs(dataset.x_train, device=device),
            chosen,
            Streams(seed),
            checkpoint=checkpoint,
            key=key,
            deadline=deadline,
            probe=_held_out_probe(dataset, chosen, seed, device, threads),
            report=report,
        )
    if not trained.finished:
        return False
    files.save_tensors(encoder_out, trained.encoder.state_dict())
    record: dict[str, Any] = {"seed": seed, "settings": chosen.what_determines_the_result()}
    record |= {"images": len(dataset.x_train), "loss": [epoch.loss for epoch in trained.epochs]}
    if chosen.probe_every:
        numbered = enumerate(trained.epochs, 1)
        record["probe"] = {n: epoch.probe for n, epoch in numbered if not math.isnan(epoch.probe)}
    files.write_json(report_out, record)
    checkpoint.unlink(missing_ok=True)
    return True


def extract_features(
    data: str | Path,
    encoder: str | Path,
    settings: dict[str, Any],
    probe_settings: dict[str, Any],
    features_out: str | Path,
    probe_out: str | Path,
    *,
    seed: int,
    device: str = "cpu",
    threads: int = 1,
) -> None:
    """Features of all images of ``data`` and the accuracy of a linear probe on them.

    encoder       what ``train_encoder`` wrote with the same ``settings`` and ``seed``
    features_out  .npz in the form of a data set: x_train, x_test float32 [N, D], y_train, y_test
    probe_out     JSON: the probe's settings and one accuracy entry for the features and for each
                  reference that ``probe_settings`` (a mapping for ``ProbeSettings.of``) names
    Raises ConfigError or DataError in one line.
    """
    chosen, probing = SimclrSettings.of(settings), ProbeSettings.of(probe_settings)
    dataset = load_dataset(data)
    with _threads(threads):
        train, test = (Inputs(x, device=device) for x in (dataset.x_train, dataset.x_test))
        network = simclr.initial_encoder(chosen, train.shape, Streams(seed)).to(device)

        def features() -> tuple[np.ndarray, np.ndarray]:
            side = chosen.image_size
            return extract(network, train, side), extract(network, test, side)

        probed = {}
        if "pixels" in probing.references:
            probed["pixels"] = dataset.x_train, dataset.x_test
        if "random" in probing.references:
            probed["random"] = features()
        load_encoder(network, files.load_tensors(encoder))
        x_train, x_test = probed["features"] = features()
    with _probe_threads(threads):
        accuracies = {
            name: asdict(probe(a, dataset.y_train, b, dataset.y_test, probing))
            for name, (a, b) in probed.items()
        }
    labels = {"y_train": dataset.y_train, "y_test": dataset.y_test}
    files.save_npz(features_out, x_train=x_train, x_test=x_test, **labels)
    files.write_json(probe_out, {"settings": asdict(probing), "accuracy": accuracies})


def _held_out_probe(
    dataset: Dataset, settings: SimclrSettings, seed: int, device: str, threads: int
) -> simclr.Probe | None:
    """A probe on a fixed split of the training images, PROBED at most; None where none is asked."""
    if settings.probe_every is None:
        return None
    if find_spec("sklearn") is None:
        raise ConfigError(
            "simclr: probe_every needs scikit-learn, which is not installed; install it, or leave "
            "probe_every out"
        )
    order = Streams(seed).numpy("simclr", 0, 2).permutation(len(dataset.x_train))
    order = order[: sum(PROBED)]
    cut = len(order) * PROBED[0] // sum(PROBED)
    rows = order[:cut], order[cut:]
    images = [Inputs(dataset.x_train[part], device=device) for part in rows]
    labels = [dataset.y_train[part] for part in rows]

    def accuracy(encoder: Encoder) -> float:
        x_fit, x_held_out = (extract(encoder, x, settings.image_size) for x in images)
        with _probe_threads(threads):
            return probe(x_fit, labels[0], x_held_out, labels[1], WHILE_TRAINING).test

    return accuracy


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let torch use ``count`` threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _probe_threads(count: int) -> AbstractContextManager[object]:
    """Let the probe's linear algebra use ``count`` threads inside the block."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(count)
