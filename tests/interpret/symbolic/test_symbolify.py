"""From a fitted network to formulas: planted ones come back, and what is no formula is not called one."""

import copy

import numpy as np
import pandas as pd
import pytest
import sympy
import torch

from splinework import KAN, fit, symbolify
from splinework.errors import ConfigError, DataError, ShapeError
from splinework.interpret.symbolic.expression import symbol
from splinework.interpret.symbolic.library import BY_NAME
from splinework.interpret.symbolic.own_functions import library_of
from tests.families import slow
from tests.interpret.symbolic.cases import generator, network, paper_example, paper_table, relative, trained, uniform

X, Y, Z = symbol("x1"), symbol("x2"), symbol("x3")


def same(found, truth):
    """Whether two expressions are equal, whatever their form."""
    return sympy.simplify(sympy.expand(found - truth)) == 0


def equal(row, function, columns, low=-1.0, high=1.0):
    """Largest relative gap on fresh rows."""
    x = uniform(1000, columns, low, high, 99)
    return relative(row.numpy()(x), function(x))


# ----------------------------------------------------------------------------------- planted compositions


@pytest.mark.slow
def test_the_papers_example_is_found_exactly():
    model, x, y = trained([2, 1, 1], lambda x: np.exp(np.sin(np.pi * x[:, 0]) + x[:, 1] ** 2))
    best = symbolify(model, x, y).best
    assert same(best.sympy(), sympy.exp(sympy.sin(sympy.pi * X) + Y**2))


@pytest.mark.slow
@pytest.mark.parametrize("shape", [[2, 2, 1], [2, (0, 1), 1]], ids=str)
def test_a_product_is_found_exactly(shape):
    model, x, y = trained(shape, lambda x: x[:, 0] * x[:, 1])
    assert symbolify(model, x, y).best.text == "x1*x2"


@pytest.mark.slow
def test_a_sum_is_found_and_an_idle_input_gone():
    model, x, y = trained([3, 1], lambda x: np.sin(np.pi * x[:, 0]) + x[:, 1] ** 2)
    best = symbolify(model, x, y).best
    assert same(best.sympy(), sympy.sin(sympy.pi * X) + Y**2)
    assert best.inputs == ("x1", "x2")


def test_a_power_law_on_log_scales():
    truth = lambda x: 2 * x[:, 0] ** 1.5 / np.sqrt(x[:, 1])  # noqa: E731
    model, x, y = trained([2, 1], truth, low=0.1, high=9, input_scales=("log", "log"), output_scales=("log",))
    best = symbolify(model, x, y).best
    assert same(best.sympy(), 2 * X ** sympy.Rational(3, 2) / sympy.sqrt(Y))


@pytest.mark.slow
def test_only_the_output_on_a_log_scale():
    model, x, y = trained([2, 1], lambda x: np.exp(3 * x[:, 0] - x[:, 1] ** 2), output_scales=("log",))
    best = symbolify(model, x, y).best
    assert same(best.sympy(), sympy.exp(3 * X - Y**2))


def test_several_outputs_each_get_their_formula():
    curves = {
        (0, 0, 0): lambda v: np.sin(2 * v),
        (0, 1, 0): lambda v: v,
        (0, 1, 1): lambda v: v**3,
        (0, 0, 2): lambda v: np.exp(-v) - 1,
    }
    model = network([2, 3], curves, bias={(0, 2): 1.0}, output_names=("p", "q", "r"))
    x = uniform(400, 2)
    y = np.stack([np.sin(2 * x[:, 0]) + x[:, 1], x[:, 1] ** 3, np.exp(-x[:, 0])], 1)
    table = symbolify(model, x, y)
    assert same(table.of("p")[0].sympy(), sympy.sin(2 * X) + Y)
    assert same(table.of("q")[0].sympy(), Y**3)
    assert same(table.of("r")[0].sympy(), sympy.exp(-X))
    assert [row.target for row in table.rows] == sorted(row.target for row in table.rows)


def test_a_spline_of_one_output_is_no_matter_of_another():
    wiggle = np.cumsum(generator(3).normal(size=41))
    curves = {(0, 0, 0): lambda v: np.sin(3 * v), (0, 0, 1): lambda v: np.interp(v, np.linspace(-1, 1, 41), wiggle)}
    model = network([1, 2], curves, degree=1, grid=40)
    model_x = uniform(600, 1)
    y = np.stack([np.sin(3 * model_x[:, 0]), curves[0, 0, 1](model_x[:, 0])], 1)
    table = symbolify(model, model_x, y)
    assert same(table.of("y1")[0].sympy(), sympy.sin(3 * X))
    assert not table.of("y1")[0].notes
    assert "splines" in table.of("y2")[0].notes[0]


def test_shifts_and_scales_come_out_right():
    curves = {(0, 0, 0): lambda v: 3 / (v + 1.5), (0, 1, 0): lambda v: -0.5 * np.sqrt(v + 2)}
    model = network([2, 1], curves, bias={(0, 0): 0.25})
    x = uniform(400, 2)
    y = 3 / (x[:, 0] + 1.5) - 0.5 * np.sqrt(x[:, 1] + 2) + 0.25
    best = symbolify(model, x, y).best
    assert same(
        sympy.nsimplify(best.sympy()), 3 / (X + sympy.Rational(3, 2)) - sympy.sqrt(Y + 2) / 2 + sympy.Rational(1, 4)
    )


