"""Hard axioms on structure, values and units; names of columns; what cannot be built is refused."""

import math

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.errors import ConfigError
from splinework.knowledge.axioms import (
    Additive,
    Antisymmetric,
    Asymptote,
    Boundary,
    Bounded,
    Concave,
    Convex,
    Difference,
    Disc,
    Even,
    Initial,
    Integral,
    Invariant,
    Law,
    Lipschitz,
    Monotone,
    NoInteraction,
    Ordered,
    Periodic,
    Positive,
    Soft,
    SumToOne,
    Symmetric,
    Through,
    Units,
)
from splinework.knowledge.axioms import Box as BoxRegion
from splinework.knowledge.axioms.realise import anchored, realise
from splinework.nn.frame import FramedKAN
from tests.families import every
from tests.knowledge.axioms.hard import NAMES, RANGES, changed, model_of, points, same


@pytest.mark.parametrize("axiom", [NoInteraction("a", "b"), Additive((("a",), ("b", "c")))], ids=str)
def test_no_interaction(axiom):
    model, x, other = model_of(axiom), points(500), points(500, seed=9)
    mixed = (model(x) - model(changed(x, 0, other[:, 0])) - model(changed(x, 1, other[:, 1]))).detach()
    both = changed(changed(x, 0, other[:, 0]), 1, other[:, 1])
    torch.testing.assert_close(mixed + model(both).detach(), torch.zeros_like(mixed), atol=1e-10, rtol=0)


def test_boundaries_and_starts():
    x = points()
    faces = model_of(Boundary({"a": (-1, 1)}, "sin(b)*c"))
    for end in (-1.0, 1.0):
        at = changed(x, 0, torch.full((len(x),), end, dtype=torch.float64))
        torch.testing.assert_close(faces(at).detach()[:, 0], torch.sin(x[:, 1]) * x[:, 2], atol=1e-14, rtol=0)
    ring = Difference(BoxRegion({"a": (-2, 2), "b": (-2, 2)}), Disc(("a", "b"), (0, 0), 1))
    angle = points()[:, 0]
    rim = torch.stack([torch.cos(angle), torch.sin(angle), x[:, 2]], dim=1)
    assert float((model_of(Boundary(ring, 2.0))(rim).detach() - 2).abs().max()) < 1e-12
    start = model_of(Initial("c", 0.5, "a*b", rate="a"))
    at = changed(x, 2, torch.full((len(x),), 0.5, dtype=torch.float64)).requires_grad_()
    y = start(at)
    (slope,) = torch.autograd.grad(y.sum(), at)
    torch.testing.assert_close(y.detach()[:, 0], x[:, 0] * x[:, 1], atol=1e-14, rtol=0)
    torch.testing.assert_close(slope[:, 2], x[:, 0], atol=1e-12, rtol=0)


def test_two_boundaries_with_values_of_their_own():
    model = model_of(Boundary({"a": (-1, math.inf)}, "b"), Boundary({"b": (-1, math.inf)}, -1.0))
    x = points(500)
    left = changed(x, 0, torch.full((500,), -1.0, dtype=torch.float64))
    torch.testing.assert_close(model(left).detach()[:, 0], x[:, 1], atol=1e-12, rtol=0)


def test_points_and_integrals_are_met_after_edits():
    target = [[0.1, 0.2, 0.3], [-0.5, 0.4, 0.0]]
    axiom = Through(target, [2.0, -1.0])
    total = Integral(0.7, over={"a": (0, 1), "b": (-1, 1), "c": (0, 0.5)})
    x = points(300, reach=1.0)
    for edit in (lambda m: m, lambda m: sw.refine(m, 9), lambda m: sw.prune(m, x, edges=0.3), lambda m: sw.adapt(m, x)):
        at = torch.tensor(target, dtype=torch.float64)
        found = edit(model_of(axiom))(at).detach()[:, 0]
        torch.testing.assert_close(found, torch.tensor([2.0, -1.0], dtype=torch.float64), atol=1e-9, rtol=0)
        model = edit(model_of(total))
        nodes, weights = np.polynomial.legendre.leggauss(12)
        grid = np.stack(np.meshgrid((nodes + 1) / 2, nodes, (nodes + 1) / 4, indexing="ij"), -1).reshape(-1, 3)
        share = np.einsum("i,j,k->ijk", weights / 2, weights, weights / 4).ravel()
        value = float(torch.from_numpy(share) @ model(torch.from_numpy(grid)).detach()[:, 0])
        assert value == pytest.approx(0.7, abs=1e-9)


