"""One fit in progress: the clock, the history, who is told, and the best state so far."""

import copy
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from splinework.network import KAN
from splinework.train.callbacks import Callback, Step, StopTraining
from splinework.train.history import History
from splinework.train.objective import Objective
from splinework.train.optim import Optimiser


@dataclass
class Run:
    """Keeps what must outlive a stage of the fit.

    Attributes:
        held_out: Rows in network units that no step sees, or None.
        unit: Standard deviation of y per output, which turns errors in network units into those of y.
        deadline: Time on the clock after which no step begins, or None.
        remaining: Steps that may still be taken, or None.
    """

    unit: Tensor
    held_out: tuple[Tensor, Tensor] | None
    generator: torch.Generator
    callbacks: Sequence[Callback] = ()
    deadline: float | None = None
    remaining: int | None = None
    began: float = field(default_factory=time.monotonic)
    history: History = field(default_factory=History)
    best: KAN | None = None
    best_score: float = math.inf
    stopped: str = ""

    @property
    def over(self) -> bool:
        """Whether the fit must end."""
        if not self.stopped and self.deadline is not None and time.monotonic() > self.deadline:
            self.stopped = "the time given was used up"
        if not self.stopped and self.remaining is not None and self.remaining <= 0:
            self.stopped = "the steps given were used up"
        return bool(self.stopped)

    def advance(
        self, objective: Objective, optimiser: Optimiser, steps: int, stage: str, *, settle: float = 0.0
    ) -> float:
        """Takes up to `steps` steps; returns the objective.

        Ends early when the optimiser is exhausted or when ten steps together gained less than the share `settle`.
        """
        stepper = optimiser.attach(objective, steps, self.generator)
        with torch.no_grad():
            values = [float(objective.value())]
        for _ in range(steps):
            if self.over:
                break
            value = stepper.step()
            if not math.isfinite(value) or not _finite(objective.model):
                self.stopped = "the numbers of the model stopped being finite; the best state before that was kept"
                break
            values.append(value)
            self._record(objective, value, stage)
            if stepper.exhausted or (len(values) > 10 and values[-11] - value <= settle * values[-11]):
                break
        return values[-1]

    @torch.no_grad()
    def score(self, model: KAN, objective: Objective) -> float:
        """What the best state is judged by: the held-out error, or the objective where nothing is held out."""
        return self.error(model, *self.held_out) if self.held_out is not None else math.sqrt(float(objective.value()))

    @torch.no_grad()
    def error(self, model: KAN, u: Tensor, t: Tensor) -> float:
        """Root mean squared error in the units of y."""
        return float(((model.unit_forward(u) - t) * self.unit).square().mean().sqrt())

    def consider(self, model: KAN, objective: Objective) -> None:
        """Keeps a copy of the model if it is the best so far."""
        score = self.score(model, objective)
        if score < self.best_score or self.best is None:
            self.best_score, self.best = score, copy.deepcopy(model)

    def forget_best(self) -> None:
        """Starts judging anew, as when the objective has changed."""
        self.best, self.best_score = None, math.inf

    def _record(self, objective: Objective, value: float, stage: str) -> None:
        model = objective.model
        held_out = self.error(model, *self.held_out) if self.held_out is not None else math.nan
        step = Step(
            number=len(self.history) + 1,
            stage=stage,
            grid=max(layer.basis.resolution for layer in model.kan_layers),
            objective=value,
            rmse_train=self._training_error(objective, value),
            rmse_validation=held_out,
            seconds=time.monotonic() - self.began,
        )
        self.history.steps.append(step)
        if self.remaining is not None:
            self.remaining -= 1
        score = held_out if self.held_out is not None else math.sqrt(value)
        if score < self.best_score:
            self.best_score, self.best = score, copy.deepcopy(model)
        for callback in self.callbacks:
            try:
                callback(step)
            except StopTraining as signal:
                self.stopped = str(signal) or "a callback ended the fit"

    def _training_error(self, objective: Objective, value: float) -> float:
        """In the units of y; where the objective is the error of one output and no more, it is known already."""
        if objective.penalties or objective.t.shape[1] > 1:
            return self.error(objective.model, objective.u, objective.t)
        return math.sqrt(value) * float(self.unit[0])


def _finite(model: KAN) -> bool:
    return all(bool(torch.isfinite(p).all()) for p in model.parameters())
