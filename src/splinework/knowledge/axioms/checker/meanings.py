"""The checker's own meaning of every axiom, as claims."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Final

import numpy as np

from splinework.formula.units.parsing import parse_dimension
from splinework.knowledge.axioms.checker.axioms import FIELDS, AxiomText, RegionText, parse, region_formula
from splinework.knowledge.axioms.checker.claims import EQUATION, VALUE, BoxClaim, Scene, View, extended
from splinework.knowledge.axioms.checker.formulas import Unreadable, read
from splinework.knowledge.axioms.checker.relations import relation_of
from splinework.knowledge.axioms.checker.symmetries import exchanged, invariant, mirrored, periodic

_HIGHEST: Final = 2
"""The highest order of derivatives that is enclosed."""
_AWAY: Final = 1e-9
"""How far beyond a face a claim about what lies outside begins, relative to the width of the box."""


def register_meaning(
    word: str, fields: Mapping[str, Any], meaning: Callable[[AxiomText, Scene], list[BoxClaim]]
) -> None:
    """Tells the checker what a custom axiom means, apart from its meaning for the prover.

    Args:
        word: Its word.
        fields: Its fields with their defaults, in order.
        meaning: The claims of an axiom with these fields in a scene.
    """
    FIELDS[word] = dict(fields)
    _MEANING[word] = meaning


def claims_of(text: str, scene: Scene) -> list[BoxClaim]:
    """The claims that together are an axiom.

    Raises:
        Unreadable: If the axiom cannot be read, or names something that does not exist.
    """
    s = parse(text)
    return _MEANING[s.word](s, scene)


def _in_words(words: str, name: str) -> str:
    return words.replace("{}", name)


def _point_in_words(shown: str, named: Mapping[str, Any], name: str) -> str:
    return f"{name}({shown}) == {named[name]!r}"


def _value_there(values: Mapping[int, Any], j: int, view: View) -> Any:
    return view.number(float(values[j]))


def _signed(s: AxiomText, scene: Scene, along: tuple[int, ...], sign: int) -> list[BoxClaim]:
    what = "d²" if len(along) == 2 else "d"
    x = scene.inputs[along[0]]
    words = f"{what} {{}}/d {x}{'²' if len(along) == 2 else ''} {'>=' if sign > 0 else '<='} 0"

    def function(j: int, view: View) -> Any:
        value = view.partial(j, along)
        return value if sign > 0 else view.do("neg", value)

    return scene.each(s, lambda name: words.replace("{}", name), function, along=along)


def _bounded(s: AxiomText, scene: Scene, low: Any, high: Any) -> list[BoxClaim]:
    ends = [(end, sign) for end, sign in ((low, 1), (high, -1)) if end is not None and math.isfinite(end)]

    def at(end: float, sign: int) -> list[BoxClaim]:
        def room(j: int, view: View) -> Any:
            value = view.partial(j, ())
            return view.do("sub", value, end) if sign > 0 else view.do("sub", end, value)

        return scene.each(s, lambda name: f"{name} {'>=' if sign > 0 else '<='} {end!r}", room)

    by_end = [at(float(end), sign) for end, sign in ends]
    return [claim for claims in zip(*by_end, strict=True) for claim in claims]


def _lipschitz(s: AxiomText, scene: Scene) -> list[BoxClaim]:
    most = float(s.constant)

    def along(i: int) -> list[BoxClaim]:
        def room(j: int, view: View) -> Any:
            return view.do("sub", most, view.do("abs", view.partial(j, (i,))))

        return scene.each(
            s, lambda name: f"|d {name}/d {scene.inputs[i]}| <= {s.constant!r}", room, along=(i,), size=most
        )

    by_input = [along(i) for i in [scene.place(name) for name in s.along] or range(len(scene.inputs))]
    return [claim for claims in zip(*by_input, strict=True) for claim in claims]


def _apart(s: AxiomText, scene: Scene, pairs: Sequence[tuple[int, int]]) -> list[BoxClaim]:
    found = []
    for a, b in pairs:
        words = f"d² {{}}/d {scene.inputs[a]} d {scene.inputs[b]} == 0"
        found += scene.same(s, partial(_in_words, words), lambda j, view: view.number(0.0), (a, b))
    return found


def _additive(s: AxiomText, scene: Scene) -> list[BoxClaim]:
    owner = {scene.place(name): number for number, group in enumerate(s.groups) for name in group}
    for i in range(len(scene.inputs)):
        owner.setdefault(i, -1 - i)
    pairs = itertools.combinations(range(len(scene.inputs)), 2)
    return _apart(s, scene, [(a, b) for a, b in pairs if owner[a] != owner[b]])


def _shares(s: AxiomText, scene: Scene) -> list[BoxClaim]:
    among = [scene.place(name, scene.outputs) for name in s.outputs or scene.outputs]

    def function(view: View) -> Any:
        total = view.partial(among[0], ())
        for j in among[1:]:
            total = view.do("add", total, view.partial(j, ()))
        return view.apart(total, 1.0)

    return [scene.claim(s, " + ".join(scene.outputs[j] for j in among) + " == 1", function, EQUATION)]


def _ordered(s: AxiomText, scene: Scene) -> list[BoxClaim]:
    found = []
    for a, b in itertools.pairwise(scene.place(name, scene.outputs) for name in s.outputs or scene.outputs):
        text = f"{scene.outputs[a]} <= {scene.outputs[b]}"
        size = float(max(scene.spread[a], scene.spread[b]))

        def function(view: View, a: int = a, b: int = b) -> Any:
            return view.do("sub", view.partial(b, ()), view.partial(a, ()))

        found.append(scene.claim(s, text, function, VALUE * size))
    return found


def _boundary(s: AxiomText, scene: Scene) -> list[BoxClaim]:
    if not isinstance(s.face, RegionText):
        faces = [(scene.place(name), end) for name, ends in s.face for end in ends if math.isfinite(end)]
        return [claim for i, end in faces for claim in scene.on_face(s, i, end, s.value)]
    wanted, zero = scene.formula(s.value), read(region_formula(s.face), scene.inputs)
    found = scene.same(s, lambda name: f"{name} == {s.value} on the boundary", lambda j, view: wanted(view))
    return [
        replace(c, tolerance=0.0, vanishing=zero, open="the boundary of this region is not a face of a box")
        for c in found
    ]


def _initial(s: AxiomText, scene: Scene) -> list[BoxClaim]:
    i = scene.place(s.input)
    found = scene.on_face(s, i, s.at, s.value)
    return found if s.rate is None else found + scene.on_face(s, i, s.at, s.rate, (i,))


def _units(s: AxiomText, scene: Scene) -> list[BoxClaim]:
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


def _through(s: AxiomText, scene: Scene) -> list[BoxClaim]:
    outputs = range(len(scene.outputs)) if s.output is None else [scene.place(s.output, scene.outputs)]
    found = []
    for point, row in zip(s.points, s.values, strict=True):
        values = dict(zip(outputs, row * len(outputs) if len(row) == 1 else row, strict=True))
        named = {scene.outputs[j]: value for j, value in values.items()}
        shown = ", ".join(f"{v:g}" for v in point)
        claims = scene.same(
            s,
            partial(_point_in_words, shown, named),
            partial(_value_there, values),
        )
        if len(point) != len(scene.inputs):
            raise Unreadable("a point of through has another number of inputs than the model")
        found += [replace(claim, lo=np.array(point, dtype=float), hi=np.array(point, dtype=float)) for claim in claims]
    return found


def _integral(s: AxiomText, scene: Scene) -> list[BoxClaim]:
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
            replace(
                claim, text=text, lo=lo, hi=hi, function=function, tolerance=EQUATION * size, integral=float(s.equals)
            )
        )
    return found


def _conserved(s: AxiomText, scene: Scene) -> list[BoxClaim]:
    flow = [(scene.place(name), read(text, scene.inputs)) for name, text in s.flow]

    def rate(j: int, view: View) -> Any:
        total = view.number(0.0)
        for i, pace in flow:
            total = view.do("add", total, view.do("mul", view.partial(j, (i,)), view.run(pace, view.x)))
        return view.apart(total, 0.0)

    slowest = min((i for i, _ in flow), key=scene.width)
    found = scene.each(s, lambda name: f"d {name}/dt == 0 along the flow", rate, along=(slowest,), equal=True)
    return [replace(claim, along=tuple((i,) for i, _ in flow)) for claim in found]


def _asymptote(s: AxiomText, scene: Scene) -> list[BoxClaim]:
    i, tends = scene.place(s.input), s.kind == "value"
    along, order = (i,) * (2 if s.kind == "linear" else 1), "²" if s.kind == "linear" else ""
    found = []
    for side in ("left", "right") if s.side == "both" else (s.side,):
        what = f"{{}} tends to {s.value!r}" if tends else f"d{order} {{}}/d {scene.inputs[i]}{order} == 0"
        words = f"{what} to the {side} of the box"
        claims = scene.same(s, partial(_in_words, words), lambda j, view: view.number(0.0), along)
        for claim in claims:
            low, high = claim.lo[i], claim.hi[i]
            width = high - low
            away = _AWAY * width
            claim.lo[i], claim.hi[i] = (low - width, low - away) if side == "left" else (high + away, high + width)
        found += [replace(claim, open="a limit is no bound on a box" if tends else "") for claim in claims]
    return found


def _related(s: AxiomText, scene: Scene, text: str, unknowns: Sequence[tuple[str, float]]) -> list[BoxClaim]:
    found = []
    for relation, j in relation_of(text, scene.inputs, scene.outputs, s.output, unknowns):
        size = float(scene.spread[j]) if relation.deepest == 0 else 1.0
        claim = scene.claim(s, text, lambda view: view, EQUATION * size)
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


_MEANING: Final[dict[str, Callable[[AxiomText, Scene], list[BoxClaim]]]] = {
    "monotone": lambda s, scene: _signed(s, scene, (scene.place(s.input),), 1 if s.increasing else -1),
    "convex": lambda s, scene: _signed(s, scene, (scene.place(s.input),) * 2, 1),
    "concave": lambda s, scene: _signed(s, scene, (scene.place(s.input),) * 2, -1),
    "bounded": lambda s, scene: _bounded(s, scene, s.lower, s.upper),
    "positive": lambda s, scene: _bounded(s, scene, 0.0, None),
    "lipschitz": _lipschitz,
    "symmetric": lambda s, scene: exchanged(s, scene, 1),
    "antisymmetric": lambda s, scene: exchanged(s, scene, -1),
    "even": lambda s, scene: mirrored(s, scene, 1),
    "odd": lambda s, scene: mirrored(s, scene, -1),
    "periodic": periodic,
    "invariant": invariant,
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
