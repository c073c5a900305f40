"""Predictions of the remaining pool as a working file between two jobs."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import numpy as np
import torch

from balent.acquisition.base import Predictions
from balent.files import load_npz, save_npz
from balent.posterior.moments import Moments


def save_predictions(path: str | Path, predictions: Predictions, seconds: float) -> None:
    """Write predictions and the seconds that they took as ``.npz``."""
    arrays = {"n_points": np.array(predictions.n_points), "seconds": np.array(seconds)}
    if predictions.moments is not None:
        for field in fields(Moments):
            tensor = getattr(predictions.moments, field.name)
            arrays[f"moments.{field.name}"] = tensor.cpu().numpy()
    for name in ("samples", "features"):
        tensor = getattr(predictions, name)
        if tensor is not None:
            arrays[name] = tensor.cpu().numpy()
    save_npz(path, **arrays)


def load_predictions(
    path: str | Path, device: str | torch.device = "cpu"
) -> tuple[Predictions, float]:
    """Read what save_predictions wrote: predictions on ``device``, and seconds."""
    data = load_npz(path)
    tensors = {name: torch.as_tensor(array, device=device) for name, array in data.items()}
    moments = {name: value for name, value in tensors.items() if name.startswith("moments.")}
    return Predictions(
        n_points=int(data["n_points"]),
        moments=Moments(**{k.removeprefix("moments."): v for k, v in moments.items()})
        if moments
        else None,
        samples=tensors.get("samples"),
        features=tensors.get("features"),
    ), float(data["seconds"])
