"""A formula solved for one of its parts: the operations on the path from the root are inverted one by one, row by row."""

import itertools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sympy
from scipy import special

from splinework.discover.skeleton import evaluator
from splinework.errors import FormulaError
from splinework.interpret.symbolic.library import Array

Inverse = Callable[[Array, Array], Array]
"""Function of the values of a node and of the other operands that gives the values of the child."""


def _alone(function: Callable[[Array], Array]) -> Inverse:
    return lambda value, beside: function(value)


_INVERSES: dict[Any, tuple[Callable[[Array], Array], ...]] = {
    sympy.exp: (np.log,),
    sympy.log: (np.exp,),
    sympy.sin: (np.arcsin, lambda v: np.pi - np.arcsin(v)),
    sympy.cos: (np.arccos, lambda v: -np.arccos(v)),
    sympy.tan: (np.arctan,),
    sympy.asin: (np.sin,),
    sympy.acos: (np.cos,),
    sympy.atan: (np.tan,),
    sympy.sinh: (np.arcsinh,),
    sympy.cosh: (np.arccosh, lambda v: -np.arccosh(v)),
    sympy.tanh: (np.arctanh,),
    sympy.asinh: (np.sinh,),
    sympy.acosh: (np.cosh,),
    sympy.atanh: (np.tanh,),
    sympy.Abs: (lambda v: v, lambda v: -v),
    sympy.erf: (special.erfinv,),
}
"""Every branch of the inverse in the order in which they are tried."""


def path(expression: Any, part: Any) -> list[Any]:
    """The nodes from the expression to a symbol that occurs in it once, both included.

    Raises:
        FormulaError: If it occurs more than once, so that it cannot be solved for.
    """
    if sum(1 for node in sympy.preorder_traversal(expression) if node == part) != 1:
        raise FormulaError(f"{expression} cannot be solved for an unknown that stands in it more than once.")
    nodes = [expression]
    while nodes[-1] != part:
        nodes.append(next(argument for argument in nodes[-1].args if argument.has(part)))
    return nodes


def beside(node: Any, child: Any) -> Any:
    """The other operands of a sum or product."""
    return node.func(*(argument for argument in node.args if argument is not child))


class Inversion:
    """Solves `expression = value` for a symbol in it, on every branch.

    Args:
        expression: In which the symbol occurs once.
        part: The symbol.
        symbols: All symbols for which values will be given, in order; the part may be among them, its value is ignored.
        rows: Number of rows.

    Attributes:
        branches: One tuple of choices for each way to undo all steps.

    Raises:
        FormulaError: If a step cannot be undone; it is named.
    """

    def __init__(self, expression: Any, part: Any, symbols: Sequence[Any], rows: int) -> None:
        nodes = path(expression, part)
        self.symbols, self.part = list(symbols), part
        steps = [_step(node, child) for node, child in itertools.pairwise(nodes)]
        self._undo = [undo for undo, _ in steps]
        self._beside = evaluator(self.symbols, [operand for _, operand in steps], rows) if steps else None
        forward = [*self.symbols, *([] if part in self.symbols else [part])]
        self._forward = evaluator(forward, [expression, sympy.diff(expression, part)], rows)
        choices = itertools.product(*(range(len(undo)) for undo in self._undo))
        self.branches = list(itertools.islice(choices, 8))

    def __call__(self, values: Sequence[Any], outcome: Array, branch: Sequence[int]) -> tuple[Array, Array]:
        """The part's values `(rows,)`, NaN where there are none, and the slope of the expression in it there.

        Args:
            values: One number or column for each symbol.
            outcome: Values of the expression, `(rows,)`.
            branch: One of `branches`.
        """
        part = np.asarray(outcome, dtype=float)
        with np.errstate(all="ignore"):
            operands = self._beside(values) if self._beside is not None else np.empty((len(part), 0))
            for undo, choice, operand in zip(self._undo, branch, operands.T, strict=True):
                part = undo[choice](part, operand)
            if self.part in self.symbols:
                given = [part if s == self.part else v for s, v in zip(self.symbols, values, strict=True)]
            else:
                given = [*values, part]
            again, slope = self._forward(given).T
            wrong = ~(np.abs(again - outcome) <= 1e-6 * (np.abs(outcome) + outcome.std()))
        usable = ~wrong & np.isfinite(part) & np.isfinite(slope)
        return np.where(usable, part, np.nan), np.where(usable, slope, 0.0)


def _step(node: Any, child: Any) -> tuple[list[Inverse], Any]:
    """The ways to undo a node, and the expression beside the child that they need."""
    if node.is_Add:
        return [lambda value, rest: value - rest], beside(node, child)
    if node.is_Mul:
        return [lambda value, rest: value / rest], beside(node, child)
    if isinstance(node, sympy.exp):
        return [_alone(np.log)], sympy.S.Zero
    if node.is_Pow:
        base, exponent = node.args
        if exponent is child:
            return [lambda value, rest: np.log(value) / np.log(rest)], base
        return _roots(exponent), exponent
    if node.func in _INVERSES:
        return [_alone(inverse) for inverse in _INVERSES[node.func]], sympy.S.Zero
    raise FormulaError(
        f"an unknown inside {node.func.__name__}(...) cannot be found: that function has no inverse here; put the unknown "
        f"outside it, or around it."
    )


def _roots(exponent: Any) -> list[Inverse]:
    """Inverses of a power: both signs for even exponents, the sign of the value for odd ones, of all others the positive root."""

    def positive(value: Array, power: Array) -> Array:
        return np.asarray(np.where(value >= 0, value, np.nan) ** (1 / power))

    if exponent.is_Integer and int(exponent) % 2 == 0:
        return [positive, lambda value, power: -positive(value, power)]
    if exponent.is_Integer:
        return [lambda value, power: np.sign(value) * np.abs(value) ** (1 / power)]
    return [positive]
