"""`verify`: every axiom, proved where it holds, refuted where it does not, by a point that reproduces from its decimals."""

import json

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.errors import ConfigError, FormulaError
from splinework.knowledge.axioms import (
    Additive,
    Antisymmetric,
    Asymptote,
    Boundary,
    Bounded,
    Concave,
    Conserved,
    Convex,
    Disc,
    Even,
    Initial,
    Integral,
    Invariant,
    Law,
    Lipschitz,
    Monotone,
    NoInteraction,
    Odd,
    Ordered,
    Periodic,
    Positive,
    ResidualEquation,
    SumToOne,
    Symmetric,
    Through,
    Units,
)
from splinework.knowledge.axioms.checker import check
from splinework.knowledge.axioms.realise import realise
from splinework.knowledge.axioms.verify import verify
from splinework.knowledge.axioms.verify.exact import ExactEnvironment, ExactModel
from splinework.knowledge.axioms.verify.subject import subject_of
from splinework.nn.frame import Frame, FramedKAN
from tests.knowledge.axioms.verify.models import cube, smooth

TWO = ("x1", "x2")
HARD = [
    pytest.param([2, 4, 1], Monotone("x1"), id="monotone"),
    pytest.param([2, 4, 4, 1], Monotone("x2", increasing=False), id="falling"),
    pytest.param([2, 4, 1], Convex("x1"), id="convex"),
    pytest.param([2, 4, 1], Concave("x2"), id="concave"),
    pytest.param([2, 4, 1], Bounded(0.1, 0.3), id="bounded"),
    pytest.param([2, 4, 1], Positive(), id="positive"),
    pytest.param([2, 4, 1], Periodic("x1", 0.7), id="periodic"),
    pytest.param([2, 4, 1], Even("x1"), id="even"),
    pytest.param([2, 4, 1], Odd("x1"), id="odd"),
    pytest.param([1, 4, 1], Odd("x1"), id="odd alone"),
    pytest.param([2, 4, 1], Asymptote("x1"), id="asymptote"),
    pytest.param([3, 4, 1], Symmetric(("x1", "x2", "x3")), id="symmetric"),
    pytest.param([2, 4, 1], Antisymmetric(TWO), id="antisymmetric"),
    pytest.param([3, 4, 1], NoInteraction("x1", "x2"), id="no interaction"),
    pytest.param([3, 4, 1], Additive(), id="additive"),
    pytest.param([2, 4, 1], Invariant("sign", TWO), id="sign"),
    pytest.param([2, 4, 1], Invariant("scale", TWO), id="scale"),
    pytest.param([2, 4, 1], Invariant("translation", TWO), id="translation"),
    pytest.param([3, 4, 1], Invariant("rotation", ("x1", "x2", "x3")), id="rotation"),
    pytest.param([2, 4, 3], SumToOne(), id="sum to one"),
    pytest.param([2, 4, 3], Ordered(), id="ordered"),
    pytest.param([2, 4, 1], Boundary({"x1": (-1, 1), "x2": (-1, 1)}, "x1*x2"), id="boundary"),
    pytest.param([2, 4, 1], Boundary(Disc(TWO, (0, 0), 1), "x1"), id="boundary of a disc"),
    pytest.param([2, 4, 1], Initial("x1", 0.0, "sin(x2)", "x2**2"), id="initial"),
    pytest.param([2, 4, 1], Units({"x1": "m", "x2": "m"}, "m^2"), id="units"),
]


@pytest.mark.parametrize(("shape", "axiom"), HARD)
def test_what_holds_by_construction_is_proved_by_structure_and_confirmed(shape, axiom):
    generator = torch.Generator().manual_seed(3)
    low = 0.5 if isinstance(axiom, Units) else -1.0
    plain = sw.KAN(shape, dtype=torch.float64, generator=generator)
    model = realise(plain, [axiom], [(low, 1.0)] * shape[0])
    for layer in (model.network if isinstance(model, FramedKAN) else model).kan_layers:
        size = layer.edge_coefficients().shape
        layer.set_edge_coefficients(torch.randn(size, generator=generator, dtype=torch.float64))
    found = verify(model, axiom)
    assert found.status == "proved", str(found)
    assert {claim.method for claim in found.claims} <= {"formula", "structure"}
    assert found.boxes <= len(found.claims)
    assert check(model, json.loads(found.to_json())), check(model, found).reason


