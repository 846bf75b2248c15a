"""From nets to expressions in raw units, and from expressions to text, LaTeX and functions."""

import keyword

import numpy as np
import pytest
import sympy

from splinework import KAN
from splinework.formula.expression import Expression
from splinework.interpret.symbolic.expression import (
    ColumnScaling,
    build_expressions,
    compile_expression,
    node_count,
    python,
    symbol,
)
from splinework.interpret.symbolic.library import BY_NAME, LIBRARY
from splinework.interpret.symbolic.net import SplineEdge, SymbolicEdge
from tests.families import every
from tests.interpret.symbolic.cases import edge, generator, planted, relative, symbolic_net
from tests.interpret.symbolic.test_net import deep, hidden, products, sums, two_outputs, with_spline

HARD_NAMES = [
    "I",
    "E",
    "pi",
    "S",
    "N",
    "Q",
    "O",
    "e",
    "lambda_",
    "exp2",
    "c_0",
    "s1",
    "beta",
    "gamma",
    "zeta",
    "x_",
    "_",
    "log",
]


def units(inputs=2, outputs=1, *, log_inputs=(), log_outputs=(), names=None):
    draw = generator(7)

    def scales(count, logs):
        return tuple("log" if n in logs else "linear" for n in range(count))

    def numbers(count, low, high):
        return tuple(draw.uniform(low, high, count).tolist())

    inner = ColumnScaling(
        tuple(names or (f"x{n + 1}" for n in range(inputs))),
        scales(inputs, log_inputs),
        numbers(inputs, 1, 2),
        numbers(inputs, 0.5, 2),
    )
    outer = ColumnScaling(
        tuple(f"y{n + 1}" for n in range(outputs)),
        scales(outputs, log_outputs),
        numbers(outputs, -1, 1),
        numbers(outputs, 0.5, 2),
    )
    return inner, outer


def to_units(raw, unit):
    flat = np.stack([np.log(c) if s == "log" else c for s, c in zip(unit.scales, raw.T, strict=True)], 1)
    return (flat - unit.shift) / unit.scale


def from_units(values, unit):
    flat = values * unit.scale + unit.shift
    return np.stack([np.exp(c) if s == "log" else c for s, c in zip(unit.scales, flat.T, strict=True)], 1)


def gap(net, inner, outer, raw):
    """Largest relative gap between the net and its expressions, on raw rows."""
    expressions, splines = build_expressions(net, inner, outer)
    truth = from_units(net(to_units(raw, inner))[0], outer)
    assert np.isfinite(truth).all()
    found = np.stack([compile_expression(e, inner.names, splines)(raw) for e in expressions], 1)
    return relative(found, truth)


SCALES = [((), ()), ((0,), ()), ((), (0,)), ((0, 1), (0,)), ((1,), (0,))]


@pytest.mark.parametrize(("log_inputs", "log_outputs"), SCALES, ids=str)
@pytest.mark.parametrize("make", [sums, two_outputs, hidden, products, deep, with_spline], ids=lambda f: f.__name__)
def test_the_expression_is_the_net_in_raw_units(make, log_inputs, log_outputs):
    net = make()
    inner, outer = units(2, len(net.nodes[-1].groups), log_inputs=log_inputs, log_outputs=log_outputs)
    raw = generator(1).uniform(0.5, 3, (60, 2))
    assert gap(net, inner, outer, raw) <= 1e-11


@pytest.mark.parametrize("scale", ["linear", "log"])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("function", LIBRARY, ids=lambda f: f.name)
def test_every_function_of_a_raw_column(function, sign, scale):
    low, high, a, b = planted(function, generator(3))
    net = symbolic_net([1, 1], {(0, 0, 0): SymbolicEdge(function, a, b, sign * 1.3)}, [[0.4]])
    u = generator(4).uniform(low, high, (50, 1))
    inner = ColumnScaling(("x",), (scale,), (0.7,), (0.3 if scale == "log" else -2.5,))
    outer = ColumnScaling(("y",), ("linear",), (0.2,), (3.0,))
    raw = u * inner.scale + inner.shift
    if scale == "log":
        raw = np.exp(np.clip(raw, -20, 20))
    assert gap(net, inner, outer, raw) <= 1e-9  # the condition of what is pulled out of a power


