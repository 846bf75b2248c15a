"""Forms of polynomials, and of sums of monomials inside other formulas: factored, nested, in shifted columns."""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import sympy

from splinework.interpret.symbolic.expression import node_count

MAX_DENOMINATOR, MAX_DIGITS, ROUNDING = 12, 9, 1e-11
"""Denominators of simple fractions, digits of numbers, and the relative difference up to which such a decimal is meant."""
MIN_FACTORED_TERMS, MAX_FACTORED_TERMS = 3, 16
"""Terms of the sums that are factored and nested."""
MAX_ORDERED = 3
"""Columns that a sum is nested by, a fraction taken apart in, or that are shifted first, in every order."""


def with_completed_powers(total: Any) -> Any:
    """A sum with numbers of any kind in shifted columns: `(x - 1.3)**2` for `x**2 - 2.6*x + 1.69`, which may need fewer."""
    if not total.is_polynomial(*total.free_symbols):
        return total
    exact = {number: sympy.Rational(number) for number in total.atoms(sympy.Float)}
    return _with_floats(_completed(total.xreplace(exact)))


def with_shifted_columns(expression: Any) -> Any:
    """Numerator and denominator in shifted variables, in which each polynomial lacks its last term but one (Tschirnhaus).

    Such as `(x - 3)**4 + 1` for `x**4 - 12*x**3 + 54*x**2 - 108*x + 82`.
    """
    above, below = sympy.fraction(sympy.together(expression))
    return _completed(above) / _completed(below)


def with_factored_sums(expression: Any) -> Any:
    """The expression with sums of monomials as products or powers, where numbers are short decimals of one of them."""

    def factored(total: Any) -> Iterator[Any]:
        parts = [term.as_coeff_Mul() for term in total.args]
        for unit in (1, *(number for number, _ in parts)):
            ratios = [n / unit if (n / unit).is_Rational else _decimal(float(n / unit)) for n, _ in parts]
            if None not in ratios:
                exact = sympy.Add(*(ratio * monomial for ratio, (_, monomial) in zip(ratios, parts, strict=True)))
                for whole in (_with_coefficient_inside(sympy.factor(exact)), _completed(exact)):
                    yield unit * _with_floats(whole)
                return
        yield total

    return _with_sums_of_monomials(expression, factored)


def with_nested_sums(expression: Any) -> Any:
    """The expression with sums of monomials in the shortest nested form (Horner), the columns in any order."""

    def nested(total: Any) -> Iterator[Any]:
        symbols = sorted(total.free_symbols, key=str)
        yield total
        for order in itertools.permutations(symbols) if len(symbols) <= MAX_ORDERED else [symbols]:
            yield sympy.horner(total, *order)

    return _with_sums_of_monomials(expression, nested)


def _with_sums_of_monomials(expression: Any, forms_of: Callable[[Any], Iterable[Any]]) -> Any:
    """The expression with the shortest form of each sum of monomials, in the columns and in the functions that it has twice."""

    def changed(*terms: Any) -> Any:
        shared = _shared_factors(terms)
        back = {place: factor for factor, place in shared.items()}
        monomials = [term for term in terms if term.xreplace(shared).is_polynomial(*term.xreplace(shared).free_symbols)]
        if not MIN_FACTORED_TERMS <= len(monomials) <= MAX_FACTORED_TERMS:
            return sympy.Add(*terms)
        forms = [each.xreplace(back) for each in forms_of(sympy.Add(*monomials).xreplace(shared))]
        return sympy.Add(*(term for term in terms if term not in monomials), min(forms, key=node_count))

    return expression.replace(sympy.Add, changed)


def _shared_factors(terms: Sequence[Any]) -> dict[Any, Any]:
    """Stand-ins for the factors other than columns and their powers that several terms have."""
    factors = [each for term in terms for each in sympy.Mul.make_args(term)]
    several = {each for each in factors if factors.count(each) > 1 and not each.is_polynomial(*each.free_symbols)}
    return {each: sympy.Dummy(f"f{n}") for n, each in enumerate(sorted(several, key=sympy.default_sort_key))}


def _with_coefficient_inside(product: Any) -> Any:
    """The product with its numerical factor taken into a power of a sum, such as `(2*x + y)**2` for `4*(x + y/2)**2`."""
    factor, rest = product.as_coeff_Mul()
    for part in sympy.Mul.make_args(rest):
        base, power = part.as_base_exp()
        if base.is_Add and power.is_Integer and power > 0 and (factor > 0 or power % 2):
            root = sympy.real_root(factor, power) if power > 1 else factor
            root = root if root.is_Rational else sympy.Float(root)
            return rest.xreplace({part: sympy.Add(*(root * term for term in base.args)) ** power})
    return product


def _decimal(value: float) -> Any:
    """The decimal of a few digits that a number equals up to rounding; None where there is none."""
    text = f"{value:.{MAX_DIGITS - 1}e}"
    return sympy.Rational(text) if abs(float(text) - value) <= ROUNDING * abs(value) else None


def _completed(polynomial: Any) -> Any:
    """The shortest of a polynomial's forms in shifted columns, each of them shifted first."""
    symbols = sorted(polynomial.free_symbols, key=str)
    orders = [[*symbols[n:], *symbols[:n]] for n in range(min(len(symbols), MAX_ORDERED))]
    return min((_shifted(polynomial, order) for order in orders), key=node_count, default=polynomial)


def _shifted(polynomial: Any, order: Sequence[Any]) -> Any:
    """The polynomial with each column in turn shifted by a number, or a multiple of others, where terms are gone then."""
    back: list[tuple[Any, Any]] = []
    for s in order:
        form = sympy.Poly(polynomial, s)
        if form.degree() < 2:
            continue
        leading, following = form.all_coeffs()[:2]
        shift = sympy.cancel(following / leading) / form.degree()
        if shift != 0 and shift.is_polynomial(*shift.free_symbols):
            moved = sympy.expand(polynomial.xreplace({s: s - shift}))
            if len(sympy.Add.make_args(moved)) < len(sympy.Add.make_args(polynomial)):
                stand_in = sympy.Dummy(s.name)
                polynomial = moved.xreplace({s: stand_in})
                back.append((stand_in, s + shift))
    for stand_in, whole in reversed(back):
        polynomial = polynomial.xreplace({stand_in: whole})
    return polynomial


def _with_floats(expression: Any) -> Any:
    """The expression with floats for fractions that are not simple."""
    long = {number for number in expression.atoms(sympy.Rational) if number.q > MAX_DENOMINATOR}
    return expression.xreplace({number: sympy.Float(number) for number in long})
