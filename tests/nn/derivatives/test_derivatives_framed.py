"""Derivatives through frames and composite models: nested autograd's numbers, for every function of a formula."""

import itertools

import pytest
import torch
from torch import Tensor

from splinework.errors import ConfigError, ShapeError
from splinework.formula.expression import Expression
from splinework.formula.functions import FUNCTIONS
from splinework.formula.tensors import TENSORS
from splinework.nn.derivatives import jet, partials
from splinework.nn.derivatives.algebra import algebra_of
from splinework.nn.derivatives.propagation import formula_series
from splinework.nn.derivatives.series import columns_of, derivative, divisors
from splinework.nn.frame import Box, Difference, Disc, Frame, FramedKAN, Intersection, Union
from tests.contracts.cases import normal, relative_distance, seeded
from tests.families import every
from tests.formula.calls import NUMERIC, call
from tests.nn.test_network import DOUBLE, network


def framed(*answers: str, features: tuple[str, ...] = ("x*y", "exp(0.3*x)"), **options: object) -> FramedKAN:
    """A network in a frame in two inputs."""
    names = ("u", "v", "w")[: len(answers)]
    inner = network([len(features) or 2, 2, len(answers)], degree=5, **options)
    return FramedKAN(inner, Frame(("x", "y"), features, names, answers))


def inside(count: int = 6) -> Tensor:
    """Points where every function below has all its derivatives."""
    return 0.2 + 0.3 * torch.rand(count, 2, generator=seeded(3), **DOUBLE)


def by_autograd(value: Tensor, x: Tensor, monomial: tuple[int, ...]) -> Tensor:
    for i in monomial:
        value = torch.autograd.grad(value.sum(), x, create_graph=True, materialize_grads=True)[0][:, i]
        value = value + 0 * x[:, 0]
    return value


UNARY = [name for name in NUMERIC if FUNCTIONS[name].arity == 1 and name not in ("y0", "y1", "k0", "k1", "acosh")]
FORMULAS = [
    *(f"{name}(0.3*x + 0.2*y**2 + 0.02*z1)" for name in UNARY),
    "min(x + 0.1*z1, 3*y)",
    "max(2, x*z1) + min(0.3, y)",
    "x**3*z1 + z1**2/(1 + x) - -y",
    "(1 + x)**-2.5*z1",
    "(1 + x**2)**(y + 0.1*z1)",
    "2**(x*y) + (+x)/4",
    "1/(2 + x*z1)/3",
    "2**3*sin(1)*z1 + pi",
]


@pytest.mark.quick(24)
@pytest.mark.parametrize("order", [3, pytest.param(4, marks=pytest.mark.slow)])
@pytest.mark.parametrize("formula", FORMULAS)
def test_partials_through_a_frame_are_nested_autograd_for_every_function(formula, order):
    model, x = framed(formula), inside().requires_grad_()
    monomials = [m for n in range(order + 1) for m in itertools.combinations_with_replacement(range(2), n)]
    truth = {(): model(x)[:, 0]}
    for monomial in monomials[1:]:  # shorter ones come first
        truth[monomial] = by_autograd(truth[monomial[:-1]], x, monomial[-1:])
    for monomial, value in zip(monomials, partials(model, x, *monomials), strict=True):
        assert relative_distance(value[:, 0], truth[monomial]) <= 1e-10, monomial


@every("name", NUMERIC)
def test_a_function_of_series_has_the_value_of_the_function_of_tensors(name):
    formula, x = Expression(call(name, "x", "y"), ("x", "y")), inside()
    series = formula_series(formula, columns_of({(): x, (0,): torch.ones_like(x)}), {(), (0,)})
    assert torch.allclose(series[()][:, 0], formula.of(x), rtol=1e-15, atol=0, equal_nan=True)


def test_every_operation_of_formulas_has_a_meaning_for_series():
    known = algebra_of({()})
    assert [name for name in TENSORS if name not in known and not FUNCTIONS[name].definition] == []


def test_a_formula_without_columns_is_a_constant_series():
    x = inside()
    series = formula_series(Expression("2*pi", ("x", "y")), columns_of({(): x}), {()})
    assert torch.equal(series[()], torch.full_like(x[:, :1], 2 * torch.pi))


def test_at_a_tie_the_derivative_of_a_minimum_lies_between_as_in_torch():
    x = torch.tensor([[0.4, 0.4]], **DOUBLE, requires_grad=True)
    model = framed("min(x, y)*2 + 0*z1", features=())
    (truth,) = torch.autograd.grad(model(x).sum(), x)
    assert torch.allclose(torch.cat(partials(model, x, 0, 1), dim=1), truth, rtol=0, atol=1e-15)


