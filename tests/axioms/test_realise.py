"""Hard axioms: true for every value of a model's numbers, at random and at awkward points, in both precisions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import splinework as sw
from splinework.axioms import (
    Additive,
    Antisymmetric,
    Asymptote,
    Axiom,
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
    Odd,
    Ordered,
    Periodic,
    Positive,
    Soft,
    SumToOne,
    Symmetric,
    Through,
    Units,
)
from splinework.axioms import Box as BoxRegion
from splinework.axioms.realise import anchored, realise, set_slopes
from splinework.errors import ConfigError
from splinework.frame import FramedKAN

RANGES = ((-1.0, 1.0), (-1.0, 1.0), (-1.0, 1.0))
NAMES = ["a", "b", "c"]


def model_of(
    *axioms: Axiom,
    degree: int = 3,
    outputs: int = 1,
    seed: int = 0,
    hidden: int = 6,
    dtype: torch.dtype = torch.float64,
) -> sw.KAN | FramedKAN:
    """A model with rough random numbers that the axioms were built into."""
    generator = torch.Generator().manual_seed(seed)
    shape = [3, hidden, outputs] if hidden else [3, outputs]
    plain = sw.KAN(shape, degree=degree, names=NAMES, dtype=torch.float64, generator=generator)
    made = realise(plain, axioms, RANGES)
    network = made.network if isinstance(made, FramedKAN) else made
    for layer in network.kan_layers:
        layer.set_edge_coefficients(
            torch.randn(layer.edge_coefficients().shape, generator=generator, dtype=torch.float64)
        )
        if layer.bias is not None:
            layer.bias.data.normal_(generator=generator)
    set_slopes(network, axioms, NAMES)
    return anchored(made, axioms, RANGES).to(dtype)


def points(count: int = 3000, seed: int = 5, reach: float = 3.0) -> torch.Tensor:
    """Inside the grids, far outside, and where cells meet."""
    generator = torch.Generator().manual_seed(seed)
    x = reach * (2 * torch.rand(count, 3, generator=generator, dtype=torch.float64) - 1)
    corners = torch.linspace(-1, 1, 11, dtype=torch.float64)
    x[: count // 3] = corners[torch.randint(0, 11, (count // 3, 3), generator=generator)]
    return x


@torch.no_grad()
def along(model: torch.nn.Module, i: int, order: int, dtype: torch.dtype) -> torch.Tensor:
    """Differences of the output along an input, other inputs fixed, in units of the last place of its size."""
    x = points(40)
    line = torch.linspace(-3, 3, 301, dtype=torch.float64)
    grid = x[:, None].repeat(1, len(line), 1)
    grid[..., i] = line
    y = model(grid.reshape(-1, 3).to(dtype)).reshape(len(x), len(line), -1).double()
    ulp = torch.finfo(dtype).eps * y.abs().amax().clamp_min(1e-300)
    return torch.diff(y, n=order, dim=1) / ulp


ROUNDING = {torch.float64: 64, torch.float32: 64}
"""Units in the last place of the largest output: edges are evaluated by Horner's rule, and sums have some terms."""
DTYPES = [torch.float64, torch.float32]


