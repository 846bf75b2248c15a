"""Hard axioms: true for every value of a model's numbers, at random and at awkward points, in both precisions."""

import math

import pytest
import torch

from splinework.knowledge.axioms import (
    Antisymmetric,
    Bounded,
    Concave,
    Convex,
    Even,
    Invariant,
    Lipschitz,
    Monotone,
    Odd,
    Periodic,
    Positive,
    Symmetric,
)
from tests.knowledge.axioms.hard import changed, model_of, points, same


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
