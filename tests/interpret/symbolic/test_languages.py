"""Formulas in other languages give the same numbers there: what is run in this process, names, splines, refusals."""

import copy
import pickle

import numpy as np
import pytest
import sympy
import torch
from hypothesis import HealthCheck, given, settings
from scipy import special

from splinework.errors import FormulaError, ShapeError
from splinework.formula.languages import LANGUAGES, FormulaModule, safe_names, write
from splinework.formula.tensor_functions import bessel
from splinework.interpret.symbolic.expression import compile_expression, symbol
from splinework.interpret.symbolic.table import FormulaRow
from tests.interpret.symbolic import evaluators
from tests.interpret.symbolic.language_cases import (
    NAMES,
    POINTS,
    SPLINES,
    X,
    Y,
    agrees,
    disagreements,
    expressions,
    family,
    for_excel,
    numbers,
    special_cases,
    truths,
)
from tests.interpret.symbolic.latex_evaluator import Latex


def numpy_value(expression):
    names = {**vars(special), **vars(np), "__builtins__": {"abs": abs}}
    with np.errstate(all="ignore"):
        return eval(write(expression, NAMES, "numpy"), names, dict(zip(NAMES, POINTS.T, strict=True)))


def sympy_values(found):
    names = {"__builtins__": {}, **vars(sympy), "x1": X, "x2": Y}
    return numbers([sympy.sympify(eval(write(e, NAMES, "sympy"), names)) for e in found])


def torch_value(expression):
    return FormulaModule(expression, NAMES)(torch.tensor(POINTS)).detach().numpy()


def torch_text_value(expression):
    space = {}
    exec(write(expression, NAMES, "torch"), space)
    return space["f"](*torch.tensor(POINTS).T.contiguous()).numpy()


def excel_value(expression):
    names = safe_names(NAMES, "excel")
    return evaluators.excel(
        write(expression, NAMES, "excel"), {names[n]: c for n, c in zip(NAMES, POINTS.T, strict=True)}
    )


def julia_value(expression):
    return evaluators.julia(write(expression, NAMES, "julia"), POINTS.T)


def latex_value(expression):
    names = safe_names(NAMES, "latex")
    return Latex({names[n]: c for n, c in zip(NAMES, POINTS.T, strict=True)})(write(expression, NAMES, "latex"))


def each(value):
    return lambda found: [value(expression) for expression in found]


VALUES = {
    "numpy": each(numpy_value),
    "sympy": sympy_values,
    "torch": each(torch_value),
    "torch text": each(torch_text_value),
    "excel": each(excel_value),
    "julia": each(julia_value),
    "latex": each(latex_value),
}


def test_the_family_has_numbers():
    assert all(np.isfinite(truths()[name][0]).any() for name in special_cases())
    assert sum(np.isfinite(t).sum() > 2 for t, _ in truths().values()) > 0.9 * len(family())


@pytest.mark.parametrize("language", VALUES)
def test_every_expression_means_the_same(language):
    cases = for_excel(family()) if language == "excel" else family()
    assert disagreements(VALUES[language], cases=cases) == []


@pytest.mark.quick(4)
@pytest.mark.parametrize("language", VALUES)
@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(expression=expressions())
def test_random_expressions_mean_the_same(language, expression):
    assert agrees(VALUES[language]([expression])[0], compile_expression(expression, NAMES)(POINTS))


# ------------------------------------------------------------------------------------------------ splines


WITH_SPLINES = sympy.Function("spline_1")(X) * 2 - sympy.Function("spline_2")(X * Y - 1) + Y


def spline_truth():
    x, y = POINTS.T
    return SPLINES["spline_1"](x) * 2 - SPLINES["spline_2"](x * y - 1) + y


def test_splines_are_tables_with_straight_lines():
    text = {language: write(WITH_SPLINES, NAMES, language, SPLINES) for language in LANGUAGES}
    x, truth = POINTS.T, spline_truth()
    assert agrees(evaluators.julia(text["julia"], x), truth)
    ranges = {f"{name}_{axis}": c for name, t in SPLINES.items() for axis, c in zip("xy", t.table(), strict=True)}
    names = safe_names(NAMES, "excel")
    columns = {names[name]: column for name, column in zip(NAMES, x, strict=True)}
    assert agrees(evaluators.excel(text["excel"], columns | ranges), truth)
    space = {}
    exec(text["torch"], space)
    assert agrees(space["f"](*torch.tensor(POINTS).T.contiguous()).numpy(), truth)
    value = eval(text["numpy"], dict(vars(np)), dict(zip(NAMES, x, strict=True)))
    assert agrees(value, truth, tolerance=1e-8)  # ten digits a number
    assert "Function('spline_1')(x1)" in text["sympy"]
    assert r"\operatorname{spline}_{1}" in text["latex"]


