"""What an optimiser is: a frozen recipe that attaches to an objective; the stepper that it returns holds the state."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch

from splinework.train.objective import Objective


class Stepper(Protocol):
    """An optimiser at work on one objective."""

    def step(self) -> float:
        """Takes one step in place and returns the objective after it.

        A stepper never leaves non-finite numbers in the model: a trial that is not finite is undone.
        """

    @property
    def exhausted(self) -> bool:
        """Whether no further step can lower the objective."""


@dataclass(frozen=True)
class Optimiser(ABC):
    """A method of minimisation."""

    name: ClassVar[str]
    default_steps: ClassVar[int]

    @abstractmethod
    def attach(self, objective: Objective, steps: int, generator: torch.Generator) -> Stepper:
        """A stepper for this objective; `steps` is how many are planned, the generator draws mini-batches."""
