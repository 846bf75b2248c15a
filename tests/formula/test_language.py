"""One language: every function and every expression means the same in all arithmetics, and what is printed is read again."""

import ast
import math
import random

import numpy as np
import pytest
import torch

from splinework.errors import FormulaError
from splinework.formula import FUNCTIONS, NAMES, Expression, Function
from splinework.formula.enclosures import enclose
from splinework.formula.languages.python import python
from splinework.formula.parse import parse_formula
from splinework.formula.program import compiled, derivative_programs
from splinework.formula.reverse_mode import DifferentiatedProgram
from splinework.formula.sympy_bridge import program_of_expression, symbol
from splinework.knowledge.axioms import parse_axiom
from splinework.knowledge.axioms.checker.formulas import read
from splinework.knowledge.axioms.checker.functions import Bundles
from splinework.knowledge.axioms.checker.ranges import variables as of_variables
from splinework.knowledge.axioms.verify.exact import EXACT_ALGEBRA, number
from splinework.knowledge.axioms.verify.jets import ALGEBRA as PROVER
from splinework.nn.derivatives.algebra import algebra_of
from splinework.nn.derivatives.series import derivative as coefficient
from splinework.nn.frame import Frame
from tests.families import every
from tests.formula.calls import NUMERIC, ORDER, call

COLUMNS = ("x", "y")
WITH_DERIVATIVE = sorted(name for name, each in FUNCTIONS.items() if each.derivative)


POSITIVE = [each for each in FUNCTIONS.values() if each.array.startswith("scipy") or each.name == "power"]
"""Functions that are defined, or have a value that is real, on the right alone."""


def defined(each: Function, *, word: str = "") -> str:
    """A call of a function with its arguments where most are defined."""
    low, high = max(each.domain[0], -3.0), min(each.domain[1], 3.0)
    inside = f"({low + 0.5 * (high - low)} + {0.3 * (high - low)}*x)" if each not in POSITIVE else "(2 + x)"
    return call(each.name, inside, "(y + 0.25)", word=word)


def rows(count: int = 40) -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.9, 0.9, (count, 2))


def exactly(text: str, x: np.ndarray) -> np.ndarray:
    """The values in 60 digits."""
    return exactly_of(compiled(text, COLUMNS), x)


@pytest.mark.parametrize("name", NUMERIC)
def test_a_function_has_one_value_in_all_arithmetics(name):
    text, x = defined(FUNCTIONS[name]), rows()
    values, truth = Expression(text, COLUMNS)(x), exactly(text, x)
    np.testing.assert_allclose(values, truth, rtol=1e-13, atol=1e-14)
    tensors = Expression(text, COLUMNS).of(torch.from_numpy(x))
    np.testing.assert_allclose(tensors.numpy(), truth, rtol=1e-12, atol=1e-13)
    expression = parse_formula(text, COLUMNS)
    again = program_of_expression(expression, [symbol(c) for c in COLUMNS])
    np.testing.assert_allclose(exactly_of(again, x), truth, rtol=1e-12, atol=1e-13)


def exactly_of(program, x):
    return np.array([float(program.run([number(v) for v in row], EXACT_ALGEBRA, number)) for row in x])


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(FUNCTIONS)))
def test_an_alias_is_the_function(name):
    assert compiled(defined(NAMES[name], word=name), COLUMNS) == compiled(defined(NAMES[name]), COLUMNS)


@pytest.mark.parametrize("name", WITH_DERIVATIVE)
def test_derivatives_are_those_of_the_function(name):
    """As formulas, by torch, backwards through the program, and as Taylor coefficients: all against differences in 60 digits."""
    text, x = defined(FUNCTIONS[name]), rows(12)
    smooth = text if name not in ("sign", "floor", "ceil", "heaviside") else f"({text})*x"
    for place, column in enumerate(COLUMNS):
        formula = Expression(smooth, COLUMNS)
        step = number("1e-20")
        program = formula.program
        truth = []
        for row in x:
            up, down = ([number(v) + sign * step * (i == place) for i, v in enumerate(row)] for sign in (1, -1))
            rise = program.run(up, EXACT_ALGEBRA, number) - program.run(down, EXACT_ALGEBRA, number)
            truth.append(float(rise / (2 * step)))
        close = {"rtol": 1e-9, "atol": 1e-10}
        np.testing.assert_allclose(formula.derivative(column)(x), truth, **close)
        tensor = torch.from_numpy(x).requires_grad_()
        (slope,) = torch.autograd.grad(formula.of(tensor).sum(), tensor)
        np.testing.assert_allclose(slope[:, place], truth, **close)
        _, (backwards,) = DifferentiatedProgram(program, [place])(list(x.T))
        np.testing.assert_allclose(np.broadcast_to(backwards, len(x)), truth, **close)
        lines = [{(): c, (i,): torch.ones_like(c)} for i, c in enumerate(torch.from_numpy(x).unbind(1))]
        series = program.run(lines, algebra_of({(), (0,), (1,)}))
        np.testing.assert_allclose(coefficient(series, (place,)), truth, **close)


