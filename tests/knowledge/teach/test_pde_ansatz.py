"""Laws of the ansatz: what is given at boundaries holds for every network, and what contradicts itself is refused."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from splinework.errors import ConfigError, FormulaError
from splinework.knowledge.axioms import Axiom, Boundary, Initial, Periodic, Soft
from splinework.knowledge.teach.equations.ansatz import frame_of, joined
from splinework.knowledge.teach.equations.conditions import conditions_of, periods_of
from splinework.knowledge.teach.equations.domain import Domain, domain_of
from splinework.knowledge.teach.equations.formula_text import (
    before,
    beyond,
    minus,
    names_in,
    number,
    restricted,
    times,
    total,
)
from splinework.nn.derivatives import partials
from splinework.nn.frame import Difference, Disc, Expression, FramedKAN, Union
from tests.contracts.cases import seeded
from tests.nn.test_network import DOUBLE, network

XT, XY, XYZ = ("x", "t"), ("x", "y"), ("x", "y", "z")
BOX = {"x": (-1.0, 1.0), "y": (0.0, 2.0), "t": (0.0, 1.0), "z": (0.5, 3.0)}
STRIP = [Boundary({"x": (-1, 1)}, 0), Initial("t", 0, "-sin(pi*x)")]
CASES: dict[str, tuple[list[Axiom], tuple[str, ...]]] = {
    "zero on a square": ([Boundary({"x": (-1, 1), "y": (0, 2)}, 0)], XY),
    "one formula": ([Boundary({"x": (-1, 1), "y": (0, 2)}, "x**2 + y*sin(x)")], XY),
    "start and ends": (STRIP, XT),
    "moving ends": ([Boundary({"x": (-1, 1)}, "exp(-t)*x"), Initial("t", 0, "x**3")], XT),
    "four sides": (
        [
            Boundary({"x": (-1, math.inf)}, "y**2"),
            Boundary({"x": (-math.inf, 1)}, "4*y - 4 + y"),
            Boundary({"y": (0, math.inf)}, "-2*(x + 1)"),
            Boundary({"y": (-math.inf, 2)}, "4 + (x + 1)*1 + 0*y"),
        ],
        XY,
    ),
    "a cube": (
        [
            Boundary({"x": (-1, 1)}, "y*z + 1"),
            Boundary({"y": (0, 2)}, "y*z + x**2"),
            Boundary({"z": (0.5, 3)}, "y*z + x**2 + y*(2 - y)*(1 - x**2)"),
        ],
        XYZ,
    ),
    "a rate": ([Boundary({"x": (-1, 1)}, "t*x"), Initial("t", 0, "sin(pi*x)", rate="x + sin(pi*x)")], XT),
    "one face": ([Boundary({"x": (-math.inf, 1)}, "cos(t)")], XT),
    "late start": ([Initial("t", 0.25, "exp(x)", rate=2)], XT),
}


def framed(axioms: list[Axiom], inputs: tuple[str, ...], seed: int = 1) -> FramedKAN:
    """A network of no special numbers in the frame of the axioms."""
    box = {name: BOX[name] for name in inputs}
    frame = frame_of(conditions_of(axioms, inputs, ["u"]), periods_of(axioms, inputs), inputs, ["u"], [], box)
    assert frame is not None
    return FramedKAN(network([len(frame.features) or len(inputs), 3, 1], seed=seed), frame)


def on_faces(axiom: Boundary | Initial, inputs: tuple[str, ...]) -> Tensor:
    """Points on the faces, ends of the box included."""
    ends = {axiom.input: (axiom.at,)} if isinstance(axiom, Initial) else dict(axiom.face)
    found = []
    for name, values in ends.items():
        for at in filter(math.isfinite, values):
            low, high = (torch.tensor([BOX[n][end] for n in inputs], **DOUBLE) for end in (0, 1))
            unit = torch.rand(200, len(inputs), generator=seeded(5), **DOUBLE)
            unit[:40] = unit[:40].round()
            x = low + (high - low) * unit
            x[:, inputs.index(name)] = at
            found.append(x)
    return torch.cat(found)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", CASES)
def test_hard_values_hold_on_their_faces_for_every_network(name, seed):
    axioms, inputs = CASES[name]
    model = framed(axioms, inputs, seed)
    for axiom in axioms:
        x = on_faces(axiom, inputs)
        value = axiom.value if isinstance(axiom.value, str) else repr(axiom.value)
        gap = model(x)[:, 0] - Expression(value, inputs).of(x)
        assert float(gap.detach().abs().max()) <= 1e-14 * 8  # values up to 8
        if isinstance(axiom, Initial) and axiom.rate is not None:
            (rate,) = partials(model, x, axiom.input)
            given = axiom.rate if isinstance(axiom.rate, str) else repr(axiom.rate)
            assert float((rate[:, 0] - Expression(given, inputs).of(x)).detach().abs().max()) <= 1e-13


@pytest.mark.parametrize("name", CASES)
def test_inside_a_frame_the_network_is_free(name):
    axioms, inputs = CASES[name]
    x = Domain(inputs, {n: BOX[n] for n in inputs}).draw(50, 0)
    one, other = (framed(axioms, inputs, seed)(x).detach() for seed in (1, 2))
    assert bool(((one - other).abs() > 1e-6).all())


REGIONS = [
    Disc(XY, (0.0, 0.0), 1.0),
    Union(Disc(XY, (0.0, 0.0), 1.0), Disc(XY, (0.8, 0.3), 0.7)),
    Difference(Disc(XY, (0.0, 0.0), 1.0), Disc(XY, (0.2, 0.0), 0.4)),
]


@pytest.mark.parametrize("region", REGIONS, ids=lambda region: type(region).__name__)
def test_hard_values_hold_on_the_boundary_of_a_region(region):
    model = framed([Boundary(region, "x*y + 1")], XY)
    x = Domain(XY, dict(region.box())).edge(region, 200, 0)
    assert float((model(x)[:, 0] - x.prod(1) - 1).detach().abs().max()) <= 1e-14


def test_two_regions_with_values_of_their_own_are_joined():
    outer, inner = Disc(XY, (0.0, 0.0), 1.0), Disc(XY, (0.0, 0.0), 0.5)
    model = framed([Boundary(outer, "x"), Boundary(inner, 2)], XY)
    domain = Domain(XY, dict(outer.box()))
    for region, value in ((outer, lambda x: x[:, 0]), (inner, lambda x: 2 + 0 * x[:, 0])):
        x = domain.edge(region, 200, 0)
        assert float((model(x)[:, 0] - value(x)).detach().abs().max()) <= 1e-13


def test_a_region_and_a_start_are_joined():
    inputs = ("x", "y", "t")
    disc, box = Disc(XY, (0.0, 0.0), 1.0), {"x": (-1.0, 1.0), "y": (-1.0, 1.0), "t": (0.0, 1.0)}
    edge, start = Boundary(disc, "t"), Initial("t", 0, "3*(1 - x**2 - y**2)", rate="1")
    frame = frame_of(conditions_of([edge, replace(start, rate=None)], inputs, ["u"]), {}, inputs, ["u"], [], box)
    assert frame is not None
    model, domain = FramedKAN(network([3, 2, 1]), frame), Domain(inputs, box)
    x, first = domain.edge(disc, 100, 0), domain.face("t", 0.0, 100, 0)
    assert float((model(x)[:, 0] - x[:, 2]).detach().abs().max()) <= 1e-14
    assert float((model(first)[:, 0] - Expression(start.value, inputs).of(first)).detach().abs().max()) <= 1e-14
    for bad, said in (
        (start, "make one of them soft"),
        (Initial("t", 0, "1 - x**2"), r"value that boundary.*initial.*Soft"),
    ):
        with pytest.raises(ConfigError, match=said):
            frame_of(conditions_of([edge, bad], inputs, ["u"]), {}, inputs, ["u"], [], box)


def test_a_hard_period_repeats_to_rounding():
    model = framed([Periodic("x", 0.7), Initial("t", 0, "cos(2*pi*x/0.7)")], XT)
    x = Domain(XT, {n: BOX[n] for n in XT}).draw(50, 0)
    step = torch.tensor([0.7, 0.0], **DOUBLE)
    assert float((model(x) - model(x + step)).detach().abs().max()) <= 1e-12


def test_outputs_have_conditions_of_their_own():
    axioms = [
        Initial("t", 0, 2, output="a"),
        Initial("t", 0, "1", output=1),
        Boundary({"t": (-math.inf, 1)}, 5, output="b"),
    ]
    frame = frame_of(conditions_of(axioms, ["t"], ["a", "b"]), {}, ["t"], ["a", "b"], ["k"], {"t": (0.0, 1.0)})
    assert frame is not None
    model = FramedKAN(network([1, 3]), frame)
    found = model(torch.tensor([[0.0], [1.0]], **DOUBLE)).detach()
    assert found[0, 0] == 2
    assert found[0, 1] == 1
    assert found[1, 1] == 5
    assert frame.answers[2] == "z3"


def test_soft_conditions_and_none_make_no_frame():
    axioms = [Boundary({"x": (0, 1)}, 0, strength=Soft())]
    assert frame_of(conditions_of(axioms, ["x"], ["u"]), {}, ["x"], ["u"], [], {"x": (0.0, 1.0)}) is None


def test_a_free_input_keeps_its_values_in_g_and_leaves_omega():
    g, omega = joined(conditions_of(STRIP, XT, ["u"])[0], XT, {n: BOX[n] for n in XT}, free="t")
    assert names_in(omega) == {"x"}
    x = on_faces(STRIP[1], XT)
    assert torch.allclose(Expression(g, XT).of(x), -torch.sin(torch.pi * x[:, 0]), rtol=0, atol=1e-15)


REFUSED = [
    ([Boundary({"x": (-1, 1)}, 1), Initial("t", 0, "-sin(pi*x)")], r"value that boundary.*initial.*Soft\(\)"),
    ([Boundary({"x": (-1, 1)}, "t"), Initial("t", 0, 0, rate="0")], r"rate that initial.*boundary"),
    ([Boundary({"x": (-1, 1)}, 0), Boundary({"x": (0, 1)}, 0)], "x has its values fixed at -1, 0, 1 by"),
    ([Initial("t", 0, 0, rate=1), Boundary({"t": (-math.inf, 1)}, 0)], "two faces of t"),
    ([Boundary({"y": (0, 1)}, 0)], "'y', which does not exist"),
    ([Boundary({"x": (-math.inf, math.inf)}, 0)], "no face at a finite value"),
]


@pytest.mark.parametrize(("axioms", "said"), REFUSED, ids=range(len(REFUSED)))
def test_what_cannot_be_built_in_is_refused_by_name(axioms, said):
    with pytest.raises(ConfigError, match=said):
        framed(axioms, XT)


# ---------------------------------------------------------------------------------------------- formulas and points


@pytest.mark.parametrize("text", ["x**2 - y*x", "sin(x)*2/(1+y)", "-x**2", "max(x, -1)*y", "(x - 1)**2 + pi", "x*y"])
@pytest.mark.parametrize("value", [-2.5, 0.0, 3.0, 1e-9])
def test_a_restricted_formula_has_the_values_there(text, value):
    y = torch.linspace(0, 1, 7, **DOUBLE)
    x = torch.stack([torch.full_like(y, value), y], dim=1)
    short = restricted(text, {"x": value})
    assert names_in(short) <= {"y"}
    assert torch.allclose(Expression(short, XY).of(x), Expression(text, XY).of(x), rtol=1e-14, atol=1e-14)


def test_formulas_are_put_together_as_they_are_meant():
    x = torch.tensor([[0.3, 0.7]], **DOUBLE)
    for text, truth in (
        (minus("x", "y + 1"), 0.3 - 1.7),
        (minus("0", "x - y"), 0.4),
        (times("x + 1", "y", "1"), 1.3 * 0.7),
        (times("x", "0"), 0.0),
        (total("x", "0", "-y"), -0.4),
        (beyond("x", -2.0), 2.3),
        (before("x", 0.0), -0.3),
        (f"x**{number(-2)}", 0.3**-2),
    ):
        assert abs(float(Expression(text, XY).of(x)) - truth) <= 1e-14


def test_a_value_that_is_not_finite_on_its_face_is_refused():
    with pytest.raises(FormulaError, match="not finite"):
        restricted("1/x", {"x": 0.0})


def test_points_lie_in_the_domain_and_are_the_same_for_the_same_seed():
    ring = Difference(Disc(XY, (0.0, 0.0), 1.0), Disc(XY, (0.0, 0.0), 0.5))
    domain = domain_of([Boundary(ring, 0)], XY, None, {"x": (-9.0, 9.0), "y": (-9.0, 9.0)})
    x = domain.draw(300, 4)
    assert torch.equal(x, domain.draw(300, 4))
    radius = x.norm(dim=1)
    assert bool(((radius > 0.5) & (radius < 1)).all())
    edge = domain.edge(ring, 100, 0).norm(dim=1)
    assert float(torch.minimum((edge - 1).abs(), (edge - 0.5).abs()).max()) < 1e-12


def test_ranges_come_from_the_user_then_from_axioms_then_from_grids():
    domain = domain_of(
        [Boundary({"x": (0, 3), "y": (1, math.inf)}, 0)], XYZ, {"z": (7, 8)}, dict.fromkeys(XYZ, (-1.0, 1.0))
    )
    assert domain.box == {"x": (0.0, 3.0), "y": (-1.0, 1.0), "z": (7.0, 8.0)}
    with pytest.raises(ConfigError, match="'q', which does not exist"):
        domain_of([], XYZ, {"q": (0, 1)}, dict.fromkeys(XYZ, (-1.0, 1.0)))


def test_a_region_that_hardly_fills_its_box_is_refused():
    with pytest.raises(ConfigError, match="tighter box"):
        Domain(XY, {"x": (0.0, 1e6), "y": (0.0, 1e6)}, (Disc(XY, (5.0, 5.0), 1.0),)).draw(50, 0)
