"""What a fit tells after each step, and how one may answer. A callback is any function of a `Step`."""

import math
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """One step of a fit.

    Attributes:
        number: Steps done so far, from 1.
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


class StopTraining(Exception):  # noqa: N818  # a signal, not an error
    """Raised by a callback to end the fit; the best state so far is returned."""


class EarlyStopping:
    """Ends the fit when the held-out error has not improved for `patience` steps.

    Args:
        patience: Number of steps.
        improvement: Relative gain that counts as an improvement.
    """

    def __init__(self, patience: int = 50, improvement: float = 1e-3) -> None:
        self.patience, self.improvement = patience, improvement
        self._best, self._since = math.inf, 0

    def __call__(self, step: Step) -> None:
        error = step.rmse_validation if math.isfinite(step.rmse_validation) else step.rmse_train
        if error < self._best * (1 - self.improvement):
            self._best, self._since = error, 0
        else:
            self._since += 1
        if self._since >= self.patience:
            raise StopTraining(f"no improvement for {self.patience} steps")
