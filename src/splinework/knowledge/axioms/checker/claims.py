"""Claims of axioms, functions that are nowhere negative on boxes, and the reader of the texts of axioms."""

import ast
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np

from splinework.knowledge.axioms.checker.formulas import FormulaSteps, Unreadable, read
from splinework.knowledge.axioms.checker.ranges import Floats

VALUE, SLOPE, EQUATION = 1e-9, 1e-6, 1e-6
"""Tolerances of inequalities of values, of derivatives, and of equations, relative to their size."""
_HIGHEST: Final = 2
"""The highest order of derivatives that is enclosed."""
Extra = Sequence[tuple[str, tuple[float, float]]]
"""Further variables with their ranges."""


class View(ABC):
    """The number type in which a claim is evaluated: ranges over boxes, a point in 60 digits, or normal forms."""

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


@dataclass(frozen=True)
class BoxClaim:
    """`function >= -tolerance` on a box.

    Attributes:
        axiom: The text of the axiom.
        text: The claim in words.
        names: Names of the variables, the model's inputs first.
        lo: Lower ends of the box, `(n,)`.
        hi: Upper ends.
        tolerance: How far it may be negative.
        equation: Whether it states that two sides are equal: then it is made where both have a value.
        conditions: It is made where the first of each pair is at most the second.
        unbounded: Why it cannot be decided on boxes; empty if it can.
        integral: The value that the integral of the function over the box has; None for other claims.
        vanishing: A formula that is zero where the claim is made; None if that is the box.
    """

    axiom: str
    text: str
    names: tuple[str, ...]
    lo: Floats
    hi: Floats
    function: FormulaSteps
    tolerance: float
    equation: bool = False
    conditions: tuple[tuple[FormulaSteps, FormulaSteps], ...] = ()
    unbounded: str = ""
    integral: float | None = None
    vanishing: FormulaSteps | None = None

    @cached_property
    def along(self) -> set[tuple[int, ...]]:
        """The derivatives in it."""
        return self.function.along.union(*(side.along for pair in self.conditions for side in pair)) or {()}

    @property
    def order(self) -> int:
        """The highest order of derivatives."""
        return max(map(len, self.along))

    @property
    def open(self) -> str:
        """Why it cannot be decided on boxes; empty if it can."""
        sides = (self.function, *(side for pair in self.conditions for side in pair))
        if any(side.nested for side in sides):
            return "the model is applied to its own output"
        return f"it has derivatives of order {self.order}" if self.order > _HIGHEST else self.unbounded


@dataclass(frozen=True)
class Scene:
    """A model's names and a box, and an axiom about it.

    Attributes:
        lo: Lower ends, `(I,)`.
        hi: Upper ends.
        spread: The range of every output, `(J,)`.
        lowest: The lowest value of every input, for a claim about all numbers.
        axiom: The text of the axiom.
        output: The output that it is about; None if it is about all.
    """

    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    lo: Floats
    hi: Floats
    spread: Floats
    lowest: Floats
    axiom: str = ""
    domain: Any = "grid"
    output: Any = None

    def place(self, name: Any, names: Sequence[str] | None = None) -> int:
        """The index of an input, or of another name."""
        return place(name, self.inputs if names is None else names)

    @property
    def meant(self) -> list[int]:
        """The outputs that the axiom is about."""
        return [*range(len(self.outputs))] if self.output is None else [self.place(self.output, self.outputs)]

    def width(self, i: int) -> float:
        return float(self.hi[i] - self.lo[i]) or 1.0

    def formula(self, value: Any) -> str:
        """A number, or a formula in the inputs, as a part of a claim."""
        if isinstance(value, str):
            read(value, self.inputs)
            return f"({value})"
        return f"({float(value)!r})"

    def at(self, changed: Mapping[int, str]) -> str:
        """Arguments of the model, some of them changed."""
        return ", ".join(changed.get(i, f"X[{i}]") for i in range(len(self.inputs)))

    def claim(self, text: str, function: str, tolerance: float, *, extra: Extra = (), **more: Any) -> BoxClaim:
        """The claim that a function is nowhere negative on the box of the axiom; of an equation, that it is zero."""
        lo, hi = self.lo.copy(), self.hi.copy()
        if self.domain == "all":
            lo, hi = self.lowest.copy(), np.full(len(lo), np.inf)
        elif self.domain != "grid":
            for name, (low, high) in self.domain:
                i = self.place(name)
                lo[i] = low if math.isfinite(low) else lo[i]
                hi[i] = high if math.isfinite(high) else hi[i]
        lo, hi = (np.append(end, [ends[side] for _, ends in extra]) for side, end in enumerate((lo, hi)))
        names = (*self.inputs, *(name for name, _ in extra))
        if more.get("equation"):
            function = f"-abs({function})"
        return BoxClaim(
            self.axiom, text, names, lo, hi, read(function, self.inputs, claim=True), float(tolerance), **more
        )

    def each(
        self,
        of: Callable[[int, str], tuple[str, str]],
        *,
        along: Sequence[int] = (),
        size: float | None = None,
        **more: Any,
    ) -> list[BoxClaim]:
        """A claim for every output that is meant, by words and function of its number and name."""
        found = []
        for j in self.meant:
            scale = float(self.spread[j]) / math.prod(map(self.width, along)) if size is None else size
            relative = EQUATION if more.get("equation") else SLOPE if along else VALUE
            found.append(self.claim(*of(j, self.outputs[j]), relative * scale, **more))
        return found

    def same(self, of: Callable[[int, str], tuple[str, str]], **more: Any) -> list[BoxClaim]:
        """Equations for every output that is meant, by words and the difference of their sides."""
        return self.each(of, equation=True, **more)

    def on_face(self, i: int, end: float, value: Any, along: tuple[int, ...] = ()) -> list[BoxClaim]:
        """Claims about outputs, or derivatives of them, on a face."""
        x, wanted, term = self.inputs[i], self.formula(value), "".join(f", {k}" for k in along)

        def of(j: int, f: str) -> tuple[str, str]:
            what = f"d {f}/d {self.inputs[along[0]]}" if along else f
            return f"{what} == {value} at {x} = {end:g}", f"D[{j}{term}] - {wanted}"

        found = self.same(of, along=along)
        for claim in found:
            claim.lo[i] = claim.hi[i] = end
        return found

    def about(self, text: str) -> tuple["Scene", tuple[Any, ...], dict[str, Any], str]:
        """The scene of an axiom, with the values and the word of its text."""
        word, given, named = parse(text)
        named.pop("strength", None)
        own = replace(self, axiom=text, domain=named.pop("domain", "grid"), output=named.pop("output", None))
        return own, given, named, word


