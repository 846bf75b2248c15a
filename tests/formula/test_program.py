"""Programs: the value of an expression is sympy's, the slopes those of its derivatives."""

import numpy as np
import pytest
import sympy

from splinework.formula.arrays import array_operations
from splinework.formula.reverse_mode import DifferentiatedProgram
from splinework.formula.sympy_bridge import program_of_expression
from splinework.interpret.symbolic.expression import compile_expression, compiled, symbol
from splinework.interpret.symbolic.library import LIBRARY
from tests.families import every

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
    program = program_of_expression(form, symbols)
    value, slopes = DifferentiatedProgram(program, [0, 1])([0.7, 1.3, x, y])
    truth = compiled(symbols, [form, sympy.diff(form, A), sympy.diff(form, B)])(0.7, 1.3, x, y)
    np.testing.assert_allclose(program.run([0.7, 1.3, x, y], array_operations(), np.float64), truth[0], rtol=1e-13)
    for found, expected in zip([value, *slopes], truth, strict=True):
        np.testing.assert_allclose(np.broadcast_to(found, x.shape), np.broadcast_to(expected, x.shape), rtol=1e-12)


@every("function", LIBRARY)
def test_what_programs_do_not_know_is_compiled(function):
    form = function.build(sympy.Float(0.3) * X + sympy.Float(0.4))
    x = np.linspace(0.05, 0.9, 25)[:, None]
    truth = compiled([X], form)(x[:, 0])
    np.testing.assert_allclose(compile_expression(form, ["x"])(x), np.broadcast_to(truth, 25), rtol=1e-12, atol=1e-14)


def test_outside_the_domain_is_nan():
    assert np.isnan(compile_expression(sympy.log(X), ["x"])(np.array([[-1.0]]))).all()
    assert np.isnan(compile_expression(X ** sympy.Rational(1, 3), ["x"])(np.array([[-1.0]]))).all()
