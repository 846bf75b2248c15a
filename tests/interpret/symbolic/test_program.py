"""Programs: the value of an expression is sympy's, the slopes those of its derivatives."""

import numpy as np
import pytest
import sympy

from splinework.interpret.symbolic.expression import compile_expression, compiled, symbol
from splinework.interpret.symbolic.library import LIBRARY
from splinework.interpret.symbolic.program import FUNCTIONS, Program

X, Y = symbol("x"), symbol("y")
A, B = sympy.Dummy("a", real=True), sympy.Dummy("b", real=True)
FORMS = {
    "sum": A * X + B * Y + 3,
    "product": A * X * Y * B,
    "quotient": (A + X) / (B + Y),
    "power": (A * X + 1) ** 3 * Y**-2,
    "root": sympy.sqrt(A + X) / sympy.sqrt(B + Y),
    "rational power": (A + X) ** sympy.Rational(2, 3),
    "free power": X**A * Y**B,
    "a number to a power": sympy.Float(2.5) ** (A * X),
    "nested": sympy.exp(sympy.sin(A * X) + B * Y**2),
    "shared": sympy.sin(A * X) ** 2 + sympy.cos(sympy.sin(A * X)),
    "constants": sympy.pi * A + sympy.E * B + sympy.sqrt(2) * X,
    "alone": A,
}


@pytest.mark.parametrize("name", FORMS)
def test_value_and_slopes(name):
    form = FORMS[name]
    draw = np.random.default_rng(0)
    x, y = draw.uniform(0.5, 2.0, (2, 40))
    symbols = [A, B, X, Y]
    program = Program(form, symbols)
    value, slopes = program.with_slopes([0.7, 1.3, x, y], [0, 1])
    truth = compiled(symbols, [form, sympy.diff(form, A), sympy.diff(form, B)])(0.7, 1.3, x, y)
    np.testing.assert_allclose(program([0.7, 1.3, x, y]), truth[0], rtol=1e-13)
    for found, expected in zip([value, *slopes], truth, strict=True):
        np.testing.assert_allclose(np.broadcast_to(found, x.shape), np.broadcast_to(expected, x.shape), rtol=1e-12)


@pytest.mark.parametrize("function", FUNCTIONS, ids=str)
def test_slopes_of_functions(function):
    x = np.linspace(0.1, 0.9, 30) + (1.0 if function is sympy.acosh else 0.0)
    form = function(A * X)
    _, (slope,) = Program(form, [A, X]).with_slopes([1.0, x], [0])
    step = 1e-6
    up, down = (Program(form, [A, X])([1.0 + s, x]) for s in (step, -step))
    np.testing.assert_allclose(slope, (up - down) / (2 * step), rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("function", LIBRARY, ids=lambda f: f.name)
def test_what_programs_do_not_know_is_compiled(function):
    form = function.build(sympy.Float(0.3) * X + sympy.Float(0.4))
    x = np.linspace(0.05, 0.9, 25)[:, None]
    truth = compiled([X], form)(x[:, 0])
    np.testing.assert_allclose(compile_expression(form, ["x"])(x), np.broadcast_to(truth, 25), rtol=1e-12, atol=1e-14)


def test_outside_the_domain_is_nan():
    assert np.isnan(compile_expression(sympy.log(X), ["x"])(np.array([[-1.0]]))).all()
    assert np.isnan(compile_expression(X ** sympy.Rational(1, 3), ["x"])(np.array([[-1.0]]))).all()
