r"""LaTeX: sympy's own reader of LaTeX understands the part that its grammar covers (`\sin{}` is ambiguous to it)."""

import warnings

import pytest
import sympy

from splinework.formula.languages import write
from splinework.interpret.symbolic.expression import compile_expression, symbol
from tests.interpret.symbolic.language_cases import POINTS, agrees

X, Y = symbol("x"), symbol("y")
READABLE = {
    "polynomial": 3 * X**2 - X * Y / 7 + sympy.Float(0.25),
    "minus": -(X**2) - (Y - X) ** 3,
    "fraction": (X + 1) / (Y**2 + 1) - sympy.Rational(1, 3) / (1 + 1 / (X**2 + 1)),
    "roots": sympy.sqrt(X**2 + 1) / (Y**2 + 1),
    "logarithm": sympy.log(X**2 + 2),
    "size": sympy.Abs(X - Y) + sympy.Min(X, 2),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", READABLE)
def test_sympy_reads_the_latex_back(name):
    pytest.importorskip("lark")
    from sympy.parsing.latex import parse_latex

    expression = READABLE[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        again = parse_latex(write(expression, ["x", "y"], "latex"), backend="lark")
    again = again.xreplace({s: symbol(s.name) for s in again.free_symbols})
    assert agrees(compile_expression(again, ["x", "y"])(POINTS), compile_expression(expression, ["x", "y"])(POINTS))
