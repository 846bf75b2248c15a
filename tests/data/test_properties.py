"""What is stated of a formula holds at sampled points; derivatives are derivatives, and enclosures enclose."""

import ast
import itertools

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from splinework.data import data_names, data_set
from splinework.data.formulas import FormulaSet
from splinework.data.inputs import Input
from splinework.data.problems import ProblemSet
from splinework.data.properties import statements
from splinework.data.random_formulas import RandomFormula
from splinework.data.structures import structure
from splinework.errors import FormulaError
from splinework.formula.derivatives import constant, derivative
from splinework.formula.enclosures import continuous, enclose
from splinework.formula.expression import Expression
from splinework.formula.functions import FUNCTIONS
from splinework.formula.reading import names_in, parse
from tests.families import every
from tests.formula.calls import NUMERIC

RULES = [
    name
    for name in NUMERIC
    if FUNCTIONS[name].arity == 1 and FUNCTIONS[name].array.startswith("numpy") and name != "sinc"
]

LEAVES = st.sampled_from(["x", "y", "2", "0.5", "pi"])
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda t: f"({t[0]}{t[1]}{t[2]})"),
        st.tuples(inner, st.sampled_from(["2", "3", "-1", "0.5"])).map(lambda t: f"({t[0]})**({t[1]})"),
        st.tuples(st.sampled_from([*RULES, "sinc", "j0"]), inner).map(lambda t: f"{t[0]}({t[1]})"),
        st.tuples(st.sampled_from(["minimum", "maximum", "hypot", "arctan2"]), inner, inner).map(
            lambda t: f"{t[0]}({t[1]},{t[2]})"
        ),
    ),
    max_leaves=6,
)
CORNERS = np.random.default_rng(0).random((200, 2))


def holds(text: str, formula: str, inputs: tuple[Input, ...]) -> bool:
    """Whether a statement holds at 300 sampled points (and steps from them), to rounding."""
    names = [one.name for one in inputs]
    function = Expression(formula, names)
    low, high = np.array([(one.low, one.high) for one in inputs]).T
    x = low + np.random.default_rng(1).random((300, len(inputs))) * (high - low)
    call = parse_call(text)
    word, columns, options = call
    y = function(x)
    slack = 1e-9 * max(np.abs(y).max(), 1e-30)
    if word == "bounded":
        return bool((y >= options["lower"] - slack).all() and (y <= options["upper"] + slack).all())
    if word == "additive":
        pairs = itertools.combinations(sorted(names_in(parse(formula), names)), 2)
        return all(holds(f"no_interaction({a}, {b})", formula, inputs) for a, b in pairs)
    i = names.index(columns[0])
    if word in ("monotone", "convex", "concave"):
        ends = np.sort(low[i] + np.random.default_rng(2).random((2, 300)) * (high[i] - low[i]), axis=0)
        a, b, middle = x.copy(), x.copy(), x.copy()
        a[:, i], b[:, i], middle[:, i] = ends[0], ends[1], ends.mean(axis=0)
        if word == "monotone":
            rise = function(b) - function(a)
            return bool((rise >= -slack).all() if options.get("increasing", True) else (rise <= slack).all())
        sag = (function(a) + function(b)) / 2 - function(middle)
        return bool((sag >= -slack).all() if word == "convex" else (sag <= slack).all())
    moved = x.copy()
    if word in ("even", "odd", "periodic"):
        moved[:, i] = moved[:, i] + options["period"] if word == "periodic" else -moved[:, i]
        return bool(np.allclose(function(moved), -y if word == "odd" else y, rtol=1e-9, atol=slack))
    j = names.index(columns[1])
    if word in ("symmetric", "antisymmetric"):
        moved[:, [i, j]] = moved[:, [j, i]]
        return bool(np.allclose(function(moved), y if word == "symmetric" else -y, rtol=1e-9, atol=slack))
    assert word == "no_interaction"
    other = np.random.default_rng(3).permutation(x)
    only_i, only_j, both = x.copy(), x.copy(), x.copy()
    only_i[:, i], only_j[:, j] = other[:, i], other[:, j]
    both[:, [i, j]] = other[:, [i, j]]
    return bool(np.allclose(function(both) - function(only_i) - function(only_j) + y, 0, atol=100 * slack))


