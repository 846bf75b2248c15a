"""Adam on all rows or on mini-batches, with a cosine schedule."""

import math
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from torch import Tensor
from torch.nn.utils import get_total_norm

from splinework.errors import ConfigError
from splinework.train.objective import Objective
from splinework.train.optim.base import Optimiser, Stepper


@final
@dataclass(frozen=True)
class Adam(Optimiser):
    """Kingma & Ba 2015. The rate falls along a half cosine to a hundredth of `learning_rate` over the planned steps.

    Attributes:
        learning_rate: At the start.
        batch: Rows per step: each row is seen once, in random order, before any is seen again; None takes all rows.

    Raises:
        ConfigError: If the rate is not positive, or the batch not at least 1.
    """

    learning_rate: float = 1e-2
    batch: int | None = None

    name: ClassVar[str] = "adam"
    default_steps: ClassVar[int] = 2000
    trial_steps: ClassVar[int] = 200
    settles: ClassVar[float] = -math.inf  # the falling rate ends it; before that its steps go up and down

    def __post_init__(self) -> None:
        if not self.learning_rate > 0:
            raise ConfigError(f"learning_rate must be positive, got {self.learning_rate}; 1e-2 is usual.")
        if self.batch is not None and self.batch < 1:
            raise ConfigError(f"batch is the number of rows per step, at least 1, got {self.batch}; None takes all.")

    def attach(self, objective: Objective, steps: int, generator: torch.Generator) -> Stepper:
        return _AdamStepper(self, objective, steps, generator)


class _AdamStepper:
    def __init__(self, recipe: Adam, objective: Objective, steps: int, generator: torch.Generator) -> None:
        self.objective, self.generator = objective, generator
        self.parameters = [p for p in objective.model.parameters() if p.requires_grad]
        self.inner = torch.optim.Adam(self.parameters, lr=recipe.learning_rate, fused=True)
        self.schedule = torch.optim.lr_scheduler.LambdaLR(
            self.inner, lambda n: 0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(n / max(steps, 1), 1)))
        )
        count = objective.u.shape[0]
        self.batch = count if recipe.batch is None else min(recipe.batch, count)
        self.every = max(count // (4 * self.batch), 1)
        self.queue = torch.empty(0, dtype=torch.long)
        self.exhausted = False

    def step(self) -> float | None:
        rows = self._rows()
        self.objective.differentiate(rows)
        if not math.isfinite(
            get_total_norm([p.grad for p in self.parameters if p.grad is not None], norm_type=math.inf)
        ):
            return math.inf
        self.inner.step()
        self.schedule.step()
        if rows is not None:
            return None
        return self.objective.number()

    def _rows(self) -> Tensor | None:
        """Numbers of the rows of this step; the last step of an epoch takes what is left."""
        count = self.objective.u.shape[0]
        if self.batch == count:
            return None
        if not len(self.queue):
            self.queue = torch.randperm(count, generator=self.generator)
        rows, self.queue = self.queue[: self.batch], self.queue[self.batch :]
        return rows.to(self.objective.u.device)
