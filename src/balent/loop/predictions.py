"""What step mc_sample hands to step acquire, in memory or as a working file between two jobs."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from balent.acquisition.base import Predictions
from balent.files import load_npz, save_npz
from balent.posterior.moments import Moments

OTHERS = ("n_points", "n_samples", "moments")
TENSORS = tuple(f.name for f in fields(Predictions) if f.name not in OTHERS)
MOMENT = "moments."


@dataclass(frozen=True)
class Sampled:
    """What a method declared: predictions, and what goes into its Context."""

    predictions: Predictions
    labelled_features: Tensor | None = None
    validation_error: float | None = None


def save_predictions(path: str | Path, sampled: Sampled, seconds: float) -> None:
    """Write what was sampled and the seconds that it took as ``.npz``."""
    predictions = sampled.predictions
    tensors = {name: getattr(predictions, name) for name in TENSORS}
    tensors["labelled_features"] = sampled.labelled_features
    if predictions.moments is not None:
        tensors |= {MOMENT + k: v for k, v in vars(predictions.moments).items()}
    numbers = {
        "n_points": predictions.n_points,
        "n_samples": predictions.n_samples,
        "seconds": seconds,
        "validation_error": sampled.validation_error,
    }
    save_npz(
        path,
        **{name: tensor.cpu().numpy() for name, tensor in tensors.items() if tensor is not None},
        **{name: np.array(number) for name, number in numbers.items() if number is not None},
    )


def load_predictions(path: str | Path, device: str | torch.device = "cpu") -> tuple[Sampled, float]:
    """Read what save_predictions wrote: what was sampled, on ``device``, and seconds."""
    data = load_npz(path)
    tensors = {name: torch.as_tensor(array, device=device) for name, array in data.items()}
    moments = {f.name: tensors[key] for f in fields(Moments) if (key := MOMENT + f.name) in tensors}
    predictions = Predictions(
        n_points=int(data["n_points"]),
        n_samples=int(data["n_samples"]) if "n_samples" in data else None,
        moments=Moments(**moments) if moments else None,
        **{name: tensors.get(name) for name in TENSORS},
    )
    error = data.get("validation_error")
    return Sampled(
        predictions=predictions,
        labelled_features=tensors.get("labelled_features"),
        validation_error=None if error is None else float(error),
    ), float(data["seconds"])
