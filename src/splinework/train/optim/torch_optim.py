"""First-order methods on all rows or on mini-batches: any optimiser of `torch.optim`, with a schedule for its rate."""

import copy
import math
from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, final

import torch
from torch import Tensor, nn
from torch.nn.utils import get_total_norm

from splinework.errors import ConfigError
from splinework.train.objective import Objective
from splinework.train.optim.base import Optimiser, Stepper, trainable
from splinework.train.optim.schedules import Schedule, make_schedule

MAX_OBJECTIVE_RATIO = 1e3
"""An objective above this multiple of the initial one (or of the null model's, if larger) counts as diverged."""


class FirstOrder(Optimiser):
    """A recipe around an optimiser of torch; its fields are the three below and whatever else that one takes.

    Raises:
        ConfigError: If the rate is not positive, the batch not at least 1, or the schedule unknown.
    """

    learning_rate: float | None
    batch: int | None
    schedule: str | Schedule

    default_steps: ClassVar[int] = 2000
    trial_steps: ClassVar[int] = 200
    settles: ClassVar[float] = -math.inf  # the falling rate ends it; before that its steps go up and down

    def __post_init__(self) -> None:
        if self.learning_rate is not None and not 0 < self.learning_rate < math.inf:
            raise ConfigError(f"learning_rate must be positive, got {self.learning_rate}; 1e-2 is usual.")
        if self.batch is not None and self.batch < 1:
            raise ConfigError(f"batch is the number of rows per step, at least 1, got {self.batch}; None takes all.")
        make_schedule(self.schedule)

    @abstractmethod
    def inner(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        """Torch's optimiser for these parameters."""

    def attach(self, objective: Objective, steps: int, generator: torch.Generator) -> Stepper:
        return _FirstOrderStepper(self, objective, steps, generator)


@final
@dataclass(frozen=True)
class TorchOptimiser(FirstOrder):
    """An optimiser of `torch.optim`.

    Attributes:
        name: Name of the class, such as `SGD` or `RMSprop`; capitals do not matter.
        learning_rate: At the start; None takes torch's.
        batch: Rows per step: each row is seen once, in random order, before any is seen again; None takes all rows.
        schedule: How the rate changes: `cosine`, `constant`, `one_cycle`, `exponential` or a recipe.
        options: Further arguments of the class, such as `{"momentum": 0.9}`.

    Raises:
        ConfigError: If torch has no such class, it does not take the options, or it cannot work with dense gradients.
    """

    name: str = "SGD"  # type: ignore[misc]  # of the recipe here, not of its class
    learning_rate: float | None = None
    batch: int | None = None
    schedule: str | Schedule = "cosine"
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        found = torch_optimisers().get(str(self.name).lower())
        if found is None:
            names = ", ".join(kind.__name__ for kind in torch_optimisers().values())
            raise ConfigError(f"torch.optim has {names}; got {self.name!r}.")
        object.__setattr__(self, "name", found.__name__)
        # Wrong options, and gradients that it cannot take, are refused here and not in the middle of a fit.
        trial = nn.Parameter(torch.zeros(2, 2, dtype=torch.float64))
        trial.grad = torch.ones_like(trial)
        try:
            self.inner([trial]).step(lambda: 1.0)
        except (RuntimeError, TypeError) as error:
            raise ConfigError(f"torch.optim.{self.name} cannot be used so: {error}") from error

    def inner(self, parameters: list[nn.Parameter]) -> torch.optim.Optimizer:
        kind: Any = torch_optimisers()[self.name.lower()]
        rate = {} if self.learning_rate is None else {"lr": self.learning_rate}
        try:
            optimiser: torch.optim.Optimizer = kind(parameters, **rate, **self.options)
        except (TypeError, ValueError) as error:
            raise ConfigError(f"torch.optim.{self.name} does not take these parameters or options: {error}") from error
        return optimiser


def torch_optimisers() -> dict[str, type[torch.optim.Optimizer]]:
    """The classes of `torch.optim`, by their names in small letters."""
    base = torch.optim.Optimizer
    found = (value for value in vars(torch.optim).values() if isinstance(value, type) and issubclass(value, base))
    return {kind.__name__.lower(): kind for kind in found if kind is not base}


class _FirstOrderStepper:
    exhausted = False

    def __init__(self, recipe: FirstOrder, objective: Objective, steps: int, generator: torch.Generator) -> None:
        self.objective, self.steps = objective, max(steps, 1)
        self.schedule = make_schedule(recipe.schedule)
        self.batches = objective.batches(recipe.batch, generator)
        self.every = max(self.batches.per_epoch // objective.evaluations_per_epoch, 1)
        self.parameters = trainable(objective)
        self.inner = recipe.inner(self.parameters)
        self.rate = float(self.inner.param_groups[0]["lr"])
        # In network units a model that has learned nothing is off by about 1.
        self.limit = MAX_OBJECTIVE_RATIO * max(objective.value_on_all_rows(), 1.0)
        self.taken, self.mean = 0, 0.0
        self._set_rate()

    def step(self) -> float | None:
        part = self.batches.next()
        from splinework.train.optim.updates import update

        # Some of torch's evaluate several times; all return the first value. It may be that before the step.
        value = update(self.inner, lambda: self.objective.differentiate(part))
        assert value is not None
        per_epoch = self.batches.per_epoch
        # Of an epoch, not of one batch: that may well be a row which is far off.
        self.mean = value / per_epoch + (self.mean if self.taken % per_epoch else 0.0)
        self.taken += 1
        self._set_rate()
        if part is not None:
            return None if self.mean <= self.limit else math.inf
        value = self.objective.value_on_all_rows()
        return value if value <= self.limit else math.inf  # NaN is neither

    @property
    def gradient_norm(self) -> float:
        """Length of the gradient of the last step, of a mini-batch where there are any."""
        return float(get_total_norm([p.grad for p in self.parameters if p.grad is not None]))

    def state(self) -> dict[str, Any]:
        slots = self.inner.state_dict()["state"]
        return {
            "taken": self.taken,
            "mean": self.mean,
            "limit": self.limit,
            "batches": self.batches.state(),
            "slots": [copy.deepcopy(slots.get(k)) for k in range(len(self.parameters))],
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.taken, self.mean, self.limit = state["taken"], state["mean"], state["limit"]
        self.batches.restore(state["batches"])
        slots = {k: copy.deepcopy(slot) for k, slot in enumerate(state["slots"]) if slot is not None}
        self.inner.load_state_dict({**self.inner.state_dict(), "state": slots})
        for k, slot in slots.items():  # torch has just given all the dtype of the parameters, which some do not have
            own = self.inner.state[self.parameters[k]]
            own.update({key: own[key].to(value.dtype) for key, value in slot.items() if isinstance(value, Tensor)})
        self._set_rate()

    def _set_rate(self) -> None:
        for group in self.inner.param_groups:
            group["lr"] = self.rate * self.schedule.factor(min(self.taken / self.steps, 1.0))
