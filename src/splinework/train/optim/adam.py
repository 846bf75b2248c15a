"""Adam on all rows or on mini-batches, with a cosine schedule."""

import math
from dataclasses import dataclass
from typing import ClassVar, final

import torch

from splinework.train.objective import Objective
from splinework.train.optim.base import Optimiser, Stepper


@final
@dataclass(frozen=True)
class Adam(Optimiser):
    """Kingma & Ba 2015. The rate falls along a half cosine to a hundredth of `learning_rate` over the planned steps.

    Attributes:
        learning_rate: At the start.
        batch: Rows per step, drawn without repetition until all have been seen; None takes all rows.
    """

    learning_rate: float = 1e-2
    batch: int | None = None

    name: ClassVar[str] = "adam"
    default_steps: ClassVar[int] = 2000

    def attach(self, objective: Objective, steps: int, generator: torch.Generator) -> Stepper:
        return _AdamStepper(self, objective, steps, generator)


class _AdamStepper:
    def __init__(self, recipe: Adam, objective: Objective, steps: int, generator: torch.Generator) -> None:
        self.recipe, self.objective, self.generator = recipe, objective, generator
        self.inner = torch.optim.Adam(objective.model.parameters(), lr=recipe.learning_rate)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.inner, lambda n: 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(n / max(steps, 1), 1)))
        )
        self.queue = torch.empty(0, dtype=torch.long)
        self.exhausted = False

    def step(self) -> float:
        rows = self._rows()
        self.inner.zero_grad()
        value = self.objective.value(rows)
        value.backward()  # type: ignore[no-untyped-call]
        parameters = [p for group in self.inner.param_groups for p in group["params"] if p.grad is not None]
        if not all(bool(torch.isfinite(p.grad).all()) for p in parameters):
            return math.inf
        self.inner.step()
        self.schedule.step()
        return float(value)

    def _rows(self) -> torch.Tensor | None:
        count, batch = self.objective.u.shape[0], self.recipe.batch
        if batch is None or batch >= count:
            return None
        if len(self.queue) < batch:
            self.queue = torch.randperm(count, generator=self.generator)
        rows, self.queue = self.queue[:batch], self.queue[batch:]
        return rows.to(self.objective.u.device)