@every("name", WITH_DERIVATIVE)
def test_rules_of_derivatives_read_arguments_and_value_only(name):
    for program in derivative_programs(name, ORDER):
        assert max(program.columns, default=0) <= FUNCTIONS[name].arity


@pytest.mark.parametrize("name", NUMERIC)
def test_enclosures_hold_the_values_and_slopes(name):
    """The prover's and the checker's, over random boxes, against points inside."""
    draw = np.random.default_rng(1)
    text = defined(FUNCTIONS[name])
    lo = draw.uniform(-0.95, 0.9, (100, 2))
    hi = lo + draw.uniform(0, 0.5, (100, 2)) * (0.95 - lo)
    low, high = enclose(text, {c: (lo[:, i], hi[:, i]) for i, c in enumerate(COLUMNS)})
    points = lo + draw.uniform(0, 1, (100, 2)) * (hi - lo)
    values = exactly(text, points)
    assert ((low <= values) & (values <= high)).all()
    slope = Expression(text, COLUMNS).derivative("x")(points) if FUNCTIONS[name].derivative else None
    for (v_lo, v_hi), (d_lo, d_hi) in (proved(text, lo, hi), checked(text, lo, hi)):
        assert ((v_lo <= values) & (values <= v_hi)).all()
        if slope is not None:
            slack = 1e-12 * np.abs(slope)
            assert ((d_lo <= slope + slack) & (slope - slack <= d_hi)).all()


def proved(text, lo, hi):
    from splinework.knowledge.axioms.verify.jets import JetSpace, constant, variables

    space = JetSpace(2, 1)
    x = variables(space, lo, hi)
    found = compiled(text, COLUMNS).run([x.column(i) for i in range(2)], PROVER, lambda n: constant(space, n)).dense()
    d = (np.zeros(1), np.zeros(1)) if found.d is None else (found.d.lo[:, 0, 0], found.d.hi[:, 0, 0])
    return (found.v.lo[:, 0], found.v.hi[:, 0]), d


def checked(text, lo, hi):
    x = of_variables(lo, hi, 1, ())
    found = read(text, COLUMNS).run(x.parts(), Bundles(x))
    return (found.v.lo[:, 0], found.v.hi[:, 0]), (found.d.lo[:, 0, 0], found.d.hi[:, 0, 0])


# ---------------------------------------------------------------------------------------------- random expressions


def grown(draw: random.Random, depth: int) -> str:
    if depth == 0 or draw.random() < 0.15:
        return draw.choice(["x", "y", "x", "y", "pi", "e", f"{draw.uniform(0, 3):.3g}", str(draw.randint(0, 9))])
    kind = draw.random()
    if kind < 0.5:
        sign = draw.choice(["+", "-", "*", "/", "+", "*"])
        return f"({grown(draw, depth - 1)} {sign} {grown(draw, depth - 1)})"
    if kind < 0.58:
        return f"({grown(draw, depth - 1)})**{draw.choice(['2', '3', '(-1)', '0.5', '(-2)', '(1/3)'])}"
    if kind < 0.62:
        return f"-{grown(draw, depth - 1)}"
    if kind < 0.66:
        sign = draw.choice(["<", "<=", ">", ">="])
        condition = f"{grown(draw, 0)} {sign} {grown(draw, 0)}"
        return f"where({condition}, {grown(draw, depth - 1)}, {grown(draw, depth - 1)})"
    word = draw.choice(sorted(word for word, each in NAMES.items() if word in NUMERIC or each.name in NUMERIC))
    each = NAMES[word]
    arguments = [grown(draw, depth - 1) for _ in range(each.arity - each.order)]
    return f"{word}({', '.join([*([str(draw.randint(0, 3))] if each.order else []), *arguments])})"


@pytest.fixture(scope="module", params=[2_500, pytest.param(10_000, marks=pytest.mark.slow)])
def expressions(request: pytest.FixtureRequest) -> list[str]:
    draw = random.Random(0)
    return [grown(draw, 3) for _ in range(request.param)]


def test_all_readers_read_them_all(expressions):
    """Recipes of data, frames, axioms, discovery: what one of them reads all read, and it is the same program."""
    for text in expressions:
        program = compiled(text, COLUMNS)
        assert Frame(COLUMNS, (text,), ("f",), (), ()).before[0].program == program
        law = parse_axiom(f"f(x, y) == {text}")
        assert law.word == "law"


@pytest.mark.parametrize("part", range(4))
@pytest.mark.slow
def test_what_is_printed_is_read_again_as_the_same_function(expressions, part):
    """Text → sympy → our text → program: the values stay; what is no number in float64 is refused by name."""
    expressions = expressions[part::4]
    x = rows(16)
    read = 0
    for text in expressions:
        truth = Expression(text, COLUMNS)(x)
        try:
            printed = python(parse_formula(text, COLUMNS), COLUMNS)
        except FormulaError:
            continue
        read += 1
        again = Expression(printed, COLUMNS)(x)
        known = np.isfinite(truth) & np.isfinite(again) & (np.abs(truth) < 1e12)
        close = np.abs(again[known] - truth[known]) <= 1e-6 * np.maximum(np.abs(truth[known]), 1e-3)
        assert close.all(), (text, printed)
    assert read > 0.9 * len(expressions)  # the others work out a number that is not real, or beyond float64


