"""The checker's own meaning of every axiom, as claims in its language (`formulas.py`)."""

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np

from splinework.formula.units.parsing import parse_dimension
from splinework.knowledge.axioms.checker.claims import (
    EQUATION,
    VALUE,
    BoxClaim,
    Extra,
    RegionText,
    Scene,
    region_formula,
)
from splinework.knowledge.axioms.checker.formulas import Unreadable, read
from splinework.knowledge.axioms.checker.relations import relation_of

_AWAY: Final = 1e-9
"""How far beyond a face a claim about what lies outside begins, relative to the width of the box."""


def register_meaning(word: str, meaning: Callable[..., list[BoxClaim]]) -> None:
    """Tells the checker what a custom axiom means, apart from its meaning for the prover.

    Args:
        word: Its word.
        meaning: The claims, by a scene and the values of the axiom's fields, with their names and defaults.
    """
    MEANINGS[word] = meaning


def claims_of(text: str, scene: Scene) -> list[BoxClaim]:
    """The claims that together are an axiom.

    Raises:
        Unreadable: If the axiom cannot be read, or names something that does not exist.
    """
    own, given, named, word = scene.about(text)
    if word not in MEANINGS:
        raise Unreadable(f"the axiom {text[:80]!r} cannot be read (there is no axiom {word!r})")
    try:
        return MEANINGS[word](own, *given, **named)
    except (TypeError, ValueError, OverflowError, KeyError) as error:
        raise Unreadable(f"the axiom {text[:80]!r} cannot be read ({error})") from None


def _monotone(c: Scene, input: Any, increasing: bool = True) -> list[BoxClaim]:
    i = c.place(input)
    sign, relation = ("", ">=") if increasing else ("-", "<=")
    return c.each(lambda j, f: (f"d {f}/d {c.inputs[i]} {relation} 0", f"{sign}D[{j}, {i}]"), along=(i,))


def _curved(sign: str, relation: str) -> Callable[[Scene, Any], list[BoxClaim]]:
    def claims(c: Scene, input: Any) -> list[BoxClaim]:
        i = c.place(input)
        return c.each(lambda j, f: (f"d² {f}/d {c.inputs[i]}² {relation} 0", f"{sign}D[{j}, {i}, {i}]"), along=(i, i))

    return claims


def _bounded(c: Scene, lower: Any = None, upper: Any = None) -> list[BoxClaim]:
    ends = [
        (float(end), sign) for end, sign in ((lower, ">="), (upper, "<=")) if end is not None and math.isfinite(end)
    ]

    def at(end: float, sign: str) -> list[BoxClaim]:
        room = "F[{j}] - {end!r}" if sign == ">=" else "{end!r} - F[{j}]"
        return c.each(lambda j, f: (f"{f} {sign} {end!r}", room.format(j=j, end=end)))

    return [claim for claims in zip(*itertools.starmap(at, ends), strict=True) for claim in claims]


def _lipschitz(c: Scene, constant: float, along: Sequence[Any] = ()) -> list[BoxClaim]:
    def on(i: int) -> list[BoxClaim]:
        words = f"/d {c.inputs[i]}| <= {constant!r}"
        return c.each(
            lambda j, f: (f"|d {f}{words}", f"{float(constant)!r} - abs(D[{j}, {i}])"), along=(i,), size=float(constant)
        )

    by_input = [on(i) for i in [c.place(name) for name in along] or range(len(c.inputs))]
    return [claim for claims in zip(*by_input, strict=True) for claim in claims]


def _moved(c: Scene, words: str, changed: Mapping[int, str], sign: str = "-", extra: Extra = ()) -> list[BoxClaim]:
    """Claims that outputs are the same, or opposite, at other inputs."""
    there = c.at(changed)
    return c.same(lambda j, f: (words.replace("f(", f"{f}("), f"F[{j}] {sign} F[{j}]({there})"), extra=extra)


def _symmetric(sign: str) -> Callable[[Scene, Any], list[BoxClaim]]:
    def claims(c: Scene, among: Sequence[Any]) -> list[BoxClaim]:
        """Exchanges of neighbouring inputs, which generate all others."""
        found = []
        for a, b in itertools.pairwise(c.place(name) for name in among):
            one, other = c.inputs[a], c.inputs[b]
            words = f"f({one}, {other}) == {'-' if sign == '+' else ''}f({other}, {one})"
            found += _moved(c, words, {a: f"X[{b}]", b: f"X[{a}]"}, sign)
        return found

    return claims


def _mirrored(sign: str) -> Callable[..., list[BoxClaim]]:
    def claims(c: Scene, input: Any, centre: float = 0.0) -> list[BoxClaim]:
        i, twice = c.place(input), 2 * centre
        words = f"f({c.inputs[i]}) == {'-' if sign == '+' else ''}f({twice!r} - {c.inputs[i]})"
        return _moved(c, words, {i: f"{float(twice)!r} - X[{i}]"}, sign)

    return claims


