"""A formula as a straight-line program, evaluated in any arithmetic: arrays, tensors, intervals, series, symbols.

Each step uses earlier ones, common subexpressions occur once, and the last step is the result. An arithmetic (*algebra*) is a
mapping of the operations; functions that it lacks are evaluated by their definitions (`functions.py`).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from typing import Any, Final, final

import numpy as np

from splinework.errors import FormulaError
from splinework.formula.functions import CONSTANTS, FUNCTIONS, MAX_ORDER, NAMES, Function
from splinework.formula.reading import MAX_DEPTH, parse, positions, shortened, unknown

Algebra = Mapping[str, Callable[..., Any]]
"""Operations by name: `add`, `sub`, `mul`, `div`, `pow`, `neg`, `pos`, `COMPARISONS`, and the names of `FUNCTIONS`."""

SIGNS: Final = {
    ast.Add: "add",
    ast.Sub: "sub",
    ast.Mult: "mul",
    ast.Div: "div",
    ast.Pow: "pow",
    ast.USub: "neg",
    ast.UAdd: "pos",
}
_COMPARED: Final = {
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Gt: "gt",
    ast.GtE: "ge",
    ast.Eq: "eq",
    ast.NotEq: "ne",
}
_MAX_EXACT_INTEGER: Final = 2**53


@final
@dataclass(frozen=True)
class ProgramStep:
    """One operation on the values of earlier steps; without an operation, a column or a number.

    Attributes:
        operation: Name of the operation; empty for a leaf.
        arguments: Indices of the argument steps.
        column: Column index of a leaf; None for a number.
        number: Number of a leaf; order of a function with an order.
    """

    operation: str = ""
    arguments: tuple[int, ...] = ()
    column: int | None = None
    number: float = 0.0


@final
@dataclass(frozen=True)
class Program:
    """The steps of a formula in topological order; the last one is the result."""

    steps: tuple[ProgramStep, ...]

    @property
    def columns(self) -> tuple[int, ...]:
        """Indices of the columns that it depends on, in order."""
        return tuple(sorted({step.column for step in self.steps if step.column is not None}))

    @cached_property
    def _last_used(self) -> tuple[tuple[int, ...], ...]:
        """The values that can be freed after each step."""
        last = {a: place for place, step in enumerate(self.steps) for a in step.arguments}
        return tuple(tuple(a for a in set(step.arguments) if last[a] == n) for n, step in enumerate(self.steps))

    def run(self, columns: Sequence[Any], algebra: Algebra, number: Callable[[float], Any] = float) -> Any:
        """The value in an algebra.

        Args:
            columns: One value per column.
            algebra: The operations.
            number: Conversion of numbers.

        Raises:
            FormulaError: If the algebra lacks a function and those that define it.
        """
        values: list[Any] = []
        for step, done in zip(self.steps, self._last_used, strict=True):
            values.append(value_of(step, values, columns, algebra, number))
            for place in done:
                values[place] = None
        return values[-1]

    def depends(self, columns: Collection[int]) -> list[bool]:
        """Whether each step depends on one of some columns."""
        found: list[bool] = []
        for step in self.steps:
            found.append(step.column in columns or any(found[a] for a in step.arguments))
        return found

    def replaced(self, part: Program, value: float) -> Program:
        """This program with a number in place of every occurrence of another program over the same columns."""
        known: dict[tuple[Any, ...], int] = {}
        wanted = _structure(part, known)[-1]
        return Program(
            tuple(
                ProgramStep(number=value) if key == wanted else step
                for step, key in zip(self.steps, _structure(self, known), strict=True)
            )
        )


def value_of(
    step: ProgramStep, values: Sequence[Any], columns: Sequence[Any], algebra: Algebra, number: Callable[[float], Any]
) -> Any:
    """The value of a step, given those of the steps before it."""
    if not step.operation:
        return number(step.number) if step.column is None else columns[step.column]
    inputs = [values[a] for a in step.arguments]
    operation = algebra.get(step.operation)
    if operation is None:
        return _by_definition(step, inputs, algebra, number)
    known = FUNCTIONS.get(step.operation)
    return operation(int(step.number), *inputs) if known is not None and known.order else operation(*inputs)


def _by_definition(step: ProgramStep, inputs: Sequence[Any], algebra: Algebra, number: Callable[[float], Any]) -> Any:
    if step.operation not in FUNCTIONS or not FUNCTIONS[step.operation].definition:
        raise FormulaError(f"{step.operation} is not defined in this arithmetic; write the formula without it.")
    return definition(step.operation).run(inputs, algebra, number)


def _structure(program: Program, known: dict[tuple[Any, ...], int]) -> list[int]:
    """A structural key for each step; equal keys for equal subexpressions."""
    found: list[int] = []
    for step in program.steps:
        key = (step.operation, tuple(found[a] for a in step.arguments), step.column, step.number)
        found.append(known.setdefault(key, len(known)))
    return found


@final
class Builder:
    """Builds a program with common subexpression elimination."""

    def __init__(self) -> None:
        self.steps: list[ProgramStep] = []
        self._places: dict[tuple[Any, ...], int] = {}

    def add(self, operation: str, *arguments: int, order: int = 0) -> int:
        """The index of an operation on earlier steps."""
        return self._place(ProgramStep(operation, arguments, number=float(order)))

    def column(self, column: int) -> int:
        """The index of a column."""
        return self._place(ProgramStep(column=column))

    def number(self, value: float) -> int:
        """The index of a number."""
        return self._place(ProgramStep(number=value))

    def program(self, result: int) -> Program:
        """The program with the result at an index, without unused steps."""
        if result == len(self.steps) - 1 == len({a for step in self.steps for a in step.arguments}):
            return Program(tuple(self.steps))  # all other steps are used
        needed = {result}
        for place in range(result, -1, -1):
            if place in needed:
                needed.update(self.steps[place].arguments)
        kept = sorted(needed)
        new = {old: place for place, old in enumerate(kept)}
        steps = (self.steps[old] for old in kept)
        return Program(
            tuple(ProgramStep(s.operation, tuple(new[a] for a in s.arguments), s.column, s.number) for s in steps)
        )

    def _place(self, step: ProgramStep) -> int:
        key = (step.operation, step.arguments, step.column, repr(step.number))
        if key not in self._places:
            self.steps.append(step)
            self._places[key] = len(self.steps) - 1
        return self._places[key]


def compiled(text: str, names: Sequence[str], functions: Sequence[str] = ()) -> Program:
    """The program of a text.

    Args:
        text: A formula, see `Expression`.
        names: Names of the columns, in order.
        functions: Names of further functions of any number of arguments, which the algebra must define.

    Raises:
        FormulaError: If the text cannot be parsed, or contains names that are not columns, constants or functions.
    """
    if not isinstance(text, str):
        raise FormulaError(f"a formula is a str, got {type(text).__name__}; pass its text.")
    return _compiled(text, tuple(positions(names)), tuple(functions))


@lru_cache(maxsize=4096)
def _compiled(text: str, names: tuple[str, ...], functions: tuple[str, ...]) -> Program:
    return program_of(parse(text), {name: place for place, name in enumerate(names)}, text, functions)


def program_of(tree: ast.expr, columns: Mapping[str, int], text: str, functions: Collection[str] = ()) -> Program:
    """The program of a syntax tree; `text` is for error messages."""
    reader = _ProgramReader(columns, text, functions)
    operations: list[tuple[ProgramStep, int]] = []  # from root, right, left; reversed: left, right, root
    pending: list[tuple[ast.expr, int, bool]] = [(tree, 1, False)]
    while pending:
        node, depth, condition = pending.pop()
        if depth > MAX_DEPTH:
            raise FormulaError(f"the formula {shortened(text)} is nested more than {MAX_DEPTH} levels deep; split it.")
        step, operands, conditions = reader.read(node, condition)
        operations.append((step, len(operands)))
        pending.extend((o, depth + 1, n in conditions) for n, o in enumerate(operands))
    builder, stack = Builder(), list[int]()
    for step, count in reversed(operations):
        arguments = tuple(stack[len(stack) - count :])
        del stack[len(stack) - count :]
        stack.append(builder._place(ProgramStep(step.operation, arguments, step.column, step.number)))
    return builder.program(stack[0])


class _ProgramReader:
    """Translates the nodes of a syntax tree to steps."""

    def __init__(self, columns: Mapping[str, int], text: str, functions: Collection[str]) -> None:
        self.columns, self.text, self.functions = columns, text, functions

    def read(self, node: ast.expr, condition: bool) -> tuple[ProgramStep, Sequence[ast.expr], Collection[int]]:
        """The step of a node, its operands, and the indices of those that are conditions."""
        truth = False
        if isinstance(node, ast.Compare):
            truth, found = True, self._comparison(node)
        elif isinstance(node, ast.Call):
            step, operands, function = self._call(node)
            truth = function is not None and function.truth
            found = step, operands, function.conditions if function is not None else ()
        else:
            found = (*self._arithmetic(node), ())
        if truth != condition:
            wanted = "a condition such as `x < 2`" if condition else "a number"
            raise self._error(f"has {shortened(ast.unparse(node))} where {wanted} is needed; see `where(x < 2, x, 2)`.")
        return found

    def _arithmetic(self, node: ast.expr) -> tuple[ProgramStep, Sequence[ast.expr]]:
        if isinstance(node, ast.BinOp) and type(node.op) in SIGNS:
            return ProgramStep(SIGNS[type(node.op)]), [node.left, node.right]
        if isinstance(node, ast.UnaryOp) and type(node.op) in SIGNS:
            return ProgramStep(SIGNS[type(node.op)]), [node.operand]
        if isinstance(node, ast.Constant) and type(node.value) in (int, float):
            return ProgramStep(number=finite(node.value, self.text)), []
        if isinstance(node, ast.Name):
            if node.id in self.columns:
                return ProgramStep(column=self.columns[node.id]), []
            if node.id in CONSTANTS:
                return ProgramStep(number=CONSTANTS[node.id]), []
            raise FormulaError(unknown("name", node.id, [*self.columns, *CONSTANTS], self.text))
        raise self._error(f"uses {type(node).__name__}; only arithmetic and function calls are allowed.")

    def _comparison(self, node: ast.Compare) -> tuple[ProgramStep, Sequence[ast.expr], Collection[int]]:
        if len(node.ops) > 1 or type(node.ops[0]) not in _COMPARED:
            raise self._error("compares more than two values in a row; join comparisons by logical_and(…, …).")
        return ProgramStep(_COMPARED[type(node.ops[0])]), [node.left, *node.comparators], ()

    def _call(self, node: ast.Call) -> tuple[ProgramStep, Sequence[ast.expr], Function | None]:
        if not isinstance(node.func, ast.Name):
            raise self._error("calls something that is not a name; write * to multiply.")
        name = node.func.id
        if name in self.functions:
            return ProgramStep(name), node.args, None
        if name not in NAMES:
            if name in self.columns:
                raise self._error(f"calls {shortened(name)}, which is a variable; write * to multiply.")
            raise FormulaError(unknown("function", name, [*NAMES, *self.functions], self.text))
        function = NAMES[name]
        if node.keywords or len(node.args) != function.arity or any(isinstance(a, ast.Starred) for a in node.args):
            came = len(node.args) + len(node.keywords)
            raise self._error(f"gives {name} {came} argument(s); it takes {function.arity}.")
        if function.order:
            return ProgramStep(function.name, number=float(self._order(name, node.args[0]))), node.args[1:], function
        return ProgramStep(function.name), node.args, function

    def _order(self, name: str, node: ast.expr) -> int:
        sign, inside = (
            (-1, node.operand) if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) else (1, node)
        )
        value = inside.value if isinstance(inside, ast.Constant) else None
        if not isinstance(value, (int, float)) or value > MAX_ORDER or value != int(value):
            raise self._error(
                f"gives {name} the order {shortened(ast.unparse(node))}; write a whole number up to {MAX_ORDER}."
            )
        return sign * int(value)

    def _error(self, what: str) -> FormulaError:
        return FormulaError(f"the formula {shortened(self.text)} {what}")


def finite(value: Any, text: str) -> float:
    """A number of a formula as a float, or as an int where float64 is exact; `FormulaError` on overflow."""
    try:
        number = float(value)
    except OverflowError:
        number = float("inf")
    if not np.isfinite(number):
        raise FormulaError(f"a number in the formula {shortened(text)} is beyond float64 (about 1.8e308); rescale it.")
    return value if isinstance(value, int) and value <= _MAX_EXACT_INTEGER else number


# ------------------------------------------------------------------------------------- definitions and derivatives


@cache
def definition(name: str) -> Program:
    """The program of a function's definition, over its arguments."""
    function = FUNCTIONS[name]
    return compiled(function.definition, ("u", "v")[: function.arity])


@cache
def derivative_programs(name: str, order: int = 0) -> tuple[Program, ...]:
    """The partial derivatives of a function, as programs in its arguments and its value.

    Raises:
        FormulaError: If it has no derivative.
    """
    function = FUNCTIONS[name]
    if not function.derivative:
        raise FormulaError(f"{name} has no derivative.")
    names = (*("u", "v")[: len(function.derivative)], "w")
    return tuple(compiled(derivative_text(text, order), names) for text in function.derivative)


def derivative_text(rule: str, order: int) -> str:
    """A rule of `Function.derivative` with an order inserted."""
    return rule.format(lower=order - 1, higher=order + 1)