@every("function", LIBRARY)
def test_every_function_of_a_sum(function):
    """A node of two terms and a constant goes into each function, with either sign of the rate."""
    low, high, a, b = planted(function, generator(6))
    edges = {(0, 0, 0): edge("x", c=0.5), (0, 1, 0): edge("x^3", c=0.5), (1, 0, 0): SymbolicEdge(function, a, b, -0.7)}
    net = symbolic_net([2, 1, 1], edges, [[0.0], [0.1]])
    middle, half = (low + high) / 2, (high - low) / 2
    net.constants[0][0] = middle
    edges[0, 0, 0], edges[0, 1, 0] = edge("x", c=half / 2), edge("x^3", c=half / 2)
    assert gap(net, *units(2), to_raw_square(60)) <= 1e-10


def to_raw_square(count):
    """Raw rows that are [-1, 1]² in the units of `units(2)`."""
    inner, _ = units(2)
    return generator(2).uniform(-1, 1, (count, 2)) * inner.scale + inner.shift


@pytest.mark.parametrize("outer", ["exp", "1/x", "sqrt", "log", "abs", "sin", "x^2", "tanh"])
@pytest.mark.parametrize("inner", ["log", "x^2", "exp", "x", "abs"])
def test_functions_of_functions(inner, outer):
    edges = {(0, 0, 0): edge(inner, 1.0, 1.5, 0.8), (1, 0, 0): edge(outer, 1.0, 0.9, -1.4)}
    net = symbolic_net([1, 1, 1], edges, [[0.6], [0.3]])
    inner_units, outer_units = (
        ColumnScaling(("t",), ("linear",), (0.0,), (1.0,)),
        ColumnScaling(("y",), ("linear",), (0.0,), (1.0,)),
    )
    assert gap(net, inner_units, outer_units, generator(0).uniform(0.1, 1, (50, 1))) <= 1e-12


def test_sums_of_logarithms_under_an_exponential_become_powers():
    edges = {(0, 0, 0): edge("x", c=1.5), (0, 1, 0): edge("x", c=-0.5)}
    net = symbolic_net([2, 1], edges, [[0.25]])
    one = ColumnScaling(("a", "m"), ("log", "log"), (0.0, 0.0), (1.0, 1.0))
    (expression,), _ = build_expressions(net, one, ColumnScaling(("p",), ("log",), (0.0,), (1.0,)))
    assert not expression.has(sympy.exp, sympy.log)
    assert python(expression) == f"{float(np.exp(0.25))!r}*a**1.5/m**0.5"


def test_a_constant_edge_without_a_sum_before_it():
    """A node that nothing feeds is a number, and so is every function of it."""
    edges = {(1, 0, 0): edge("exp", 0.5, 0.1, 2.0)}
    net = symbolic_net([2, 1, 1], edges, [[0.7], [0.3]])
    assert gap(net, *units(2), to_raw_square(5)) <= 1e-15


def test_a_product_of_a_number_and_a_sum():
    net = symbolic_net([2, (0, 1), 1], {(0, 0, 0): edge("x", c=2.0), (1, 0, 0): edge("x")}, [[0.1, 3.0], [0.0]])
    assert gap(net, *units(2), to_raw_square(20)) <= 1e-14


def test_a_spline_is_named_and_reads_the_raw_column():
    net = with_spline()
    expressions, splines = build_expressions(net, *units(2))
    assert list(splines) == ["spline_1", "spline_2"]
    assert "spline_1(x2)" in python(expressions[0])
    assert {
        f.func.__name__
        for f in expressions[0].atoms(sympy.Function)
        if isinstance(f.func, sympy.core.function.UndefinedFunction)
    } == {
        "spline_1",
        "spline_2",
    }


# ------------------------------------------------------------------------------------------------ text