def _periodic(c: Scene, input: Any, period: float = 2 * math.pi) -> list[BoxClaim]:
    i = c.place(input)
    return _moved(c, f"f({c.inputs[i]}) == f({c.inputs[i]} + {period!r})", {i: f"X[{i}] + {float(period)!r}"})


def _invariant(c: Scene, group: str, acts_on: Any = ()) -> list[BoxClaim]:
    acts = acts_on if isinstance(acts_on, tuple) else (acts_on,)
    nested = bool(acts) and all(isinstance(part, tuple) for part in acts)
    vectors = [[c.place(name) for name in vector] for vector in (acts if nested else (acts,))]
    flat, n = [i for vector in vectors for i in vector], len(c.inputs)
    words = f"f({', '.join(c.inputs[i] for i in flat)}) is the same"
    half = min(map(c.width, flat)) / 2
    plain: dict[str, tuple[str, str, Extra]] = {
        "sign": (" with all signs changed", "-X[{i}]", ()),
        "scale": (" with all times 1/2 to 2", "X[{i}]*X[{n}]", [("factor", (0.5, 2.0))]),
        "translation": (f" with up to {half:g} added to all", "X[{i}] + X[{n}]", [("shift", (-half, half))]),
    }
    if group in plain:
        more, change, extra = plain[group]
        return _moved(c, words + more, {i: change.format(i=i, n=n) for i in flat}, extra=extra)
    if group != "rotation":
        raise Unreadable(f"there is no group {group!r}")
    found = []
    for p, q in itertools.pairwise(range(len(vectors[0]))):
        turned = {}
        for vector in vectors:
            a, b = vector[p], vector[q]
            turned[a] = f"cos(X[{n}])*X[{a}] - sin(X[{n}])*X[{b}]"
            turned[b] = f"sin(X[{n}])*X[{a}] + cos(X[{n}])*X[{b}]"
        text = f"{words} turned in the plane of axes {p + 1} and {q + 1}"
        found += _moved(c, text, turned, extra=[("angle", (-math.pi, math.pi))])
    return found


def _apart(c: Scene, a: Any, b: Any) -> list[BoxClaim]:
    a, b = c.place(a), c.place(b)
    words = f"/d {c.inputs[a]} d {c.inputs[b]} == 0"
    return c.same(lambda j, f: (f"d² {f}{words}", f"D[{j}, {a}, {b}]"), along=(a, b))


def _no_interaction(c: Scene, first: Any, second: Any) -> list[BoxClaim]:
    return _apart(c, first, second)


def _additive(c: Scene, groups: Sequence[Sequence[Any]] = ()) -> list[BoxClaim]:
    owner = {c.place(name): number for number, group in enumerate(groups) for name in group}
    pairs = itertools.combinations(range(len(c.inputs)), 2)
    apart = [(a, b) for a, b in pairs if owner.get(a, -1 - a) != owner.get(b, -1 - b)]
    return [claim for a, b in apart for claim in _apart(c, a, b)]


def _sum_to_one(c: Scene, outputs: Sequence[Any] = ()) -> list[BoxClaim]:
    among = [c.place(name, c.outputs) for name in outputs or c.outputs]
    words = " + ".join(c.outputs[j] for j in among) + " == 1"
    return [c.claim(words, f"-abs({' + '.join(f'F[{j}]' for j in among)} - 1)", EQUATION)]


def _ordered(c: Scene, outputs: Sequence[Any] = ()) -> list[BoxClaim]:
    pairs = itertools.pairwise(c.place(name, c.outputs) for name in outputs or c.outputs)
    return [
        c.claim(f"{c.outputs[a]} <= {c.outputs[b]}", f"F[{b}] - F[{a}]", VALUE * max(c.spread[a], c.spread[b]))
        for a, b in pairs
    ]


def _boundary(c: Scene, face: Any, value: Any = 0.0) -> list[BoxClaim]:
    if not isinstance(face, RegionText):
        faces = [(c.place(name), end) for name, ends in face for end in ends if math.isfinite(end)]
        return [claim for i, end in faces for claim in c.on_face(i, end, value)]
    wanted, zero = c.formula(value), read(region_formula(face), c.inputs)
    return c.each(
        lambda j, f: (f"{f} == {value} on the boundary", f"F[{j}] - {wanted}"),
        size=0.0,
        equation=True,
        vanishing=zero,
        unbounded="the boundary of this region is not a face of a box",
    )


def _initial(c: Scene, input: Any, at: float = 0.0, value: Any = 0.0, rate: Any = None) -> list[BoxClaim]:
    i = c.place(input)
    return c.on_face(i, at, value) + ([] if rate is None else c.on_face(i, at, rate, (i,)))


