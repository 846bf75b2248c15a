"""Claims of certificates: a function of some variables is nowhere negative on a box.

An axiom becomes claims (`Axiom.claims`). A claim is written once, in the operations of an `Environment`, so the prover
(intervals), the counterexample search (60 digits) and the checker (arithmetic of its own) all refer to the same function.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from splinework.formula.intervals import Floats, Interval, exactly
from splinework.knowledge.axioms.verify.jets import ALGEBRA, Jet, JetSpace, Pair, constant, joined, variables
from splinework.knowledge.axioms.verify.network import Enclosure, Sharpening
from splinework.nn.frame import Expression

Along = tuple[int, ...]


class Environment(ABC):
    """The environment in which a claim is evaluated: its variables, the model, and an arithmetic."""

    x: list[Any]
    algebra: Mapping[str, Callable[..., Any]]

    @abstractmethod
    def number(self, value: float) -> Any:
        """A constant."""

    @abstractmethod
    def f(self, arguments: Sequence[Any]) -> list[Any]:
        """The outputs of the model at given inputs."""

    @abstractmethod
    def partial(self, output: int, along: Along) -> Any:
        """A derivative of an output, of order 0 to 2, at the variables."""

    def apply(self, operation: str, *arguments: Any) -> Any:
        """The result of an operation; arguments may be plain numbers."""
        lifted = [self.number(float(a)) if isinstance(a, (int, float)) else a for a in arguments]
        return self.algebra[operation](*lifted)

    def run(self, expression: Expression, columns: Sequence[Any]) -> Any:
        """The value of a formula."""
        return expression.run(columns, self.algebra, self.number)

    def minus_distance(self, a: Any, b: Any) -> Any:
        """`-|a - b|`, which is not negative if and only if a = b."""
        return self.apply("neg", self.apply("abs", self.apply("sub", a, b)))


Define = Callable[[Environment], Any]
Argument = Callable[[Environment], Sequence[Any]]


@dataclass(frozen=True)
class Claim:
    """`define >= -tolerance` for all variables in a box.

    Attributes:
        text: The claim in words.
        names: Names of the variables, the model's inputs first.
        lo: Lower ends of the box, `(n,)`.
        hi: Upper ends.
        define: The function.
        inputs: Number of variables that are inputs of the model.
        derivatives: The derivatives of outputs in the function, as tuples of inputs.
        arguments: Other inputs at which the model is evaluated.
        tolerance: The function may be negative by this much.
        scale: Typical size of the function.
        conditions: Pairs `(low, high)`: the claim is made where `low <= high` for all of them.
        reason: Why it cannot be decided, if known beforehand.
        total: For a claim about an integral, the integral of the function over the box.
        equation: Whether it states that two sides are equal; then it is made where both have a value.
        vanishing: A formula whose zero set is the domain of the claim, if that is not a box.
    """

    text: str
    names: tuple[str, ...]
    lo: Floats
    hi: Floats
    define: Define
    inputs: int
    derivatives: tuple[Along, ...] = ((),)
    arguments: tuple[Argument, ...] = ()
    tolerance: float = 0.0
    scale: float = 1.0
    conditions: tuple[tuple[Define, Define], ...] = ()
    reason: str = ""
    total: float | None = None
    equation: bool = False
    vanishing: Expression | None = None

    @property
    def order(self) -> int:
        """The highest order of derivatives in the function."""
        return max((len(along) for along in self.derivatives), default=0)

    def space(self, *, gradient: bool) -> JetSpace:
        """The derivatives needed for the function, and with `gradient` for its gradient if available."""
        n = len(self.names)
        order = min(self.order + gradient, 2)
        pairs: set[Pair] = set()
        if order == 2:
            for along in self.derivatives:
                if len(along) == 2:
                    pairs.add((min(along), max(along)))
                elif len(along) == 1:
                    pairs |= {(min(along[0], i), max(along[0], i)) for i in range(n)}
        return JetSpace(n, order, tuple(sorted(pairs)))


@dataclass
class JetEnvironment(Environment):
    """Interval arithmetic over many boxes at once; without an enclosure, for arguments only."""

    enclosure: Enclosure | None
    point: Jet
    inputs: int
    sharp: Sharpening | None = None
    algebra: Mapping[str, Callable[..., Any]] = field(default_factory=lambda: ALGEBRA)

    def __post_init__(self) -> None:
        self._here: Jet | None = None
        self.x = self.point.columns()

    def number(self, value: float) -> Jet:
        return constant(self.point.space, value)

    def f(self, arguments: Sequence[Jet]) -> list[Jet]:
        if all(a is b for a, b in zip(arguments, self.x, strict=False)):
            found = self._at_x()
        else:
            found = self._run(joined(list(arguments)))
        return found.columns()

    def _run(self, x: Jet) -> Jet:
        assert self.enclosure is not None, "only the arguments of the model are evaluated"
        return self.enclosure.run(x)

    def _at_x(self) -> Jet:
        if self._here is None:
            whole = self.inputs == self.point.v.shape[1]
            assert self.enclosure is not None
            self._here = self.enclosure.run(self.point if whole else joined(self.x[: self.inputs]), self.sharp)
        return self._here

    def partial(self, output: int, along: Along) -> Jet:
        found = self._at_x().column(output)
        if not along:
            return found
        return found.slope(along[0]) if len(along) == 1 else found.bend(along[0], along[1])


@dataclass(frozen=True)
class Bounds:
    """Bounds of a claim's function over boxes.

    Attributes:
        value: Enclosure of its values, `(B,)`.
        gradient: Enclosure of its gradient, `(B, n)`, or None.
        outside: A mask of boxes on which a condition fails everywhere, `(B,)`.
        inside: A mask of boxes on which all conditions hold everywhere.
        undefined: A mask of boxes on which a part of the function may have no value; nothing is known of it there.
    """

    value: Interval
    gradient: Interval | None
    outside: np.ndarray
    inside: np.ndarray
    undefined: np.ndarray


def enclose(
    claim: Claim, enclosure: Enclosure, lo: Floats, hi: Floats, *, gradient: bool, sides: tuple[int, ...] = ()
) -> Bounds:
    """Bounds of the function of a claim over boxes `(B, n)`, regardless of its conditions.

    Args:
        claim: The function.
        enclosure: The model.
        lo: Lower ends of the boxes.
        hi: Upper ends.
        gradient: Whether the gradient is bounded, too.
        sides: The sides of outputs, or of their slopes, that are bounded with multipliers: 1 below, -1 above.
    """
    space = claim.space(gradient=gradient)
    point = variables(space, lo, hi)
    slopes = {along[0] for along in claim.derivatives if len(along) == 1}
    sharp = Sharpening(tuple(sorted(slopes)), sides) if sides else None
    env = JetEnvironment(enclosure, point, claim.inputs, sharp)
    found: Jet = claim.define(env)
    batch, n = lo.shape
    value = Interval(*(np.broadcast_to(end[:, 0], (batch,)) for end in found.v))
    slope = None
    if gradient and found.space.order >= 1:
        held = found.dense().d
        zero = np.zeros((batch, n))
        slope = exactly(zero) if held is None else Interval(*(np.broadcast_to(e[..., 0], (batch, n)) for e in held))
    outside, inside, undefined = np.zeros(batch, dtype=bool), np.ones(batch, dtype=bool), np.zeros(batch, dtype=bool)
    if found.undefined is not None:
        undefined |= found.undefined
        lost = undefined[:, None]
        value = Interval(np.where(undefined, -np.inf, value.lo), np.where(undefined, np.inf, value.hi))
        if slope is not None:
            slope = Interval(np.where(lost, -np.inf, slope.lo), np.where(lost, np.inf, slope.hi))
    for low, high in claim.conditions:
        left, right = (side(env) for side in (low, high))
        outside = outside | (left.v.lo[:, 0] > right.v.hi[:, 0])
        inside = inside & (left.v.hi[:, 0] <= right.v.lo[:, 0])
    return Bounds(value, slope, outside, inside, undefined)


def reach(claims: Sequence[Claim]) -> Interval:
    """A box `(I,)` of all inputs at which some claims evaluate the model."""
    lows, highs = [], []
    for claim in claims:
        lows.append(claim.lo[: claim.inputs])
        highs.append(claim.hi[: claim.inputs])
        if claim.arguments:
            start = variables(JetSpace(len(claim.names)), claim.lo[None], claim.hi[None])
            env = JetEnvironment(None, start, claim.inputs)
            for argument in claim.arguments:
                columns = argument(env)
                lows.append(np.array([column.v.lo.min() for column in columns]))
                highs.append(np.array([column.v.hi.max() for column in columns]))
    return Interval(np.min(lows, axis=0), np.max(highs, axis=0))