def expressions():
    found = {}
    for make in (sums, two_outputs, hidden, products, deep):
        net = make()
        for n, expression in enumerate(build_expressions(net, *units(2, len(net.nodes[-1].groups)))[0]):
            found[f"{make.__name__}{n}"] = expression
    x, y = symbol("x1"), symbol("x2")
    found["numbers"] = (
        sympy.Rational(1, 3) * x + sympy.pi * y + sympy.sqrt(2) * x * y + 1 / sympy.sqrt(2 * sympy.pi) - sympy.E * y
    )
    found["powers"] = (
        x ** sympy.Rational(2, 3) * y ** sympy.Rational(-5, 2) + sympy.Float(1.25) * x ** sympy.Float(0.1) - 1 / x
    )
    found["tiny"] = sympy.Float(1.2345678901234567e-200) * x + sympy.Float(-1e300) * y + sympy.Float(123456789.0)
    found["nested"] = (
        sympy.exp(-sympy.Float(0.5) * (x - y) ** 2) / (1 + sympy.Abs(x))
        + sympy.atan(x) * sympy.asin(y / 9)
        + sympy.E ** (x * y)
    )
    found["negative"] = (-sympy.Float(2.5)) ** 2 * x - (-x - y) / (x - 3) ** 2
    return found


@pytest.mark.parametrize("name", list(expressions()))
def test_text_means_the_same_to_python_with_numpy(name):
    expression = expressions()[name]
    raw = generator(3).uniform(0.5, 1.5, (40, 2))
    truth = compile_expression(expression, ["x1", "x2"])(raw)
    assert np.isfinite(truth).all()
    value = eval(python(expression), {"__builtins__": {}, **vars(np)}, dict(zip(["x1", "x2"], raw.T, strict=True)))
    assert relative(value, truth) <= 1e-12
    assert relative(Expression(python(expression), ["x1", "x2"])(raw), truth) <= 1e-12


@every("function", [f for f in LIBRARY if f.numpy])
def test_text_of_every_function_means_the_same_to_numpy(function):
    low, high, a, b = planted(function, generator(3))
    net = symbolic_net([1, 1], {(0, 0, 0): SymbolicEdge(function, a, b, 1.3)}, [[0.4]])
    one = ColumnScaling(("x",), ("linear",), (0.0,), (1.0,))
    (expression,), _ = build_expressions(net, one, one)
    raw = generator(4).uniform(low, high, (50, 1))
    text = python(expression)  # exp(a x + b) is printed as a factor exp(b), of which b's rounding is seen
    assert relative(Expression(text, ["x"])(raw), compile_expression(expression, ["x"])(raw)) <= 1e-10
    assert (
        relative(eval(text, {"__builtins__": {}, **vars(np)}, {"x": raw[:, 0]}), Expression(text, ["x"])(raw)) <= 1e-10
    )


@pytest.mark.parametrize(
    "value", [0.1, 1 / 3, -2.5e-17, 6.02214076e23, 1e-308, 123456.0, -1e6, 1e15, np.pi, 2.0, 1.0000000000000002]
)
def test_numbers_are_written_in_full(value):
    text = python(sympy.Float(value) * symbol("x"))
    assert Expression(text, ["x"])([[1.0]])[0] == value
    assert Expression(python(sympy.Float(value)), ["x"])([[1.0]])[0] == value


@pytest.mark.parametrize("name", HARD_NAMES)
def test_no_name_of_a_column_is_taken_for_something_else(name):
    assert name.isidentifier()
    assert not keyword.iskeyword(name)
    x = symbol(name)
    expression = sympy.Float(1.5) * x**2 + sympy.pi * x + sympy.E + sympy.exp(x) + sympy.Function("s1")(x)
    function = compile_expression(expression, [name, "other"], {"s1": lambda v: 10 * v})
    raw = generator(0).uniform(0, 1, (30, 2))
    v = raw[:, 0]
    truth = 1.5 * v**2 + np.pi * v + np.e + np.exp(v) + 10 * v
    assert relative(function(raw), truth) <= 1e-14
    assert expression.free_symbols == {x}
    if name not in ("log",):  # the command line renames columns that are called like a function
        text = python(expression - sympy.Function("s1")(x))
        assert relative(Expression(text, [name, "other"])(raw), truth - 10 * v) <= 1e-14