def parse_call(text: str) -> tuple[str, list[str], dict[str, object]]:
    node = ast.parse(text, mode="eval").body
    return node.func.id, [one.id for one in node.args], {k.arg: ast.literal_eval(k.value) for k in node.keywords}


def formulas_of_the_registry() -> list[tuple[str, str, tuple[Input, ...]]]:
    found = []
    for name in data_names():
        recipe = data_set(name).recipe
        if isinstance(recipe, FormulaSet):
            found.append((name, recipe.formula, recipe.inputs))
        elif isinstance(recipe, ProblemSet):
            one = recipe.found
            box = tuple(Input(*side) for side in zip(one.inputs, one.low, one.high, strict=True))
            found.append((name, one.formula, box))
    return found


REGISTERED = {name: (formula, inputs) for name, formula, inputs in formulas_of_the_registry()}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if n % 4 == 0 else pytest.mark.slow) for n, name in enumerate(REGISTERED)]
)
def test_everything_stated_of_a_registered_formula_holds(name):
    formula, inputs = REGISTERED[name]
    for text in statements(formula, inputs):
        assert holds(text, formula, inputs), text


@pytest.mark.parametrize("seed", range(12))
def test_everything_stated_of_a_random_formula_holds(seed):
    recipe = RandomFormula(depth=4, inputs=2, seed=seed, low=0.2, high=4.0)
    for formula in recipe.formulas(4):
        for text in statements(formula, recipe._box()):
            assert holds(text, formula, recipe._box()), (formula, text)


@given(text=TREES)
def test_everything_stated_of_any_formula_holds_where_it_is_defined(text):
    inputs = (Input("x", -1.0, 1.0), Input("y", -1.0, 1.0))
    sample = Expression(text, ["x", "y"])(2 * CORNERS - 1)
    for statement in statements(text, inputs):
        if np.isfinite(sample).all() and not statement.startswith(("even", "odd", "sym", "anti", "no_", "periodic")):
            assert holds(statement, text, inputs), statement


@given(text=TREES)
def test_an_enclosure_holds_every_value(text):
    low, high = np.array([-1.0, 0.5]), np.array([2.0, 1.5])
    lower, upper = enclose(text, {"x": (low[:1], high[:1]), "y": (low[1:], high[1:])})
    y = Expression(text, ["x", "y"])(low + CORNERS * (high - low))
    known = np.isfinite(y)
    room = 1e-12 * (1 + np.abs(y[known]))
    assert (y[known] >= lower[0] - room).all()
    assert (y[known] <= upper[0] + room).all()
    if continuous(text, {"x": (low[:1], high[:1]), "y": (low[1:], high[1:])}):
        assert known.all()


@every("text", [f"{name}(0.3*x + 0.2)" for name in RULES if name != "acosh"] + ["arccosh(x + 2)", "x**y", "hypot(x, 2*y)",
    "arctan2(x, y)", "power(x, 2*y)", "x**3/(1 + x*y)", "exp(-(x - y)**2/2)*sin(3*x)", "-x**-2 + y*2**x"])  # fmt: skip
def test_a_derivative_is_that_of_sympy_or_of_differences(text):
    function = Expression(text, ["x", "y"])
    x = 0.2 + 0.6 * CORNERS
    for place, name in enumerate("xy"):
        slope = Expression(derivative(text, name), ["x", "y"])(x)
        step = np.zeros(2)
        step[place] = 1e-5
        differences = (
            function(x - 2 * step) - 8 * function(x - step) + 8 * function(x + step) - function(x + 2 * step)
        ) / 12e-5
        if "floor" not in text and "ceil" not in text and "sign" not in text:
            np.testing.assert_allclose(slope, differences, rtol=1e-7, atol=1e-8)


def test_derivatives_of_higher_order_are_those_of_sympy():
    x, y = sympy.symbols("x y")
    oracle = sympy.lambdify([x, y], sympy.diff(sympy.exp(sympy.sin(x * y)) / (1 + x**2), x, x, y))
    text = "exp(sin(x*y))/(1 + x**2)"
    for name in "xxy":
        text = derivative(text, name)
    np.testing.assert_allclose(Expression(text, ["x", "y"])(CORNERS), oracle(*CORNERS.T), rtol=1e-10)