NAMES = ["1/x", "sqrt", "log", "exp", "tanh", "gaussian", "abs", "arctan", "x^3", "sin"]


@pytest.mark.parametrize("name", [NAMES[0], *slow(*NAMES[1:])])
def test_one_edge_of_a_network_that_saw_noise(name):
    """2 % noise: the right function still has the shortest description."""
    function = BY_NAME[name]
    positive = function.domain == "positive"
    a, b = (1.0, 0.0) if positive else (2.0, 0.3)
    truth = lambda x: function.value(a * x[:, 0] + b)  # noqa: E731
    x = uniform(600, 1, *((0.3, 3) if positive else (-1.5, 1.5)))
    y = truth(x)
    y = y + 0.02 * y.std() * generator(4).normal(size=len(y))
    model = fit(KAN([1, 1], grid=8, dtype=torch.float64), x, y, progress=False, grids=None).model
    best = symbolify(model, x, y).best
    fresh = uniform(300, 1, *((0.3, 3) if positive else (-1.5, 1.5)), seed=9)
    error = best.numpy()(fresh) - truth(fresh)
    assert np.sqrt((error**2).mean()) < 5e-3 * truth(fresh).std()
    assert not best.notes


# ------------------------------------------------------------------------------------------------- laws


def test_the_same_model_gives_the_same_table_and_is_unchanged_to_the_last_bit():
    model, x, y = paper_example()
    before = copy.deepcopy(model.state_dict())
    assert [row.text for row in symbolify(model, x, y)] == [row.text for row in paper_table()]
    assert all((model.state_dict()[key] == value).all() for key, value in before.items())
    assert all(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize(
    ("scale", "shift"),
    [(-0.2, 5.0), *(pytest.param(*each, marks=pytest.mark.slow) for each in ((3.0, -1.0), (1e4, 0.0)))],
)
def test_units_of_a_hidden_node_change_no_formula(scale, shift):
    """The gauge law: u → scale·u + shift is invisible, its inverse being part of the function that reads it."""
    model, x, y = paper_example()
    other = copy.deepcopy(model)
    first, second = other.kan_layers
    with torch.no_grad():
        first.set_edge_coefficients(scale * first.edge_coefficients())
        first.bias.mul_(scale).add_(shift)
        coefficients, grid = second.edge_coefficients(), scale * second.grid + shift
        if scale < 0:
            coefficients, grid = coefficients.flip(1), grid.flip(1)
        second.grid.copy_(grid)
        second.refresh()
        second.set_edge_coefficients(coefficients)
        assert relative(other(torch.from_numpy(x)), model(torch.from_numpy(x))) <= 1e-11
    one, two = paper_table().best, symbolify(other, x, y).best
    assert two.text == one.text
    assert same(one.sympy(), sympy.exp(sympy.sin(sympy.pi * X) + Y**2))


@pytest.mark.slow
def test_the_order_of_the_rows_changes_no_formula():
    model, x, y = paper_example()
    order = generator(0).permutation(len(x))
    assert symbolify(model, x[order], y[order]).best.text == paper_table().best.text


def test_the_order_of_the_columns_changes_no_formula():
    curves = {(0, 0, 0): lambda v: np.exp(v), (0, 1, 0): lambda v: np.sin(2 * v)}
    swapped = {(0, 1, 0): curves[0, 0, 0], (0, 0, 0): curves[0, 1, 0]}
    x = uniform(300, 2)
    y = np.exp(x[:, 0]) + np.sin(2 * x[:, 1])
    one = symbolify(network([2, 1], curves, names=["a", "b"]), x, y).best
    two = symbolify(network([2, 1], swapped, names=["b", "a"]), x[:, ::-1], y).best
    assert one.sympy() == two.sympy()


@pytest.mark.slow
def test_single_precision_models_are_taken_too():
    model, x, y = paper_example()
    best = symbolify(copy.deepcopy(model).float(), x, y).best
    assert same(best.sympy(), sympy.exp(sympy.sin(sympy.pi * X) + Y**2))


def test_a_curve_that_fits_nothing_stays_a_spline_and_the_row_says_so():
    wiggle = np.cumsum(generator(3).normal(size=41))
    curve = lambda v: np.interp(v, np.linspace(-1, 1, 41), wiggle)  # noqa: E731
    model = network([2, 1], {(0, 0, 0): curve, (0, 1, 0): lambda v: v**2}, degree=1, grid=40)
    x = uniform(800, 2)
    y = curve(x[:, 0]) + x[:, 1] ** 2
    best = symbolify(model, x, y).best
    assert "spline_1(x1)" in best.text
    assert "spline_1" in best.notes[0]
    assert "spline" in best.notes[0]
    assert relative(best.numpy()(x), y) <= 5e-3
    assert len(best.latex()) > 3
    assert best.inputs == ("x1", "x2")


def test_a_network_whose_edges_are_all_gone_gives_a_constant():
    model = network([2, 1], {}, bias={(0, 0): 1.5})
    x = uniform(100, 2)
    table = symbolify(model, x, 1.5 + 0.1 * generator(0).normal(size=100))
    assert len(table) == 1
    assert table.best.inputs == ()
    assert table.best.complexity == 1


@pytest.mark.parametrize("seed", range(3))
def test_noise_alone_gives_a_constant(seed):
    x, y = uniform(300, 2, seed=seed), generator(seed + 10).normal(size=300)
    model = fit(KAN([2, 1], grid=3, dtype=torch.float64), x, y, progress=False, grids=None).model
    assert symbolify(model, x, y).best.inputs == ()


# -------------------------------------------------------------------------------------- what goes in


OFTEN = ("float32", "shuffled frame")


@pytest.mark.parametrize("kind", [*OFTEN, *slow("tensor", "array", "lists", "frame")])
def test_data_of_every_kind(kind):
    curves = {(0, 0, 0): lambda v: v**2, (0, 1, 0): lambda v: 2 * v}
    model = network([2, 1], curves, names=["a", "b"], grid=10)
    x = uniform(100, 2)
    y = x[:, 0] ** 2 + 2 * x[:, 1]
    frame = pd.DataFrame(x, columns=["a", "b"])
    given = {
        "tensor": (torch.from_numpy(x), torch.from_numpy(y)),
        "float32": (torch.from_numpy(x).float(), torch.from_numpy(y).float()),
        "array": (x, y[:, None]),
        "frame": (frame, pd.Series(y)),
        "lists": (x.tolist(), y.tolist()),
        "shuffled frame": (frame[["b", "a"]], pd.DataFrame({"y": y})),
    }[kind]
    assert symbolify(model, *given).best.text == "a**2 + 2*b"


@pytest.mark.parametrize(
    ("x", "y", "error", "words"),
    [
        (np.ones((5, 3)), np.ones(5), ShapeError, "x must have shape"),
        (np.ones((5, 2)), np.ones((5, 2)), ShapeError, "y must have shape"),
        (np.ones((5, 2)), np.ones(4), ShapeError, "5.*4"),
        (np.array([[np.nan, 1], [0, 1]]), np.ones(2), DataError, "x1: 1"),
        (np.ones((2, 2)), np.array([np.inf, 1]), DataError, "y: 1"),
        (np.ones((0, 2)), np.ones(0), DataError, "row"),
        (np.array([["a", "b"]]), np.ones(1), DataError, "numbers"),
    ],
    ids=["columns", "outputs", "rows", "nan", "inf", "empty", "text"],
)
def test_wrong_data_are_named(x, y, error, words):
    with pytest.raises(error, match=words):
        symbolify(KAN([2, 1]), x, y)


def test_values_without_a_logarithm_are_named():
    model = KAN([2, 1], input_scales=("log", "linear"), output_scales=("log",))
    good = uniform(20, 2, 1, 2)
    with pytest.raises(DataError, match=r"x1: 1.*positive"):
        symbolify(model, np.concatenate([good, [[-1.0, 0.0]]]), np.ones(21))
    with pytest.raises(DataError, match=r"y: 1.*positive"):
        symbolify(model, good, np.concatenate([np.ones(19), [0.0]]))


def test_few_rows_are_no_error():
    model = network([2, 1], {(0, 0, 0): lambda v: v**2}, grid=5)
    for rows in (1, 2, 5):
        x = uniform(rows, 2)
        assert np.isfinite(symbolify(model, x, x[:, 0] ** 2).best.numpy()(x)).all()


def test_rows_that_are_all_the_same():
    model = network([1, 1], {(0, 0, 0): lambda v: v**2}, grid=5)
    assert symbolify(model, np.full((20, 1), 0.5), np.full(20, 0.25)).best.numpy()([[0.5]])[0] == pytest.approx(0.25)


def test_a_smaller_library_is_respected():
    model, x, y = paper_example()
    table = symbolify(model, x, y, library=[BY_NAME["x"], BY_NAME["x^2"], BY_NAME["x^3"]], rows=2)
    assert all(not row.sympy().has(sympy.exp, sympy.sin) for row in table)
    assert len(table) <= 2


def test_a_library_may_name_its_functions_and_an_unknown_name_is_refused():
    model, x = network([2, 1], {(0, 0, 0): lambda v: np.sin(2 * v), (0, 1, 0): np.exp}), uniform(200, 2)
    y = np.sin(2 * x[:, 0]) + np.exp(x[:, 1])
    named = symbolify(model, x, y, library=["sin", "exp"], rows=2)
    held = symbolify(model, x, y, library=library_of(["sin", "exp"]), rows=2)
    assert [row.text for row in named] == [row.text for row in held]
    assert named.best.sympy().atoms(sympy.Function)
    for given, part in ((["sinn"], "'sin'"), ("sin", r"\['sin'\]"), ([3], "names")):
        with pytest.raises(ConfigError, match=part):
            symbolify(model, x, y, library=given)
