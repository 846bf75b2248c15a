"""Shorter neighbours of a formula: one part less, or one part simpler, as long as the description gets shorter.

And the formula without its small parts, which is what is left of near-exact data but for a solver's error.
"""

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import sympy

from splinework.interpret.symbolic.expression import compile_expression, symbol
from splinework.interpret.symbolic.extremes import with_extremes
from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.polynomial_forms import with_completed_powers
from splinework.interpret.symbolic.pool import Pool, PoolEntry

MAX_ROUNDS, MAX_TRIALS = 12, 40
"""Most parts that are taken out one after the other, and most trials for each."""
SHARES = tuple(10.0**-n for n in range(11, 2, -1))
"""Shares of a sum that are small, each in turn."""


_ALIKE, MAX_RATIO = (lambda s: s, sympy.log, lambda s: 1 / s), 3.0
"""Functions of a column that are nearly alike far from 0, and the largest of its values, relative to the least, that is far."""
_FAR_OUT: dict[Any, Callable[[Any], Any]] = {
    sympy.atan: lambda u: sympy.Float(math.pi / 2) - 1 / u,
    sympy.tanh: lambda u: 1 - 2 * sympy.exp(-2 * u),
}
"""Functions with a limit, and what they are near it: large multiples of them imitate what is left up to it."""


def without_a_part(expression: Any) -> Iterator[Any]:
    """The expressions with a term of a sum or a factor of a product less, what a function is near 0 or far out, or a power less.

    >>> x = sympy.Symbol("x")
    >>> sorted(map(str, without_a_part(x * sympy.tanh(3 * x) + 1)))  # doctest: +NORMALIZE_WHITESPACE
    ['3*x**2 + 1', 'tanh(3*x) + 1', 'x + 1', 'x - 2*x*exp(-6*x) + 1',
     'x*tanh(3) + 1', 'x*tanh(3*x)', 'x*tanh(x) + 1']
    """
    seen = {expression}
    for part in sympy.preorder_traversal(expression):
        if not part.free_symbols or not part.args:
            continue
        for smaller in _smaller(part):
            made = expression.xreplace({part: smaller})
            if smaller.is_Add:  # its number joins the one outside
                made = made.replace(lambda e, total=smaller: e.is_Mul and e.args[1:] == (total,), sympy.expand_mul)
            if made not in seen and made.free_symbols:
                seen.add(made)
                yield made


def _smaller(part: Any) -> Iterator[Any]:
    if part.is_Add or part.is_Mul:
        for one in part.args:
            if part.is_Mul and one.is_number and (len(part.args) == 1 or abs(one) == 1):
                continue
            yield part.func(*(other for other in part.args if other is not one))
    elif part.is_Pow:
        if part.exp.is_number and part.exp != -1:
            yield part.base
    elif isinstance(part, sympy.Function) and len(part.args) == 1:
        yield part.args[0]
        if part.func in _FAR_OUT:
            yield _FAR_OUT[part.func](part.args[0])
    elif isinstance(part, sympy.Max | sympy.Min):
        yield from part.args


def with_other_constants(expression: Any) -> Iterator[Any]:
    """Functions that are nearly the same and may need fewer constants.

    Extremes for absolute values, free exponents for fractions, factors for exponentials, powers of shifted columns for
    polynomials, and for a hyperbolic tangent beside a number a logistic function, which is zero at one end.

    >>> x, y = sympy.symbols("x y", real=True)
    >>> sorted(str(each) for each in with_other_constants(sympy.exp(x / 9 - y) + x + abs(x + 1)))
    ['exp(x/9 - y) + Max(-1, 2*x + 1)', 'x + (1 - y)*exp(x/9) + Abs(x + 1)', 'x + (x/9 + 1)*exp(-y) + Abs(x + 1)']
    """
    if (extremes := with_extremes(expression)) != expression:
        yield extremes
    roots = {
        each for each in expression.atoms(sympy.Pow) if each.base.is_Symbol and each.exp.is_Rational and each.exp.q > 1
    }
    if roots:
        yield expression.xreplace({each: each.base ** sympy.Float(each.exp) for each in roots})
    for part in expression.atoms(sympy.exp):
        for term in sympy.Add.make_args(part.args[0]):
            if term.free_symbols and (rest := part.args[0] - term).free_symbols:
                yield expression.xreplace({part: (1 + term) * sympy.exp(rest)})
    for part in expression.atoms(sympy.Add):
        if (completed := with_completed_powers(part)) != part:
            yield expression.xreplace({part: completed})
        number, rest = part.as_coeff_Add()
        for step in (each for each in rest.atoms(sympy.tanh) if number != 0 and rest.coeff(each) != 0):
            for sign in (1, -1):
                logistic = sign * 2 / (1 + sympy.exp(-2 * sign * step.args[0]))
                yield expression.xreplace({part: rest.xreplace({step: logistic})})


