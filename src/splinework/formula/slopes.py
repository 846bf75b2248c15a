"""The derivatives of a formula on arrays, taken backwards through its program: what a fit of its constants asks for.

Printing an expression as source, compiling it and differentiating it as a tree takes a hundred times longer than evaluating it.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Final

import numpy as np

from splinework.formula.arrays import arrays, raised
from splinework.formula.functions import COMPARISONS, FUNCTIONS
from splinework.formula.program import Algebra, Program, derivative_programs, value_of

Slope = Callable[[Sequence[Any], Any], Any]
"""The partial derivative of an operation on arrays, given its arguments and its value."""


def _flat(u: Sequence[Any], w: Any) -> float:
    return 0.0


_SLOPES: Final[Mapping[str, tuple[Slope, ...]]] = {
    **dict.fromkeys((*COMPARISONS, "logical_and", "logical_or", "logical_not"), (_flat, _flat)),
    "add": (lambda u, w: 1.0, lambda u, w: 1.0),
    "sub": (lambda u, w: 1.0, lambda u, w: -1.0),
    "mul": (lambda u, w: u[1], lambda u, w: u[0]),
    "div": (lambda u, w: 1 / u[1], lambda u, w: -w / u[1]),
    "neg": (lambda u, w: -1.0,),
    "pos": (lambda u, w: 1.0,),
    "pow": (lambda u, w: u[1] * raised(u[0], u[1] - 1), lambda u, w: w * np.log(u[0])),
    "where": (_flat, lambda u, w: u[0] * 1.0, lambda u, w: 1.0 - u[0]),
}


@cache
def slopes_of(operation: str, order: int = 0) -> tuple[Slope, ...]:
    """The partial derivatives of an operation on arrays."""
    if operation in _SLOPES:
        return _SLOPES[operation]
    return tuple(_closure(program) for program in derivative_programs(operation, order))


def _closure(program: Program) -> Slope:
    """A program over arguments and value as one call of nested functions: short formulas in inner loops."""

    def of(place: int) -> Slope:
        step = program.steps[place]
        if not step.operation:
            if step.column is None:
                number = np.float64(step.number)
                return lambda u, w: number
            column = step.column
            return lambda u, w: u[column] if column < len(u) else w
        known, parts = arrays()[step.operation], [of(a) for a in step.arguments]
        if FUNCTIONS.get(step.operation) is not None and FUNCTIONS[step.operation].order:
            order = int(step.number)
            return lambda u, w: known(order, *(part(u, w) for part in parts))
        if len(parts) == 1:
            (only,) = parts
            return lambda u, w: known(only(u, w))
        return lambda u, w: known(*(part(u, w) for part in parts))

    return of(len(program.steps) - 1)


def with_slopes(
    program: Program, columns: Sequence[Any], wanted: Sequence[int], algebra: Algebra | None = None
) -> tuple[Any, list[Any]]:
    """The value of a program on arrays, and its derivatives by some columns.

    Args:
        program: The formula.
        columns: Arrays of one shape, or numbers.
        wanted: Columns to differentiate by.
        algebra: Operations on arrays, where there are more than those of the language.

    Raises:
        FormulaError: If it has a function without a derivative, through which a wanted column acts.
    """
    algebra = arrays() if algebra is None else algebra
    values: list[Any] = []
    for step in program.steps:
        values.append(value_of(step, values, columns, algebra, np.float64))
    adjoints: list[Any] = [0.0] * len(values)
    adjoints[-1] = 1.0
    for place in range(len(values) - 1, -1, -1):
        step, adjoint = program.steps[place], adjoints[place]
        if not program.varying[place] or not step.arguments or (np.ndim(adjoint) == 0 and adjoint == 0):
            continue
        inputs, slopes = [values[a] for a in step.arguments], slopes_of(step.operation, int(step.number))
        for argument, slope in zip(step.arguments, slopes, strict=True):
            if program.varying[argument]:
                adjoints[argument] = adjoints[argument] + adjoint * slope(inputs, values[place])
    at = {step.column: n for n, step in enumerate(program.steps) if step.column is not None}
    return values[-1], [adjoints[at[n]] if n in at else 0.0 for n in wanted]
