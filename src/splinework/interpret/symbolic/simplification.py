"""Simplification of formulas by sympy, verified numerically and under a time limit.

Sympy's rewriting takes milliseconds or, for some expressions, hours.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import numpy as np
import sympy

from splinework.interpret.symbolic.expression import compile_expression, node_count, symbol
from splinework.interpret.symbolic.extremes import with_extremes
from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.polynomial_forms import (
    MAX_DENOMINATOR,
    MAX_ORDERED,
    with_factored_sums,
    with_nested_sums,
    with_shifted_columns,
)
from splinework.interpret.symbolic.time_limit import run_within

EQUALITY_TOLERANCE = 1e-9
"""Relative difference up to which two forms are equal."""
MAX_NUMERATOR = 1000
"""Numerators of simple numbers."""
SHORT_DIGITS = 6
"""Digits of decimals that are written as they are meant."""
MAX_ANGLES = 4
"""Most times that a wave is faster than another of which it is written as powers."""
MAX_TOGETHER_NODES = 60
"""Maximum number of nodes for putting an expression over a common denominator, which can be slow."""


def simplified(expression: Any, names: Sequence[str], x: Array, *, allows: Callable[[Any], bool] | None = None) -> Any:
    """An equal expression with the fewest nodes found in two seconds.

    Args:
        expression: Expression over the symbols of the columns.
        names: Names of the columns.
        x: Rows `(N, columns)` on which the forms must agree; columns positive there are taken as positive.
        allows: Function that says whether a form may be taken; all by default.
    """
    return run_within(2.0, _shortest, expression, names, x, allows, otherwise=expression)


def _shortest(expression: Any, names: Sequence[str], x: Array, allows: Callable[[Any], bool] | None) -> Any:
    positive = {
        symbol(n): sympy.Symbol(n, positive=True) for n, column in zip(names, x.T, strict=True) if column.min() > 0
    }
    back = {new: old for old, new in positive.items()}
    expression = _on_rows(expression, names, x)
    rows = x[:: max(len(x) // 64, 1)]
    truth = compile_expression(expression, names)(rows)
    slack = EQUALITY_TOLERANCE * float(np.abs(truth[np.isfinite(truth)]).max(initial=0.0))
    best = expression
    for _ in range(2):
        before = best
        for form in _forms(before.xreplace(positive)):
            candidate = _with_joined_roots(_on_rows(form.xreplace(back), names, x))
            if _size(candidate) < _size(best) and (allows is None or allows(candidate)):
                values = compile_expression(candidate, names)(rows)
                if np.allclose(values, truth, rtol=EQUALITY_TOLERANCE, atol=slack, equal_nan=True):
                    best = candidate
        if best == before:
            break
    return _with_short_numbers(best)


def _size(expression: Any) -> tuple[int, int]:
    """Nodes, and how many of them are functions: of two forms as long, arithmetic is easier to read."""
    return node_count(expression), sum(
        isinstance(part, sympy.Function) for part in sympy.preorder_traversal(expression)
    )


def with_unit_constants(expression: Any) -> Any:
    """The expression with products of several sums scaled so that the constants of all but one of these are 1.

    The scale of each is free in `(a + b x) (c + d y)`, and with fitted numbers none of them is simple. A sum with a term without
    a number, as `x + a`, has its scale.

    >>> x, y = symbol("x"), symbol("y")
    >>> with_unit_constants((0.5 * x + 2.0) * (1.5 * y + 3.0))
    (0.25*x + 1.0)*(3.0*y + 6.0)
    """
    return expression.replace(lambda part: part.is_Mul, _scaled_product)


def _scaled_product(product: Any) -> Any:
    sums = [part for part in product.args if part.is_Add and all(t.as_coeff_Mul()[0].is_Float for t in part.args)]
    constants = {part: part.as_coeff_Add()[0] for part in sums}
    named = [part for part in sums if constants[part].is_Float and constants[part] != 0]
    named.sort(key=lambda part: (len(part.free_symbols), node_count(part), sympy.default_sort_key(part)))
    scaled = named[: len(sums) - 1]
    if not scaled:
        return product
    rest = [part for part in product.args if part not in scaled]
    last = max((part for part in rest if part in sums), key=sympy.default_sort_key)
    size = math.prod(float(constants[part]) for part in scaled)
    inside = [_times(part, 1 / float(constants[part])) for part in scaled]
    return sympy.Mul(*inside, _times(last, size), *(part for part in rest if part is not last))


def _times(total: Any, factor: float) -> Any:
    """A sum with all of its terms multiplied by a number."""
    return sympy.Add(*(sympy.Float(factor) * term for term in total.args))


def _with_short_numbers(expression: Any) -> Any:
    """The expression with `0.15` for `0.14999999999999997`, and 5/7 for `0.7142857142857143`."""
    swaps = {}
    for number in expression.atoms(sympy.Float):
        short = sympy.Float(f"{float(number):.{SHORT_DIGITS}g}")
        if abs(float(short) - float(number)) < 1e-13 * abs(float(number)):
            swaps[number] = short
    return _with_simple_numbers(expression, but=swaps)


_INVERSES: dict[tuple[Any, Any], tuple[float, Callable[[Any], Any]]] = {
    (sympy.asin, sympy.sin): (math.pi / 2, lambda u: u),
    (sympy.asin, sympy.cos): (math.pi, lambda u: sympy.pi / 2 - sympy.Abs(u)),
    (sympy.acos, sympy.sin): (math.pi / 2, lambda u: sympy.pi / 2 - u),
    (sympy.acos, sympy.cos): (math.pi, sympy.Abs),
    (sympy.atan, sympy.tan): (math.pi / 2, lambda u: u),
}
"""An inverse of a function of u: the largest |u| for which it is simpler, and what it is there."""


def _on_rows(expression: Any, names: Sequence[str], x: Array) -> Any:
    """The expression by what its parts are on all rows: inverses within one period, absolute values of one sign."""
    swaps = {}
    for part in expression.atoms(*{outer for outer, _ in _INVERSES}):
        most, inverse = _INVERSES.get((part.func, part.args[0].func), (0.0, None))
        if inverse is not None and (np.abs(compile_expression(part.args[0].args[0], names)(x)) <= most).all():
            swaps[part] = inverse(part.args[0].args[0])
    expression, swaps = expression.xreplace(swaps), {}
    for part in expression.atoms(sympy.Abs, sympy.Max, sympy.Min):
        above, below = part.args if len(part.args) == 2 else (part.args[0], -part.args[0])
        above, below = (below, above) if isinstance(part, sympy.Min) else (above, below)
        values = compile_expression(above - below, names)(x)
        if (values >= 0).all() or (values <= 0).all():
            swaps[part] = above if (values >= 0).all() else below
    return expression.xreplace(swaps)


def _forms(expression: Any) -> list[Any]:
    steps: list[Callable[[Any], Any]] = [
        lambda e: sympy.expand(e, power_exp=False, log=False),
        sympy.factor_terms,
        sympy.powsimp,
        sympy.powdenest,
        lambda e: sympy.powsimp(e, combine="base", force=True),
        sympy.expand_power_base,
        lambda e: _with_hyperbolic_functions(sympy.powsimp(e)),
        lambda e: sympy.expand_mul(_with_powers_of_logarithms(e, 1)),
        lambda e: sympy.expand_mul(_with_powers_of_logarithms(e, -1)),
        with_extremes,
        _with_simple_numbers,
        _with_powers_of_waves,
        with_factored_sums,
        with_nested_sums,
        lambda e: sympy.powdenest(e, force=True),
    ]
    if node_count(expression) <= MAX_TOGETHER_NODES:
        steps += [sympy.together, lambda e: sympy.powsimp(sympy.factor_terms(sympy.together(e)))]
        if not expression.atoms(sympy.Float):
            steps += [sympy.cancel, sympy.factor, with_shifted_columns, _with_partial_fractions]
    found = [expression]
    for step in steps:
        try:
            found.append(step(expression))
        except (sympy.PolynomialError, NotImplementedError, ValueError, TypeError, ZeroDivisionError, RecursionError):
            continue  # not applicable to this expression
    return found


def _with_partial_fractions(expression: Any) -> Any:
    """The shortest of the expression's partial fractions in each of its columns."""
    symbols = sorted(expression.free_symbols, key=str)[:MAX_ORDERED]
    return min((sympy.apart(expression, symbol) for symbol in symbols), key=node_count, default=expression)