def test_stated_invariances_hold():
    generator = np.random.default_rng(0)
    moves = {
        "scale": lambda v: v * 1.7,
        "translation": lambda v: v + 0.3,
        "rotation": lambda v: v @ np.array([[0.6, 0.8], [-0.8, 0.6]]),
    }
    for group, move in moves.items():
        recipe = structure(f"structure:{group}")
        assert f"invariant({group}, a, b)" in recipe.axioms()
        x = generator.uniform(0.5, 1.5, (100, 3))
        moved = np.column_stack([move(x[:, :2]), x[:, 2]])
        np.testing.assert_allclose(recipe.evaluate(moved), recipe.evaluate(x), rtol=1e-12)


@every(
    ("name", "expected"),
    [
        ("additive", "additive()"),
        ("symmetric", "symmetric(a, b)"),
        ("antisymmetric", "antisymmetric(a, b)"),
        ("monotone", "monotone(z)"),
        ("convex", "convex(z)"),
        ("periodic", "periodic(t, period=1.0)"),
        ("even", "even(x)"),
        ("odd", "odd(x)"),
    ],
)
def test_a_known_structure_is_among_its_statements(name, expected):
    assert expected in structure(f"structure:{name}").axioms()
    others = ("additive", "symmetric", "antisymmetric", "periodic")
    found = {text.split("(")[0] for text in structure(f"structure:{name}").axioms()}
    assert not (found & set(others)) - {expected.split("(")[0]}


def test_what_has_no_derivative_is_told():
    with pytest.raises(FormulaError, match="cannot differentiate Compare"):
        derivative("x < 2", "x")
    assert derivative("sinc(y)", "x") == "0"


def test_the_classical_statements_are_found():
    box = (Input("a", 0.5, 2.0), Input("b", 0.5, 2.0))
    found = statements("(a - b)/(a + b)", box)
    assert {"monotone(a)", "monotone(b, increasing=False)", "concave(a)", "convex(b)", "antisymmetric(a, b)"} <= set(
        found
    )
    wave = statements("sin(2*pi*t) + cos(4*pi*t)*x**2", (Input("t", 0, 3), Input("x")))
    assert {"periodic(t, period=1.0)", "even(x)", "no_interaction(t, x)"} & set(wave) == {
        "periodic(t, period=1.0)",
        "even(x)",
    }
    assert "no_interaction(x, y)" in statements("2*(x**2 - exp(y))/3", (Input("x"), Input("y")))


@pytest.mark.parametrize("text", ["arctan(1/x)", "floor(x)", "-abs(x)", "1/x", "arctan2(x, -1)", "tan(3*x)"])
def test_no_slope_is_stated_across_a_pole_a_jump_or_a_kink(text):
    found = statements(text, (Input("x", -1.0, 1.0),))
    assert not [one for one in found if one.startswith(("monotone", "convex"))]


def test_a_formula_as_deep_as_may_be_is_drawn_without_statements():
    deep = FormulaSet(" + ".join(["x"] * 480), (Input("x"),))
    assert deep.draw(8).truth.axioms == ()


def test_what_cannot_be_differentiated_is_passed_over():
    box = (Input("x", -1.0, 1.0), Input("y", -1.0, 1.0))
    assert statements("sin(minimum(x, y))", box) == (
        *("monotone(x)", "monotone(y)", "symmetric(x, y)"),
        "bounded(lower=-0.841471, upper=0.841471)",
    )
    assert not [one for one in statements("minimum(x, -x)", box) + statements("maximum(x, y)", box) if "con" in one[:3]]
    assert not continuous("0*y/x", {name: (np.array([-1.0]), np.array([1.0])) for name in "xy"})
    assert statements("sin(pi) + 0", box) == ()


def test_names_and_constants_of_trees():
    assert names_in(parse("sin(x)*pi + y")) == {"x", "y"}
    assert names_in(parse("e*pi*x"), ["e"]) == {"e", "x"}  # a column hides the constant
    assert [constant(parse(text)) for text in ("2", "-1/2", "1/0", "pi")] == [2.0, -0.5, None, None]
    with pytest.raises(FormulaError, match="unknown name"):
        enclose("z", {})
