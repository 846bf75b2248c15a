"""The checker's own meaning of axioms: functions that are nowhere negative on boxes, with their tolerances.

A function is written once, for any `View`: ranges over boxes, a point in 60 digits, or normal forms.
"""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

import numpy as np

from splinework.formula.units.parsing import parse_dimension
from splinework.knowledge.axioms.checker.axioms import Region, Statement, parse, region_formula
from splinework.knowledge.axioms.checker.formulas import Program, Unreadable, read
from splinework.knowledge.axioms.checker.ranges import Floats
from splinework.knowledge.axioms.checker.relations import relation_of

_VALUE, _SLOPE, _EQUATION = 1e-9, 1e-6, 1e-6
"""Tolerances of inequalities of values, of derivatives, and of equations, relative to their size."""
_HIGHEST: Final = 2
_AWAY: Final = 1e-9


class View:
    """A claim's function is evaluated in a view: variables, the model, and the operations on them.

    Attributes:
        x: The variables, the model's inputs first.
        algebra: The operations of formulas.
    """

    x: list[Any]
    algebra: Mapping[str, Callable[..., Any]]

    def number(self, value: float) -> Any:
        """A constant."""
        raise NotImplementedError

    def f(self, arguments: Sequence[Any]) -> list[Any]:
        """The outputs of the model at other inputs."""
        raise NotImplementedError

    def partial(self, output: int, along: tuple[int, ...]) -> Any:
        """A derivative of an output at the variables, of order 0 to 2."""
        raise NotImplementedError

    def do(self, name: str, *arguments: Any) -> Any:
        """An operation, also on plain numbers."""
        return self.algebra[name](*(self.number(float(a)) if isinstance(a, (int, float)) else a for a in arguments))

    def run(self, program: Program, columns: Sequence[Any]) -> Any:
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
    vanishing: Program | None = None

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

    def box(self, s: Statement) -> tuple[Floats, Floats]:
        """The box of an axiom."""
        lo, hi = self.lo.copy(), self.hi.copy()
        if s.domain == "all":
            return self.lowest.copy(), np.full(len(lo), np.inf)
        for name, (low, high) in () if s.domain == "grid" else s.domain:
            i = self.place(name)
            lo[i] = low if math.isfinite(low) else lo[i]
            hi[i] = high if math.isfinite(high) else hi[i]
        return lo, hi

    def claim(self, s: Statement, text: str, function: Function, tolerance: float, **more: Any) -> BoxClaim:
        """A claim on the box of an axiom."""
        lo, hi = self.box(s)
        return BoxClaim(s.text, text, self.inputs, lo, hi, function, tolerance, **more)

    def each(
        self,
        s: Statement,
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
            relative = _EQUATION if equal else _SLOPE if along else _VALUE
            given = {"along": (along,), "equation": equal, **more}
            found.append(self.claim(s, text(self.outputs[j]), partial(function, j), relative * scale, **given))
        return found

    def same(
        self, s: Statement, text: Callable[[str], str], to: Callable[[int, View], Any], along: Any = (), **more: Any
    ) -> list[BoxClaim]:
        """Claims that outputs, or derivatives of them, are equal to something."""
        return self.each(
            s, text, lambda j, v: v.apart(v.partial(j, along), to(j, v)), along=along, equal=True, **more
        )

    def moved(
        self,
        s: Statement,
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

    def on_face(self, s: Statement, i: int, end: float, value: Any, along: tuple[int, ...] = ()) -> list[BoxClaim]:
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


def claims_of(text: str, scene: Scene) -> list[BoxClaim]:
    """The claims that together are an axiom.

    Raises:
        Unreadable: If the axiom cannot be read, or names something that does not exist.
    """
    s = parse(text)
    return _MEANING[s.word](s, scene)


def _signed(s: Statement, scene: Scene, along: tuple[int, ...], sign: int) -> list[BoxClaim]:
    what = "d²" if len(along) == 2 else "d"
    x = scene.inputs[along[0]]
    words = f"{what} {{}}/d {x}{'²' if len(along) == 2 else ''} {'>=' if sign > 0 else '<='} 0"

    def function(j: int, view: View) -> Any:
        value = view.partial(j, along)
        return value if sign > 0 else view.do("neg", value)

    return scene.each(s, lambda name: words.replace("{}", name), function, along=along)


def _bounded(s: Statement, scene: Scene, low: Any, high: Any) -> list[BoxClaim]:
    ends = [(end, sign) for end, sign in ((low, 1), (high, -1)) if end is not None and math.isfinite(end)]

    def at(end: float, sign: int) -> list[BoxClaim]:
        def room(j: int, view: View) -> Any:
            value = view.partial(j, ())
            return view.do("sub", value, end) if sign > 0 else view.do("sub", end, value)

        return scene.each(s, lambda name: f"{name} {'>=' if sign > 0 else '<='} {end!r}", room)

    by_end = [at(float(end), sign) for end, sign in ends]
    return [claim for claims in zip(*by_end, strict=True) for claim in claims]


def _lipschitz(s: Statement, scene: Scene) -> list[BoxClaim]:
    most = float(s.constant)

    def along(i: int) -> list[BoxClaim]:
        def room(j: int, view: View) -> Any:
            return view.do("sub", most, view.do("abs", view.partial(j, (i,))))

        return scene.each(s, lambda name: f"|d {name}/d {scene.inputs[i]}| <= {s.constant!r}", room, along=(i,), size=most)

    by_input = [along(i) for i in [scene.place(name) for name in s.along] or range(len(scene.inputs))]
    return [claim for claims in zip(*by_input, strict=True) for claim in claims]


def _exchanged(s: Statement, scene: Scene, sign: int) -> list[BoxClaim]:
    found = []
    for a, b in itertools.pairwise(scene.place(name) for name in s.among):

        def move(view: View, a: int = a, b: int = b) -> list[Any]:
            x = list(view.x[: len(scene.inputs)])
            x[a], x[b] = x[b], x[a]
            return x

        one, other = scene.inputs[a], scene.inputs[b]
        found += scene.moved(s, f"f({one}, {other}) == {'-' if sign < 0 else ''}f({other}, {one})", move, sign)
    return found


def _mirrored(s: Statement, scene: Scene, sign: int) -> list[BoxClaim]:
    i, twice = scene.place(s.input), 2 * s.centre
    name = scene.inputs[i]
    move = scene.with_input(i, lambda view: view.do("sub", twice, view.x[i]))
    return scene.moved(s, f"f({name}) == {'-' if sign < 0 else ''}f({twice!r} - {name})", move, sign)


def _periodic(s: Statement, scene: Scene) -> list[BoxClaim]:
    i = scene.place(s.input)
    name = scene.inputs[i]
    move = scene.with_input(i, lambda view: view.do("add", view.x[i], s.period))
    return scene.moved(s, f"f({name}) == f({name} + {s.period!r})", move)


def _invariant(s: Statement, scene: Scene) -> list[BoxClaim]:
    acts = s.acts_on if isinstance(s.acts_on, tuple) else (s.acts_on,)
    nested = bool(acts) and all(isinstance(part, tuple) for part in acts)
    vectors = [[scene.place(name) for name in vector] for vector in (acts if nested else (acts,))]
    flat, count = [i for vector in vectors for i in vector], len(scene.inputs)
    words = f"f({', '.join(scene.inputs[i] for i in flat)}) is the same"

    def every(change: Callable[[View, int], Any]) -> Callable[[View], list[Any]]:
        return lambda view: [change(view, i) if i in flat else view.x[i] for i in range(count)]

    if s.group == "sign":
        return scene.moved(s, f"{words} with all signs changed", every(lambda v, i: v.do("neg", v.x[i])))
    if s.group == "scale":
        move = every(lambda v, i: v.do("mul", v.x[i], v.x[count]))
        return scene.moved(s, f"{words} with all times 1/2 to 2", move, extra=[("factor", (0.5, 2.0))])
    if s.group == "translation":
        half = min(scene.width(i) for i in flat) / 2
        move = every(lambda v, i: v.do("add", v.x[i], v.x[count]))
        return scene.moved(s, f"{words} with up to {half:g} added to all", move, extra=[("shift", (-half, half))])
    if s.group != "rotation":
        raise Unreadable(f"there is no group {s.group!r}")
    found = []
    for p, q in itertools.pairwise(range(len(vectors[0]))):

        def turned(view: View, p: int = p, q: int = q) -> list[Any]:
            x, angle = list(view.x[:count]), view.x[count]
            c, sine = view.do("cos", angle), view.do("sin", angle)
            for vector in vectors:
                a, b = view.x[vector[p]], view.x[vector[q]]
                x[vector[p]] = view.do("sub", view.do("mul", c, a), view.do("mul", sine, b))
                x[vector[q]] = view.do("add", view.do("mul", sine, a), view.do("mul", c, b))
            return x

        text = f"{words} turned in the plane of axes {p + 1} and {q + 1}"
        found += scene.moved(s, text, turned, extra=[("angle", (-math.pi, math.pi))])
    return found


def _apart(s: Statement, scene: Scene, pairs: Sequence[tuple[int, int]]) -> list[BoxClaim]:
    found = []
    for a, b in pairs:
        words = f"d² {{}}/d {scene.inputs[a]} d {scene.inputs[b]} == 0"
        found += scene.same(
            s, lambda name, words=words: words.replace("{}", name), lambda j, view: view.number(0.0), (a, b)
        )
    return found


def _additive(s: Statement, scene: Scene) -> list[BoxClaim]:
    owner = {scene.place(name): number for number, group in enumerate(s.groups) for name in group}
    for i in range(len(scene.inputs)):
        owner.setdefault(i, -1 - i)
    pairs = itertools.combinations(range(len(scene.inputs)), 2)
    return _apart(s, scene, [(a, b) for a, b in pairs if owner[a] != owner[b]])


def _shares(s: Statement, scene: Scene) -> list[BoxClaim]:
    among = [scene.place(name, scene.outputs) for name in s.outputs or scene.outputs]

    def function(view: View) -> Any:
        total = view.partial(among[0], ())
        for j in among[1:]:
            total = view.do("add", total, view.partial(j, ()))
        return view.apart(total, 1.0)

    return [scene.claim(s, " + ".join(scene.outputs[j] for j in among) + " == 1", function, _EQUATION)]


def _ordered(s: Statement, scene: Scene) -> list[BoxClaim]:
    found = []
    for a, b in itertools.pairwise(scene.place(name, scene.outputs) for name in s.outputs or scene.outputs):
        text = f"{scene.outputs[a]} <= {scene.outputs[b]}"
        size = float(max(scene.spread[a], scene.spread[b]))

        def function(view: View, a: int = a, b: int = b) -> Any:
            return view.do("sub", view.partial(b, ()), view.partial(a, ()))

        found.append(scene.claim(s, text, function, _VALUE * size))
    return found


def _boundary(s: Statement, scene: Scene) -> list[BoxClaim]:
    if not isinstance(s.face, Region):
        faces = [(scene.place(name), end) for name, ends in s.face for end in ends if math.isfinite(end)]
        return [claim for i, end in faces for claim in scene.on_face(s, i, end, s.value)]
    wanted, zero = scene.formula(s.value), read(region_formula(s.face), scene.inputs)
    found = scene.same(s, lambda name: f"{name} == {s.value} on the boundary", lambda j, view: wanted(view))
    return [replace(c, tolerance=0.0, vanishing=zero, open="the boundary of this region is no face of a box") for c in found]


def _initial(s: Statement, scene: Scene) -> list[BoxClaim]:
    i = scene.place(s.input)
    found = scene.on_face(s, i, s.at, s.value)
    return found if s.rate is None else found + scene.on_face(s, i, s.at, s.rate, (i,))


def _units(s: Statement, scene: Scene) -> list[BoxClaim]:
    powers = {scene.place(name): dict(parse_dimension(unit).exponents) for name, unit in s.of_inputs}
    target, count = dict(parse_dimension(s.of_output).exponents), len(scene.inputs)
    bases = sorted({unit for each in (*powers.values(), target) for unit in each})

    def factor(view: View, exponents: Mapping[str, Any]) -> Any:
        total = view.number(0.0)
        for number, base in enumerate(bases):
            part = view.do("mul", float(exponents.get(base, 0)), view.x[count + number])
            total = view.do("add", total, part)
        return view.do("exp", total)

    def function(j: int, view: View) -> Any:
        x = [view.do("mul", view.x[i], factor(view, powers[i])) if i in powers else view.x[i] for i in range(count)]
        return view.apart(view.do("mul", view.partial(j, ()), factor(view, target)), view.f(x)[j])

    limit = math.log(2.0)
    extra = [(f"log of the scale of {unit}", (-limit, limit)) for unit in bases]
    words = f"{{}} scales as {s.of_output} when base units are rescaled by 1/2 to 2"
    found = scene.each(s, lambda name: words.replace("{}", name), function, equal=True)
    return [extended(claim, extra) for claim in found]


def _through(s: Statement, scene: Scene) -> list[BoxClaim]:
    outputs = range(len(scene.outputs)) if s.output is None else [scene.place(s.output, scene.outputs)]
    found = []
    for point, row in zip(s.points, s.values, strict=True):
        values = dict(zip(outputs, row * len(outputs) if len(row) == 1 else row, strict=True))
        named = {scene.outputs[j]: value for j, value in values.items()}
        shown = ", ".join(f"{v:g}" for v in point)
        claims = scene.same(
            s,
            lambda name, named=named, shown=shown: f"{name}({shown}) == {named[name]!r}",
            lambda j, view, values=values: view.number(float(values[j])),
        )
        if len(point) != len(scene.inputs):
            raise Unreadable("a point of through has another number of inputs than the model")
        found += [replace(claim, lo=np.array(point, dtype=float), hi=np.array(point, dtype=float)) for claim in claims]
    return found


def _integral(s: Statement, scene: Scene) -> list[BoxClaim]:
    weight, (lo, hi) = read(s.weight, scene.inputs), (scene.lo.copy(), scene.hi.copy())
    for name, (low, high) in s.over or ():
        lo[scene.place(name)], hi[scene.place(name)] = low, high
    found = []
    for claim, j in zip(scene.each(s, str, lambda j, v: v), range(len(scene.outputs)), strict=False):
        number = j if s.output is None else scene.place(s.output, scene.outputs)
        size = max(float(scene.spread[number]) * float(np.prod(hi - lo)), abs(s.equals))
        text = f"the integral of {s.weight} * {scene.outputs[number]} == {s.equals!r}"

        def function(view: View, number: int = number) -> Any:
            return view.do("mul", view.run(weight, view.x), view.partial(number, ()))

        found.append(
            replace(claim, text=text, lo=lo, hi=hi, function=function, tolerance=_EQUATION * size, integral=float(s.equals))
        )
    return found


def _conserved(s: Statement, scene: Scene) -> list[BoxClaim]:
    flow = [(scene.place(name), read(text, scene.inputs)) for name, text in s.flow]

    def rate(j: int, view: View) -> Any:
        total = view.number(0.0)
        for i, pace in flow:
            total = view.do("add", total, view.do("mul", view.partial(j, (i,)), view.run(pace, view.x)))
        return view.apart(total, 0.0)

    slowest = min((i for i, _ in flow), key=scene.width)
    found = scene.each(s, lambda name: f"d {name}/dt == 0 along the flow", rate, along=(slowest,), equal=True)
    return [replace(claim, along=tuple((i,) for i, _ in flow)) for claim in found]


def _asymptote(s: Statement, scene: Scene) -> list[BoxClaim]:
    i, tends = scene.place(s.input), s.kind == "value"
    along, order = (i,) * (2 if s.kind == "linear" else 1), "²" if s.kind == "linear" else ""
    found = []
    for side in ("left", "right") if s.side == "both" else (s.side,):
        what = f"{{}} tends to {s.value!r}" if tends else f"d{order} {{}}/d {scene.inputs[i]}{order} == 0"
        words = f"{what} to the {side} of the box"
        claims = scene.same(s, lambda name, words=words: words.replace("{}", name), lambda j, view: view.number(0.0), along)
        for claim in claims:
            low, high = claim.lo[i], claim.hi[i]
            width = high - low
            away = _AWAY * width
            claim.lo[i], claim.hi[i] = (low - width, low - away) if side == "left" else (high + away, high + width)
        found += [replace(claim, open="a limit is no bound on a box" if tends else "") for claim in claims]
    return found


def _related(s: Statement, scene: Scene, text: str, unknowns: Sequence[tuple[str, float]]) -> list[BoxClaim]:
    found = []
    for relation, j in relation_of(text, scene.inputs, scene.outputs, s.output, unknowns):
        size = float(scene.spread[j]) if relation.deepest == 0 else 1.0
        claim = scene.claim(s, text, lambda view: view, _EQUATION * size)
        extra = [(name, (float(claim.lo[i]), float(claim.hi[i]))) for name, i in relation.free.items()]
        claim = replace(
            extended(claim, extra),
            along=relation.along or ((),),
            equation=relation.equation,
            conditions=relation.conditions,
            open=f"it has derivatives of order {relation.deepest}" if relation.deepest > _HIGHEST else relation.open,
        )
        found += [replace(claim, function=function) for function in relation.functions]
    return found


_MEANING: Final[dict[str, Callable[[Statement, Scene], list[BoxClaim]]]] = {
    "monotone": lambda s, scene: _signed(s, scene, (scene.place(s.input),), 1 if s.increasing else -1),
    "convex": lambda s, scene: _signed(s, scene, (scene.place(s.input),) * 2, 1),
    "concave": lambda s, scene: _signed(s, scene, (scene.place(s.input),) * 2, -1),
    "bounded": lambda s, scene: _bounded(s, scene, s.lower, s.upper),
    "positive": lambda s, scene: _bounded(s, scene, 0.0, None),
    "lipschitz": _lipschitz,
    "symmetric": lambda s, scene: _exchanged(s, scene, 1),
    "antisymmetric": lambda s, scene: _exchanged(s, scene, -1),
    "even": lambda s, scene: _mirrored(s, scene, 1),
    "odd": lambda s, scene: _mirrored(s, scene, -1),
    "periodic": _periodic,
    "invariant": _invariant,
    "no_interaction": lambda s, scene: _apart(s, scene, [(scene.place(s.first), scene.place(s.second))]),
    "additive": _additive,
    "sum_to_one": _shares,
    "ordered": _ordered,
    "boundary": _boundary,
    "initial": _initial,
    "units": _units,
    "through": _through,
    "integral": _integral,
    "conserved": _conserved,
    "residual": lambda s, scene: _related(s, scene, s.equation, s.unknowns),
    "law": lambda s, scene: _related(s, scene, s.statement, ()),
    "asymptote": _asymptote,
}
