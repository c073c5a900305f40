"""The two steps of a feature set, file to file: train an encoder, extract and probe features."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from balent import files, sources
from balent.data.dataset import load_dataset
from balent.data.inputs import Inputs
from balent.features import simclr
from balent.features.extract import extract
from balent.features.probe import ProbeSettings, probe
from balent.features.settings import SimclrSettings, content_key
from balent.models.encoders import load_encoder
from balent.streams import Streams


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
    progress: bool = True,
) -> None:
    """SimCLR on the training images of ``data``; labels and test images are not used.

    settings     a mapping for ``SimclrSettings.of``
    encoder_out  the encoder's weights, safetensors
    report_out   JSON: seed, settings, images, mean loss per epoch
    checkpoint   where an interrupted training is continued from; removed at the end
    Raises ConfigError or DataError in one line.
    """
    chosen = SimclrSettings.of(settings)
    dataset = load_dataset(data)
    checkpoint = Path(checkpoint)
    key = content_key(
        chosen.what_determines_the_result(),
        files.sha256_arrays(dataset.x_train),
        sources.digest(sources.closure(simclr.__file__)),
        [seed, device, threads, torch.__version__],
    )
    with _threads(threads):
        trained = simclr.train_simclr(
            Inputs(dataset.x_train, device=device),
            chosen,
            Streams(seed),
            checkpoint=checkpoint,
            key=key,
            progress=progress,
        )
    files.save_tensors(encoder_out, trained.encoder.state_dict())
    report = {"seed": seed, "settings": chosen.what_determines_the_result()}
    files.write_json(report_out, report | {"images": len(dataset.x_train), "loss": trained.losses})
    checkpoint.unlink(missing_ok=True)


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
        accuracies = {
            name: asdict(probe(a, dataset.y_train, b, dataset.y_test, probing))
            for name, (a, b) in probed.items()
        }
    labels = {"y_train": dataset.y_train, "y_test": dataset.y_test}
    files.save_npz(features_out, x_train=x_train, x_test=x_test, **labels)
    files.write_json(probe_out, {"settings": asdict(probing), "accuracy": accuracies})


@contextmanager
def _threads(count: int) -> Iterator[None]:
    """Let torch and the probe's linear algebra use ``count`` threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        with threadpool_limits(count):
            yield
    finally:
        torch.set_num_threads(before)
