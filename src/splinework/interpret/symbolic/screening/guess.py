"""What a stage proposes."""

from dataclasses import dataclass
from typing import Any

from splinework.interpret.symbolic.screening.problem import Problem


@dataclass(frozen=True)
class Guess:
    """An answer to a problem, and its description length up to a constant, twice, in nats."""

    problem: Problem
    answer: Any
    score: float

    @property
    def expression(self) -> Any:
        """The answer as one for the data's target. Made when asked for: sympy thinks long about what is deeply nested."""
        return self.problem.wrap(self.answer)