def test_a_module_with_splines():
    module = FormulaModule(WITH_SPLINES, NAMES, SPLINES)
    assert agrees(module(torch.tensor(POINTS)).numpy(), spline_truth())
    x = torch.tensor(POINTS[:4], requires_grad=True)
    assert torch.autograd.gradcheck(module, x)


@pytest.mark.parametrize("language", ["torch", "c", "julia", "excel"])
def test_a_spline_without_its_table_is_refused(language):
    with pytest.raises(FormulaError, match="spline_1"):
        write(WITH_SPLINES, NAMES, language)


def test_a_column_called_as_a_spline_is_refused():
    with pytest.raises(FormulaError, match="both called 'spline_1'"):
        write(WITH_SPLINES, [*NAMES, "spline_1"], "c", SPLINES)


def test_a_row_of_a_table_goes_out():
    row = FormulaRow("y", WITH_SPLINES, NAMES, 0.0, 1.0, 0.0, splines=SPLINES)
    assert agrees(row.torch()(torch.tensor(POINTS)).numpy(), spline_truth())
    assert agrees(evaluators.julia(row.export("julia"), POINTS.T), spline_truth())
    assert row.code == write(WITH_SPLINES, NAMES, "numpy", SPLINES)
    assert row.text == "x2 + 2*spline_1(x1) - spline_2(x1*x2 - 1)"
    with pytest.raises(FormulaError, match="fortran"):
        row.export("fortran")


# ------------------------------------------------------------------------------------------------ the module


FLAT = ("number", "constant", "steps", "step", "pieces of numbers", "root with a sign")
SMOOTH = [name for name in special_cases() if name not in FLAT]


@pytest.mark.parametrize("name", SMOOTH)
def test_the_gradient_of_a_module_is_that_of_sympy(name):
    expression = special_cases()[name]
    points = POINTS[:2]
    slopes = [expression.diff(s) for s in (X, Y)]
    x = torch.tensor(points, requires_grad=True)
    (gradient,) = torch.autograd.grad(FormulaModule(expression, NAMES)(x).sum(), x, allow_unused=True)
    truth = np.stack([compile_expression(slope, NAMES)(points) for slope in slopes], 1)
    assert np.allclose(gradient.numpy(), truth, rtol=1e-9, atol=1e-11, equal_nan=True)


