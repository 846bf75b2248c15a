"""What an optimiser is: a frozen recipe that attaches to an objective; the stepper that it returns holds the state."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Protocol

import torch

from splinework.train.objective import Objective


class Stepper(Protocol):
    """An optimiser at work on one objective."""

    def step(self) -> float | None:
        """Takes one step in place and returns the objective after it; None if the step has not seen all rows.

        A trial that is not finite is undone, or told by a value that is not finite.
        """

    @property
    def every(self) -> int:
        """Steps between two looks at all rows, where a look costs more than a step; else 1."""

    @property
    def exhausted(self) -> bool:
        """Whether no further step can lower the objective."""


@dataclass(frozen=True)
class Optimiser(ABC):
    """A method of minimisation.

    Attributes:
        default_steps: Most steps of a stage, where the user does not say.
        trial_steps: Steps after which one start may be told from another.
        settles: A stage ends when ten steps together gained less than this share of the objective; -∞ never.
    """

    name: ClassVar[str]
    default_steps: ClassVar[int]
    trial_steps: ClassVar[int]
    settles: ClassVar[float]

    @abstractmethod
    def attach(self, objective: Objective, steps: int, generator: torch.Generator) -> Stepper:
        """A stepper for this objective; `steps` is how many are planned, the generator draws mini-batches."""