def test_derivatives_of_random_expressions_are_read_again(expressions):
    for text in expressions[::2]:
        tree = ast.parse(text, mode="eval")
        if any(
            isinstance(n, ast.Call) and not NAMES[n.func.id].derivative and n.func.id != "where" for n in ast.walk(tree)
        ):
            continue
        slope = Expression(text, COLUMNS).derivative("x")
        assert slope(rows(3)).shape == (3,)


def test_random_expressions_lie_in_their_enclosures(expressions):
    draw = np.random.default_rng(2)
    for text in expressions[::5]:
        lo = draw.uniform(-2, 1.5, (20, 2))
        hi = lo + draw.uniform(0, 0.3, (20, 2))
        low, high = enclose(text, {c: (lo[:, i], hi[:, i]) for i, c in enumerate(COLUMNS)})
        values = Expression(text, COLUMNS)(lo + draw.uniform(0, 1, (20, 2)) * (hi - lo))
        known = np.isfinite(values)
        low, high, values = low[known], high[known], values[known]
        slack = 1e-9 * np.maximum(np.abs(values), 1)
        assert ((low <= values + slack) & (values - slack <= high)).all(), text


def test_both_sides_of_the_cut_of_an_angle_are_enclosed():
    """arctan2(-0.0, x) is -π left of zero, arctan2(0.0, x) is π: a value that a formula can give."""
    lo, hi = np.array([[0.0, -1.0]]), np.array([[0.0, -0.5]])
    low, high = enclose("arctan2(x, y)", {c: (lo[:, i], hi[:, i]) for i, c in enumerate(COLUMNS)})
    for least, most in (
        (low, high),
        *(v for v, _ in (proved("arctan2(x, y)", lo, hi), checked("arctan2(x, y)", lo, hi))),
    ):
        assert least[0] <= -math.pi
        assert most[0] >= math.pi


def test_constants_follow_ieee_arithmetic():
    """No complex number, no ZeroDivisionError, in tensors as in arrays."""
    for text, value in {
        "1/0": math.inf,
        "-1/0": -math.inf,
        "0/0": math.nan,
        "(-8)**(1/3)": math.nan,
        "log(0)": -math.inf,
        "10**400": math.inf,
    }.items():
        for found in (Expression(text, ())(np.zeros((1, 0)))[0], float(Expression(text, ()).of(torch.zeros(1, 0)))):
            assert found == value or (math.isnan(found) and math.isnan(value)), text


def test_a_definition_is_the_function():
    x = rows()
    for each in FUNCTIONS.values():
        if each.definition and each.array and not each.truth:
            plain = defined(each)
            inner = plain[plain.index("(") + 1 : -1].split(", ")
            written = each.definition
            text = sympy_free(written, dict(zip("uv", inner, strict=False)))
            np.testing.assert_allclose(
                Expression(text, COLUMNS)(x), Expression(plain, COLUMNS)(x), rtol=1e-10, atol=1e-12
            )


def sympy_free(text: str, known: dict[str, str]) -> str:
    tree = ast.parse(text, mode="eval").body

    class Put(ast.NodeTransformer):
        def visit_Name(self, node: ast.Name) -> ast.AST:
            return ast.parse(known[node.id], mode="eval").body if node.id in known else node

    return ast.unparse(Put().visit(tree))


@pytest.mark.parametrize("sign", ["<", "<=", ">", ">=", "==", "!="])
@pytest.mark.parametrize("form", ["{c}", "logical_not({c})", "logical_and({c}, x > 0)", "logical_or({c}, y > 0)"])
def test_cases_hold_in_every_arithmetic(sign, form):
    """Values, dtype, series and both enclosures of a choice, on boxes that the condition cuts, meets and misses."""
    text = f"where({form.format(c=f'x {sign} y')}, x + 0.1, pi*y)"
    draw = np.random.default_rng(3)
    lo = np.round(draw.uniform(-1, 1, (300, 2)), 1)
    hi = lo + np.round(draw.choice([0.0, 0.1, 0.5], (300, 2)), 1)
    points = lo + draw.choice([0.0, 0.3, 1.0], (300, 2)) * (hi - lo)
    values, truth = Expression(text, COLUMNS)(points), exactly(text, points)
    np.testing.assert_allclose(values, truth, rtol=1e-15)
    for dtype in (torch.float64, torch.float32):
        of = Expression(f"where(x {sign} y, 0.1, pi)", COLUMNS).of(torch.from_numpy(points).to(dtype))
        assert of.dtype == dtype
        assert set(of.tolist()) <= set(torch.tensor([0.1, math.pi], dtype=dtype).tolist())
    low, high = enclose(text, {c: (lo[:, i], hi[:, i]) for i, c in enumerate(COLUMNS)})
    assert ((low <= values) & (values <= high)).all()
    for (v_lo, v_hi), _ in (proved(text, lo, hi), checked(text, lo, hi)):
        assert ((v_lo <= values) & (values <= v_hi)).all()