@pytest.mark.parametrize("base", ["gelu", "none"])
@pytest.mark.parametrize("degree", [3, 4])
def test_a_bound_close_to_the_least_value_of_a_hidden_edge_is_confirmed(degree, base):
    """That value is taken on a curve in the box, which no division could enclose so closely."""
    generator = torch.Generator().manual_seed(degree)
    model = sw.KAN([2, 1, 1], degree=degree, base=base, dtype=torch.float64, generator=generator)
    with torch.no_grad():
        for layer in model.kan_layers:
            layer.coefficients.normal_(0, 1, generator=generator)
    inner, outer = model.kan_layers
    axis = torch.linspace(-1, 1, 100, dtype=torch.float64)
    with torch.no_grad():
        sums = inner(torch.cartesian_prod(axis, axis))
        u = torch.linspace(sums.min(), sums.max(), 200_001, dtype=torch.float64)[:, None]
        values = outer(u)[1:-1, 0].numpy()
    end = float(values.min() - 2e-9 * np.ptp(values))
    found = verify(model, f"bounded({end!r})", box=[(-1, 1), (-1, 1)], effort=0.5)
    assert (found.status, found.claims[0].method) == ("proved", "structure"), str(found)


FREE = [axiom.values[1] for axiom in HARD if axiom.values[1].inputs in ((), ("x1",), ("x2",), TWO)]
FREE += [
    Lipschitz(0.1),
    Through(((0.0, 0.0),), ((5.0,),)),
    Integral(3.0),
    Conserved({"x1": "x2", "x2": "-x1"}),
    ResidualEquation("y_x1x1 + y_x2x2"),
    Law("f(x1, x2) == f(x2, x1)"),
    Law("f_x1 >= 0 when x2 < 0.5"),
    Asymptote("x1", kind="linear"),
]


@pytest.mark.quick(12)
@pytest.mark.parametrize("axiom", [a for a in FREE if not isinstance(a, (SumToOne, Ordered))], ids=lambda a: a.text())
def test_what_does_not_hold_is_refuted_by_decimals_that_reproduce(axiom):
    if isinstance(axiom, Boundary) and not isinstance(axiom.face, tuple):
        pytest.skip("the boundary of a disc is not a box")
    model = smooth([2, 3, 1], 0)
    found = verify(model, axiom, box={"x1": (0.25, 1.0)} if isinstance(axiom, Units) else None, effort=10)
    assert found.status == "refuted", str(found)
    assert check(model, found), check(model, found).reason
    if isinstance(axiom, Integral):
        return
    subject = subject_of(model, dict(found.box))
    for claim, result in zip(axiom.claims(subject), found.claims, strict=True):
        if result.status == "refuted":
            point = {name: float(repr(value)) for name, value in result.counterexample.items()}
            value = claim.define(ExactEnvironment(ExactModel(model), list(point.values()), claim.inputs))
            assert float(value) == pytest.approx(float(result.value), rel=1e-12)
            assert value < -claim.tolerance


def test_outputs_that_are_not_ordered_or_shares_are_refuted():
    model = smooth([2, 3, 2], 1)
    assert verify(model, [Ordered(), SumToOne()]).status == "refuted"
    assert verify(model, Bounded(-50, 50)).status == "proved"
    assert [claim.text for claim in verify(model, Positive(output="y2")).claims] == ["y2 >= 0.0"]


PROVABLE = [
    "bounded(-10, 10)", "lipschitz(9)", "law('f_x1 >= -3')", "law('f(x1, x2) - f(x2, x1) <= 8')",
    "law('f(x1 + s, x2) - f(x1, x2) <= 9')", "bounded(upper=2, domain={'x1': (0, 0.5)})",
]  # fmt: skip


@pytest.mark.parametrize("text", PROVABLE)
def test_what_a_network_happens_to_fulfil_is_proved_and_confirmed(text):
    model = smooth([2, 3, 1], 0)
    found = verify(model, text)
    assert found.status == "proved", str(found)
    assert found.bound >= -max(claim.tolerance for claim in found.claims)
    assert check(model, found), check(model, found).reason


