"""Formulas in: what our own text says is read back, and no text does anything but give a formula or a clear error."""

import numpy as np
import pytest
import sympy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from splinework.errors import FormulaError
from splinework.formula.expression import Expression
from splinework.formula.functions import FUNCTIONS
from splinework.formula.languages import write
from splinework.formula.parse import MAX_NESTING, parse_formula
from splinework.interpret.symbolic.expression import compile_expression, python, symbol
from splinework.interpret.symbolic.partial import parse_partial
from tests.families import every
from tests.formula.calls import NUMERIC, call
from tests.interpret.symbolic.language_cases import NAMES, POINTS, X, Y, agrees, disagreements, expressions, numbers


@pytest.mark.slow
def test_every_text_of_ours_is_read_back():
    def again(found):
        return numbers([parse_formula(write(e, NAMES, "numpy"), NAMES) for e in found])

    assert disagreements(again) == []


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(expression=expressions())
def test_random_expressions_are_read_back(expression):
    again = parse_formula(python(expression, NAMES), NAMES)
    assert agrees(compile_expression(again, NAMES)(POINTS), compile_expression(expression, NAMES)(POINTS))


@every("name", NUMERIC)
def test_functions_mean_what_they_mean_to_numpy(name):
    text = call(name, "0.4*x1", "x2")
    points = POINTS if name not in ("power", "gammaln") else np.abs(POINTS)
    truth = Expression(text, NAMES)(points)
    assert agrees(compile_expression(parse_formula(text, NAMES), NAMES)(points), truth)
    folded = text.replace("x1", "1.5").replace("x2", "0.75")
    value = Expression(folded, [])([[]])[0]
    if np.isfinite(value):
        assert float(parse_formula(folded, [])) == pytest.approx(value, rel=1e-14)


def test_every_function_is_written_too():
    for name in NUMERIC:
        expression = parse_formula(call(name, "x1**2", "0.5"), NAMES)
        for language in ("numpy", "torch", "c", "latex", "julia", "sympy"):
            if name != "polygamma":  # of order 2: sympy's, NumPy's and Julia's
                assert write(expression, NAMES, language)


def test_exact_numbers_stay_exact():
    assert (
        parse_formula("x1/3 + sqrt(2)*x1 + exp(1) + pi/2", NAMES) == X / 3 + sympy.sqrt(2) * X + sympy.E + sympy.pi / 2
    )
    assert parse_formula("2**(1/3)", NAMES) == sympy.Integer(2) ** sympy.Rational(1, 3)
    assert parse_formula("0.1*x1", NAMES) == sympy.Float(0.1) * X
    assert parse_formula("minimum(minimum(x1, 3), minimum(2, x2))", NAMES) == sympy.Min(X, Y, 2)
    assert parse_formula("-x1**2", NAMES) == -(X**2)
    assert parse_formula("2**3**2", NAMES) == 512


def test_a_column_hides_pi():
    assert parse_formula("pi*x", ["pi", "x"]) == symbol("pi") * symbol("x")


def test_splines_that_are_left_stay():
    assert parse_formula("2*spline_1(x1)", NAMES, functions=["spline_1"]) == 2 * sympy.Function("spline_1")(X)


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "empty"),
        ("__import__('os')", "unexpected"),
        ("().__class__", "unexpected"),
        ("x1.real", "unexpected"),
        ("lambda: 0", "unexpected"),
        ("[x1 for x1 in x2]", "unexpected"),
        ("x1 if x2 else 1", "IfExp"),
        ("x1 and x2", "BoolOp"),
        ("not x1", "UnaryOp"),
        ("x1 < 2", "where a number is needed"),
        ("where(x1, 1, 2)", "condition"),
        ("where(1 < x1 < 2, 1, 2)", "in a row"),
        ("where(where(x1 < 1, 2, 3) < x2, 1, 2)", "split it into cases"),
        ("eval(x1)", "unknown function"),
        ("sin", "unknown name"),
        ("x1(2)", "write \\* to multiply"),
        ("sin(x1)(2)", "not a name"),
        ("sin(x1, x2)", "it takes 1"),
        ("hypot(x1)", "it takes 2"),
        ("x3", "did you mean 'x1' or 'x2'|did you mean 'x2' or 'x1'"),
        ("x1 = 2", "unexpected"),
        ("? + x1", "unexpected"),
        ("A*x1", "unknown name"),
        ("2x1", "write \\* between"),
        ("x1 ^ 2", "\\*\\* for powers"),
        ("9**9**9**9", "float64"),
        ("(2*x1)**1000000000", "float64"),
        ("1e999", "float64"),
        ("gamma(1000000)", "float64"),
        ("exp(exp(exp(exp(9))))", "float64"),
        ("1/0", "not real"),
        ("x1/0", "not real"),
        ("log(0)", "not real"),
        ("sqrt(-2)*x1", "not real"),
        ("(-8)**(1/3)", "not real"),
        ("jv(x1, x2)", "whole number"),
        ("jv(0.5, x2)", "whole number"),
        ("(" * 300 + "x1" + ")" * 300, "nested"),
        ("sin(" * (MAX_NESTING + 1) + "x1" + ")" * (MAX_NESTING + 1), "nested"),
        ("-" * 500 + "x1", "nested"),
        ("maximum(" * 20 + "x1" + "".join(f",x2*x1**{n}-{n})" for n in range(2, 22)), "compares more than 12"),
        ("x1 + " * 5000 + "x1", "characters"),
    ],
    ids=lambda value: value[:30],
)
def test_what_is_no_formula_is_said(text, word):
    with pytest.raises(FormulaError, match=word):
        parse_formula(text, NAMES)