def test_names_like_those_of_common_subexpressions_stay_apart():
    """sympy calls what it works out once x0, x1, …"""
    a, b = symbol("x0"), symbol("x1")
    term = sympy.sin(a * b) + sympy.exp(a / b)
    expression = term**2 + sympy.cos(term) * a + sympy.sqrt(1 + term**2) * b
    raw = generator(0).uniform(0.5, 1, (20, 2))
    t = np.sin(raw[:, 0] * raw[:, 1]) + np.exp(raw[:, 0] / raw[:, 1])
    truth = t**2 + np.cos(t) * raw[:, 0] + np.sqrt(1 + t**2) * raw[:, 1]
    assert relative(compile_expression(expression, ["x0", "x1"])(raw), truth) <= 1e-14
    assert relative(compile_expression(expression, ["x1", "x0"])(raw[:, ::-1]), truth) <= 1e-14


def test_a_column_called_pi_is_never_the_number():
    expression = sympy.pi * symbol("x")
    text = python(expression, ["x", "pi"])
    assert Expression(text, ["x", "pi"])([[1.0, 100.0]])[0] == np.pi


@pytest.mark.parametrize("name", ["lambda", "class", "two words", "1st", "a-b", "größe", "x.y", "$"])
def test_names_that_are_no_identifiers_can_be_evaluated(name):
    x = symbol(name)
    function = compile_expression(sympy.Float(0.5) * sympy.exp(x) + 1, [name, "y"])
    raw = generator(0).uniform(0, 1, (30, 2))
    assert relative(function(raw), 0.5 * np.exp(raw[:, 0]) + 1) <= 1e-14


def test_undefined_is_nan_without_a_warning():
    x = symbol("x")
    raw = np.array([[-2.0], [0.0], [0.5], [2.0]])
    assert np.isnan(compile_expression(sympy.sqrt(x), ["x"])(raw)).tolist() == [True, False, False, False]
    assert np.isnan(compile_expression(sympy.asin(x), ["x"])(raw)).tolist() == [True, False, False, True]
    assert np.isnan(compile_expression(x ** sympy.Float(0.3), ["x"])(raw)).tolist() == [True, False, False, False]
    assert not np.isfinite(compile_expression(1 / x, ["x"])(raw))[1]
    assert np.isnan(compile_expression(sympy.log(x), ["x"])(raw))[0]


def test_a_function_of_rows_returns_one_value_for_each():
    for expression in (sympy.Integer(3), sympy.pi, sympy.Float(0.5), symbol("x")):
        function = compile_expression(expression, ["x", "y"])
        assert function(np.ones((7, 2))).shape == (7,)
        assert function(np.ones((0, 2))).shape == (0,)
        assert function(np.ones((7, 2), dtype=np.float32)).dtype == np.float64
        assert function([[1, 2]]).shape == (1,)


def test_complexity_is_the_number_of_nodes():
    x, y = symbol("x"), symbol("y")
    assert node_count(x) == 1
    assert node_count(x + y) == 3
    assert node_count(sympy.exp(sympy.sin(x) + y**2)) == 7


def test_every_expression_has_latex():
    for expression in expressions().values():
        assert len(sympy.latex(expression)) > 3


def test_a_spline_reads_log_columns_in_raw_units():
    model = KAN([1, 1], grid=5, dtype=None)
    import torch

    model = KAN([1, 1], grid=5, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    net = symbolic_net([1, 1], {}, [[0.5]])
    net.edges[0, 0, 0] = SplineEdge(model.kan_layers[0], 0, 0)  # type: ignore[assignment]
    inner = ColumnScaling(("x",), ("log",), (0.3,), (2.0,))
    assert (
        gap(net, inner, ColumnScaling(("y",), ("linear",), (1.0,), (2.0,)), np.geomspace(1e-3, 1e3, 40)[:, None])
        <= 1e-13
    )
    assert BY_NAME["log"].numpy