def place(name: Any, known: Sequence[str]) -> int:
    """The index of a name, or an index."""
    if isinstance(name, int) and not isinstance(name, bool) and 0 <= name < len(known):
        return name
    if isinstance(name, str) and name in known:
        return list(known).index(name)
    raise Unreadable(f"{name!r} is none of {', '.join(known)}")


# ------------------------------------------------------------------------------------------------- texts of axioms

_REGIONS: Final = {
    "box": ("ranges",),
    "disc": ("among", "centre", "radius"),
    **dict.fromkeys(("union", "intersection", "difference"), ("first", "second")),
}


@dataclass(frozen=True)
class RegionText:
    """A region of some inputs, as it is written."""

    word: str
    parts: tuple[Any, ...]


def parse(text: str) -> tuple[str, tuple[Any, ...], dict[str, Any]]:
    """The word of an axiom, its values in order, and those by name.

    Raises:
        Unreadable: If it is not a call with literal values.
    """
    try:
        tree = ast.parse(text, mode="eval").body
        if not (isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name)):
            raise ValueError("it is no axiom")
        return tree.func.id, tuple(map(_value, tree.args)), {str(k.arg): _value(k.value) for k in tree.keywords}
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError) as error:
        raise Unreadable(f"the axiom {text[:80]!r} cannot be read ({error})") from None


def _value(node: ast.expr) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return -_value(operand)
        case ast.Name(id="inf"):
            return math.inf
        case ast.Tuple(elts=elements):
            return tuple(map(_value, elements))
        case ast.Call(func=ast.Name(id=name)) if name.lower() in _REGIONS:
            keys = _REGIONS[name.lower()]
            parts = dict(zip(keys, map(_value, node.args), strict=False))
            parts |= {str(each.arg): _value(each.value) for each in node.keywords}
            if set(parts) == set(keys):
                return RegionText(name.lower(), tuple(parts[key] for key in keys))
    raise ValueError(f"{ast.unparse(node)[:80]!r} is not a literal")


def region_formula(region: RegionText, *, signed: bool = False) -> str:
    """A function that vanishes on the boundary of a region and is positive inside; signed: negative outside (Rvachev)."""
    if region.word == "box":
        first, *others = _sides(region.parts[0])
        if not signed:
            return "*".join((first, *others))
        for side in others:
            first = _both(f"({first})", side)
        return first
    if region.word == "disc":
        among, centre, radius = region.parts
        squares = "+".join(f"({name}-({float(c)!r}))**2" for name, c in zip(among, centre, strict=True))
        return f"(({float(radius) ** 2!r}-({squares}))/{2 * float(radius)!r})"
    a, b = (f"({region_formula(part, signed=True)})" for part in region.parts)
    if region.word == "union":
        return f"({a}+{b}+sqrt({a}**2+{b}**2))"
    return _both(a, f"(-{b})" if region.word == "difference" else b)


def _both(a: str, b: str) -> str:
    return f"({a}+{b}-sqrt({a}**2+{b}**2))"


def _sides(ranges: Sequence[tuple[str, tuple[float, float]]]) -> list[str]:
    found = []
    for name, (low, high) in ranges:
        below, above = f"({name}-({float(low)!r}))", f"(({float(high)!r})-{name})"
        if math.isfinite(low) and math.isfinite(high):
            found.append(f"({below}*{above}/{float(high) - float(low)!r})")
        elif math.isfinite(low) or math.isfinite(high):
            found.append(below if math.isfinite(low) else above)
    return found