def _with_joined_roots(expression: Any) -> Any:
    """The expression with `sqrt(x*y)` for `sqrt(x)*sqrt(y)`, which sympy takes apart where it knows that x is positive."""

    def joined(*factors: Any) -> Any:
        roots: dict[Any, list[Any]] = {}
        for base, power in (factor.as_base_exp() for factor in factors):
            is_root = power.is_Rational and not power.is_Integer and base.free_symbols
            roots.setdefault(power if is_root else None, []).append(base if is_root else base**power)
        rest = sympy.Mul(*roots.pop(None, ()))
        together = rest * sympy.Mul(*(sympy.Mul(*bases) ** power for power, bases in roots.items()))
        return min(sympy.Mul(*factors), together, key=node_count)

    return expression.replace(sympy.Mul, joined)


def _with_hyperbolic_functions(expression: Any) -> Any:
    """The expression with `a·exp(u) ± a·exp(-u)` in its sums written as a cosh or sinh."""

    def joined(*terms: Any) -> Any:
        left = list(terms)
        for term in terms:
            for u in [e.args[0] for e in sympy.Mul.make_args(term) if isinstance(e, sympy.exp)]:
                for sign, function in ((1, sympy.cosh), (-1, sympy.sinh)):
                    other = sign * term.xreplace({sympy.exp(u): sympy.exp(-u)})
                    if term in left and other in left and other != term:
                        left.remove(term)
                        left.remove(other)
                        left.append(2 * term.xreplace({sympy.exp(u): function(u)}))
        return sympy.Add(*left)

    return expression.replace(sympy.Add, joined)


