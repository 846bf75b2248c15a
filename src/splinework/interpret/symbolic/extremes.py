"""The larger and the smaller of two in place of absolute values: `a + k|b|` is that of `a + kb` and `a - kb`."""

from collections.abc import Iterator
from typing import Any

import sympy

from splinework.interpret.symbolic.expression import node_count


def with_extremes(expression: Any) -> Any:
    """The expression with sums `a + k|b|` as the larger, or for negative k the smaller, of `a + kb` and `a - kb`.

    What is added to an extreme, and a factor of one sign beside it, go inside as far as they are in both sides.

    >>> x, y = sympy.symbols("x y", real=True)
    >>> with_extremes(x / 2 + 3 * y / 4 + abs(x / 2 - 3 * y / 4)), with_extremes((x - abs(x) + 1) ** 2)
    (Max(x, 3*y/2), (2*Min(0, x) + 1)**2)
    >>> with_extremes(x - 2 * sympy.Max(0, x - y)), with_extremes((x - y) * sympy.Max(0, x - y))
    (Min(x, -x + 2*y), Max(0, x - y)**2)
    >>> with_extremes(x - 3 + sympy.Max(0, 2 * x - 9) + sympy.Max(0, 3 - x))
    Max(0, x - 3) + Max(0, 2*x - 9)
    """
    return expression.replace(
        lambda part: part.is_Add or part.is_Mul, lambda part: min(_forms(part), key=node_count, default=part)
    )


def _forms(whole: Any) -> Iterator[Any]:
    """The forms of a sum or a product by each of its absolute values and extremes."""
    for term in sympy.Add.make_args(whole):
        for part in sympy.Mul.make_args(term):
            factor, sides = term / part, (part.args[0], -part.args[0]) if isinstance(part, sympy.Abs) else part.args
            if not isinstance(part, sympy.Abs | sympy.Max | sympy.Min) or len(sides) != 2:
                continue
            if 0 in sides and sum(sides) in sympy.Mul.make_args(factor):  # u max(u, 0)
                yield whole - term + factor / sum(sides) * part**2
                continue
            ends = [sympy.Add.make_args(sympy.expand_mul(whole - term + factor * side)) for side in sides]
            own = [sympy.Add(*(each for each in end if each not in ends[1 - n])) for n, end in enumerate(ends)]
            if not (factor.is_positive or factor.is_negative) or sympy.Add(*own) == 0:
                continue
            extreme = sympy.Max if isinstance(part, sympy.Min) == factor.is_negative else sympy.Min
            units = {abs(each.as_coeff_Mul()[0]) for side in own for each in sympy.Add.make_args(side)} - {0}
            scaled = (u * extreme(*(sympy.expand_mul(side / u) for side in own)) for u in sorted(units))
            yield sympy.Add(*(each for each in ends[0] if each in ends[1]), min(scaled, key=node_count))
