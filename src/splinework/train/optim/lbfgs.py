"""L-BFGS with a strong-Wolfe search, one iteration per step."""

import math
from dataclasses import dataclass
from typing import ClassVar, final

import torch

from splinework.errors import ConfigError
from splinework.train.objective import Objective
from splinework.train.optim.base import Optimiser, Stepper


@final
@dataclass(frozen=True)
class LBFGS(Optimiser):
    """Limited-memory BFGS (Nocedal & Wright, ch. 7); torch's, guarded against trials that are not finite.

    Attributes:
        memory: Curvature pairs kept.

    Raises:
        ConfigError: If the memory is not at least 1.
    """

    memory: int = 20

    name: ClassVar[str] = "lbfgs"
    default_steps: ClassVar[int] = 300
    trial_steps: ClassVar[int] = 30
    settles: ClassVar[float] = 1e-3

    def __post_init__(self) -> None:
        if self.memory < 1:
            raise ConfigError(f"memory is the number of pairs kept, at least 1, got {self.memory}; 20 is usual.")

    def attach(self, objective: Objective, steps: int, generator: torch.Generator) -> Stepper:
        return _LBFGSStepper(self, objective)


class _LBFGSStepper:
    def __init__(self, recipe: LBFGS, objective: Objective) -> None:
        self.recipe, self.objective = recipe, objective
        self.parameters = [p for p in objective.model.parameters() if p.requires_grad]
        self.best = objective.number()
        self.idle, self.exhausted, self.every = 0, False, 1
        self._restart()

    def _restart(self) -> None:
        self.inner = torch.optim.LBFGS(
            self.parameters,
            max_iter=1,
            max_eval=25,
            history_size=self.recipe.memory,
            tolerance_grad=0,
            tolerance_change=0,
            line_search_fn="strong_wolfe",
        )

    def step(self) -> float:
        before = [p.detach().clone() for p in self.parameters]

        self.inner.step(self.objective.differentiate)
        value = self.objective.number()
        if not math.isfinite(value) or value > self.best:
            with torch.no_grad():
                for parameter, old in zip(self.parameters, before, strict=True):
                    parameter.copy_(old)
            self._restart()  # curvature pairs from a failed search are worth nothing
            self.idle += 1
            self.exhausted = self.idle >= 3
            return self.best
        self.idle = self.idle + 1 if value >= self.best * (1 - 1e-12) else 0
        self.exhausted = self.idle >= 3
        self.best = value
        return value
