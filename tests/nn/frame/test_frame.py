"""Formulas, regions and framed networks: equal to NumPy, zero on boundaries, the same after save and load."""

import math

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.errors import ConfigError, FormulaError, ShapeError
from splinework.nn.frame import (
    Box,
    Difference,
    Disc,
    Expression,
    Frame,
    FramedKAN,
    Intersection,
    Union,
    frame_from_dict,
)
from tests.families import every
from tests.formula.calls import NUMERIC, call

NAMES = ("x", "y")


def points(count: int = 200) -> torch.Tensor:
    return 2 * torch.rand(count, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64) - 1


@pytest.mark.parametrize(
    "text", ["x + 2*y", "-x**2/3 + pi", "sin(x)*exp(-y)", "sqrt(abs(x))", "tanh(x - y)/(2 + cosh(y))", "3"]
)
def test_a_formula_is_what_numpy_makes_of_it(text):
    x = points()
    np.testing.assert_allclose(Expression(text, NAMES).of(x).numpy(), Expression(text, NAMES)(x.numpy()), rtol=1e-14)


@every("name", NUMERIC)
def test_every_function_takes_numbers_and_columns(name):
    number = Expression(call(name, "0.3", "0.3"), NAMES).of(points(3))
    column = Expression(call(name, "x", "x"), NAMES).of(torch.full((3, 2), 0.3, dtype=torch.float64))
    torch.testing.assert_close(number, column, equal_nan=True)


@every("text", ["", "x +", "z", "foo(x)", "x.real", "[x]", "sin(x, y)", "x if y else 1", "__import__('os')"])
def test_what_is_no_formula_is_refused(text):
    with pytest.raises(FormulaError):
        Expression(text, NAMES)


def test_a_formula_refuses_other_columns():
    with pytest.raises(ShapeError, match="columns"):
        Expression("x", NAMES).of(torch.zeros(2, 3))


REGIONS = {
    "box": Box({"x": (-0.5, 0.7), "y": (-0.6, 0.4)}),
    "strip": Box({"x": (-0.5, math.inf)}),
    "disc": Disc(NAMES, (0.1, -0.2), 0.6),
    "union": Union(Box({"x": (-0.5, 0.2), "y": (-0.6, 0.4)}), Disc(NAMES, (0.3, 0.0), 0.5)),
    "difference": Difference(Box({"x": (-0.9, 0.9), "y": (-0.9, 0.9)}), Disc(NAMES, (0.0, 0.0), 0.3)),
    "intersection": Intersection(Disc(NAMES, (0.0, 0.0), 0.7), Disc(NAMES, (0.4, 0.0), 0.7)),
}


def inside(region: object, x: torch.Tensor) -> torch.Tensor:
    """Whether points lie in a region, without its function."""
    if isinstance(region, Box):
        columns = {name: x[:, NAMES.index(name)] for name in region.inputs}
        return torch.stack([(columns[n] > low) & (columns[n] < high) for n, (low, high) in region.ranges]).all(0)
    if isinstance(region, Disc):
        return (x - torch.tensor(region.centre, dtype=x.dtype)).square().sum(1) < region.radius**2
    first, second = inside(region.first, x), inside(region.second, x)
    if isinstance(region, Union):
        return first | second
    return first & (~second if isinstance(region, Difference) else second)


@pytest.mark.parametrize("name", REGIONS)
def test_the_function_of_a_region_is_positive_inside_only(name):
    region, x = REGIONS[name], 1.2 * points(4000)
    value = Expression(region.signed(), NAMES).of(x)
    assert torch.equal(value > 0, inside(region, x))
    assert bool((Expression(region.formula(), NAMES).of(x)[inside(region, x)] > 0).all())


@pytest.mark.parametrize("name", REGIONS)
def test_the_function_of_a_region_vanishes_on_its_boundary(name):
    # Bisection from a point inside to one outside ends on the boundary.
    region, x = REGIONS[name], 0.99 * points(6000)
    here = inside(region, x)
    a, b = x[here][:100], x[~here][:100]
    count = min(len(a), len(b))
    a, b = a[:count], b[:count]
    for _ in range(60):
        middle = (a + b) / 2
        within = inside(region, middle)[:, None]
        a, b = torch.where(within, middle, a), torch.where(within, b, middle)
    assert float(Expression(region.formula(), NAMES).of(a).abs().max()) < 1e-12


@pytest.mark.parametrize(
    "make",
    [lambda: Box({}), lambda: Box({"x": (1, 0)}), lambda: Disc(("x",), (0, 0), 1), lambda: Disc(("x",), (0,), -1)],
    ids=["empty", "reversed", "sizes", "radius"],
)
def test_a_wrong_region_is_refused(make):
    with pytest.raises(ConfigError):
        make()


def framed() -> FramedKAN:
    network = sw.KAN([2, 3, 1], dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    frame = Frame(NAMES, ("x+y", "x*y"), ("u",), ("x*(1-x)*z1",), ((0, 1), (-1, 1)), ((0, "exp(-x**2)", 0.25),))
    return FramedKAN(network, frame)


def test_a_framed_network_is_its_formulas_around_the_network():
    model, x = framed(), points()
    z = model.network(torch.stack([x[:, 0] + x[:, 1], x[:, 0] * x[:, 1]], dim=1))
    expected = (x[:, :1] * (1 - x[:, :1])) * z + 0.25 * torch.exp(-x[:, :1].square())
    torch.testing.assert_close(model(x), expected)
    torch.testing.assert_close(model(x.reshape(4, 50, 2)), expected.reshape(4, 50, 1))


def test_a_framed_network_is_the_same_after_saving(tmp_path):
    model, x = framed(), points()
    sw.save(model, tmp_path / "model.safetensors")
    loaded = sw.load(tmp_path / "model.safetensors")
    assert loaded.frame == model.frame
    assert torch.equal(loaded(x), model(x))


def test_a_frame_comes_back_from_plain_values():
    frame = framed().frame
    assert frame_from_dict(frame.to_dict()) == frame
    with pytest.raises(ConfigError, match="fields"):
        frame_from_dict({"answers": []})


@pytest.mark.parametrize("verb", [lambda m, x: sw.refine(m, 9), sw.adapt, sw.prune], ids=["refine", "adapt", "prune"])
def test_verbs_keep_the_frame(verb):
    model, x = framed(), points()
    changed = verb(model, x)
    assert isinstance(changed, FramedKAN)
    assert changed.frame.answers == model.frame.answers
    edge = torch.tensor([[0.0, 0.3], [1.0, -0.4]], dtype=torch.float64)
    expected = (
        0.25 * torch.exp(-edge[:, :1].square()) if changed.frame.corrections else torch.zeros(2, 1, dtype=torch.float64)
    )
    torch.testing.assert_close(changed(edge), expected)


def test_a_framed_network_is_traced_inside():
    model, x = framed(), points()
    torch.testing.assert_close(sw.trace(model, x).outputs, model.network(model.inside(x)))


@pytest.mark.parametrize(
    "make",
    [
        lambda: FramedKAN(sw.KAN([3, 1]), Frame(NAMES)),
        lambda: Frame(NAMES, answers=("z1", "z2")),
        lambda: Frame(NAMES, ranges=((0, 1),)),
        lambda: Frame(NAMES, corrections=((3, "1", 1.0),)),
    ],
    ids=["inputs", "answers", "ranges", "corrections"],
)
def test_a_frame_that_does_not_fit_is_refused(make):
    with pytest.raises(sw.SplineworkError):
        make()
