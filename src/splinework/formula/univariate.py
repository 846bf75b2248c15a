"""Functions of one variable `u`, made step by step: equal ones are one, numbers are folded, affine parts split off."""

import ast
import re
from typing import Final, NamedTuple, final

import numpy as np

from splinework.errors import FormulaError
from splinework.formula.arrays import array_operations
from splinework.formula.functions import COMPARISONS, CONSTANTS, FUNCTIONS
from splinework.formula.program import SIGNS, Builder, Program, ProgramStep

VARIABLE: Final = "u"
_TRUTHS: Final = {*COMPARISONS, "logical_and", "logical_or", "logical_not"}
_SIGN_NODES: Final = {name: sign for sign, name in SIGNS.items()}
_COMPARED_NODES: Final = {"lt": ast.Lt, "le": ast.LtE, "gt": ast.Gt, "ge": ast.GtE, "eq": ast.Eq, "ne": ast.NotEq}


class AffineSplit(NamedTuple):
    """A function as `c F(a u + b) + d`, with the text of F."""

    text: str
    a: float
    b: float
    c: float
    d: float


@final
class UnivariateFunctions:
    """Functions of `u`, each known by its number.

    >>> all_of = UnivariateFunctions()
    >>> wave = all_of.apply("sin", all_of.apply("mul", all_of.number(3.0), all_of.identity))
    >>> all_of.text(wave), all_of.split(wave)
    ('sin(3*u)', AffineSplit(text='sin(u)', a=3.0, b=0.0, c=1.0, d=0.0))
    """

    def __init__(self) -> None:
        self._builder = Builder()
        self.identity = self._builder.column(0)

    def step(self, function: int) -> ProgramStep:
        """Its last operation."""
        return self._builder.steps[function]

    def program(self, function: int) -> Program:
        """Its program, over the one column `u`."""
        return self._builder.program(function)

    def number(self, value: float) -> int:
        """A constant function."""
        return self._builder.number(float(value))

    def value(self, function: int) -> float | None:
        """The value of a constant function; None for others."""
        step = self.step(function)
        return None if step.operation or step.column is not None else step.number

    def is_condition(self, function: int) -> bool:
        """Whether its value is a condition."""
        return self.step(function).operation in _TRUTHS

    def apply(self, operation: str, *arguments: int, order: int = 0) -> int:
        """An operation of the language on functions; neutral numbers disappear, and factors are gathered in front."""
        values = [self.value(a) for a in arguments]
        if all(v is not None for v in values) and operation != "where":
            return self._folded(operation, values, order)
        match operation:
            case "pos":
                return arguments[0]
            case "neg":
                return self.apply("mul", self.number(-1.0), arguments[0])
            case "sub" if values[1] is not None:
                return self.apply("add", arguments[0], self.number(-values[1]))
            case "add" | "mul" if values[0] is None and values[1] is not None:
                return self.apply(operation, arguments[1], arguments[0])
            case "mul" if values[0] == 0:
                return arguments[0]
            case "add" if values[0] == 0:
                return arguments[1]
            case "mul" if values[0] == 1:
                return arguments[1]
            case "div" | "pow" if values[1] == 1:
                return arguments[0]
            case "mul" | "add" if values[0] is not None:
                last = self.step(arguments[1])
                if last.operation == operation and (before := self.value(last.arguments[0])) is not None:
                    both = before * values[0] if operation == "mul" else before + values[0]
                    return self.apply(operation, self.number(both), last.arguments[1])
            case "mul" if (inner := self._reciprocal_of(arguments[1])) is not None:
                return self.apply("div", arguments[0], inner)
            case "log" | "log2" | "log10" if (inner := self._reciprocal_of(arguments[0])) is not None:
                return self.apply("neg", self.apply(operation, inner))
            case "where" if values[0] is not None:
                return arguments[1 if values[0] else 2]
        return self._builder.add(operation, *arguments, order=order)

    def factor(self, function: int) -> tuple[float, int]:
        """A number and a function whose product it is, the number as far as it stands in front."""
        step = self.step(function)
        if step.operation == "mul" and (number := self.value(step.arguments[0])) is not None:
            return number, step.arguments[1]
        if step.operation == "div" and (number := self.value(step.arguments[1])) is not None:
            before, rest = self.factor(step.arguments[0])
            return quotient(before, number), rest
        return 1.0, function

    def text(self, function: int) -> str:
        """Its text over `u`.

        Raises:
            FormulaError: If it has a number that is not finite, or is nested too deeply.
        """
        return self._text(function, {})

    def split(self, function: int) -> AffineSplit:
        """Its affine parts before and behind, and the text of what is between."""
        c, d, core = self._behind(function)
        parts = self._affine_parts(core)
        lines = {line for line in parts.values() if line is not None}
        if len(lines) != 1 or (1.0, 0.0) in lines:
            return AffineSplit(self.text(core), 1.0, 0.0, c, d)
        ((a, b),) = lines
        if core in parts:  # a straight line
            return AffineSplit(VARIABLE, 1.0, 0.0, c * a, c * b + d)
        inside = dict.fromkeys(parts, self.identity)
        return AffineSplit(self._text(core, inside), a, b, c, d)

    def _folded(self, operation: str, values: list[float | None], order: int) -> int:
        known = FUNCTIONS.get(operation)
        arguments = [np.float64(v) for v in values if v is not None]
        with np.errstate(all="ignore"):
            of = array_operations()[operation]
            return self.number(float(of(order, *arguments) if known is not None and known.order else of(*arguments)))

    def _reciprocal_of(self, function: int) -> int | None:
        """The function g of `1/g`; None for others."""
        step = self.step(function)
        return step.arguments[1] if step.operation == "div" and self.value(step.arguments[0]) == 1 else None

    def _behind(self, function: int) -> tuple[float, float, int]:
        """The numbers c, d and the function F of `c F + d`."""
        step, arguments = self.step(function), self.step(function).arguments
        first = self.value(arguments[0]) if arguments else None
        last = self.value(arguments[-1]) if arguments else None
        match step.operation:
            case "add" if first is not None:
                c, d, core = self._behind(arguments[1])
                return c, d + first, core
            case "sub" if first is not None:
                c, d, core = self._behind(arguments[1])
                return -c, first - d, core
            case "mul" if first is not None:
                c, d, core = self._behind(arguments[1])
                return first * c, first * d, core
            case "div" if last is not None:
                c, d, core = self._behind(arguments[0])
                return quotient(c, last), quotient(d, last), core
        return 1.0, 0.0, function

    def _affine_parts(self, function: int) -> dict[int, tuple[float, float]]:
        """The largest parts of a function that are straight lines `a u + b`, with their numbers."""
        line = self._line(function)
        if line is not None:
            return {function: line} if line[0] != 0 else {}
        return {k: v for a in self.step(function).arguments for k, v in self._affine_parts(a).items()}

    def _line(self, function: int) -> tuple[float, float] | None:
        c, d, core = self._behind(function)
        if core == self.identity:
            return c, d
        value = self.value(core)
        return None if value is None else (0.0, c * value + d)

    def _text(self, function: int, inside: dict[int, int]) -> str:
        try:
            return re.sub(r" (\*\*|[*/]) ", r"\1", ast.unparse(self._tree(function, inside)))
        except RecursionError:
            raise FormulaError("a function of one variable in the formula is nested too deeply; split it.") from None

    def _tree(self, function: int, inside: dict[int, int]) -> ast.expr:
        step = self.step(inside.get(function, function))
        if step.column is not None:
            return ast.Name(VARIABLE, ast.Load())
        if not step.operation:
            return _number_tree(step.number)
        first = self.value(step.arguments[0])
        trees = [self._tree(a, inside) for a in step.arguments]
        if step.operation == "mul" and first == -1:
            return ast.UnaryOp(ast.USub(), trees[1])
        if step.operation == "add" and first is not None:  # numbers stand last in sums
            return ast.BinOp(trees[1], ast.Add() if first >= 0 else ast.Sub(), _number_tree(abs(first)))
        if step.operation in _COMPARED_NODES:
            return ast.Compare(trees[0], [_COMPARED_NODES[step.operation]()], [trees[1]])
        if step.operation in _SIGN_NODES:
            return ast.BinOp(trees[0], _SIGN_NODES[step.operation](), trees[1])  # type: ignore[arg-type]
        known = FUNCTIONS.get(step.operation)
        order = [_number_tree(step.number)] if known is not None and known.order else []
        return ast.Call(ast.Name(step.operation, ast.Load()), [*order, *trees], [])


def quotient(a: float, b: float) -> float:
    """`a/b` by the rules of IEEE 754."""
    with np.errstate(all="ignore"):
        return float(np.float64(a) / np.float64(b))


def _number_tree(value: float) -> ast.expr:
    if not np.isfinite(value):
        raise FormulaError(f"a part of the formula is the constant {value}; write the formula without it.")
    size = abs(value)
    if size == CONSTANTS["pi"]:
        tree: ast.expr = ast.Name("pi", ast.Load())
    else:
        tree = ast.Constant(int(size) if size.is_integer() and size < 1e15 else size)
    return ast.UnaryOp(ast.USub(), tree) if value < 0 else tree
