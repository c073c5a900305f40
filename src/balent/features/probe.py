"""The linear probe: how well a linear classifier does on frozen features (Chen et al. 2020)."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from balent.errors import ConfigError

REFERENCES = ("pixels", "random")


@dataclass(frozen=True)
class ProbeSettings:
    """How the probe is fitted.

    inverse_l2  scikit-learn's C: the penalty on the weights is ||W||^2 / (2 C), summed loss
    max_iter    most iterations of L-BFGS
    references  what is probed besides the features: ``pixels``, and ``random``, the features of
                the encoder before training; they say what the training adds
    """

    inverse_l2: float = 1.0
    max_iter: int = 1000
    references: tuple[str, ...] = REFERENCES

    @classmethod
    def of(cls, mapping: dict[str, Any]) -> ProbeSettings:
        """Settings from a mapping; raises ConfigError for an unknown or bad entry."""
        unknown = [name for name in mapping if name not in cls.__dataclass_fields__]
        if unknown:
            allowed = ", ".join(cls.__dataclass_fields__)
            raise ConfigError(f"probe: unknown key {unknown[0]!r}; allowed are {allowed}")
        return cls(**{**mapping, "references": tuple(mapping.get("references", REFERENCES))})

    def __post_init__(self) -> None:
        if self.inverse_l2 <= 0:
            raise ConfigError(f"probe: inverse_l2 is {self.inverse_l2!r}, but must be above 0")
        if self.max_iter < 1:
            raise ConfigError(f"probe: max_iter is {self.max_iter!r}, but must be at least 1")
        for name in self.references:
            if name not in REFERENCES:
                raise ConfigError(
                    f"probe: unknown reference {name!r}; allowed are {', '.join(REFERENCES)}"
                )


@dataclass(frozen=True)
class Probe:
    """Accuracies in [0, 1], and whether the fit converged within ``max_iter``."""

    train: float
    test: float
    iterations: int
    converged: bool


def probe(
    x_train: np.ndarray,
    y_train: np.ndarray,
    x_test: np.ndarray,
    y_test: np.ndarray,
    settings: ProbeSettings,
) -> Probe:
    """Multinomial logistic regression on inputs standardised by the training set.

    x [N, ...] of any number type (flattened), y [N] labels. scikit-learn's LogisticRegression with
    its L-BFGS solver, which draws nothing at random.
    """
    from sklearn.exceptions import ConvergenceWarning  # a second's import that few need
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    x_train, x_test = (x.reshape(len(x), -1).astype(np.float32) for x in (x_train, x_test))
    scaler = StandardScaler().fit(x_train)
    model = LogisticRegression(C=settings.inverse_l2, max_iter=settings.max_iter)
    x_train = scaler.transform(x_train)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # reported as converged: false
        model.fit(x_train, y_train)
    iterations = int(model.n_iter_.max())
    return Probe(
        train=float(model.score(x_train, y_train)),
        test=float(model.score(scaler.transform(x_test), y_test)),
        iterations=iterations,
        converged=iterations < settings.max_iter,
    )
