"""What the comparisons with other packages share."""

from importlib.util import find_spec

import numpy as np
import pytest
import torch

from balent import scoring
from balent.models.torchvision_ops import import_torchvision
from balent.pool import Pool

if find_spec("baal") is not None:
    import_torchvision()  # baal imports it as well, which fails beside a CPU build of torch


def random_probs(n=30, k=6, c=4, seed=0) -> np.ndarray:
    """[N, K, C] probabilities whose samples agree in part."""
    generator = np.random.default_rng(seed)
    logits = generator.normal(size=(n, 1, c)) + 1.5 * generator.normal(size=(n, k, c))
    return torch.softmax(torch.from_numpy(logits), dim=2).numpy()


@pytest.fixture
def probs() -> np.ndarray:
    return random_probs()


@pytest.fixture
def batch():
    """Picks of a batch method with its scores."""

    def acquire(name, probs, size, seed=0, features=None, **options):
        return scoring.choose(name, Pool(probs, features), size, seed, options)

    return acquire