@pytest.mark.slow
def test_an_integral_is_enclosed_and_confirmed():
    model = smooth([2, 3, 1], 0)
    axis, weight = np.polynomial.legendre.leggauss(60)
    x = torch.cartesian_prod(torch.from_numpy(axis), torch.from_numpy(axis))
    value = float((np.outer(weight, weight).ravel() * model(x)[:, 0].detach().numpy()).sum())
    found = verify(model, Integral(round(value, 7)), effort=60)
    assert found.status == "proved", str(found)
    assert check(model, found), check(model, found).reason
    assert verify(model, Integral(value + 0.5)).status == "refuted"


def test_a_slope_that_touches_zero_is_proved_to_a_tolerance_that_is_told():
    """`3 x²` is zero at 0: no enclosure can be strictly positive there."""
    model = cube()
    found = verify(model, "monotone(x1)")
    claim = found.claims[0]
    assert found.status == "proved"
    assert -claim.tolerance <= claim.bound <= 0
    assert claim.tolerance == pytest.approx(1e-6, rel=0.1)  # of a range of 2 on a width of 2
    assert check(model, found)
    steeper = verify(model, "monotone(x1, domain={'x1': (0.5, 1)})")
    assert 0.3 < steeper.bound <= 0.75  # 3 x² at 0.5, and half of it left for the checker


def test_everywhere_is_proved_by_linear_tails_and_refuted_by_a_point():
    model = realise(sw.KAN([2, 3, 1], dtype=torch.float64), [Monotone("x1")], [(-1.0, 1.0)] * 2)
    found = verify(model, Monotone("x1", domain="all"))
    assert found.status == "proved"
    assert found.claims[0].lo[0] == -np.inf
    assert check(model, json.loads(found.to_json()))
    assert verify(smooth([2, 3, 1]), Monotone("x1", domain="all")).status == "refuted"
    bounded = verify(smooth([2, 3, 1]), Bounded(-50, 50, domain="all"))
    assert bounded.status in ("refuted", "unknown")


def test_what_cannot_be_decided_says_why():
    model = smooth([2, 3, 1])
    third = verify(model, ResidualEquation("y_x1x1x1 + y_x2"))
    assert third.status == "unknown"
    assert "order 3" in third.claims[0].reason
    hard = verify(smooth([4, 5, 5, 1]), "law('f(x1, x2, x3, x4) <= 0.37')", effort=0.05)
    assert hard.status in ("unknown", "refuted", "proved")
    if hard.status == "unknown":
        assert hard.claims[0].gap >= 0


def test_the_box_is_that_of_the_grids_and_may_be_given():
    model = sw.KAN([2, 3, 1], dtype=torch.float64, input_scales=["log", "linear"], names=["a", "b"])
    assert verify(model, "bounded(-99, 99)").box["a"] == pytest.approx((np.exp(-1), np.exp(1)))
    assert verify(model, "bounded(-99, 99)", box={"b": (0, 3)}).box["b"] == (0.0, 3.0)
    framed = FramedKAN(sw.KAN([1, 1], dtype=torch.float64), Frame(("a", "b"), ("a*b",)))
    with pytest.raises(ConfigError, match="box="):
        verify(framed, "positive()")
    assert verify(framed, "bounded(-99, 99)", box={"a": (0, 1), "b": (0, 1)}).status == "proved"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param({"axioms": []}, "at least one axiom", id="none"),
        pytest.param({"axioms": "monotone(c)"}, "x1", id="no such input"),
        pytest.param({"axioms": "positive()", "box": {"c": (0, 1)}}, "x1", id="no such range"),
        pytest.param({"axioms": "positive()", "box": {"x1": (1, 0)}}, "low < high", id="empty range"),
        pytest.param({"axioms": "positive()", "box": {"x1": (0, np.inf)}}, "finite", id="infinite range"),
        pytest.param({"axioms": "positive()", "budget": 0}, "budget", id="no time"),
    ],
)
def test_wrong_use_is_told(given, message):
    with pytest.raises((ConfigError, FormulaError), match=message):
        verify(smooth([2, 3, 1]), **given)


def test_a_model_with_numbers_that_are_not_finite_is_refused():
    model = smooth([2, 1])
    with torch.no_grad():
        model.kan_layers[0].coefficients[0, 0, 0] = torch.nan
    with pytest.raises(ConfigError, match="finite"):
        verify(model, "positive()")