def _units(c: Scene, of_inputs: Sequence[tuple[Any, str]], of_output: str = "1") -> list[BoxClaim]:
    powers = {c.place(name): dict(parse_dimension(unit).exponents) for name, unit in of_inputs}
    target, n = dict(parse_dimension(of_output).exponents), len(c.inputs)
    bases = sorted({unit for each in (*powers.values(), target) for unit in each})

    def factor(exponents: Mapping[str, Any]) -> str:
        parts = [f"{float(exponents[base])!r}*X[{n + k}]" for k, base in enumerate(bases) if exponents.get(base)]
        return f"exp({' + '.join(parts) or '0'})"

    there = c.at({i: f"X[{i}]*{factor(exponents)}" for i, exponents in powers.items()})
    limit, words = math.log(2.0), f"scales as {of_output} when base units are rescaled by 1/2 to 2"
    extra = [(f"log of the scale of {unit}", (-limit, limit)) for unit in bases]
    return c.same(lambda j, f: (f"{f} {words}", f"F[{j}]*{factor(target)} - F[{j}]({there})"), extra=extra)


def _through(c: Scene, points: Sequence[Any], values: Sequence[Any] = ()) -> list[BoxClaim]:
    found = []
    for point, row in zip(points, values, strict=True):
        wanted = dict(zip(c.meant, row * len(c.meant) if len(row) == 1 else row, strict=True))
        shown = ", ".join(f"{v:g}" for v in point)
        if len(point) != len(c.inputs):
            raise Unreadable("a point of through has another number of inputs than the model")
        for claim in c.same(lambda j, f: (f"{f}({shown}) == {wanted[j]!r}", f"F[{j}] - {c.formula(wanted[j])}")):  # noqa: B023
            found.append(replace(claim, lo=np.array(point, dtype=float), hi=np.array(point, dtype=float)))
    return found


def _integral(c: Scene, equals: float, over: Any = None, weight: str = "1") -> list[BoxClaim]:
    lo, hi = c.lo.copy(), c.hi.copy()
    for name, (low, high) in over or ():
        lo[c.place(name)], hi[c.place(name)] = low, high
    found = []
    for j in c.meant:
        size = max(float(c.spread[j]) * float(np.prod(hi - lo)), abs(equals))
        text = f"the integral of {weight} * {c.outputs[j]} == {equals!r}"
        claim = c.claim(text, f"{c.formula(weight)}*F[{j}]", EQUATION * size, integral=float(equals))
        found.append(replace(claim, lo=lo, hi=hi))
    return found


def _conserved(c: Scene, flow: Sequence[tuple[Any, str]]) -> list[BoxClaim]:
    paces = [(c.place(name), c.formula(text)) for name, text in flow]
    slowest = min((i for i, _ in paces), key=c.width)
    return c.same(
        lambda j, f: (f"d {f}/dt == 0 along the flow", " + ".join(f"D[{j}, {i}]*{pace}" for i, pace in paces)),
        along=(slowest,),
    )


def _asymptote(c: Scene, input: Any, side: str = "both", kind: str = "constant", value: float = 0.0) -> list[BoxClaim]:
    i, found = c.place(input), list[BoxClaim]()
    along, order = (i,) * (2 if kind == "linear" else 1), "²" if kind == "linear" else ""
    term = "".join(f", {k}" for k in along)
    for where in ("left", "right") if side == "both" else (side,):
        what = f"{{f}} tends to {value!r}" if kind == "value" else f"d{order} {{f}}/d {c.inputs[i]}{order} == 0"
        claims = c.same(
            lambda j, f: (f"{what.replace('{f}', f)} to the {where} of the box", f"D[{j}{term}]"),  # noqa: B023
            along=along,
            unbounded="a limit is no bound on a box" if kind == "value" else "",
        )
        for claim in claims:
            low, high = claim.lo[i], claim.hi[i]
            width, away = high - low, _AWAY * (high - low)
            claim.lo[i], claim.hi[i] = (low - width, low - away) if where == "left" else (high + away, high + width)
        found += claims
    return found


def _residual(c: Scene, equation: str, unknowns: Sequence[tuple[str, float]] = ()) -> list[BoxClaim]:
    return [claim for pieces in relation_of(equation, c, unknowns) for claim in pieces]


MEANINGS: Final[dict[str, Callable[..., list[BoxClaim]]]] = {
    "monotone": _monotone,
    "convex": _curved("", ">="),
    "concave": _curved("-", "<="),
    "bounded": _bounded,
    "positive": lambda c: _bounded(c, 0.0),
    "lipschitz": _lipschitz,
    "symmetric": _symmetric("-"),
    "antisymmetric": _symmetric("+"),
    "even": _mirrored("-"),
    "odd": _mirrored("+"),
    "periodic": _periodic,
    "invariant": _invariant,
    "no_interaction": _no_interaction,
    "additive": _additive,
    "sum_to_one": _sum_to_one,
    "ordered": _ordered,
    "boundary": _boundary,
    "initial": _initial,
    "units": _units,
    "through": _through,
    "integral": _integral,
    "conserved": _conserved,
    "residual": _residual,
    "law": lambda c, statement: _residual(c, statement),
    "asymptote": _asymptote,
}
"""The claims of every axiom, by a scene and the fields of the axiom."""
