"""Synthetic chains: five scenarios, seven methods, three seeds, with a known mean and spread."""

from pathlib import Path

import numpy as np
import pandas as pd

from balent.loop.history import COLUMNS

REFERENCE = Path(__file__).parents[2] / "data" / "reference"

METHODS = {
    name: {"title": title, "function": name, "options": {}}
    for name, title in {
        "random": "Random",
        "bald": "BALD",
        "entropy": "Entropy",
        "mean_sd": "MeanSD",
        "power_bald": "PowerBALD",
        "badge": "BADGE",
        "balentacq": "BalEntAcq",
    }.items()
}


def settings(title: str, data: str = "digits", **changes) -> dict:
    """A resolved scenario as the configuration gives it."""
    return {
        "title": title,
        "data": data,
        "features": None,
        "copies": 1,
        "pool": {"pool": "all"},
        "model": {"family": "cnn", "hidden": 128, "dropout": 0.25, "last_bias": False},
        "training": {
            "batch_size": 32,
            "learning_rate": 0.003,
            "steps": 300,
            "warm_start": False,
        },
        "sampling": {"samples": 50, "mask_scope": "batch"},
        "acquisition": {"initial": 20, "balanced": True, "size": 10, "budget": 120},
        "evaluation": {"samples": 50},
    } | changes


SCENARIOS = {
    "full_dropout": settings("Full dropouts + CNN"),
    "fixed_features": settings("Fixed feature", features="simclr"),
    "redundant": settings("Redundant images + Fixed feature", features="simclr", copies=3),
    "backbone": settings("Backbone"),
    "backbone_augmented": settings("Backbone + Augmentation"),
}


def history(n_labelled, accuracy) -> pd.DataFrame:
    """A history with these accuracies (in [0, 1]) and plain other columns."""
    last = len(n_labelled) - 1
    return pd.DataFrame(
        {
            "round": range(len(n_labelled)),
            "n_labelled": n_labelled,
            "accuracy": accuracy,
            "nll": [1 - a for a in accuracy],
            "epistemic": [np.nan if r == last else 0.1 for r in range(len(n_labelled))],
            "aleatoric": [np.nan if r == last else 0.3 for r in range(len(n_labelled))],
            "label_entropy": 2.0,
        },
        columns=list(COLUMNS),
    )


def chains(table: dict[tuple[str, str, int], pd.DataFrame]) -> pd.DataFrame:
    """What load_histories gives for these chains."""
    return pd.concat(
        [
            frame.assign(scenario=scenario, method=method, seed=seed)
            for (scenario, method, seed), frame in table.items()
        ],
        ignore_index=True,
    )


def synthetic(seeds: int = 3, rounds: int = 11) -> pd.DataFrame:
    """Plausible curves of all scenarios and methods."""
    generator = np.random.default_rng(0)
    size = np.linspace(20, 120, rounds).round().astype(int)
    table = {}
    for s, scenario in enumerate(SCENARIOS):
        for m, method in enumerate(METHODS):
            for seed in range(seeds):
                height = 0.95 - 0.05 * s - 0.25 * np.exp(-(size - 20) / (55 - 4 * m))
                noise = generator.normal(0, 0.006, rounds)
                table[scenario, method, seed] = history(size, np.clip(height - 0.1 + noise, 0, 1))
    return chains(table)
