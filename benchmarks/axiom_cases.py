"""Cases of `bench_axioms.py`: models with an axiom built in, measures of its violation, and functions that fulfil it."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

import splinework as sw
from splinework import axioms as ax
from splinework.knowledge.axioms.realise import anchored, realise, set_slopes
from splinework.nn.frame import FramedKAN

NAMES = ("a", "b", "c")
RANGES = ((-1.0, 1.0),) * 3
Model = sw.KAN | FramedKAN
Violation = Callable[[Model, Tensor, float], Tensor]
"""Violations at rows, in units of the last place of the largest output; positive beyond rounding where an axiom is broken."""


def moved(x: Tensor, changes: dict[int, Tensor]) -> Tensor:
    """The rows with some columns changed."""
    other = x.clone()
    for i, value in changes.items():
        other[:, i] = value
    return other


def _size(*values: Tensor) -> Tensor:
    return torch.stack([value.abs().amax() for value in values]).amax().clamp_min(1e-300)


def falls(i: int, sign: float = 1.0) -> Violation:
    """The amount by which the output falls from a row to one further on."""

    def of(model: Model, x: Tensor, eps: float) -> Tensor:
        step = 10.0 ** (-6 * torch.rand(len(x), generator=torch.Generator().manual_seed(1))).to(x)
        here, there = model(x).double(), model(moved(x, {i: x[:, i] + step})).double()
        return sign * (here - there) / (eps * _size(here))

    return of


def bends(i: int, sign: float = 1.0) -> Violation:
    """The amount by which the middle of two rows lies above their mean."""

    def of(model: Model, x: Tensor, eps: float) -> Tensor:
        # Dyadic steps: the middle is the middle to the last bit.
        step = (2.0 ** -torch.randint(0, 8, (len(x),), generator=torch.Generator().manual_seed(1))).to(x)
        middle = torch.round(x[:, i] * 256) / 256
        low, mid, high = (model(moved(x, {i: middle + k * step})).double() for k in (-1, 0, 1))
        return sign * (mid - (low + high) / 2) / (eps * _size(low, mid, high))

    return of


def differs(change: Callable[[Tensor], Tensor], sign: float = 1.0) -> Violation:
    """The amount by which the output differs from (minus) that at other rows."""

    def of(model: Model, x: Tensor, eps: float) -> Tensor:
        here, there = model(x).double(), model(change(x)).double()
        return (here - sign * there).abs() / (eps * _size(here))

    return of


def beyond(low: float, high: float) -> Violation:
    """The amount by which the output leaves its bounds; no rounding is allowed."""

    def of(model: Model, x: Tensor, eps: float) -> Tensor:
        y = model(100 * x).double()
        return 1e300 * torch.maximum(low - y, y - high)

    return of


def steeper(constant: float) -> Violation:
    """The amount by which a slope exceeds the constant, in units of rounding of the constant."""

    def of(model: Model, x: Tensor, eps: float) -> Tensor:
        x = x.clone().requires_grad_()
        with torch.enable_grad():
            (slope,) = torch.autograd.grad(model(x).sum(), x)
        return (slope.abs() - constant) / (eps * constant)

    return of


def misses(at: Callable[[Tensor], Tensor], value: Callable[[Tensor], Tensor]) -> Violation:
    """The amount by which the output differs from the prescribed values at given places."""

    def of(model: Model, x: Tensor, eps: float) -> Tensor:
        place = at(x)
        wanted = value(place)
        return (model(place).double()[:, 0] - wanted.double()).abs()[:, None] / (
            eps * _size(wanted.double(), model(x).double())
        )

    return of


def interacts(model: Model, x: Tensor, eps: float) -> Tensor:
    """The mixed difference in a and b."""
    other = x.flip(0)
    parts = [
        model(moved(x, c)).double() for c in ({}, {0: other[:, 0]}, {1: other[:, 1]}, {0: other[:, 0], 1: other[:, 1]})
    ]
    return (parts[0] - parts[1] - parts[2] + parts[3]).abs() / (eps * _size(*parts))


def turned(x: Tensor) -> Tensor:
    """The vector (a, b) turned by 0.7."""
    c, s = math.cos(0.7), math.sin(0.7)
    return moved(x, {0: c * x[:, 0] - s * x[:, 1], 1: s * x[:, 0] + c * x[:, 1]})


def column(i: int, value: float) -> Callable[[Tensor], Tensor]:
    """The rows with one column put to a number."""
    return lambda x: moved(x, {i: torch.full_like(x[:, i], value)})


def shares(model: Model, x: Tensor, eps: float) -> Tensor:
    """How far the outputs are from adding up to one."""
    y = model(x).double()
    return (y.sum(1, keepdim=True) - 1).abs() / (eps * _size(y))


def order(model: Model, x: Tensor, eps: float) -> Tensor:
    """The amount by which an output is below the one before; no rounding is allowed."""
    return -1e300 * torch.diff(model(10 * x).double(), dim=1)


@dataclass(frozen=True)
class Recipe:
    """An axiom and how a violation shows.

    Attributes:
        axioms: Axioms that are built in.
        violation: Measure of the violation.
        ulps: Largest effect of rounding, in units of the last place of the largest output.
        outputs: Number of outputs of the model.
        single: Whether float32 is tested, too; not where arguments of a formula lose more than rounding.
    """

    axioms: tuple[ax.Axiom, ...]
    violation: Violation
    ulps: float = 16.0
    outputs: int = 1
    single: bool = True


RECIPES: dict[str, Recipe] = {
    "monotone": Recipe((ax.Monotone("a"),), falls(0)),
    "monotone down": Recipe((ax.Monotone("a", increasing=False),), falls(0, -1.0)),
    "convex": Recipe((ax.Convex("a"),), bends(0), 32.0),
    "concave": Recipe((ax.Concave("a"),), bends(0, -1.0), 32.0),
    "bounded": Recipe((ax.Bounded(-0.3, 0.8),), beyond(-0.3, 0.8), single=False),
    "positive": Recipe((ax.Positive(),), beyond(0.0, math.inf)),
    "lipschitz": Recipe((ax.Lipschitz(0.5),), steeper(0.5), 32.0),
    "periodic": Recipe((ax.Periodic("a", 2.0),), differs(lambda x: moved(x, {0: x[:, 0] + 4.0})), 64.0, single=False),
    "even": Recipe((ax.Even("a"),), differs(lambda x: moved(x, {0: -x[:, 0]}))),
    "odd": Recipe((ax.Odd("a"),), differs(lambda x: moved(x, {0: -x[:, 0]}), -1.0)),
    "symmetric": Recipe((ax.Symmetric(("a", "b")),), differs(lambda x: x[:, [1, 0, 2]])),
    "symmetric, shared edges": Recipe(
        (ax.Symmetric(("a", "b")), ax.Monotone("a"), ax.Monotone("b")), differs(lambda x: x[:, [1, 0, 2]])
    ),
    "antisymmetric": Recipe((ax.Antisymmetric(("a", "b")),), differs(lambda x: x[:, [1, 0, 2]], -1.0)),
    "rotation": Recipe((ax.Invariant("rotation", ("a", "b")),), differs(turned), 32.0),
    "translation": Recipe(
        (ax.Invariant("translation", ("a", "b")),),
        differs(lambda x: moved(x, {0: x[:, 0] + 0.5, 1: x[:, 1] + 0.5})),
        4096.0,
    ),
    "sign": Recipe((ax.Invariant("sign", ("a", "b")),), differs(lambda x: moved(x, {0: -x[:, 0], 1: -x[:, 1]}))),
    "scale": Recipe(
        (ax.Invariant("scale", ("a", "b")),), differs(lambda x: moved(x, {0: 4 * x[:, 0], 1: 4 * x[:, 1]})), 4096.0
    ),
    "no interaction": Recipe((ax.NoInteraction("a", "b"),), interacts, 32.0),
    "additive": Recipe((ax.Additive(),), interacts, 32.0),
    "boundary": Recipe((ax.Boundary({"a": (-1, 1)}, "b"),), misses(column(0, 1.0), lambda x: x[:, 1])),
    "initial": Recipe((ax.Initial("c", 0.5, "a*b"),), misses(column(2, 0.5), lambda x: x[:, 0] * x[:, 1])),
    "tail": Recipe((ax.Asymptote("a", "right"),), differs(lambda x: moved(x, {0: x[:, 0].clamp(max=1.0)}))),
    "sum to one": Recipe((ax.SumToOne(),), shares, 32.0, 3),
    "ordered": Recipe((ax.Ordered(),), order, outputs=3),
}


def rough(recipe: Recipe, degree: int, seed: int, hidden: int) -> Model:
    """A model with the axioms built in and rough random numbers."""
    generator = torch.Generator().manual_seed(seed)
    shape = [3, hidden, recipe.outputs] if hidden else [3, recipe.outputs]
    plain = sw.KAN(shape, degree=degree, names=list(NAMES), dtype=torch.float64, generator=generator)
    made = realise(plain, recipe.axioms, RANGES)
    network = made.network if isinstance(made, FramedKAN) else made
    with torch.no_grad():
        for layer in network.kan_layers:
            values = layer.edge_coefficients()
            layer.set_edge_coefficients(torch.randn(values.shape, generator=generator, dtype=torch.float64))
            if layer.bias is not None:
                layer.bias.normal_(generator=generator)
    set_slopes(network, recipe.axioms, NAMES)
    return anchored(made, recipe.axioms, RANGES)


def attack(count: int, model: Model, seed: int) -> Tensor:
    """Random rows inside the grids and far outside, and rows on knots and right beside them."""
    generator = torch.Generator().manual_seed(seed)
    x = 3 * (2 * torch.rand(count, 3, generator=generator, dtype=torch.float64) - 1)
    network = model.network if isinstance(model, FramedKAN) else model
    knots = network.kan_layers[0].knots()[0]
    part = count // 3
    chosen = knots[torch.randint(0, len(knots), (part, 3), generator=generator)]
    beside = chosen * (1 + torch.finfo(torch.float64).eps * torch.randint(-2, 3, (part, 3), generator=generator))
    x[:part] = beside
    return x


Truth = Callable[[Tensor], Tensor]
COST: dict[str, tuple[int, Truth, Sequence[ax.Axiom], list[int]]] = {
    "monotone, one input": (1, lambda x: torch.sigmoid(4 * x[:, 0]), [ax.Monotone("x1")], [1, 1]),
    "monotone": (
        2,
        lambda x: torch.tanh(2 * x[:, 0]) + x[:, 1] ** 3,
        [ax.Monotone("x1"), ax.Monotone("x2")],
        [2, 3, 1],
    ),
    "convex": (2, lambda x: x[:, 0] ** 2 + torch.exp(x[:, 1]), [ax.Convex("x1"), ax.Convex("x2")], [2, 3, 1]),
    "bounded": (2, lambda x: torch.sigmoid(4 * x[:, 0] + x[:, 1]), [ax.Bounded(0, 1)], [2, 3, 1]),
    "even": (2, lambda x: torch.cos(2 * x[:, 0]) * (1 + x[:, 1]), [ax.Even("x1")], [2, 3, 1]),
    "odd": (2, lambda x: torch.sin(2 * x[:, 0]) * (1 + x[:, 1]), [ax.Odd("x1")], [2, 3, 1]),
    "periodic": (2, lambda x: torch.sin(2 * math.pi * x[:, 0]) * (1 + x[:, 1]), [ax.Periodic("x1", 1.0)], [2, 3, 1]),
    "symmetric": (
        2,
        lambda x: torch.exp(x[:, 0] * x[:, 1]) + x[:, 0] + x[:, 1],
        [ax.Symmetric(("x1", "x2"))],
        [2, 3, 1],
    ),
    "antisymmetric": (
        2,
        lambda x: (x[:, 0] - x[:, 1]) * torch.exp(x.sum(1)),
        [ax.Antisymmetric(("x1", "x2"))],
        [2, 3, 1],
    ),
    "rotation": (2, lambda x: torch.exp(-x.square().sum(1)), [ax.Invariant("rotation", ("x1", "x2"))], [2, 3, 1]),
    "no interaction": (2, lambda x: torch.sin(3 * x[:, 0]) + x[:, 1] ** 2, [ax.NoInteraction("x1", "x2")], [2, 4, 1]),
    "boundary": (
        2,
        lambda x: (1 - x[:, 0] ** 2) * (1 - x[:, 1] ** 2) * torch.exp(x[:, 0]),
        [ax.Boundary({"x1": (-1, 1), "x2": (-1, 1)})],
        [2, 3, 1],
    ),
}
"""Inputs, a function that fulfils the axioms, the axioms, and a shape."""

SMALL: dict[str, tuple[int, Truth, Sequence[ax.Axiom], list[int], float]] = {
    "symmetry": (*COST["symmetric"], 0.80),
    "no interaction": (*COST["no interaction"], 0.60),
    "zero boundary": (*COST["boundary"], 0.50),
    "monotone, one input": (*COST["monotone, one input"], 1.02),
    "monotone, four inputs": (
        4,
        lambda x: torch.tanh(2 * x[:, 0]) + x[:, 1] + torch.exp(x[:, 2]) + x[:, 3] ** 3,
        [ax.Monotone(f"x{i}") for i in (1, 2, 3, 4)],
        [4, 1],
        1.02,
    ),
}
"""The same with the ratio of errors that is the target at 30 rows and noise of 0.2 standard deviations."""
