"""Early stopping on a validation set (002, section 4; 001, section 4)."""

from __future__ import annotations

from collections.abc import Callable

from balent.models.network import NoisyNetwork


class EarlyStopping:
    """Watches a training, epoch by epoch.

    patience          epochs in a row without a smaller error after which ``ended`` is true
    validation_error  of the network as it is; it may leave it in evaluation mode
    """

    def __init__(
        self, model: NoisyNetwork, patience: int, validation_error: Callable[[], float]
    ) -> None:
        self.model, self.patience, self.error = model, patience, validation_error
        self.best = float("inf")
        self.state = self._state()
        self.waited = 0

    @property
    def ended(self) -> bool:
        return self.waited >= self.patience

    def epoch(self) -> None:
        """Take note of the network after an epoch, and leave it in training mode."""
        error = self.error()
        self.model.train()
        if error < self.best:
            self.best, self.state, self.waited = error, self._state(), 0
        else:
            self.waited += 1

    def restore(self) -> None:
        """Give the network the weights of the best epoch, the first of equal ones."""
        self.model.load_state_dict(self.state)

    def _state(self) -> dict:
        return {name: value.clone() for name, value in self.model.state_dict().items()}
