"""A recipe for every other kind of axiom: formulas around a random network that have the property, and are moved off it a little.

What is judged is the model's values, by sampling, differences and automatic differentiation.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

import splinework as sw
from splinework.nn.frame import Frame, FramedKAN
from tests.attack.networks import BASES

NAMES = ("x1", "x2")
DIFFERENCE, RADIUS, RATIO = ("x1-x2", "(x1-x2)**2"), ("x1**2+x2**2", "1/(1+x1**2+x2**2)"), ("x1/x2", "x2/x1")


@dataclass(frozen=True)
class Shaped:
    """A model of two inputs with one axiom.

    Attributes:
        model: The model.
        axiom: The axiom.
        lo: Lower ends of the box, `(2,)`.
        hi: Upper ends.
        off: How far the model was moved off the axiom; 0 where it has it.
        slack: The least value of what must not be negative, by sampling.
        rounding: How far that may be off.
    """

    model: FramedKAN
    axiom: str
    lo: np.ndarray
    hi: np.ndarray
    off: float
    slack: float
    rounding: float


class Judge:
    """Values and derivatives of a model at random points of a box."""

    def __init__(self, model: FramedKAN, lo: np.ndarray, hi: np.ndarray, draw: np.random.Generator) -> None:
        self.model, self.lo, self.hi = model, lo, hi
        share = draw.uniform(size=(4000, 2))
        share[:500] = np.round(share[:500] * 4) / 4
        self.x = lo + share * (hi - lo)
        self.turn = draw.uniform(-np.pi, np.pi, 4000)

    def f(self, x: np.ndarray) -> np.ndarray:
        """All outputs, `(N, J)`."""
        with torch.no_grad():
            return self.model(torch.from_numpy(np.ascontiguousarray(x))).numpy()

    def same(self, x: np.ndarray, sign: float = 1.0) -> np.ndarray:
        """`-|f(x) ∓ f(moved x)|`."""
        return -np.abs(self.f(self.x) - sign * self.f(x))[:, 0]

    def on(self, i: int, end: float, value: Callable[[np.ndarray], object]) -> np.ndarray:
        """`-|f - value|` where an input has a value."""
        x = self.x.copy()
        x[:, i] = end
        return -np.abs(self.f(x)[:, 0] - value(x))

    def slope(self, x: np.ndarray) -> np.ndarray:
        """Gradients of the first output, `(N, 2)`."""
        at = torch.from_numpy(x).requires_grad_()
        return torch.autograd.grad(self.model(at)[:, 0].sum(), at)[0].numpy()

    def moved(self, *by: float) -> np.ndarray:
        """The points with inputs moved."""
        return self.x + np.array(by)

    def bent(self, sign: float) -> np.ndarray:
        """Second differences along the first input, inside the box."""
        step = 1e-3 * (self.hi[0] - self.lo[0])
        aside = np.array([step, 0.0])
        x = np.clip(self.x, self.lo + aside, self.hi - aside)
        ends = self.f(x + aside) + self.f(x - aside)
        return (sign * (ends - 2 * self.f(x)) / step**2)[:, 0]

    def mixed(self) -> np.ndarray:
        """Minus the size of mixed differences."""
        x = self.lo + (self.x - self.lo) * 0.8
        a, b = (self.hi - self.lo) * [[0.2, 0], [0, 0.2]]
        found = self.f(x + a + b) - self.f(x + a) - self.f(x + b) + self.f(x)
        return -np.abs(found)[:, 0] / np.prod((self.hi - self.lo) * 0.2)

    def turned(self) -> np.ndarray:
        """The points turned about the origin."""
        c, s = np.cos(self.turn), np.sin(self.turn)
        return np.stack([c * self.x[:, 0] - s * self.x[:, 1], s * self.x[:, 0] + c * self.x[:, 1]], 1)

    def integral(self) -> np.ndarray:
        """Minus the size of the integral over the box, by the midpoint rule."""
        axis = (np.arange(512) + 0.5) / 512
        grid = np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)
        return -np.abs(self.f(self.lo + grid * (self.hi - self.lo)).mean(0)) * np.prod(self.hi - self.lo)


@dataclass(frozen=True)
class Recipe:
    """An axiom, formulas that have it where `{d}` is 0, and what must not be negative."""

    axiom: str
    features: tuple[str, ...]
    answers: tuple[str, ...]
    slack: Callable[[Judge], np.ndarray]
    ends: tuple[float, float] = (-1.0, 1.0)
    error: float = 1e-12


POSITIVE = (0.5, 2.0)
RECIPES = (
    Recipe("even(x1)", ("x1**2", "x2"), ("z1+({d})*x1",), lambda t: t.same(t.x * [-1, 1])),
    Recipe("even(x1, centre=0.25)", ("abs(x1-0.25)", "x2"), ("z1+({d})*x1",), lambda t: t.same([0.5, 0] + t.x * [-1, 1])),
    Recipe("odd(x1)", ("x1**2", "x2"), ("x1*z1+({d})",), lambda t: t.same(t.x * [-1, 1], -1)),
    Recipe("symmetric(x1, x2)", ("x1+x2", "(x1-x2)**2"), ("z1+({d})*x1",), lambda t: t.same(t.x[:, ::-1])),
    Recipe("antisymmetric(x1, x2)", ("x1+x2", "(x1-x2)**2"), ("(x1-x2)*z1+({d})",), lambda t: t.same(t.x[:, ::-1], -1)),
    Recipe("law('f(x1, x2) == f(x2, x1)')", ("x1*x2", "x1+x2"), ("z1+({d})*x1",), lambda t: t.same(t.x[:, ::-1])),
    Recipe("periodic(x1, period=0.5)", ("cos(4*pi*x1)", "x2"), ("z1+({d})*x1",), lambda t: t.same(t.moved(0.5, 0))),
    Recipe("periodic(x1, period=0.5)", ("abs(x1/0.5-floor(x1/0.5)-0.5)", "x2"), ("z1+({d})*x1",),
           lambda t: t.same(t.moved(0.5, 0))),
    Recipe("invariant('sign', ('x1', 'x2'))", ("x1**2", "x1*x2"), ("z1+({d})*x1",), lambda t: t.same(-t.x)),
    Recipe("invariant('scale', ('x1', 'x2'))", RATIO, ("z1+({d})*x1",), lambda t: t.same(1.25 * t.x), POSITIVE),
    Recipe("invariant('translation', ('x1', 'x2'))", DIFFERENCE, ("z1+({d})*x1",), lambda t: t.same(t.moved(0.5, 0.5))),
    Recipe("invariant('rotation', (('x1', 'x2'),))", RADIUS, ("z1+({d})*x1",), lambda t: t.same(t.turned())),
    Recipe("no_interaction(x1, x2)", ("x1", "x1"), ("z1+x2**2+({d})*x1*x2",), Judge.mixed, error=1e-10),
    Recipe("additive((('x1',), ('x2',)))", ("x1", "x1"), ("z1+exp(x2)+({d})*x1*x2",), Judge.mixed, error=1e-10),
    Recipe("sum_to_one()", NAMES, ("z1", "1-z1+({d})"), lambda t: -np.abs(t.f(t.x).sum(1) - 1)),
    Recipe("ordered()", NAMES, ("z1", "z1+abs(z2)+({d})"), lambda t: np.diff(t.f(t.x), axis=1)[:, 0]),
    Recipe("boundary({'x1': (-1.0, inf)}, 0.25)", NAMES, ("(1+x1)*z1+0.25+({d})",), lambda t: t.on(0, -1.0, lambda x: 0.25)),
    Recipe("initial(x1, -1.0, 'x2')", NAMES, ("(1+x1)*z1+x2+({d})",), lambda t: t.on(0, -1.0, lambda x: x[:, 1])),
    Recipe("through(((0.125, 0.25),), ((0.5,),))", NAMES, ("(x1+x2-0.375)*z1+0.5+({d})",),
           lambda t: -np.abs(t.f(np.array([[0.125, 0.25]])) - 0.5)[:, 0]),
    Recipe("units({'x1': 'm', 'x2': 'm'}, '1')", RATIO, ("z1+({d})*x1",), lambda t: t.same(0.75 * t.x), POSITIVE),
    Recipe("units({'x1': 'm', 'x2': 's'}, 'm/s')", ("0*x1", "0*x2"), ("x1/x2*(z1+2)+({d})",),
           lambda t: -np.abs(0.8 * t.f(t.x) - t.f(t.x * [0.8, 1]))[:, 0], POSITIVE),
    Recipe("integral(0.0)", ("x1**2", "x2"), ("x1*z1+({d})",), Judge.integral, error=1e-9),
    Recipe("conserved({'x1': 'x2', 'x2': '-x1'})", RADIUS, ("z1+({d})*x1",),
           lambda t: -np.abs((t.slope(t.x) * t.x[:, ::-1] * [1, -1]).sum(1)), error=1e-11),
    Recipe("residual('y1_x1 + y1_x2 = 0')", DIFFERENCE, ("z1+({d})*x1",), lambda t: -np.abs(t.slope(t.x).sum(1)), error=1e-11),
    Recipe("law('y1_x1 >= 0 when x2 > 0.5')", NAMES, ("exp(x1)*(x2-0.5+({d}))+0*z1",),
           lambda t: t.slope(np.maximum(t.x, [-1.0, 0.5]))[:, 0], error=1e-11),
    Recipe("asymptote(x1, side='right')", ("min(x1,1.0)", "x2"), ("z1+({d})*x1",),
           lambda t: -np.abs(t.slope(t.moved(2.001, 0))[:, 0]), error=1e-11),
    Recipe("positive()", NAMES, ("z1**2+({d})",), lambda t: t.f(t.x)[:, 0]),
    Recipe("bounded(0.0, 1.0)", NAMES, ("1/(1+exp(z1))+({d})",), lambda t: np.minimum(t.f(t.x), 1 - t.f(t.x))[:, 0]),
    Recipe("convex(x1)", ("x2", "x2"), ("z1+x1**4+({d})*x1**2",), lambda t: t.bent(1), error=1e-8),
    Recipe("concave(x1)", ("x2", "x2"), ("z1-abs(x1-0.25)-({d})*x1**2",), lambda t: t.bent(-1), error=1e-8),
)  # fmt: skip


def shaped(draw: np.random.Generator) -> Shaped:
    """A random network in the formulas of a random recipe, moved off it by nothing, or by 1e-12 to 0.1."""
    recipe = RECIPES[int(draw.integers(len(RECIPES)))]
    generator = torch.Generator().manual_seed(int(draw.integers(2**31)))
    network = sw.KAN(
        [2, *([int(draw.integers(1, 4))] if draw.random() < 0.5 else []), len(recipe.answers)],
        degree=int(draw.integers(2, 7)),
        grid=int(draw.integers(1, 6)),
        base=str(draw.choice(BASES)),
        dtype=torch.float64,
        generator=generator,
    )
    with torch.no_grad():
        for layer in network.kan_layers:
            layer.coefficients.normal_(0, float(10 ** draw.uniform(-1, 0)), generator=generator)
    off = 0.0 if draw.random() < 0.5 else float(draw.choice([-1, 1]) * 10 ** draw.uniform(-12, -1))
    answers = tuple(each.format(d=repr(off)) for each in recipe.answers)
    outputs = tuple(f"y{j + 1}" for j in range(len(answers)))
    model = FramedKAN(network, Frame(NAMES, recipe.features, outputs, answers, ranges=(recipe.ends,) * 2))
    lo, hi = (np.full(2, end) for end in recipe.ends)
    judge = Judge(model, lo, hi, draw)
    size = float(np.abs(judge.f(judge.x)).max()) + 1
    return Shaped(model, recipe.axiom, lo, hi, off, float(recipe.slack(judge).min()), recipe.error * size)