@pytest.mark.parametrize("order", [6, 9])
def test_high_orders_of_closed_forms_are_exact(order):
    x = torch.tensor([[0.3]], **DOUBLE)
    for text, truth in (("x**3", 0.0), ("exp(2*x)", 2.0**order * torch.exp(2 * x)), ("1/(1-x)", None)):
        wanted = divisors([(0,) * order])
        series = formula_series(Expression(text, ("x",)), columns_of({(): x, (0,): torch.ones_like(x)}), wanted)
        found = derivative(series, (0,) * order)
        expected = torch.exp(torch.lgamma(torch.tensor(order + 1.0, **DOUBLE))) * (1 - x) ** -(order + 1.0)
        expected = expected if truth is None else torch.as_tensor(truth, **DOUBLE)
        assert torch.allclose(found, expected, rtol=1e-12, atol=0)


SHAPES = [
    Box({"x": (0, 1), "y": (-1, 2)}),
    Disc(("x", "y"), (0.1, 0.0), 2.0),
    Union(Disc(("x", "y"), (0, 0), 1), Disc(("x", "y"), (1, 0), 1)),
    Difference(Disc(("x", "y"), (0, 0), 2), Disc(("x", "y"), (0, 0), 0.1)),
    Intersection(Disc(("x", "y"), (0, 0), 1), Box({"x": (0, 1)})),
]


@pytest.mark.parametrize("region", SHAPES, ids=lambda region: type(region).__name__)
def test_the_laplacian_of_a_network_times_a_distance_is_autograds(region):
    model, x = framed(f"({region.formula()})*z1", features=()), inside().requires_grad_()
    found = sum(partials(model, x, (0, 0), (1, 1)))
    truth = sum(by_autograd(model(x)[:, 0], x, m) for m in ((0, 0), (1, 1)))
    assert relative_distance(found[:, 0], truth) <= 1e-11


def test_a_jet_through_a_frame_is_the_sum_of_partials():
    model, x, v = framed("sin(x)*z1 + z2", "z1*z2"), inside(), torch.tensor([0.7, -1.2], **DOUBLE)
    _, slope, bend = jet(model, x, v, 2)
    u_x, u_y, u_xx, u_xy, u_yy = partials(model, x, "x", "y", ("x", "x"), ("x", "y"), ("y", "y"))
    assert relative_distance(slope, v[0] * u_x + v[1] * u_y) <= 1e-12
    assert relative_distance(bend, v[0] ** 2 * u_xx + 2 * v[0] * v[1] * u_xy + v[1] ** 2 * u_yy) <= 1e-12


def test_the_gradient_in_the_parameters_is_that_of_double_backward():
    model, x = framed("x*(1 - y)*z1**2"), inside().requires_grad_()
    loss = partials(model, x, ("x", "y"))[0].square().mean()
    truth = by_autograd(model(x)[:, 0], x, (0, 1)).square().mean()
    numbers = list(model.parameters())
    for found, expected in zip(
        *(torch.autograd.grad(each, numbers, materialize_grads=True) for each in (loss, truth)), strict=True
    ):
        assert torch.allclose(found, expected, rtol=1e-9, atol=1e-12)


def test_features_alone_and_answers_alone_make_a_frame():
    x = inside()
    featured = FramedKAN(network([2, 1, 1]), Frame(("x", "y"), ("x*y", "y"), ("u",)))
    for model in (featured, framed("z1 + x", features=())):
        value, slope = partials(model, x, (), "x")
        assert torch.allclose(value, model(x), rtol=0, atol=1e-14)
        assert slope.shape == (len(x), 1)


def test_a_frame_without_formulas_changes_nothing():
    inner, x = network([2, 2, 1]), normal(5, 2)
    plain = FramedKAN(inner, Frame(("x", "y"), (), ("u",)))
    for found, truth in zip(partials(plain, x, (), ("x", "y")), partials(inner, x, (), (0, 1)), strict=True):
        assert torch.equal(found, truth)


def test_names_and_columns_of_the_frame_are_checked():
    model = framed("z1")
    with pytest.raises(ConfigError, match=r"\['x', 'y'\], got 'z'"):
        partials(model, inside(), "z")
    with pytest.raises(ShapeError, match="2"):
        partials(model, normal(3, 3), "x")
