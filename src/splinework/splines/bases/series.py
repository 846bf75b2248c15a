"""Truncated Taylor series over any number type: all derivatives of a formula, from the formula alone.

`f(x + s) = Σ_n f_n sⁿ`, so `f⁽ʳ⁾(x) = r! f_r`. Products are Cauchy products; a function y of u follows from its differential
equation, `n y_n = Σ_k k u_k w_{n-k}` where `y' = w u'` (Griewank & Walther 2008, ch. 13). Structurally zero coefficients are
omitted, so derivatives of a polynomial beyond its degree are exactly zero.
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, final

from splinework.splines.bases.functions import Functions, Operand


@final
class Series(Operand):
    """The series `Σ_n c_n sⁿ` up to `order`; trailing zero coefficients may be omitted."""

    rank: ClassVar[int] = 1

    def __init__(self, coefficients: Sequence[Any], order: int) -> None:
        self.c, self.order = list(coefficients[: order + 1]), order

    def operate(self, sign: str, left: Any, right: Any) -> "Series":
        if sign == "*":
            if not isinstance(right, Series):
                left, right = right, left
            if not isinstance(left, Series):
                return Series([left * c for c in right.c], self.order)
            count = min(len(left.c) + len(right.c) - 1, self.order + 1)
            return Series([_product(left.c, right.c, n) for n in range(count)], self.order)
        if sign == "/":
            if not isinstance(right, Series):
                return Series([c / right for c in left.c], self.order)
            return self._quotient(left.c if isinstance(left, Series) else [left], right.c)
        a, b = (side.c if isinstance(side, Series) else [side] for side in (left, right))
        both = [x + y if sign == "+" else x - y for x, y in zip(a, b, strict=False)]
        rest = b[len(a) :] if sign == "+" else [-y for y in b[len(a) :]]
        return Series([*both, *a[len(b) :], *rest], self.order)

    def _quotient(self, a: list[Any], b: list[Any]) -> "Series":
        if len(b) == 1:
            return Series([c / b[0] for c in a], self.order)
        q: list[Any] = []
        for n in range(self.order + 1):
            under = _sum([b[k] * q[n - k] for k in range(1, min(n, len(b) - 1) + 1)])
            above = a[n] if n < len(a) else None
            both = under is not None and above is not None
            q.append((above - under if both else above if under is None else -under) / b[0])
        return Series(q, self.order)


def _product(a: list[Any], b: list[Any], n: int) -> Any:
    return _sum([a[k] * b[n - k] for k in range(max(0, n - len(b) + 1), min(n, len(a) - 1) + 1)])


def _sum(terms: list[Any]) -> Any:
    """The sum; None if there are no terms."""
    total = None
    for term in terms:
        total = term if total is None else total + term
    return total


def derivative(value: Any, order: int) -> Any:
    """The derivative `order! c_order` of a series or a constant; None if it is structurally zero."""
    c = value.c if isinstance(value, Series) else [value]
    return c[order] * math.factorial(order) if order < len(c) else None


@final
class SeriesFunctions:
    """Elementary functions of series, built on those of their coefficients."""

    def __init__(self, own: Functions) -> None:
        self.own = own

    @property
    def pi(self) -> Any:
        return self.own.pi

    def number(self, value: float) -> Any:
        return self.own.number(value)

    def variable(self, x: Any, order: int) -> Series:
        """The series `x + s`."""
        return Series([x, self.own.number(1.0)], order)

    def exp(self, u: Any) -> Any:
        return self._driven(self.own.exp, u, lambda y, _: y)

    def log(self, u: Any) -> Any:
        return self._driven(self.own.log, u, lambda _, at: 1 / at)

    def sqrt(self, u: Any) -> Any:
        return self._driven(self.own.sqrt, u, lambda y, _: 1 / (2 * y))

    def tanh(self, u: Any) -> Any:
        return self._driven(self.own.tanh, u, lambda y, _: 1 - y * y)

    def sigmoid(self, u: Any) -> Any:
        return self._driven(self.own.sigmoid, u, lambda y, _: y * (1 - y))

    def erfc(self, u: Any) -> Any:
        return self._driven(self.own.erfc, u, lambda _, at: self.exp(-(at * at)) * (-2 / self.own.sqrt(self.pi)))

    def sin(self, u: Any) -> Any:
        return self._wave(u)[0] if isinstance(u, Series) else self.own.sin(u)

    def cos(self, u: Any) -> Any:
        return self._wave(u)[1] if isinstance(u, Series) else self.own.cos(u)

    def _wave(self, u: Series) -> tuple[Series, Series]:
        s, c = [self.own.sin(u.c[0])], [self.own.cos(u.c[0])]
        for n in range(1, u.order + 1):
            rates = [(u.c[k] * k / n, n - k) for k in range(1, min(n, len(u.c) - 1) + 1)]
            if not rates:
                break
            s, c = [*s, _sum([rate * c[m] for rate, m in rates])], [*c, _sum([-(rate * s[m]) for rate, m in rates])]
        return Series(s, u.order), Series(c, u.order)

    def _driven(self, function: Callable[[Any], Any], u: Any, slope: Callable[[Series, Series], Series]) -> Any:
        """The function y(u), with its slope dy/du given as a function of y and u."""
        if not isinstance(u, Series):
            return function(u)
        y = [function(u.c[0])]
        for n in range(1, u.order + 1) if len(u.c) > 1 else ():
            w = slope(Series(y, n - 1), Series(u.c, n - 1)).c
            terms = [u.c[k] * k / n * w[n - k] for k in range(1, min(n, len(u.c) - 1) + 1) if n - k < len(w)]
            y.append(_sum(terms) if terms else y[0] * 0)
        return Series(y, u.order)
