"""What a fit tells after each step, and how one may answer. A callback is any function of a `Step`."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from splinework.errors import ConfigError


@dataclass(frozen=True)
class Step:
    """One step of a fit.

    Attributes:
        number: Steps taken so far. Every step is told, but of mini-batches only as many as cost little.
        stage: What is being done, such as `start 3 of 6`, `grid 10` or `polish`.
        grid: Largest resolution of the layers.
        objective: What is minimised, in network units: mean squared error and penalties.
        rmse_train: Root mean squared error on the training rows, in the units of y (of log y for a logarithmic output).
        rmse_validation: The same on the held-out rows; NaN where there are none.
        seconds: Since the fit began.
    """

    number: int
    stage: str
    grid: int
    objective: float
    rmse_train: float
    rmse_validation: float
    seconds: float


Callback = Callable[[Step], None]


class StopTraining(Exception):  # a signal, not an error
    """Raised by a callback to end the fit; the best state so far is returned."""


class EarlyStopping:
    """Ends the fit when the held-out error has not improved for `patience` steps of one stage.

    Where nothing is held out, the training error counts. Each start and each grid is a stage; a new fit begins anew.

    Args:
        patience: Number of steps.
        improvement: Relative gain that counts as an improvement.

    Raises:
        ConfigError: If patience is below 1, or improvement not between 0 and 1.
    """

    def __init__(self, patience: int = 50, improvement: float = 1e-3) -> None:
        if not (patience >= 1 and 0 <= improvement < 1):
            raise ConfigError(
                f"patience is at least 1 step and improvement a share below 1, got {patience} and {improvement}."
            )
        self.patience, self.improvement = patience, improvement
        self._best, self._improved = math.inf, 0
        self._last: Step | None = None

    def __call__(self, step: Step) -> None:
        if self._last is None or step.number <= self._last.number:
            self._best = math.inf
        if self._last is None or step.stage != self._last.stage or step.number <= self._last.number:
            self._improved = step.number
        self._last = step
        error = step.rmse_validation if math.isfinite(step.rmse_validation) else step.rmse_train
        if error < self._best * (1 - self.improvement):
            self._best, self._improved = error, step.number
        if step.number - self._improved >= self.patience:
            raise StopTraining(f"no improvement for {self.patience} steps")