@pytest.mark.parametrize("text", [None, 3, b"x1", ["x1"]])
def test_only_text_is_read(text):
    with pytest.raises(FormulaError, match="is a str"):
        parse_formula(text, NAMES)


PIECES = [
    *(
        "x1",
        "x2",
        "2",
        "0",
        "1e308",
        "9999999",
        "0.5",
        "pi",
        "A",
        "?",
        "(",
        ")",
        ",",
        "=",
        "<",
        ">=",
        ".",
        "'",
        "[",
        "\\",
        ":",
    ),
    *(
        "+",
        "-",
        "*",
        "/",
        "**",
        "**-",
        "sin(",
        "exp(",
        "gamma(",
        "where(",
        "logical_and(",
        "jv(2,",
        "abs(",
        "minimum(",
        "log(",
    ),
    *("__class__", "lambda", "if", "not", " ", "\n", "é", "९", "∞", "sqrt(", "floor(", "sign(", "arctan2("),
]


def outcome(read, text):
    """Reads or refuses, in few words."""
    message = ""
    try:
        read(text, NAMES)
    except FormulaError as error:
        message = str(error)
    assert len(message) < 600


@settings(max_examples=300, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(text=st.lists(st.sampled_from(PIECES), max_size=25).map("".join) | st.text(max_size=40))
def test_no_text_does_anything_else(text):
    outcome(parse_formula, text)
    outcome(parse_partial, text)


def sentences():
    """Texts that are formulas, with numbers and powers of all sizes."""
    leaves = st.sampled_from(
        ["x1", "x2", "2", "3", "0", "1/3", "0.1", "99999", "1e200", "1e-300", "pi", "9007199254740993", "-1"]
    )
    unary = [name for name in NUMERIC if FUNCTIONS[name].arity == 1]

    def more(inner):
        return (
            st.builds("({}{}{})".format, inner, st.sampled_from(["+", "-", "*", "/", "**"]), inner)
            | st.builds("{}({})".format, st.sampled_from(unary), inner)
            | st.builds("where({}<{},{},{})".format, inner, inner, inner, inner)
            | st.builds("{}({},{})".format, st.sampled_from(["minimum", "maximum", "arctan2", "hypot"]), inner, inner)
        )

    return st.recursive(leaves, more, max_leaves=20)


@settings(max_examples=150, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(text=sentences())
def test_every_formula_is_read_or_refused_in_time(text):
    outcome(parse_formula, text)


@pytest.mark.slow
def test_long_sums_are_read():
    text = " + ".join(f"{n}.5*sin({n}*x1)" for n in range(1, 400))
    truth = Expression(text, NAMES)(POINTS)
    assert agrees(compile_expression(parse_formula(text, NAMES), NAMES)(POINTS), truth, slack=1e-10)


# ------------------------------------------------------------------------------------------------ partial formulas


def test_a_partial_formula_says_its_parts():
    formula = parse_partial("y = A*exp(?)*x2 + B*?(x1) - A", NAMES)
    assert formula.target == "y"
    assert formula.constants == ("A", "B")
    assert [hole.columns for hole in formula.holes] == [("x1", "x2"), ("x1",)]
    a, b = symbol("A"), symbol("B")
    first, second = (hole.term for hole in formula.holes)
    assert formula.expression == a * sympy.exp(first) * Y + b * second - a
    filled = formula.expression.subs({first: X * Y, second: X**2})
    assert filled == a * sympy.exp(X * Y) * Y + b * X**2 - a
    assert [hole.name for hole in formula.holes] == ["hole_1", "hole_2"]


def test_equal_looking_holes_are_different():
    formula = parse_partial("? - ?", NAMES)
    assert len({hole.term for hole in formula.holes}) == 2
    assert formula.expression != 0


def test_capitals_that_are_columns_are_columns():
    assert parse_partial("A*T", ["A"]).constants == ("T",)
    assert parse_partial("x1**2", NAMES) == parse_partial("x1**2", NAMES)
    assert parse_partial("2*hole_1 + ?", ["hole_1"]).holes[0].name == "hole__1"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("y = z = x1", "one '='"),
        ("= x1", "one '='"),
        ("2 = x1", "one '='"),
        ("x1 = x2", "also a column"),
        ("y = ", "empty"),
        ("?()", "columns"),
        ("?(A)", "columns"),
        ("?(x1, x1)", "columns"),
        ("?(x1*2)", "columns"),
        ("??", "invalid"),
        ("a*x1", "unknown name"),
        ("Abc*x1", "unknown name"),
    ],
)
def test_what_is_no_partial_formula_is_said(text, word):
    with pytest.raises(FormulaError, match=word):
        parse_partial(text, NAMES)


def test_a_hole_needs_columns():
    with pytest.raises(FormulaError, match="no columns"):
        parse_partial("A + ?", [])
