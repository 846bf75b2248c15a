"""What a stage proposes."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Guess:
    """An expression for the data's target, and its description length up to a constant, twice, in nats."""

    expression: Any
    score: float
