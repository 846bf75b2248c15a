"""A time limit that holds, and results that come back whole."""

import time

import numpy as np
import pytest
import sympy

from splinework.interpret.symbolic import ranking
from splinework.interpret.symbolic.expression import compile_expression, node_count, symbol
from splinework.interpret.symbolic.simplification import simplified
from splinework.interpret.symbolic.time_limit import run_within
from tests.families import every

X = sympy.Symbol("x", real=True)


@pytest.mark.parametrize("value", [3, "text", X**2 + sympy.sin(X), np.arange(300_000), None], ids=type)
def test_the_result_comes_back(value):
    found = run_within(30.0, lambda: value, otherwise="late")
    assert np.array_equal(found, value) if isinstance(value, np.ndarray) else found == value


def test_what_takes_too_long_is_left():
    assert run_within(0.3, time.sleep, 60, otherwise="late") == "late"  # what sleeps to its end gives None


def test_what_fails_is_left():
    assert run_within(30.0, lambda: 1 / 0, otherwise="failed") == "failed"


def test_the_symbols_are_the_same():
    dummy = sympy.Dummy("d")
    assert run_within(30.0, sympy.expand, (X + dummy) * X, otherwise=None) == X**2 + dummy * X


@pytest.mark.parametrize("of", [sympy.Max, sympy.Min])
@pytest.mark.parametrize("factor", [1, sympy.Float(2.6), -symbol("c")], ids=str)
def test_the_larger_and_the_smaller_of_two_are_written_as_such(of, factor):
    """However they come: with half the sum and half the difference, and as one side and what the other has beyond it."""
    names, (a, b, c) = ("a", "b", "c"), (symbol(name) for name in "abc")
    rows = np.random.default_rng(0).uniform([-1, -1, 0.5], [1, 1, 2], (200, 3))
    one, other, sign = a / 2 - 3, 2 * a - b, 1 if of == sympy.Max else -1
    wanted = factor * of(one, other)
    halves = (one + other) / 2 + sign * sympy.Abs(one - other) / 2
    beyond = one + sign * sympy.Max(sign * (other - one), 0)
    for form in (halves, beyond):
        found = simplified(sympy.expand(factor * form), names, rows)
        assert node_count(found) <= node_count(wanted), found
        np.testing.assert_allclose(*(compile_expression(e, names)(rows) for e in (found, wanted)), rtol=1e-9)
    assert simplified(c * sympy.Max(one, 5 * c), names, rows) == 5 * c**2  # on all rows


@pytest.mark.parametrize(
    ("outer", "inner", "most"),
    [("asin", "sin", 0.5), ("asin", "cos", 1), ("acos", "sin", 0.5), ("acos", "cos", 1), ("atan", "tan", 0.5)],
)
def test_inverses_within_one_period_are_written_as_what_they_are(outer, inner, most):
    u = symbol("a") / 2 - symbol("b")
    expression = getattr(sympy, outer)(getattr(sympy, inner)(u))
    rows = np.random.default_rng(0).uniform(-1, 1, (200, 2)) * most * np.pi / 1.5
    found = simplified(expression, ["a", "b"], rows)
    assert node_count(found) < node_count(expression) or (found != expression and not found.has(getattr(sympy, inner)))
    values = [compile_expression(each, ["a", "b"])(rows) for each in (found, expression)]
    np.testing.assert_allclose(*values, rtol=0, atol=1e-12)
    assert simplified(expression, ["a", "b"], 1.2 * rows / np.abs(rows).max() * most * np.pi) == expression


U, V = symbol("a"), symbol("b")


@pytest.mark.parametrize("rate", [1, 2.3, sympy.Rational(3, 2)])
@pytest.mark.parametrize(
    ("long", "short"),
    [
        (lambda u: 0.75 * sympy.cos(u) + 0.25 * sympy.cos(3 * u), lambda u: sympy.cos(u) ** 3),
        (lambda u: 1.5 * sympy.sin(u) - 0.5 * sympy.sin(3 * u) - V, lambda u: 2 * sympy.sin(u) ** 3 - V),
        (
            lambda u: 1.3 + 1.3 * sympy.tanh(u * sympy.log(U) / U - 0.55),
            lambda u: 2.6 / (1 + 3.004 * U ** (-2 * u / U)),
        ),
        (lambda u: V - V * sympy.tanh(sympy.log(3 * u**2) / 2), lambda u: 2 * V / (1 + 3 * u**2)),
    ],
)
def test_powers_are_written_as_such(long, short, rate):
    """Sums of waves of multiple angles, and hyperbolic tangents of logarithms: the same values with no more nodes."""
    rows = np.random.default_rng(0).uniform(0.3, 3, (200, 2))
    found = simplified(long(rate * U), ["a", "b"], rows)
    assert node_count(found) <= node_count(short(rate * U))
    assert not found.has(sympy.tanh) or node_count(found) < node_count(short(rate * U))
    np.testing.assert_allclose(
        *(compile_expression(e, "ab")(rows) for e in (found, long(rate * U))), rtol=1e-8, atol=1e-8
    )


@pytest.mark.quick(1)
@pytest.mark.parametrize("ratio", [sympy.Float(0.624), 2, -sympy.Rational(1, 3)], ids=str)
def test_squares_of_sums_and_roots_of_products_are_written_as_such(ratio):
    names, (a, b, c) = ("a", "b", "c"), (symbol(name) for name in "abc")
    rows = np.random.default_rng(0).uniform(0.5, 3, (200, 3))
    square, root = (a + ratio * b) ** 2 + c, c / sympy.sqrt(a * (a + 2 * b))
    found = simplified(sympy.expand(square), names, rows)
    assert node_count(found) <= node_count(square), found
    assert simplified(c / (sympy.sqrt(a) * sympy.sqrt(a + 2 * b)), names, rows) == root
    beyond = compile_expression(simplified(root, names, rows), names)(-rows)
    assert np.isfinite(beyond).all()


@pytest.mark.parametrize("number", [7635043847.742083, 2.6 / 1.7, 1e9 / 7, 123457.8])
def test_long_numbers_are_no_fractions(number):
    """A fraction of nine digits is not simpler than a number of nine."""
    found = simplified(sympy.Float(number) * sympy.exp(X), ["x"], np.linspace(0, 1, 9)[:, None])
    assert found == sympy.Float(number) * sympy.exp(X)


@every(
    "text", ["(x + y + 1)**2*(x - 2)**3", "(x + y)**-3", "exp(x*(y + 1))*sin((x - y)*(x + y))", "(x + y)**(7/2)", "x"]
)
def test_no_sum_has_more_terms_than_was_foreseen(text):
    expanded = ranking.multiplied_out(sympy.sympify(text))
    most = max((len(part.args) for part in sympy.preorder_traversal(expanded) if part.is_Add), default=1)
    assert most <= ranking.most_terms(sympy.sympify(text)) <= ranking.FEW_TERMS
