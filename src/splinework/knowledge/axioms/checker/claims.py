"""Claims of axioms: functions that are nowhere negative on boxes, with their tolerances.

A function is written once, for any `View`: ranges over boxes, a point in 60 digits, or normal forms.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from splinework.knowledge.axioms.checker.axioms import AxiomText
from splinework.knowledge.axioms.checker.formulas import FormulaSteps, Unreadable, read
from splinework.knowledge.axioms.checker.ranges import Floats

VALUE, SLOPE, EQUATION = 1e-9, 1e-6, 1e-6
"""Tolerances of inequalities of values, of derivatives, and of equations, relative to their size."""


class View(ABC):
    """A claim's function is evaluated in a view: variables, the model, and the operations on them.

    Attributes:
        x: The variables, the model's inputs first.
        algebra: The operations of formulas.
    """

    x: list[Any]
    algebra: Mapping[str, Callable[..., Any]]

    @abstractmethod
    def number(self, value: float) -> Any:
        """A constant."""

    @abstractmethod
    def f(self, arguments: Sequence[Any]) -> list[Any]:
        """The outputs of the model at other inputs."""

    @abstractmethod
    def partial(self, output: int, along: tuple[int, ...]) -> Any:
        """A derivative of an output at the variables, of order 0 to 2."""

    def do(self, name: str, *arguments: Any) -> Any:
        """An operation, also on plain numbers."""
        return self.algebra[name](*(self.number(float(a)) if isinstance(a, (int, float)) else a for a in arguments))

    def run(self, program: FormulaSteps, columns: Sequence[Any]) -> Any:
        """A formula."""
        return program.run(columns, self.algebra, self.number)

    def apart(self, a: Any, b: Any) -> Any:
        """`-|a - b|`."""
        return self.do("neg", self.do("abs", self.do("sub", a, b)))


Function = Callable[[View], Any]


@dataclass(frozen=True)
class BoxClaim:
    """`function >= -tolerance` on a box.

    Attributes:
        axiom: The text of the axiom.
        text: The claim in words.
        names: Names of the variables, the model's inputs first.
        lo: Lower ends of the box, `(n,)`.
        hi: Upper ends.
        function: The function.
        tolerance: How far it may be negative.
        along: The derivatives in it.
        equation: Whether it states that two sides are equal: then it is made where both have a value.
        conditions: It is made where the first of each pair is at most the second.
        open: Why it cannot be decided on boxes; empty if it can.
        integral: The value that the integral of the function over the box has; None for other claims.
        vanishing: A formula that is zero where the claim is made; None if that is the box.
    """

    axiom: str
    text: str
    names: tuple[str, ...]
    lo: Floats
    hi: Floats
    function: Function
    tolerance: float
    along: tuple[tuple[int, ...], ...] = ((),)
    equation: bool = False
    conditions: tuple[tuple[Function, Function], ...] = ()
    open: str = ""
    integral: float | None = None
    vanishing: FormulaSteps | None = None

    @property
    def order(self) -> int:
        """The highest order of derivatives."""
        return max(map(len, self.along), default=0)


@dataclass(frozen=True)
class Scene:
    """A model's names and a box.

    Attributes:
        inputs: Names of the inputs.
        symbols: The inputs in formulas.
        outputs: Names of the outputs.
        lo: Lower ends, `(I,)`.
        hi: Upper ends.
        spread: The range of every output, `(J,)`.
        lowest: The lowest value of every input, for a claim about all numbers.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    lo: Floats
    hi: Floats
    spread: Floats
    lowest: Floats
    symbols: tuple[str, ...] = field(default=())

    def place(self, name: Any, names: Sequence[str] | None = None) -> int:
        """The index of an input, or of another name."""
        known = self.inputs if names is None else names
        if isinstance(name, int) and not isinstance(name, bool) and 0 <= name < len(known):
            return name
        if isinstance(name, str) and name in known:
            return list(known).index(name)
        raise Unreadable(f"{name!r} is none of {', '.join(known)}")

    def width(self, i: int) -> float:
        return float(self.hi[i] - self.lo[i]) or 1.0

    def formula(self, value: Any) -> Function:
        """A number, or a formula in the inputs."""
        if isinstance(value, str):
            program = read(value, self.inputs)
            return lambda view: view.run(program, view.x[: len(self.inputs)])
        return lambda view: view.number(float(value))

    def box(self, s: AxiomText) -> tuple[Floats, Floats]:
        """The box of an axiom."""
        lo, hi = self.lo.copy(), self.hi.copy()
        if s.domain == "all":
            return self.lowest.copy(), np.full(len(lo), np.inf)
        for name, (low, high) in () if s.domain == "grid" else s.domain:
            i = self.place(name)
            lo[i] = low if math.isfinite(low) else lo[i]
            hi[i] = high if math.isfinite(high) else hi[i]
        return lo, hi

    def claim(self, s: AxiomText, text: str, function: Function, tolerance: float, **more: Any) -> BoxClaim:
        """A claim on the box of an axiom."""
        lo, hi = self.box(s)
        return BoxClaim(s.text, text, self.inputs, lo, hi, function, tolerance, **more)

    def each(
        self,
        s: AxiomText,
        text: Callable[[str], str],
        function: Callable[[int, View], Any],
        *,
        along: tuple[int, ...] = (),
        equal: bool = False,
        size: float | None = None,
        **more: Any,
    ) -> list[BoxClaim]:
        """A claim for every output that an axiom is about."""
        found = []
        for j in range(len(self.outputs)) if s.output is None else [self.place(s.output, self.outputs)]:
            scale = float(self.spread[j]) / math.prod(map(self.width, along)) if size is None else size
            relative = EQUATION if equal else SLOPE if along else VALUE
            given = {"along": (along,), "equation": equal, **more}
            found.append(self.claim(s, text(self.outputs[j]), partial(function, j), relative * scale, **given))
        return found

    def same(
        self, s: AxiomText, text: Callable[[str], str], to: Callable[[int, View], Any], along: Any = (), **more: Any
    ) -> list[BoxClaim]:
        """Claims that outputs, or derivatives of them, are equal to something."""
        return self.each(s, text, lambda j, v: v.apart(v.partial(j, along), to(j, v)), along=along, equal=True, **more)

    def moved(
        self,
        s: AxiomText,
        text: str,
        move: Callable[[View], Sequence[Any]],
        sign: int = 1,
        extra: Sequence[tuple[str, tuple[float, float]]] = (),
    ) -> list[BoxClaim]:
        """Claims that outputs are the same, or opposite, at other inputs."""

        def there(j: int, view: View) -> Any:
            value = view.f(move(view))[j]
            return value if sign > 0 else view.do("neg", value)

        return [extended(c, extra) for c in self.same(s, lambda name: text.replace("f(", f"{name}("), there)]

    def with_input(self, i: int, new: Function) -> Callable[[View], list[Any]]:
        """The inputs with one of them replaced."""

        def move(view: View) -> list[Any]:
            x = list(view.x[: len(self.inputs)])
            x[i] = new(view)
            return x

        return move

    def on_face(self, s: AxiomText, i: int, end: float, value: Any, along: tuple[int, ...] = ()) -> list[BoxClaim]:
        """Claims about outputs, or derivatives of them, on a face."""
        wanted, x = self.formula(value), self.inputs[i]

        def words(name: str) -> str:
            what = f"d {name}/d {self.inputs[along[0]]}" if along else name
            return f"{what} == {value} at {x} = {end:g}"

        found = self.same(s, words, lambda j, view: wanted(view), along)
        for claim in found:
            claim.lo[i] = claim.hi[i] = end
        return found


def extended(claim: BoxClaim, extra: Sequence[tuple[str, tuple[float, float]]]) -> BoxClaim:
    """A claim with further variables."""
    if not extra:
        return claim
    lo, hi = ([ends[side] for _, ends in extra] for side in (0, 1))
    names = (*claim.names, *(name for name, _ in extra))
    return replace(claim, names=names, lo=np.concatenate([claim.lo, lo]), hi=np.concatenate([claim.hi, hi]))