@pytest.mark.parametrize("dtype", DTYPES, ids=["float64", "float32"])
@pytest.mark.parametrize("degree", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("hidden", [0, 6])
@pytest.mark.parametrize("rising", [True, False])
def test_monotone(rising, hidden, degree, dtype):
    model = model_of(Monotone("a", rising), degree=degree, hidden=hidden, dtype=dtype)
    step = along(model, 0, 1, dtype) * (1 if rising else -1)
    assert float(step.min()) >= -ROUNDING[dtype]
    assert float(along(model, 1, 1, dtype).abs().max()) > 1e3  # what is not asked for is free


@pytest.mark.parametrize("dtype", DTYPES, ids=["float64", "float32"])
@pytest.mark.parametrize("degree", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("hidden", [0, 6])
@pytest.mark.parametrize("kind", [Convex, Concave])
def test_convex_and_concave(kind, hidden, degree, dtype):
    model = model_of(kind("b"), degree=degree, hidden=hidden, dtype=dtype)
    bend = along(model, 1, 2, dtype) * (1 if kind is Convex else -1)
    assert float(bend.min()) >= -8 * ROUNDING[dtype]


@pytest.mark.parametrize("seed", range(3))
def test_shapes_go_together(seed):
    axioms = [Monotone("a"), Monotone("b", increasing=False), Convex("b"), Concave("c")]
    model = model_of(*axioms, seed=seed, hidden=8)
    assert float(along(model, 0, 1, torch.float64).min()) >= -64
    assert float(along(model, 1, 1, torch.float64).max()) <= 64
    assert float(along(model, 1, 2, torch.float64).min()) >= -512
    assert float(along(model, 2, 2, torch.float64).max()) <= 512


@pytest.mark.parametrize("dtype", DTYPES, ids=["float64", "float32"])
@pytest.mark.parametrize("axiom", [Bounded(-0.3, 0.8), Bounded(lower=0.1), Bounded(upper=-2.0), Positive()], ids=str)
def test_bounds(axiom, dtype):
    y = model_of(axiom, dtype=dtype)(100 * points().to(dtype)).detach()
    low = 0.0 if isinstance(axiom, Positive) else axiom.lower
    high = None if isinstance(axiom, Positive) else axiom.upper
    assert low is None or float(y.min()) >= torch.tensor(low, dtype=dtype)
    assert high is None or float(y.max()) <= torch.tensor(high, dtype=dtype)


def test_bends_and_bounds_that_bend_alike():
    convex = model_of(Convex("b"), Positive(), hidden=6)
    assert float(along(convex, 1, 2, torch.float64).min()) >= -512
    assert float(convex(points()).detach().min()) >= 0
    concave = model_of(Concave("b"), Bounded(upper=0.5), hidden=6)
    assert float(along(concave, 1, 2, torch.float64).max()) <= 512
    assert float(concave(points()).detach().max()) <= 0.5


@pytest.mark.parametrize("hidden", [0, 6])
@pytest.mark.parametrize("axiom", [Lipschitz(0.5), Lipschitz(2.0, ("b",))], ids=str)
def test_slopes(axiom, hidden):
    model = model_of(axiom, hidden=hidden)
    x = points().requires_grad_()
    (slope,) = torch.autograd.grad(model(x).sum(), x)
    columns = [1] if axiom.along else [0, 1, 2]
    assert float(slope[:, columns].abs().max()) <= axiom.constant * (1 + 1e-9)


def same(
    model: torch.nn.Module, x: torch.Tensor, other: torch.Tensor, sign: float = 1.0, tolerance: float = 1e-12
) -> None:
    first, second = model(x).detach(), model(other).detach()
    size = float(first.abs().max())
    torch.testing.assert_close(second, sign * first, atol=tolerance * size, rtol=0)


def changed(x: torch.Tensor, i: int, to: torch.Tensor) -> torch.Tensor:
    other = x.clone()
    other[:, i] = to
    return other


@pytest.mark.parametrize("hidden", [0, 6])
def test_even_odd_and_periodic(hidden):
    x = points()
    same(model_of(Even("a", 0.25), hidden=hidden), x, changed(x, 0, 0.5 - x[:, 0]))
    same(model_of(Odd("a", 0.25), hidden=hidden), x, changed(x, 0, 0.5 - x[:, 0]), sign=-1.0)
    same(model_of(Periodic("b", 1.7), hidden=hidden), x, changed(x, 1, x[:, 1] + 5.1), tolerance=1e-9)
    same(model_of(Periodic("b", 1.5), Even("b"), hidden=hidden), x, changed(x, 1, 3.0 - x[:, 1]), tolerance=1e-9)


def test_a_periodic_function_is_smooth_over_its_seam():
    model = model_of(Periodic("a", 2.0), degree=3)
    seam = torch.tensor([[2.0 - 1e-9, 0.3, 0.1], [2.0 + 1e-9, 0.3, 0.1]], dtype=torch.float64).requires_grad_()
    value = model(seam)
    (slope,) = torch.autograd.grad(value.sum(), seam)
    torch.testing.assert_close(value[0], value[1], atol=1e-6, rtol=0)
    torch.testing.assert_close(slope[0], slope[1], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("hidden", [0, 6])
@pytest.mark.parametrize("more", [(), (Monotone("a"), Monotone("b"))], ids=["alone", "with shapes"])
def test_exchanges(more, hidden):
    x = points()
    same(model_of(Symmetric(("a", "b")), *more, hidden=hidden), x, x[:, [1, 0, 2]])
    if not more:
        same(model_of(Symmetric(("a", "b", "c")), hidden=hidden), x, x[:, [2, 0, 1]])
        same(model_of(Antisymmetric(("a", "b")), hidden=hidden), x, x[:, [1, 0, 2]], sign=-1.0)
        same(model_of(Antisymmetric(("a", "b", "c")), hidden=hidden), x, x[:, [1, 0, 2]], sign=-1.0)


def test_invariances():
    x = points()
    angle = 0.7
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]], dtype=torch.float64)
    same(model_of(Invariant("rotation", ("a", "b"))), x, torch.cat([x[:, :2] @ turn.T, x[:, 2:]], 1), tolerance=1e-11)
    same(model_of(Invariant("translation", ("a", "c"))), x, x + torch.tensor([0.6, 0.0, 0.6], dtype=torch.float64))
    same(model_of(Invariant("sign", ("a", "b"))), x, x * torch.tensor([-1.0, -1.0, 1.0], dtype=torch.float64))
    same(
        model_of(Invariant("scale", ("a", "b"))),
        x,
        x * torch.tensor([2.5, 2.5, 1.0], dtype=torch.float64),
        tolerance=1e-11,
    )


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


@pytest.mark.parametrize(
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
    ids=lambda axioms: " and ".join(map(str, axioms))[:60],
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
