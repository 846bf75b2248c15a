"""Formulas as layers: the network of functions computes the formula, with few layers, and shares what is equal."""

import random

import numpy as np
import pytest

from splinework.data import feynman, feynman_ids
from splinework.errors import FormulaError
from splinework.formula import FUNCTIONS, Expression
from splinework.formula.boxes import check_finite_on, rows_in
from splinework.formula.layering import LayeredFormulas, layered
from splinework.formula.program import compiled
from splinework.formula.univariate import UnivariateFunctions
from tests.formula.test_language import COLUMNS, defined, grown, rows

SQUARE = {"x": (-1.0, 1.0), "y": (-1.0, 1.0)}


def last(network: LayeredFormulas, x: np.ndarray) -> np.ndarray:
    """The outputs, `(n, outputs)`."""
    with np.errstate(all="ignore"):
        *_, found = network.activations(x)
    return found


def texts(network: LayeredFormulas) -> list[list[list[str]]]:
    """The functions on the edges of every node of every layer."""
    of = network.functions.text
    return [[[of(f) for each in node for _, f in each.terms] for node in layer] for layer in network.layers]


def test_random_formulas_keep_their_values():
    """Where a formula is finite, its layers have that value; literal divisions by zero are no formulas to keep."""
    draw, x, kept = random.Random(1), rows(), 0
    for text in (grown(draw, 3) for _ in range(400)):
        truth = Expression(text, COLUMNS)(x)
        known = np.isfinite(truth) & (np.abs(truth) < 1e12)
        if not known.all():
            continue
        found = last(layered([text], SQUARE), x)[:, 0]
        assert (np.abs(found - truth) <= 1e-9 * np.maximum(np.abs(truth), 1e-3)).all(), text
        kept += len(compiled(text, COLUMNS).columns) > 0
    assert kept > 100


@pytest.mark.parametrize("name", sorted(name for name, each in FUNCTIONS.items() if not each.truth and name != "where"))
def test_every_function_of_both_variables_keeps_its_values(name):
    inner = defined(FUNCTIONS[name]).replace("x)", "x*(1 + y)/2)")
    truth = Expression(inner, COLUMNS)(rows())
    found = last(layered([inner], SQUARE), rows())[:, 0]
    known = np.isfinite(truth)
    assert known.any()
    np.testing.assert_allclose(found[known], truth[known], rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("quadrant", [(1, 1), (-1, 1), (1, -1), (-1, -1)])
def test_an_angle_keeps_its_digits_in_every_quadrant(quadrant):
    x = np.array(quadrant) * np.array([[1e-9, 1.0], [1.0, 1e-9], [0.3, 0.7], [1e3, 1e-3]])
    found = last(layered(["atan2(x, y)"], {"x": (-1e3, 1e3), "y": (-1e3, 1e3)}), x)[:, 0]
    np.testing.assert_allclose(found, np.arctan2(*x.T), rtol=1e-15, atol=1e-15)


@pytest.mark.parametrize("text", [
    "where(x < y, x**2, sin(y))",
    "where(logical_and(x < 0, y > x), x*y, x - y)",
    "where(logical_or(x*y < 0, logical_not(y > x)), exp(x), y)",
    "where(x*y > 0, log(x*y), y)",
    "max(x, y)*min(x*y, x)",
    "heaviside(x - y, 0.5)",
])  # fmt: skip
def test_cases_keep_their_values(text):
    np.testing.assert_allclose(
        last(layered([text], SQUARE), rows())[:, 0], Expression(text, COLUMNS)(rows()), rtol=1e-13
    )


def test_all_feynman_formulas_keep_their_values():
    worst = 0.0
    for name in feynman_ids(table="dimensional"):
        one = feynman(name, table="dimensional")
        ranges = dict(zip(one.inputs, zip(one.low, one.high, strict=True), strict=True))
        x = rows_in(ranges, 64)
        truth = Expression(one.formula, one.inputs)(x)
        known = np.isfinite(truth)
        error = np.abs(last(layered([one.formula], ranges), x)[:, 0] - truth)[known].max()
        worst = max(worst, error / np.ptp(truth[known]))
    assert worst < 1e-13


@pytest.mark.parametrize(("text", "wanted"), [
    ("exp(sin(pi*x) + y**2)", [[["sin(pi*u)", "u**2"]], [["exp(u)"]]]),
    ("3*x*sin(x)*y/2", [[["1.5*(u*sin(u))", "u"]]]),
    ("exp(-(x + y)**2/2)", [[["u", "u"]], [["exp(-u**2/2)"]]]),
    ("x + y + exp(x + y)", [[["u", "u"]], [["exp(u) + u"]]]),
    ("log((x + 2)/(y + 3))", [[["log(u + 2)", "-log(u + 3)"]]]),
    ("2*x + 1", [[["2*u"]]]),
    ("y/(x*y)", [[["u/u", "1/u"]]]),
])  # fmt: skip
def test_layers_are_as_few_as_one_would_draw(text, wanted):
    found = texts(layered([text], SQUARE))
    assert [[sorted(node) for node in layer] for layer in found] == [[sorted(n) for n in layer] for layer in wanted]


def test_outputs_share_their_nodes():
    together = layered(["exp(x*y)", "sin(x*y) + x", "x*y"], SQUARE)
    assert [len(layer) for layer in together.layers] == [2, 3]  # the product, and x passed on
    assert together.edges == 2 + 1 + 4


def test_functions_are_split_into_affine_parts_and_one_between():
    every = UnivariateFunctions()
    u = np.linspace(0.1, 2.0, 7)
    for text in ("2 - 3*sin(2*u + 1)/4", "exp(-(3*u - 1)**2)", "u*exp(-2*u)", "(1 - 2*u)/5", "5/(u + 1)"):
        function = compiled(text, ("u",)).run(
            [every.identity],
            {n: lambda *a, n=n: every.apply(n, *a) for n in ("add", "sub", "mul", "div", "pow", "neg", "sin", "exp")},
            every.number,
        )
        inner, a, b, c, d = every.split(function)
        again = c * Expression(inner, ("u",))((a * u + b)[:, None]) + d
        np.testing.assert_allclose(again, Expression(text, ("u",))(u[:, None]), rtol=1e-14)
        np.testing.assert_allclose(Expression(every.text(function), ("u",))(u[:, None]), again, rtol=1e-14)


@pytest.mark.parametrize(("text", "ranges", "place"), [
    ("1/x", {"x": (-1, 1)}, "x = 0"),
    ("1/(x - 0.3)", {"x": (-1, 1)}, "x = 0.3"),
    ("tan(x)", {"x": (0, 3)}, "x = 1.5708"),
    ("y + log(x)", {"x": (-1, 1), "y": (0, 1)}, r"log\(x\) is not"),
    ("exp(x*y)", {"x": (0, 100), "y": (0, 100)}, "x = 50, y = 50|x = 100, y = 100"),
    ("where(x > 0, 0, y*log(x))", {"x": (-1, 1), "y": (0, 1)}, r"where log\(x\) is not"),
])  # fmt: skip
def test_a_formula_that_is_not_finite_is_refused_with_the_place(text, ranges, place):
    with pytest.raises(FormulaError, match=place):
        check_finite_on(text, ranges)


@pytest.mark.parametrize("text", ["sin(x)/x", "where(x > 0, log(x), 0)", "sqrt(x**2 + y**2 - 2*x*y)", "x*log(abs(x))"])
def test_single_undefined_rows_and_sides_not_taken_are_admitted(text):
    check_finite_on(text, SQUARE)
