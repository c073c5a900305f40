"""How long a feature set takes and how much memory its jobs, from settings alone: no torch."""

from __future__ import annotations

from typing import Any

from balent.forecast import CORE, CUDA, MIB, Points, Speed, held
from balent.models import counts
from balent.posterior.forecast import STATES

PROCESS = 470 * MIB
"""Python, torch, torchvision and scikit-learn, with what torch takes once for training."""

KEPT = 5
"""Copies of a layer's output in training."""

EXTRACTED = 256
"""Images a pass of the encoder takes (balent.features.extract.TILE)."""

REFERENCES, ITERATIONS = ("pixels", "random"), 1000
"""Defaults of balent.features.probe.ProbeSettings."""

COPIES = 4
"""Copies of the features at a time: themselves, put together, standardised, in the solver."""


def simclr_seconds(settings: dict[str, Any], points: Points, speed: Speed) -> float:
    """Training an encoder: two views of every image, forward, and backward twice that."""
    steps = settings["epochs"] * (points.n_train // settings["batch_size"])
    views = 2 * settings["batch_size"]
    work = 3 * views * _encoder(settings, points).multiply_adds
    return steps * (speed.step + work / speed.multiply_adds)


def simclr_bytes(settings: dict[str, Any], points: Points, gpu: bool) -> int:
    """Memory on the host of a job that trains an encoder."""
    encoder = _encoder(settings, points)
    weights = STATES * 4 * encoder.parameters
    if gpu:
        return PROCESS + CUDA + 2 * points.stored + weights
    outputs = KEPT * 4 * 2 * settings["batch_size"] * encoder.outputs
    return PROCESS + held(points) + weights + outputs


def extract_seconds(settings: dict[str, Any], points: Points, speed: Speed) -> float:
    """A pass over all images for each encoder, and the probe's iterations on one core."""
    encoder = _encoder(settings["simclr"], points)
    references = settings["probe"].get("references", REFERENCES)
    passes = (1 + ("random" in references)) * (points.n_train + points.n_test)
    widths = _features(settings) * (1 + ("random" in references))
    widths += points.values * ("pixels" in references)
    iterations = settings["probe"].get("max_iter", ITERATIONS)
    probe = 2 * iterations * points.n_train * widths * points.n_classes
    return passes * encoder.multiply_adds / speed.multiply_adds + probe / CORE.multiply_adds


def extract_bytes(settings: dict[str, Any], points: Points, gpu: bool) -> int:
    """Memory on the host of a job that extracts and probes features."""
    encoder = _encoder(settings["simclr"], points)
    probed = 1 + len(settings["probe"].get("references", REFERENCES))
    widest = max(_features(settings), points.values)
    arrays = (probed + COPIES) * 4 * widest * (points.n_train + points.n_test)
    size = PROCESS + held(points) + STATES * 4 * encoder.parameters + arrays
    return size + (CUDA if gpu else 4 * EXTRACTED * encoder.outputs)


def _features(settings: dict[str, Any]) -> int:
    return counts.out_features(settings["simclr"]["encoder"])


def _encoder(simclr: dict[str, Any], points: Points) -> counts.Counts:
    side = simclr.get("image_size")
    return counts.encoder(simclr["encoder"], (side, side, 3) if side else points.shape)
