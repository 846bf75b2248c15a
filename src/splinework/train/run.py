"""One fit in progress: the clock, the history, who is told, and the best state so far."""

import copy
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor
from torch.nn.utils import get_total_norm

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
    taken: int = 0

    @property
    def over(self) -> bool:
        """Whether the fit must end."""
        if not self.stopped and self.deadline is not None and time.monotonic() > self.deadline:
            self.stopped = "the time given was used up"
        if not self.stopped and self.remaining is not None and self.remaining <= 0:
            self.stopped = "the steps given were used up"
        return bool(self.stopped)

    def advance(
        self, objective: Objective, optimiser: Optimiser, steps: int, stage: str, *, settles: float | None = None
    ) -> float:
        """Takes up to `steps` steps; returns the objective.

        Ends early when the optimiser is exhausted, or when ten steps together gained less than the share `settles`
        (that of the optimiser, where None is given).
        """
        stepper = optimiser.attach(objective, steps, self.generator)
        share = optimiser.settles if settles is None else settles
        values = [objective.number()]
        unseen = 0
        for number in range(1, steps + 1):
            if self.over:
                break
            value = stepper.step()
            self._count_step()
            unseen += 1
            if value is None and unseen < stepper.every and number < steps and not self.over:
                continue
            unseen = 0
            value = objective.number() if value is None else value
            if not math.isfinite(value) or not _finite(objective.model):
                self.stopped = "the numbers of the model stopped being finite; the best state before that was kept"
                break
            values.append(value)
            self._record(objective, value, stage)
            if stepper.exhausted or (len(values) > 10 and values[-11] - value <= share * values[-11]):
                break
        return values[-1]

    @torch.no_grad()
    def score(self, objective: Objective) -> float:
        """What the best state is judged by: the root of the objective, on the held-out rows where there are any."""
        return self._score(objective, objective.number(), self._gap(objective.model))

    def judge_anew(self, objective: Objective, held_out: tuple[Tensor, Tensor] | None) -> None:
        """Makes the objective's model the best state, and from now on judges by other rows."""
        self.held_out = held_out
        score = self.score(objective)
        self.best, self.best_score = copy.deepcopy(objective.model), score if math.isfinite(score) else math.inf

    @torch.no_grad()
    def _record(self, objective: Objective, value: float, stage: str) -> None:
        gap = self._gap(objective.model)
        step = Step(
            number=self.taken,
            stage=stage,
            grid=max(layer.basis.resolution for layer in objective.model.kan_layers),
            objective=value,
            rmse_train=self._training_error(objective, value),
            rmse_validation=math.nan if gap is None else float((gap * self.unit).square().mean().sqrt()),
            seconds=time.monotonic() - self.began,
        )
        self.history.steps.append(step)
        score = self._score(objective, value, gap)
        if score < self.best_score:
            self.best_score, self.best = score, _snapshot(objective.model, self.best)
        for callback in self.callbacks:
            try:
                callback(step)
            except StopTraining as signal:
                self.stopped = str(signal) or "a callback ended the fit"

    def _gap(self, model: KAN) -> Tensor | None:
        """Errors on the held-out rows, in network units."""
        return None if self.held_out is None else model.unit_forward(self.held_out[0]) - self.held_out[1]

    def _score(self, objective: Objective, value: float, gap: Tensor | None) -> float:
        if gap is None:
            return math.sqrt(value)
        penalty = value - float(objective.error()) if objective.penalties else 0.0
        return math.sqrt(float(gap.square().mean()) + max(penalty, 0.0))

    def _count_step(self) -> None:
        self.taken += 1
        if self.remaining is not None:
            self.remaining -= 1

    def _training_error(self, objective: Objective, value: float) -> float:
        """In the units of y; where the objective is the error of one output and no more, it is known already."""
        if objective.penalties or objective.t.shape[1] > 1:
            gap = objective.model.unit_forward(objective.u) - objective.t
            return float((gap * self.unit).square().mean().sqrt())
        return math.sqrt(value) * float(self.unit[0])


def _finite(model: KAN) -> bool:
    # The largest magnitude, over all parameters in one call: NaN and infinity reach it.
    return math.isfinite(get_total_norm(model.parameters(), norm_type=math.inf))


def _snapshot(model: KAN, older: KAN | None) -> KAN:
    """A copy of the model; into an older copy of it where the shape is the same, which is far faster."""
    if older is None or [layer.basis for layer in older.kan_layers] != [layer.basis for layer in model.kan_layers]:
        return copy.deepcopy(model)
    new, old = _tensors(model), _tensors(older)
    if [t.shape for t in new] != [t.shape for t in old]:
        return copy.deepcopy(model)
    torch._foreach_copy_(old, new)
    return older


def _tensors(model: KAN) -> list[Tensor]:
    return [*(p.detach() for p in model.parameters()), *model.buffers()]
