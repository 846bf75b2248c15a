"""Reverse-mode differentiation of a formula on arrays, for the fit of its constants.

Symbolic differentiation and compilation of an expression would take a hundred times longer than its evaluation.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any, Final, final

import numpy as np

from splinework.formula.arrays import array_operations, array_power
from splinework.formula.functions import COMPARISONS, FUNCTIONS
from splinework.formula.program import Algebra, Program, ProgramStep, derivative_programs

PartialDerivative = Callable[[Sequence[Any], Any], Any]
"""The partial derivative of an operation on arrays, given its arguments and value."""


def _one(u: Sequence[Any], w: Any) -> float:
    return 1.0


def _flat(u: Sequence[Any], w: Any) -> float:
    return 0.0


_SLOPES: Final[Mapping[str, tuple[PartialDerivative, ...]]] = {
    **dict.fromkeys((*COMPARISONS, "logical_and", "logical_or", "logical_not"), (_flat, _flat)),
    "add": (_one, _one),
    "sub": (_one, lambda u, w: -1.0),
    "mul": (lambda u, w: u[1], lambda u, w: u[0]),
    "div": (lambda u, w: 1 / u[1], lambda u, w: -w / u[1]),
    "neg": (lambda u, w: -1.0,),
    "pos": (_one,),
    "pow": (lambda u, w: u[1] * array_power(u[0], u[1] - 1), lambda u, w: w * np.log(u[0])),
    "where": (_flat, lambda u, w: u[0] * 1.0, lambda u, w: 1.0 - u[0]),
}


@cache
def partial_derivatives(operation: str, order: int = 0) -> tuple[PartialDerivative, ...]:
    """The partial derivatives of an operation on arrays."""
    if operation in _SLOPES:
        return _SLOPES[operation]
    return tuple(_closure(program) for program in derivative_programs(operation, order))


def _closure(program: Program) -> PartialDerivative:
    """A program in arguments and value as nested closures, which is fast for short formulas."""

    def of(place: int) -> PartialDerivative:
        step = program.steps[place]
        if not step.operation:
            if step.column is None:
                number = np.float64(step.number)
                return lambda u, w: number
            column = step.column
            return lambda u, w: u[column] if column < len(u) else w
        known, parts = array_operations()[step.operation], [of(a) for a in step.arguments]
        if FUNCTIONS.get(step.operation) is not None and FUNCTIONS[step.operation].order:
            order = int(step.number)
            return lambda u, w: known(order, *(part(u, w) for part in parts))
        if len(parts) == 1:
            (only,) = parts
            return lambda u, w: known(only(u, w))
        return lambda u, w: known(*(part(u, w) for part in parts))

    return of(len(program.steps) - 1)


@final
class DifferentiatedProgram:
    """A program on arrays with its derivatives by some columns, prepared for repeated evaluation.

    Args:
        program: The program of the formula.
        wanted: Columns to differentiate by.

    Raises:
        FormulaError: If one of these columns acts through a function without a derivative.
    """

    def __init__(self, program: Program, wanted: Sequence[int]) -> None:
        known, depends = array_operations(), program.depends(set(wanted))
        self._leaves = [(n, s.column, np.float64(s.number)) for n, s in enumerate(program.steps) if not s.operation]
        self._steps = [(n, _operation(s, known), s.arguments) for n, s in enumerate(program.steps) if s.operation]
        self._backwards = []
        for place, _, arguments in reversed(self._steps):
            step = program.steps[place]
            if depends[place]:
                rules = partial_derivatives(step.operation, int(step.number))
                acting = [(a, rule) for a, rule in zip(arguments, rules, strict=False) if depends[a]]
                self._backwards.append((place, arguments, acting))
        at = {step.column: n for n, step in enumerate(program.steps) if step.column is not None}
        self._size, self._wanted = len(program.steps), [at.get(column) for column in wanted]

    def __call__(self, columns: Sequence[Any]) -> tuple[Any, list[Any]]:
        """The value and the derivatives, given arrays of one shape, or numbers."""
        values: list[Any] = [None] * self._size
        for place, column, number in self._leaves:
            values[place] = number if column is None else columns[column]
        for place, operation, arguments in self._steps:
            values[place] = operation(*[values[a] for a in arguments])
        adjoints: list[Any] = [None] * self._size
        adjoints[-1] = 1.0
        for place, arguments, acting in self._backwards:
            adjoint, inputs = adjoints[place], [values[a] for a in arguments]
            for argument, rule in acting:
                part = adjoint if rule is _one else adjoint * rule(inputs, values[place])
                adjoints[argument] = part if adjoints[argument] is None else adjoints[argument] + part
        return values[-1], [0.0 if n is None or adjoints[n] is None else adjoints[n] for n in self._wanted]


def _operation(step: ProgramStep, known: Algebra) -> Callable[..., Any]:
    order = step.operation in FUNCTIONS and FUNCTIONS[step.operation].order
    return partial(known[step.operation], int(step.number)) if order else known[step.operation]
