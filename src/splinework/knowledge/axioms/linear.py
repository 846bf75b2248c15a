"""What axioms env of a function as linear equations or inequalities in its values: what a test of them against rows looks at."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, final

import torch
from torch import Tensor

from splinework.knowledge.axioms.axiom import Axiom, Name
from splinework.knowledge.axioms.sampling import PenaltyContext

Function = Callable[[Tensor], Tensor]
"""Points `(N, I)` to the values of several functions there, `(N, k)`."""
N_STEPS: Final = 16
"""Steps along an input in which slopes and bends are looked at."""
N_ROWS: Final = 6
"""Rows whose other inputs they are looked at with."""


@final
@dataclass(frozen=True, eq=False)
class LinearCondition:
    """`values(f) + offset = 0`, or `≥ 0`.

    Attributes:
        values: Takes functions, and how many they are, to a linear functional of each, `(M, k)`.
        offset: `(M,)`.
        equal: Whether they are equations.
    """

    values: Callable[[Function, int], Tensor]
    offset: Tensor
    equal: bool


def from_penalty(axiom: Axiom, context: PenaltyContext) -> LinearCondition:
    """From what is a penalty, for axioms that are equations in values: it takes a basis for a model of many outputs."""

    def values(f: Function, count: int) -> Tensor:
        wide = replace(context, output_names=("",) * count, spread=torch.ones(count, dtype=torch.float64))
        penalty = replace(axiom, output=None).penalty(wide)
        if penalty.data is None:
            return penalty.function(f, penalty.points)
        return penalty.function(f, penalty.points, penalty.data)

    offset = values(lambda x: torch.zeros(len(x), 1, dtype=x.dtype), 1)
    return LinearCondition(lambda f, count: values(f, count) - offset, offset[:, 0], True)


@dataclass(frozen=True)
class LinearAxiom(Axiom):
    """An axiom that is an equation in values of the function, so that its penalty says what it asks at points."""

    def linear_conditions(self, context: PenaltyContext, column: int) -> list[LinearCondition]:
        return [from_penalty(self, context)]


def sign_along(
    name: Name | int, axiom: Axiom, context: PenaltyContext, order: int, sign: float, limit: float = 0.0
) -> LinearCondition:
    """`sign · differences + limit ≥ 0` along an input, times the step; differences of the first or second order."""
    lines = _lines(name, axiom, context)
    step = (lines[0, 1] - lines[0, 0]).sum()
    count = len(lines) * (lines.shape[1] - order)

    def values(f: Function, _: int) -> Tensor:
        found: Tensor = f(lines.flatten(0, 1)).unflatten(0, lines.shape[:2])
        return sign * found.diff(n=order, dim=1).flatten(0, 1)

    return LinearCondition(values, (limit * step).expand(count), False)


def spaced_rows(context: PenaltyContext, most: int) -> Tensor:
    """So many rows at most, in even steps, `(N, I)`."""
    rows = context.points
    return rows[torch.linspace(0, len(rows) - 1, min(most, len(rows))).long()]


def _lines(name: Name | int, axiom: Axiom, context: PenaltyContext) -> Tensor:
    """Rows moved to places along an input, `(rows, places, I)`."""
    i, count = context.input(name, axiom), N_STEPS
    rows = context.points
    if rows.shape[1] == 1:
        rows, count = rows[:1], 2 * count
    else:
        rows = spaced_rows(context, N_ROWS)
    low, high = context.box[i]
    places = torch.linspace(0, 1, count + 1, dtype=rows.dtype) * (high - low) + low
    lines = rows[:, None].repeat(1, count + 1, 1)
    lines[:, :, i] = places
    return lines