def with_other_powers(expression: Any, names: Sequence[str], x: Array) -> Iterator[Any]:
    """Other exponentials and powers that are nearly the same of columns far from 0: `exp(b*T)`, `T**p`, `exp(-E/T)`.

    Args:
        expression: Expression without splines.
        names: Names of the columns.
        x: Columns `(N, d)`.

    >>> x = sympy.Symbol("T", real=True)
    >>> found = with_other_powers(2.0 * sympy.exp(x / 10), ["T"], np.array([[280.0], [320.0]]))
    >>> [str(each.xreplace({n: sympy.Float(n, 3) for n in each.atoms(sympy.Float)})) for each in found]
    ['1.52e-61*T**29.9', '2.0e+26*exp(-8.96e+3/T)']
    """
    for part in (each for each in expression.atoms(sympy.exp, sympy.Pow) if each.as_base_exp()[1] != -1):
        inside = sympy.expand_mul(part.args[0] if isinstance(part, sympy.exp) else part.exp * sympy.log(part.base))
        for name, (low, high) in zip(names, zip(x.min(0).tolist(), x.max(0).tolist(), strict=True), strict=True):
            s, middle = symbol(name), math.sqrt(max(low * high, 0.0))
            for one, other in itertools.permutations(_ALIKE if 0 < high < MAX_RATIO * low else (), 2):
                if (slope := inside.coeff(one(s))).is_number and slope != 0:
                    ratio = (one(s).diff(s) / other(s).diff(s)).subs(s, middle)
                    level = sympy.exp(slope * (one(s) - ratio * other(s))).subs(s, middle).evalf()
                    changed = sympy.exp(inside + slope * (ratio * other(s) - one(s)))
                    yield expression.xreplace({part: level * sympy.expand(changed, mul=False)})


def with_units_outside(expression: Any) -> Iterator[Any]:
    """The expression with the number of a constant or a monomial outside its sum, for each of the sums that are factors, in turn.

    Which of them is free is a matter of writing, and numbers may be simple in one form alone.

    >>> x = sympy.Symbol("x", real=True)
    >>> for form in with_units_outside(1 / (0.25 + 3.0 * x)):
    ...     print(form)
    4.0/(12.0*x + 1)
    0.333333333333333/(x + 0.0833333333333333)
    """
    for product in sympy.preorder_traversal(expression):
        for factor in product.args if product.is_Mul else (product,) if product.is_Pow else ():
            total, power = factor.as_base_exp()
            parts = [term.as_coeff_Mul() for term in total.args] if total.is_Add else []
            for unit, rest in parts if all(n.is_Float or n == 1 for n, _ in parts) else ():
                if unit.is_Float and rest.is_polynomial(*rest.free_symbols):
                    inside = sympy.Add(*((sympy.Integer(1) if n is unit else n / unit) * term for n, term in parts))
                    yield expression.xreplace({product: product / factor * unit**power * inside**power})


def shortened(pool: Pool, entry: PoolEntry, late: Callable[[], bool], most: float = math.inf) -> PoolEntry:
    """Takes parts out of a formula, one after the other, as long as that is a shorter description; returns what is left.

    Args:
        pool: The pool that the formula is of; what is tried is offered to it.
        entry: The formula.
        late: Says whether time is up.
        most: Nats of errors that taking out one part may cost.
    """
    for _ in range(0 if entry.proposal.splines else MAX_ROUNDS):
        best = entry
        for smaller in itertools.islice(without_a_part(entry.expression), MAX_TRIALS):
            if late():
                return best
            trial = pool.offer(smaller)
            if trial is not None and trial.description < best.description and trial.errors <= entry.errors + most:
                best = trial
        if best is entry:
            break
        entry = best
    return entry


def without_small_parts(expression: Any, names: Sequence[str], x: Array) -> Iterator[Any]:
    """The expressions without terms below a share of the largest of their sum, exponents near whole numbers made whole.

    Args:
        expression: Expression without splines.
        names: Names of the columns.
        x: Columns `(N, d)`.

    >>> x1 = sympy.Symbol("x1", real=True)
    >>> found = without_small_parts(x1 ** sympy.Float(1.00001) + 1e-6 * sympy.sin(x1), ["x1"], np.ones((9, 1)))
    >>> [str(each) for each in found]
    ['x1**1.00001', 'x1']
    """
    sizes: list[tuple[float, Any, Any]] = []  # of a part, the whole that it is in, and what that is without it
    for whole in expression.atoms(sympy.Add):
        values = [compile_expression(each, names)(x) for each in whole.args]
        with np.errstate(all="ignore"):
            square = np.array([np.mean(each**2) for each in values])
        if np.isfinite(square).all() and square.max() > 0:
            sizes += [
                (float(s), whole, each) for s, each in zip(np.sqrt(square / square.max()), whole.args, strict=True)
            ]
    exponents = [p for p in expression.atoms(sympy.Pow) if p.exp.is_Float and round(float(p.exp))]
    before = expression
    for share in SHARES:
        small = {(whole, part) for size, whole, part in sizes if size < share}
        near = {p for p in exponents if abs(float(p.exp) - round(float(p.exp))) < share}

        def made(node: Any, small: set[Any] = small, near: set[Any] = near) -> Any:
            if not node.args:
                return node
            parts = [made(each) for each in node.args if (node, each) not in small]
            return parts[0] ** round(float(node.exp)) if node in near else node.func(*parts)

        if (smaller := made(expression)) != before and smaller.free_symbols:
            before = smaller
            yield smaller


def offer_without_small_parts(pool: Pool) -> None:
    """Offers the best formula without its small parts."""
    if pool.entries and not pool.entries[0].proposal.splines:
        best, target = pool.entries[0].expression, pool.target
        for smaller in without_small_parts(best, target.names, target.x):
            pool.offer(smaller)
