"""An expression as a list of array operations, with its derivatives by some of its symbols.

A search fits hundreds of expressions to data. Printing each as source and compiling it, and differentiating it as a tree, takes
a hundred times longer than evaluating it; this walks the tree once and takes derivatives backwards through the list.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from scipy import special
from sympy.core.function import AppliedUndef

from splinework.interpret.symbolic.library import Array

Unary = tuple[Callable[[Array], Array], Callable[[Array, Array], Array]]
"""Value of z, and slope of (z, value)."""

FUNCTIONS: dict[Any, Unary] = {
    sympy.exp: (np.exp, lambda z, v: v),
    sympy.log: (np.log, lambda z, v: 1 / z),
    sympy.sin: (np.sin, lambda z, v: np.cos(z)),
    sympy.cos: (np.cos, lambda z, v: -np.sin(z)),
    sympy.tan: (np.tan, lambda z, v: 1 + v**2),
    sympy.asin: (np.arcsin, lambda z, v: (1 - z**2) ** -0.5),
    sympy.acos: (np.arccos, lambda z, v: -((1 - z**2) ** -0.5)),
    sympy.atan: (np.arctan, lambda z, v: 1 / (1 + z**2)),
    sympy.sinh: (np.sinh, lambda z, v: np.cosh(z)),
    sympy.cosh: (np.cosh, lambda z, v: np.sinh(z)),
    sympy.tanh: (np.tanh, lambda z, v: 1 - v**2),
    sympy.asinh: (np.arcsinh, lambda z, v: (1 + z**2) ** -0.5),
    sympy.acosh: (np.arccosh, lambda z, v: (z**2 - 1) ** -0.5),
    sympy.atanh: (np.arctanh, lambda z, v: 1 / (1 - z**2)),
    sympy.Abs: (np.abs, lambda z, v: np.sign(z)),
    sympy.erf: (special.erf, lambda z, v: 2 / np.sqrt(np.pi) * np.exp(-(z**2))),
    sympy.gamma: (special.gamma, lambda z, v: v * special.digamma(z)),
    sympy.loggamma: (special.gammaln, lambda z, v: special.digamma(z)),
}
"""Functions of one argument that programs know."""


@dataclass(frozen=True)
class _Step:
    """One operation on earlier values; a leaf has no arguments."""

    kind: str
    arguments: tuple[int, ...] = ()
    value: Any = None


class Program:
    """An expression over symbols, evaluated on arrays.

    Args:
        expression: Of numbers, symbols, sums, products, powers and the functions of `FUNCTIONS`.
        symbols: In the order in which their values will come.
        splines: Functions of arrays that stand for undefined functions, by their names; they have no slopes.

    Raises:
        KeyError: If the expression has anything else; `Program.knows` tells beforehand.
    """

    def __init__(
        self, expression: Any, symbols: Sequence[Any], splines: Mapping[str, Callable[[Array], Array]] | None = None
    ) -> None:
        self._splines = splines or {}
        self._steps: list[_Step] = []
        self._places: dict[Any, int] = {}
        self._order = {s: n for n, s in enumerate(symbols)}
        self._add(expression)

    @staticmethod
    def knows(expression: Any, splines: Collection[str] = ()) -> bool:
        """Whether a program can be made of the expression."""
        return all(
            part.is_Symbol
            or part.is_Add
            or part.is_Mul
            or part.is_Pow
            or (part.is_number and not part.args)
            or part.func in FUNCTIONS
            or (isinstance(part, AppliedUndef) and part.func.__name__ in splines)
            for part in sympy.preorder_traversal(expression)
        )

    def _add(self, part: Any) -> int:
        if part not in self._places:
            step = self._step(part)
            self._steps.append(step)
            self._places[part] = len(self._steps) - 1
        return self._places[part]

    def _step(self, part: Any) -> _Step:
        if part.is_Symbol:
            return _Step("symbol", (), self._order[part])
        if part.is_number and not part.has(*FUNCTIONS):
            return _Step("number", (), float(part))
        if part.is_Pow and part.exp.is_number:
            exponent = int(part.exp) if part.exp.is_Integer else float(part.exp)
            return _Step("power", (self._add(part.base),), exponent)
        arguments = tuple(self._add(a) for a in part.args)
        if part.is_Add:
            return _Step("sum", arguments)
        if part.is_Mul:
            return _Step("product", arguments)
        if part.is_Pow:
            return _Step("raised", arguments)
        if isinstance(part, AppliedUndef):
            return _Step("spline", arguments, self._splines[part.func.__name__])
        return _Step("function", arguments, FUNCTIONS[part.func])

    def __call__(self, values: Sequence[Any]) -> Array:
        """The value, given those of the symbols: arrays of one shape, or numbers."""
        return np.asarray(self._values(values)[-1])

    def with_slopes(self, values: Sequence[Any], wanted: Sequence[int]) -> tuple[Array, list[Any]]:
        """The value and its derivatives by some symbols, given by their places."""
        results = self._values(values)
        adjoints: list[Any] = [0.0] * len(results)
        adjoints[-1] = 1.0
        for index in range(len(self._steps) - 1, -1, -1):
            step, adjoint = self._steps[index], adjoints[index]
            if not step.arguments or (np.ndim(adjoint) == 0 and adjoint == 0):
                continue
            for argument, slope in zip(step.arguments, self._slopes(step, results, index), strict=True):
                adjoints[argument] = adjoints[argument] + adjoint * slope
        at = {step.value: n for n, step in enumerate(self._steps) if step.kind == "symbol"}
        return np.asarray(results[-1]), [adjoints[at[n]] if n in at else 0.0 for n in wanted]

    def _values(self, given: Sequence[Any]) -> list[Any]:
        results: list[Any] = []
        for step in self._steps:
            args = [results[a] for a in step.arguments]
            if step.kind == "symbol":
                results.append(given[step.value])
            elif step.kind == "number":
                results.append(np.float64(step.value))
            elif step.kind == "sum":
                results.append(sum(args[1:], args[0]))
            elif step.kind == "product":
                results.append(_product(args))
            elif step.kind == "power":
                results.append(_power(args[0], step.value))
            elif step.kind == "raised":
                results.append(np.power(args[0], args[1]))
            elif step.kind == "spline":
                results.append(step.value(np.asarray(args[0], dtype=float)))
            else:
                results.append(step.value[0](args[0]))
        return results

    def _slopes(self, step: _Step, results: list[Any], index: int) -> list[Any]:
        args = [results[a] for a in step.arguments]
        if step.kind == "sum":
            return [1.0] * len(args)
        if step.kind == "product":
            return [_product([a for m, a in enumerate(args) if m != n]) for n in range(len(args))]
        if step.kind == "power":
            return [step.value * _power(args[0], step.value - 1)]
        if step.kind == "raised":
            base, exponent = args
            return [exponent * np.power(base, exponent - 1), results[index] * np.log(base)]
        return [step.value[1](args[0], results[index])]


def _product(factors: Sequence[Any]) -> Any:
    result = factors[0]
    for factor in factors[1:]:
        result = result * factor
    return result


def _power(base: Any, exponent: float) -> Any:
    """A power of whole numbers by products, since numpy's is slow; of halves by roots."""
    if exponent == 2:
        return base * base
    if exponent == -1:
        return 1 / base
    if exponent == 0.5:
        return np.sqrt(base)
    if exponent == -0.5:
        return 1 / np.sqrt(base)
    return np.power(np.asarray(base, dtype=float), exponent)
