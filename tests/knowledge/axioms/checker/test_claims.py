"""What the checker's claims are made of, held against geometry and formulas: regions, and the range of an output."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import special

import splinework as sw
from splinework.knowledge.axioms.checker.claims import RegionText, Scene, region_formula
from splinework.knowledge.axioms.checker.formulas import Unreadable
from splinework.knowledge.axioms.checker.models import ModelRanges, Reading, spread_of
from splinework.knowledge.axioms.checker.points import EXACT, _mp
from splinework.knowledge.axioms.checker.ranges import Range
from splinework.knowledge.axioms.checker.relations import relation_of
from splinework.nn.frame import Frame, FramedKAN
from tests.families import every

BOX = RegionText("box", ((("a", (-1.0, 0.5)), ("b", (0.0, 2.0))),))
STRIP = RegionText("box", ((("a", (-0.75, np.inf)),),))
DISC = RegionText("disc", (("a", "b"), (0.25, 0.5), 0.75))
INSIDE = {
    "box": lambda a, b: np.minimum(np.minimum(a + 1, 0.5 - a), np.minimum(b, 2 - b)),
    "strip": lambda a, b: a + 0.75,
    "disc": lambda a, b: 0.75 - np.hypot(a - 0.25, b - 0.5),
}
REGIONS = [
    (BOX, INSIDE["box"]),
    (STRIP, INSIDE["strip"]),
    (DISC, INSIDE["disc"]),
    (RegionText("union", (BOX, DISC)), lambda a, b: np.maximum(INSIDE["box"](a, b), INSIDE["disc"](a, b))),
    (RegionText("intersection", (BOX, DISC)), lambda a, b: np.minimum(INSIDE["box"](a, b), INSIDE["disc"](a, b))),
    (RegionText("difference", (BOX, DISC)), lambda a, b: np.minimum(INSIDE["box"](a, b), -INSIDE["disc"](a, b))),
]


@pytest.mark.parametrize(("region", "inside"), REGIONS, ids=lambda each: getattr(each, "word", ""))
def test_the_formula_of_a_region_is_positive_inside_and_zero_on_its_boundary_only(region, inside):
    a, b = np.meshgrid(np.linspace(-2, 2, 33), np.linspace(-2, 3, 41))  # many on faces, to the last bit
    known = inside(a, b)
    for signed in (True, False):
        value = eval(region_formula(region, signed=signed), {"sqrt": np.sqrt, "a": a, "b": b})
        np.testing.assert_array_equal(value[known > 0] > 1e-12, True)
        np.testing.assert_allclose(value[known == 0], 0, atol=1e-12)
        if signed:
            np.testing.assert_array_equal(value[known < 0] < -1e-12, True)


@pytest.mark.parametrize("inputs", [1, 2, 3])
def test_the_range_of_an_output_is_that_on_256_points_of_roberts(inputs):
    polynomial = [1.0, *[0.0] * (inputs - 1), -1.0, -1.0]  # φ^(I+1) = φ + 1
    root = max(np.roots(polynomial).real)
    share = np.arange(1, 257)[:, None] * root ** -np.arange(1.0, inputs + 1) % 1
    lo, hi = -np.ones(inputs), np.arange(1.0, inputs + 1)
    points, names = lo + (hi - lo) * share, [f"x{i}" for i in range(inputs)]
    # Each is largest at one point of the sequence, whose first and last ones are among them.
    answers = [
        f"0*z{place} - "
        + " - ".join(f"({name} - ({c!r}))**2" for name, c in zip(names, points[n].tolist(), strict=True))
        for place, n in enumerate((0, 1, 100, 254, 255), 1)
    ]
    network = sw.KAN([inputs, 5], dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    outputs = tuple(f"y{n}" for n in range(len(answers)))
    model = FramedKAN(network, Frame(tuple(names), (), outputs, tuple(answers)))
    found = spread_of(ModelRanges(Reading(model), Range(lo, hi)))
    values = model(torch.from_numpy(points)).detach().numpy()
    np.testing.assert_allclose(found, np.ptp(values, axis=0), rtol=1e-10)


@pytest.mark.parametrize("value", ["F[0]", "D[0, 1]", "X[0]", "1) + (F[0]", "b"])
def test_a_formula_in_an_axiom_has_nothing_but_inputs(value):
    scene = Scene(("a",), ("y",), np.zeros(1), np.ones(1), np.ones(1), np.full(1, -np.inf))
    assert scene.formula("a + 1") == "(a + 1)"
    with pytest.raises(Unreadable):
        scene.formula(value)


def test_a_derivative_that_may_be_of_two_kinds_is_refused():
    ends = np.zeros(2), np.ones(2)
    scene = Scene(("x", "xx"), ("y",), *ends, np.ones(1), np.full(2, -np.inf))
    assert relation_of("u_x = 0", scene, ())[0][0].along == {(0,)}
    assert relation_of("u__x = 0", scene, ())[0][0].along == {(0,)}
    assert relation_of("u_xxx = 0", replace(scene, inputs=("x", "t")), ())[0][0].along == {(0, 0, 0)}
    with pytest.raises(Unreadable, match="two meanings"):
        relation_of("u_xx = 0", scene, ())


VALUES = {
    **{name: getattr(np, name) for name in ("exp", "sqrt", "tanh", "sin", "cos", "tan", "sinh", "cosh")},
    **{name: getattr(np, name) for name in ("floor", "sign", "cbrt", "sinc", "log", "abs", "reciprocal")},
    **{f"a{name}": getattr(np, f"arc{name}") for name in ("tan", "sin", "cos", "sinh", "tanh")},
    "softplus": lambda x: np.logaddexp(0, x),
    **{"sigmoid": special.expit, "erf": special.erf, "gamma": special.gamma, "gammaln": special.gammaln},
    **{"add": np.add, "sub": np.subtract, "mul": np.multiply, "div": np.divide, "pow": np.power},
    **{"neg": np.negative, "pos": np.positive, "min": np.minimum, "max": np.maximum},
    **{"lt": np.less, "le": np.less_equal, "gt": np.greater, "ge": np.greater_equal, "eq": np.equal, "ne": np.not_equal},
    **{"logical_and": np.logical_and, "logical_or": np.logical_or, "logical_not": np.logical_not, "where": np.where},
    "acosh": np.arccosh,
}  # fmt: skip


@every("name", sorted(EXACT))
def test_operations_in_sixty_digits_are_those_of_numpy_or_nan(name):
    count = {
        "where": 3,
        **dict.fromkeys(("add", "sub", "mul", "div", "pow", "min", "max", "lt", "le", "gt", "ge", "eq", "ne"), 2),
    }
    count |= {"logical_and": 2, "logical_or": 2}
    numbers = (0.0, 1.0) if "logical" in name else (-1.5, -0.5, 0.0, 0.25, 0.5, 1.0, 2.0)
    for values in itertools.product(numbers, repeat=count.get(name, 1)):
        with np.errstate(all="ignore"):
            expected = float(VALUES[name](*values))
        found = EXACT[name](*map(_mp.mpf, values))
        if np.isfinite(expected):
            assert abs(float(found) - expected) <= 4e-16 * max(1, abs(expected)), values
        else:
            assert not abs(found) < np.inf, values


def test_the_formula_of_a_box_is_the_product_of_its_sides_unless_it_has_signs():
    a, b = np.meshgrid(np.linspace(-0.9, 0.4, 5), np.linspace(0.1, 1.9, 5))
    value = eval(region_formula(BOX), {"sqrt": np.sqrt, "a": a, "b": b})
    np.testing.assert_allclose(value, (a + 1) * (0.5 - a) / 1.5 * b * (2 - b) / 2, rtol=1e-14)


@pytest.mark.parametrize("text", ["u_x = 0", "f(x, t) = 0", "d u / d x = 0"])
def test_a_relation_of_any_output_is_about_each(text):
    ends = np.zeros(2), np.ones(2)
    scene = Scene(("x", "t"), ("y", "w"), *ends, np.ones(2), np.full(4, -np.inf))
    assert [len(claims) for claims in relation_of(text, scene, ())] == [1, 1]
    assert len(relation_of(text, replace(scene, output="w"), ())) == 1
    assert len(relation_of("w_x = 0", scene, ())) == 1


@pytest.mark.parametrize("text", ["y(s, t) = y(x, s + 1)", "y(x, s + 1) = y(s, t)"])
def test_a_further_variable_has_the_range_of_the_input_in_whose_place_it_stands_alone(text):
    scene = Scene(("x", "t"), ("y",), np.array([-3.0, 10.0]), np.array([-2.0, 20.0]), np.ones(1), np.full(2, -np.inf))
    (claim, *_), *_ = relation_of(text, scene, ())
    assert claim.names[-1] == "s"
    assert (claim.lo[-1], claim.hi[-1]) == (-3.0, -2.0)
