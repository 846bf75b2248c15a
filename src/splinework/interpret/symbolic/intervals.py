"""Intervals for the numbers of a formula."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from scipy import special

from splinework.interpret.symbolic.constants import Target, Template, standard_errors


@dataclass(frozen=True)
class Constant:
    """A number of a formula with its 95 % interval.

    Attributes:
        value: As it stands in the formula.
        low, high: The interval, where the formula is true and errors are normal: by the curvature of the sum of squares.
    """

    value: float
    low: float
    high: float


def intervals(expression: Any, target: Target) -> tuple[Constant, ...]:
    """The free numbers of an expression, smallest magnitude first, with intervals from the data."""
    if not expression.atoms(sympy.Float):
        return ()
    template = Template(expression, target)
    solution = template.fit(template.start, {}, steps=0)
    if solution is None:
        return ()
    free = list(range(len(solution.constants)))
    reach = float(special.stdtrit(max(len(target.y) - len(free), 1), 0.975))
    errors = standard_errors(solution, free, target)
    found = []
    for n, value in enumerate(solution.constants.tolist()):
        half = reach * errors[n]
        if math.isfinite(half):
            found.append(Constant(value, value - half, value + half))
        else:
            found.append(Constant(value, -np.inf, np.inf))
    return tuple(found)