@pytest.mark.parametrize("kind", "jyik")
def test_bessel_functions_have_all_derivatives(kind):
    x = torch.linspace(0.3, 4, 7, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(lambda z: bessel(kind, 1, z), x)
    rows = torch.func.vmap(lambda z: bessel(kind, 0, z))(x.detach().reshape(-1, 1))
    assert torch.equal(rows[:, 0], bessel(kind, 0, x.detach()))


def test_a_module_is_a_module():
    module = FormulaModule(special_cases()["bessel j"] + WITH_SPLINES, NAMES, SPLINES)
    x = torch.tensor(POINTS)
    for other in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert torch.equal(other(x), module(x))
    single = module.float()(x.float())
    assert single.dtype == torch.float32
    assert torch.allclose(
        single.double(), FormulaModule(special_cases()["bessel j"] + WITH_SPLINES, NAMES, SPLINES)(x), rtol=1e-4
    )
    assert module(x.float().reshape(3, 4, 2)).shape == (3, 4)
    assert "x1, x2" in repr(module)
    with pytest.raises(ShapeError, match="columns"):
        module(x[:, :1])
    with pytest.raises(FormulaError, match="x3"):
        FormulaModule(symbol("x3"), NAMES)


# ------------------------------------------------------------------------------------------------ names and refusals


AWKWARD = [
    "int",
    "end",
    "A1",
    "R1C1",
    "lambda",
    "x",
    "X",
    "speed of light",
    "größe",
    "2x",
    "exp",
    "f",
    "pi",
    "*/",
    "_",
    "j0",
]


@pytest.mark.parametrize("language", LANGUAGES)
def test_awkward_columns_get_distinct_good_names(language):
    names = safe_names(AWKWARD, language)
    assert list(names) == AWKWARD
    assert len(set(names.values())) == len(AWKWARD)
    symbols = [symbol(name) for name in AWKWARD]
    text = write(sympy.Add(*(k * s**2 for k, s in enumerate(symbols, 2))), AWKWARD, language)
    assert all(name in text for name in names.values())
    if language != "latex":
        assert LANGUAGES[language].naming.choose(names.values()) == {n: n for n in names.values()}
    if language in ("c", "julia", "torch"):
        assert 'column "speed of light"' in text
        assert text.count("*/") == text.count("/*")


def test_what_may_stay_stays():
    assert safe_names(["x1", "A1", "lambda"], "c") == {"x1": "x1", "A1": "A1", "lambda": "lambda"}
    assert safe_names(["int", "int_"], "c") == {"int": "int_2_", "int_": "int_"}
    assert safe_names(["end", "int"], "julia") == {"end": "end_", "int": "int"}
    assert safe_names(["A1", "x", "X", "R", "LOG10", "ABCD1"], "excel") == {
        **{"A1": "A1_", "x": "x", "X": "X_", "R": "R_", "LOG10": "LOG10_", "ABCD1": "ABCD1"}
    }
    assert safe_names(["theta", "x_1", "x1", "mass"], "latex") == {
        **{"theta": r"\theta", "x_1": "x_{1}", "x1": r"\mathrm{x1}", "mass": r"\mathrm{mass}"}
    }


def test_a_caller_says_what_columns_are_called():
    assert write(X / Y, {"x1": "$A2", "x2": "Sheet1!B$2"}, "excel") == "=$A2/Sheet1!B$2"
    assert "double f(double u, double v)" in write(X / Y, {"x1": "u", "x2": "v"}, "c")
    for names in ({"x1": "u", "x2": "u"}, {"x1": "double", "x2": "v"}, {"x1": "u);", "x2": "v"}):
        with pytest.raises(FormulaError, match=r"same name|cannot be called"):
            write(X / Y, names, "c")


def test_excels_minus_and_powers():
    assert write(-(X**2), {"x1": "x"}, "excel") == "=-1*x^2"
    assert write(-2 * X**2, {"x1": "x"}, "excel") == "=-2*x^2"
    assert write((X**2 + 1) ** (X**2), {"x1": "x"}, "excel") == "=(x^2 + 1)^(x^2)"


def test_no_quotient_of_integers_in_c():
    assert "1.0/2.0" in write(sympy.Integer(2) ** (X - sympy.Rational(1, 2)) + sympy.Rational(1, 2), ["x1"], "c")


@pytest.mark.parametrize(
    ("expression", "language", "word"),
    [
        (X, "fortran", "sympy, numpy, torch, c, latex, julia, excel"),
        (sympy.digamma(X), "excel", "digamma"),
        (sympy.besselj(sympy.Rational(1, 2), X), "c", "whole order"),
        (symbol("x9"), "c", "x9"),
        (sympy.sqrt(-2) * X, "julia", "not a part of a real formula"),
        (sympy.Integer(10) ** 400 * X, "c", "float64"),
        (sympy.zoo + X, "c", "not a part of a real"),
        (sympy.zeta(X), "c", "zeta"),
        (sympy.Float(1e308) * X, "excel", "Excel has no number"),
    ],
    ids=str,
)
def test_what_cannot_be_written_is_said(expression, language, word):
    with pytest.raises(FormulaError, match=word):
        write(expression, NAMES, language)


def test_what_a_cell_cannot_take_is_said():
    with pytest.raises(FormulaError, match="8192"):
        write(sympy.Add(*(sympy.sin(k * X) for k in range(900))), NAMES, "excel")
    deep = X
    for _ in range(70):
        deep = sympy.sin(deep)
    with pytest.raises(FormulaError, match="64"):
        write(deep, NAMES, "excel")
    with pytest.raises(FormulaError, match="the str"):
        write(X, "x1", "c")
