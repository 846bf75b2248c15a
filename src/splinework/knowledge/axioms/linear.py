"""Axioms as linear equations or inequalities in values of the function, for testing them against data."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, final

import torch
from torch import Tensor

from splinework.knowledge.axioms.axiom import Axiom, Name
from splinework.knowledge.axioms.sampling import PenaltyContext

Function = Callable[[Tensor], Tensor]
"""Maps points `(N, I)` to the values of k functions there, `(N, k)`."""
N_STEPS: Final = 16
"""The number of steps along an input for slopes and curvatures."""
N_ROWS: Final = 6
"""The number of rows whose other inputs are kept."""


@final
@dataclass(frozen=True, eq=False)
class LinearCondition:
    """`values(f) + offset = 0`, or `≥ 0`.

    Attributes:
        values: Maps k functions, and k, to the linear functionals of each, `(M, k)`.
        offset: `(M,)`.
        equal: Whether it is an equation.
    """

    values: Callable[[Function, int], Tensor]
    offset: Tensor
    equal: bool


def from_penalty(axiom: Axiom, context: PenaltyContext) -> LinearCondition:
    """The condition from the penalty of an axiom that is linear in values, by treating basis functions as outputs of a model."""

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
    """An axiom that is a linear equation in values of the function, so that its penalty is its linear condition."""

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
    """Evenly spaced rows, at most `most`, `(N, I)`."""
    rows = context.points
    return rows[torch.linspace(0, len(rows) - 1, min(most, len(rows))).long()]


def _lines(name: Name | int, axiom: Axiom, context: PenaltyContext) -> Tensor:
    """Rows moved to positions along an input, `(rows, positions, I)`."""
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
