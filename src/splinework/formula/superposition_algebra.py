"""The operations of formulas on superpositions: functions compose, gather or take their definitions by simpler functions."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Final, final

import numpy as np

from splinework.formula.functions import COMPARISONS, FUNCTIONS
from splinework.formula.program import Algebra, definition
from splinework.formula.superposition import Superposition, Value
from splinework.formula.univariate import quotient

_MULTIPLICATIVE: Final = {"abs", "square", "reciprocal", "cbrt", "sign", "sqrt"}
"""Functions with `F(x y) = F(x) F(y)`, the last one for factors that are not negative."""
_LOGARITHMS: Final = {"log", "log2", "log10"}
_LARGE: Final = 1e300
"""Values beyond it count as infinite."""


@final
class SuperpositionAlgebra:
    """The operations on the values of one superposition.

    Attributes:
        graph: The superposition, which gets new nodes where an operation needs them.
        operations: The operations by name.
    """

    def __init__(self, graph: Superposition) -> None:
        self.graph = graph
        self.operations: Algebra = {**self._arithmetic(), **self._functions()}

    def _arithmetic(self) -> Algebra:
        return {
            "add": self._add,
            "sub": lambda a, b: self._add(a, self._negative(b)),
            "neg": self._negative,
            "pos": lambda a: a,
            "mul": self.graph.product,
            "div": self._quotient,
            "pow": self._power,
            **{name: (lambda a, b, name=name: self._compared(name, a, b)) for name in COMPARISONS},
        }

    def _functions(self) -> Algebra:
        found: dict[str, Callable[..., Any]] = {
            "atan2": self._angle,
            "max": lambda a, b: self._extreme("max", a, b),
            "min": lambda a, b: self._extreme("min", a, b),
            "where": self._where,
            "logical_and": self._both,
            "logical_or": lambda a, b: self._not(self._both(self._not(a), self._not(b))),
            "logical_not": self._not,
        }
        for name, each in FUNCTIONS.items():
            if each.order:
                found[name] = lambda order, a, name=name: self._function(name, a, order)
            elif each.arity == 1:
                found.setdefault(name, lambda a, name=name: self._function(name, a))
            elif each.definition:
                found.setdefault(name, lambda *values, name=name: self._by_definition(name, values))
        return found

    # ------------------------------------------------------------------------------------------------ arithmetic

    def _add(self, a: Value, b: Value) -> Value:
        return Value((self.graph.added(self.graph.sum_of(a), self.graph.sum_of(b)),))

    def _negative(self, a: Value) -> Value:
        return self.graph.scaled(a, "mul", -1.0)

    def _quotient(self, a: Value, b: Value) -> Value:
        if b.constant is not None:
            return self.graph.scaled(a, "div", b.constant)
        if all(len(each.factors) == 1 and len(each.factors[0].terms) < 2 for each in (a, b)):
            found = self.graph.composed("div", a, b)
            if found is not None:
                return found
        return self.graph.product(a, self._reciprocal(b))

    def _reciprocal(self, b: Value) -> Value:
        found = self.graph.distributed(b, self._reciprocal, quotient(1.0, b.scale))
        return found or self._one_node("div", self.graph.number(1.0), b)

    def _power(self, a: Value, b: Value) -> Value:
        exponent = b.constant
        if exponent is not None and (exponent.is_integer() or self.graph.is_positive(a, or_zero=exponent > 0)):
            with np.errstate(all="ignore"):
                scale = float(np.float64(a.scale) ** exponent)
            found = self.graph.distributed(a, lambda each: self._power(each, b), scale)
            if found is not None:
                return found
        found = self.graph.composed("pow", a, b)
        return found or self._function("exp", self.graph.product(b, self._function("log", a)))

    # ------------------------------------------------------------------------------------------------- functions

    def _function(self, name: str, a: Value, order: int = 0) -> Value:
        if name in _MULTIPLICATIVE and (name != "sqrt" or self.graph.is_positive(a, or_zero=True)):
            scale = self._function(name, self.graph.number(a.scale)).constant if len(a.factors) > 1 else None
            found = None
            if scale is not None:
                found = self.graph.distributed(a, lambda each: self._function(name, each), scale)
            if found is not None:
                return found
        if name in _LOGARITHMS and len(a.factors) > 1 and self.graph.is_positive(a):
            total = self._function(name, self.graph.number(a.scale))
            for each in a.factors:
                total = self._add(total, self._function(name, Value((each,))))
            return total
        return self._one_node(name, a, order=order)

    def _one_node(self, operation: str, *values: Value, order: int = 0) -> Value:
        """An operation on values of which all but one are numbers."""
        found = self.graph.composed(operation, *values, order=order)
        assert found is not None
        return found

    def _by_definition(self, name: str, values: Sequence[Value]) -> Value:
        found = self.graph.composed(name, *values)
        return found or definition(name).run(values, self.operations, self.graph.number)

    def _angle(self, y: Value, x: Value) -> Value:
        """`atan2`, as `±(π/2 - 2 atan(x/(r + |y|)))`, which loses no digits in any quadrant."""
        found = self.graph.composed("atan2", y, x)
        if found is not None:
            return found
        if self.graph.bounds(x)[0] > 0:
            return self._function("atan", self._quotient(y, x))
        number = self.graph.number
        base = self._add(self._by_definition("hypot", (x, y)), self._function("abs", y))
        half = self._function("atan", self._quotient(x, base))
        upper = self._add(number(math.pi / 2), self.graph.scaled(half, "mul", -2.0))
        sign = self._where(self._compared("lt", y, number(0.0)), number(-1.0), number(1.0))
        return self.graph.product(sign, upper)

    def _extreme(self, name: str, a: Value, b: Value) -> Value:
        """`max` or `min`, as `(a + b ± |a - b|)/2`."""
        found = self.graph.composed(name, a, b)
        if found is not None:
            return found
        distance = self._add(a, self._negative(b))
        low, high = self.graph.bounds(distance)
        if low >= 0 or high <= 0:
            return a if (low >= 0) == (name == "max") else b
        half = 0.5 if name == "max" else -0.5
        apart = self.graph.scaled(self._function("abs", distance), "mul", half)
        return self._add(self.graph.scaled(self._add(a, b), "mul", 0.5), apart)

    # ------------------------------------------------------------------------------------------------ conditions

    def _compared(self, name: str, a: Value, b: Value) -> Value:
        found = self.graph.composed(name, a, b)
        return found or self._one_node(name, self._add(a, self._negative(b)), self.graph.number(0.0))

    def _not(self, a: Value) -> Value:
        if self.graph.is_condition(a):
            return self._one_node("logical_not", a)
        return self._add(self.graph.number(1.0), self._negative(a))

    def _both(self, a: Value, b: Value) -> Value:
        found = None
        if self.graph.is_condition(a) and self.graph.is_condition(b):
            found = self.graph.composed("logical_and", a, b)
        return found or self.graph.product(a, b)

    def _where(self, condition: Value, a: Value, b: Value) -> Value:
        if condition.constant is not None:
            return a if condition.constant else b
        found = None
        if self.graph.is_condition(condition):
            found = self.graph.composed("where", condition, a, b)
        if found is not None:
            return found
        chosen = self.graph.product(condition, self._finite(a))
        return self._add(chosen, self.graph.product(self._not(condition), self._finite(b)))

    def _finite(self, value: Value) -> Value:
        """The value with 0 where it may be infinite or undefined, since a product with 0 would not vanish there."""
        if all(math.isfinite(end) for end in self.graph.bounds(value)):
            return value
        if value.constant is not None:
            return self.graph.number(0.0)
        value = Value((self.graph.sum_of(value),))
        usable = self._one_node("lt", self._function("abs", value), self.graph.number(_LARGE))
        return self._one_node("where", usable, value, self.graph.number(0.0))