def test_several_outputs():
    x = 10 * points()
    shares = model_of(SumToOne(), outputs=3)(x).detach()
    torch.testing.assert_close(shares.sum(1), torch.ones(len(x), dtype=torch.float64), atol=1e-10, rtol=0)
    positive = model_of(SumToOne(), Positive(), outputs=3)(x).detach()
    torch.testing.assert_close(positive.sum(1), torch.ones(len(x), dtype=torch.float64), atol=1e-12, rtol=0)
    assert float(positive.min()) >= 0
    assert bool((torch.diff(model_of(Ordered(), outputs=3)(x).detach(), dim=1) >= 0).all())
    one = model_of(Bounded(0, 1, output="y2"), outputs=2)(x).detach()
    assert float(one[:, 1].min()) >= 0
    assert float(one[:, 0].min()) < 0


def test_tails():
    far = changed(points(200), 0, torch.full((200,), 50.0, dtype=torch.float64))
    flat = model_of(Asymptote("a", "right"))
    same(flat, far, changed(far, 0, torch.full((200,), 1.0, dtype=torch.float64)), tolerance=1e-14)
    fading = model_of(Asymptote("a", "right", "value", 3.0))(far).detach()
    torch.testing.assert_close(fading, torch.full_like(fading, 3.0), atol=1e-9, rtol=0)


def test_units_are_homogeneous():
    axiom = Units({"a": "m", "b": "s", "c": "m/s"}, "m/s^2")
    model = model_of(axiom)
    x = points().abs() + 0.2
    metre, second = 3.7, 0.41
    scaled = x * torch.tensor([metre, second, metre / second], dtype=torch.float64)
    first, other = model(x).detach(), model(scaled).detach()
    torch.testing.assert_close(other, first * metre / second**2, rtol=1e-9, atol=1e-9)
    assert isinstance(model, FramedKAN)
    assert model.network.inputs == 1


@pytest.mark.parametrize(
    "names", [["z1", "sepal length (cm)", "lambda"], ["1st", "a b", "a_b"]], ids=["words", "alike"]
)
def test_any_names_of_columns_will_do(names):
    axioms = (
        [Boundary({names[0]: (-1, 1)}, 2.0)],
        [Symmetric((names[0], names[1]))],
        [Even(names[1]), Periodic(names[1], 2.0)],
    )
    for given in (*axioms, [Through([[0, 0, 0]], [1.0])], [Antisymmetric((names[0], names[2]))]):
        made = realise(sw.KAN([3, 4, 1], names=names, dtype=torch.float64), given, RANGES)
        assert torch.isfinite(anchored(made, given, RANGES)(points(50))).all()
    units = Units({names[0]: "m", names[1]: "s", names[2]: "m/s"}, "m")
    made = realise(sw.KAN([3, 4, 1], names=names, dtype=torch.float64), [units], RANGES)
    assert torch.isfinite(made(points(50).abs() + 0.1)).all()


def test_soft_axioms_change_nothing():
    plain = sw.KAN([3, 2, 1], names=NAMES, generator=torch.Generator().manual_seed(0))
    made = realise(plain, [Monotone("a", strength=Soft())], RANGES)
    assert torch.equal(made(points().float()), plain(points().float()))


@every(
    "axioms",
    [
        [Monotone("nope")],
        [Law("f(a,b,c) == f(b,a,c)")],
        [Boundary({"a": (0, 1)}), Bounded(0, 1)],
        [Additive(), Positive()],
        [Invariant("rotation", ("a", "b")), Monotone("a")],
        [Units({"a": "m", "b": "m", "c": "m"}, "kg")],
        [Units({"a": "m"}, "m")],
        [Asymptote("a", kind="linear")],
        [Lipschitz(1.0), Convex("a")],
        [Convex("a"), Bounded(upper=1.0)],
        [Concave("a"), Positive()],
        [Through([[0, 0, 0], [0, 0, 0]], [1, 2])],
    ],
)
def test_what_cannot_be_built_is_refused(axioms):
    with pytest.raises(sw.SplineworkError):
        model_of(*axioms)


def test_a_layer_that_is_too_narrow_is_refused():
    with pytest.raises(ConfigError, match="too narrow"):
        model_of(Additive((("a", "b"), ("c",))), hidden=1)


def test_a_sum_of_functions_of_one_input_has_no_hidden_layer():
    model = model_of(Additive(), hidden=6)
    assert isinstance(model, sw.KAN)
    assert model.config.shape == [3, 1]