def _with_powers_of_logarithms(expression: Any, end: int) -> Any:
    """The expression with hyperbolic tangents of logarithms as powers: `1 + tanh(log(x)/2)` is `2/(1 + 1/x)`.

    A tangent is what is above its limit at the `end` -1 or below that at 1.
    """
    return expression.replace(
        lambda part: isinstance(part, sympy.tanh) and part.has(sympy.log),
        lambda part: end - 2 * end / (1 + sympy.exp(2 * end * part.args[0])),
    )


def _with_powers_of_waves(expression: Any) -> Any:
    """The expression with powers of waves for those of multiple angles: `cos(x)**3` for `3*cos(x)/4 + cos(3*x)/4`."""
    waves, swaps, back = expression.atoms(sympy.sin, sympy.cos), {}, {}
    for slow in {wave.args[0] for wave in waves}:
        turn = sympy.Dummy(real=True)
        back[turn] = slow
        for wave in waves:
            times = wave.args[0] / slow
            if times.is_number and abs(times - round(times)) < EQUALITY_TOLERANCE and 1 < abs(times) <= MAX_ANGLES:
                swaps[wave] = wave.func(round(times) * turn)
    found = sympy.expand_trig(expression.xreplace(swaps)).xreplace(back)
    return _with_simple_numbers(sympy.expand_mul(_with_simple_numbers(found)))


def _with_simple_numbers(expression: Any, but: Mapping[Any, Any] = MappingProxyType({})) -> Any:
    """The expression with exact numbers for those that equal a simple fraction, so that equal parts are seen to be equal."""
    swaps = dict(but)
    for number in expression.atoms(sympy.Float) - swaps.keys():
        near = Fraction(float(number)).limit_denominator(MAX_DENOMINATOR)
        if 0 < abs(near.numerator) <= MAX_NUMERATOR and abs(float(near) / float(number) - 1) < EQUALITY_TOLERANCE:
            swaps[number] = sympy.Rational(near.numerator, near.denominator)
    return expression.xreplace(swaps)
