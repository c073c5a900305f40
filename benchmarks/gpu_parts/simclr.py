"""Images a second of SimCLR's training, on random images."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

import numpy as np
import torch

from balent.data.inputs import Inputs
from balent.features.settings import SimclrSettings
from balent.features.simclr import train_simclr
from balent.streams import Streams
from gpu_parts.bench import Bench
from gpu_parts.figures import Figure
from gpu_parts.points import images_of
from gpu_parts.roofline import simclr_operations

STEPS = {"paper": 20, "small": 4}
"""Of an epoch."""

EPOCHS = 4
"""The first does not count."""


def training(bench: Bench) -> Iterator[Figure]:
    """In both precisions, at the settings of config.yaml otherwise."""
    for precision in ("bfloat16", "float32"):
        yield _rate(bench, precision)


def compiled(bench: Bench) -> Iterator[Figure]:
    """With kernels by torch.compile, which takes a compiler and a minute: not at small scale."""
    if bench.paper:
        yield _rate(bench, "bfloat16", compile=True)


def _rate(bench: Bench, precision: str, compile: bool = False) -> Figure:
    settings, points = bench.plan.simclr, images_of(bench.plan.images)
    count = STEPS[bench.plan.scale] * settings["batch_size"]
    images = Streams(0).numpy("noise").integers(0, 256, (count, *points.shape), dtype=np.uint8)
    changes = {"epochs": EPOCHS, "warmup_epochs": 0, "precision": precision, "compile": compile}
    trained = train_simclr(
        Inputs(images, device=bench.device), SimclrSettings.of(settings | changes), Streams(0)
    )
    rate = statistics.median(epoch.images_per_second for epoch in trained.epochs[1:])
    unit = "tf32" if precision == "float32" and torch.backends.cudnn.allow_tf32 else precision
    attainable = getattr(bench.ceilings, unit) / simclr_operations(settings, points)
    name = f"SimCLR, {settings['encoder']['name']}, {precision}{', compiled' if compile else ''}"
    return Figure(name, rate, "images/s", None, attainable)
