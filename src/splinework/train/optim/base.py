"""The base class of optimisers: a frozen recipe that attaches to an objective; the stepper it returns holds the state."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import torch
from torch import nn

from splinework.errors import ConfigError
from splinework.train.objective import Objective


class Stepper(Protocol):
    """An optimiser at work on one objective."""

    def step(self) -> float | None:
        """Takes one step in place and returns the objective after it; None if the step has not seen all rows.

        A trial that is not finite is undone, or reported by a value that is not finite; so is an objective that explodes.
        """

    @property
    def every(self) -> int:
        """Steps between two looks at all rows, where a look costs more than a step; else 1."""

    @property
    def exhausted(self) -> bool:
        """Whether no further step can lower the objective."""

    def state(self) -> dict[str, Any]:
        """All that is needed to go on, beside the model and the generator, neither of which belongs to the stepper.

        Tensors, numbers, strings, None, and lists and dicts of these with strings as keys. Later steps leave it alone.
        """

    def restore(self, state: dict[str, Any]) -> None:
        """Goes on where `state` was taken, by the same recipe on the same numbers of the model, to the same bits."""


@dataclass(frozen=True)
class Optimiser(ABC):
    """A method of minimisation.

    Attributes:
        default_steps: Most steps of a stage, where the user does not say.
        trial_steps: Steps after which starts may be compared.
        settles: A stage ends when ten steps together gained less than this share of the objective; -∞ never.
        second_order: Whether it sees the curvature of the coefficients, and so converges in few steps on any grid.
    """

    name: ClassVar[str]
    default_steps: ClassVar[int]
    trial_steps: ClassVar[int]
    settles: ClassVar[float]
    second_order: ClassVar[bool] = False

    @abstractmethod
    def attach(self, objective: Objective, steps: int, generator: torch.Generator) -> Stepper:
        """A stepper for this objective; `steps` is how many are planned, the generator draws mini-batches."""


def trainable(objective: Objective) -> list[nn.Parameter]:
    """The parameters that an optimiser moves.

    Raises:
        ConfigError: If all are frozen.
    """
    parameters = [p for p in objective.model.parameters() if p.requires_grad]
    if not parameters:
        raise ConfigError("every number of the model is frozen; set requires_grad where something may change.")
    return parameters
