"""Axioms as claims: for each the functions that must not be negative, and where."""

from collections.abc import Callable, Sequence
from itertools import combinations, pairwise
from typing import Any, Final

import numpy as np

from splinework.axioms.axiom import Axiom, place
from splinework.axioms.shapes import (
    Asymptote,
    Bounded,
    Concave,
    Convex,
    Even,
    Lipschitz,
    Monotone,
    Odd,
    Periodic,
    Positive,
)
from splinework.axioms.structure import Additive, Antisymmetric, Invariant, NoInteraction, Symmetric
from splinework.axioms.values import Ordered, SumToOne
from splinework.axioms.verify.claim import Asker, Claim
from splinework.axioms.verify.demands import DEMANDS
from splinework.axioms.verify.subject import Subject, box_of
from splinework.errors import ConfigError

INEQUALITY: Final = 1e-9
"""Share of the output's spread by which an inequality may fail and yet count as proved, for values."""
SLOPE: Final = 1e-6
"""The same for derivatives: of the spread per width of the box."""
EQUALITY: Final = 1e-6
"""The same for equations."""


def claims_of(axiom: Axiom, subject: Subject) -> list[Claim]:
    """The claims that together are an axiom.

    Raises:
        ConfigError: If it names inputs or outputs that do not exist, or is of an unknown kind.
    """
    makers = {**_SHAPES, **DEMANDS}
    if type(axiom) not in makers:
        raise ConfigError(f"no claim is known for {axiom.word}; verify knows {', '.join(sorted(k.word for k in makers))}.")
    return makers[type(axiom)](axiom, subject)


def _claim(axiom: Axiom, subject: Subject, text: str, define: Callable[[Asker], Any], **more: Any) -> Claim:
    lo, hi = box_of(axiom, subject)
    return Claim(text, subject.inputs, lo, hi, define, len(subject.inputs), **more)


def _each(axiom: Axiom, subject: Subject) -> list[tuple[int, str, float]]:
    """Outputs by number and name, each with its spread."""
    return [(j, subject.outputs[j], float(subject.spread[j])) for j in subject.outputs_of(axiom)]


def _monotone(axiom: Monotone, subject: Subject) -> list[Claim]:
    i = subject.input(axiom.input, axiom)

    def define(j: int) -> Callable[[Asker], Any]:
        def of(ask: Asker) -> Any:
            slope = ask.partial(j, (i,))
            return slope if axiom.increasing else ask.do("neg", slope)

        return of

    sign = ">=" if axiom.increasing else "<="
    found = []
    for j, name, spread in _each(axiom, subject):
        scale = spread / subject.width(i)
        text = f"d {name}/d {subject.inputs[i]} {sign} 0"
        found.append(
            _claim(axiom, subject, text, define(j), derivatives=((i,),), tolerance=SLOPE * scale, scale=scale)
        )
    return found


def _lipschitz(axiom: Lipschitz, subject: Subject) -> list[Claim]:
    along = [subject.input(name, axiom) for name in axiom.along] or list(range(len(subject.inputs)))

    def define(j: int, i: int) -> Callable[[Asker], Any]:
        return lambda ask: ask.do("sub", axiom.constant, ask.do("abs", ask.partial(j, (i,))))

    found = []
    for j, name, _ in _each(axiom, subject):
        for i in along:
            text = f"|d {name}/d {subject.inputs[i]}| <= {axiom.constant!r}"
            tolerance = SLOPE * axiom.constant
            found.append(
                _claim(
                    axiom, subject, text, define(j, i), derivatives=((i,),), tolerance=tolerance, scale=axiom.constant
                )
            )
    return found


def _bent(axiom: Convex | Concave, subject: Subject) -> list[Claim]:
    i = subject.input(axiom.input, axiom)
    convex = isinstance(axiom, Convex)

    def define(j: int) -> Callable[[Asker], Any]:
        def of(ask: Asker) -> Any:
            bend = ask.partial(j, (i, i))
            return bend if convex else ask.do("neg", bend)

        return of

    found = []
    for j, name, spread in _each(axiom, subject):
        scale = spread / subject.width(i) ** 2
        text = f"d² {name}/d {subject.inputs[i]}² {'>=' if convex else '<='} 0"
        found.append(
            _claim(axiom, subject, text, define(j), derivatives=((i, i),), tolerance=SLOPE * scale, scale=scale)
        )
    return found


def _bounded(axiom: Bounded | Positive, subject: Subject) -> list[Claim]:
    lower, upper = (0.0, None) if isinstance(axiom, Positive) else (axiom.lower, axiom.upper)

    def above(j: int, end: float) -> Callable[[Asker], Any]:
        return lambda ask: ask.do("sub", ask.partial(j, ()), end)

    def below(j: int, end: float) -> Callable[[Asker], Any]:
        return lambda ask: ask.do("sub", end, ask.partial(j, ()))

    found = []
    for j, name, spread in _each(axiom, subject):
        more = {"tolerance": INEQUALITY * spread, "scale": spread}
        if lower is not None:
            found.append(_claim(axiom, subject, f"{name} >= {lower!r}", above(j, lower), **more))
        if upper is not None:
            found.append(_claim(axiom, subject, f"{name} <= {upper!r}", below(j, upper), **more))
    return found


def _mixed(axiom: NoInteraction | Additive, subject: Subject) -> list[Claim]:
    def define(j: int, pair: tuple[int, int]) -> Callable[[Asker], Any]:
        return lambda ask: ask.off(ask.partial(j, pair), 0.0)

    found = []
    for a, b in _apart(axiom, subject):
        for j, name, spread in _each(axiom, subject):
            scale = spread / subject.width(a) / subject.width(b)
            text = f"d² {name}/d {subject.inputs[a]} d {subject.inputs[b]} == 0"
            pair = (a, b)
            more: dict[str, Any] = {"tolerance": EQUALITY * scale, "scale": scale, "derivatives": (pair,)}
            found.append(_claim(axiom, subject, text, define(j, pair), **more))
    return found


def _apart(axiom: NoInteraction | Additive, subject: Subject) -> list[tuple[int, int]]:
    """Pairs of inputs that do not interact."""
    if isinstance(axiom, NoInteraction):
        a, b = (subject.input(name, axiom) for name in axiom.inputs)
        return [(min(a, b), max(a, b))]
    groups = [[subject.input(name, axiom) for name in group] for group in axiom.groups]
    groups += [[i] for i in range(len(subject.inputs)) if not any(i in group for group in groups)]
    owner = {i: number for number, group in enumerate(groups) for i in group}
    return [(a, b) for a, b in combinations(range(len(subject.inputs)), 2) if owner[a] != owner[b]]


Move = Callable[[Asker], Sequence[Any]]


def _moved(axiom: Axiom, subject: Subject, text: str, move: Move, sign: int, **more: Any) -> list[Claim]:
    """`f(moved x) = sign f(x)` for every output."""

    def define(j: int) -> Callable[[Asker], Any]:
        def of(ask: Asker) -> Any:
            here, there = ask.partial(j, ()), ask.f(move(ask))[j]
            return ask.off(here, there) if sign > 0 else ask.off(here, ask.do("neg", there))

        return of

    found = []
    for j, name, spread in _each(axiom, subject):
        said = text.replace("f(", f"{name}(")
        values = {"tolerance": EQUALITY * spread, "scale": spread, "arguments": (move,), **more}
        found.append(_with_more(_claim(axiom, subject, said, define(j)), values))
    return found


def _with_more(claim: Claim, values: dict[str, Any]) -> Claim:
    """The claim with further variables (`extra`: names and ranges) and fields."""
    from dataclasses import replace

    extra = values.pop("extra", ())
    names = (*claim.names, *(name for name, _ in extra))
    lo = np.concatenate([claim.lo, [low for _, (low, _) in extra]])
    hi = np.concatenate([claim.hi, [high for _, (_, high) in extra]])
    return replace(claim, names=names, lo=lo, hi=hi, **values)


def _exchanged(axiom: Symmetric | Antisymmetric, subject: Subject) -> list[Claim]:
    """Neighbours exchanged: these exchanges make every other."""
    sign = 1 if isinstance(axiom, Symmetric) else -1
    found = []
    for one, other in pairwise(subject.input(name, axiom) for name in axiom.among):

        def move(ask: Asker, a: int = one, b: int = other) -> list[Any]:
            x = list(ask.x[: len(subject.inputs)])
            x[a], x[b] = x[b], x[a]
            return x

        a, b = subject.inputs[one], subject.inputs[other]
        text = f"f({a}, {b}) == {'-' if sign < 0 else ''}f({b}, {a})"
        found += _moved(axiom, subject, text, move, sign)
    return found


def _replaced(subject: Subject, i: int, new: Callable[[Asker], Any]) -> Move:
    """All inputs as they are, but one."""

    def move(ask: Asker) -> list[Any]:
        x = list(ask.x[: len(subject.inputs)])
        x[i] = new(ask)
        return x

    return move


def _mirrored(axiom: Even | Odd, subject: Subject) -> list[Claim]:
    i, sign = subject.input(axiom.input, axiom), 1 if isinstance(axiom, Even) else -1
    name, twice = subject.inputs[i], 2 * axiom.centre
    move = _replaced(subject, i, lambda ask: ask.do("sub", twice, ask.x[i]))
    return _moved(axiom, subject, f"f({name}) == {'-' if sign < 0 else ''}f({twice!r} - {name})", move, sign)


def _periodic(axiom: Periodic, subject: Subject) -> list[Claim]:
    i = subject.input(axiom.input, axiom)
    name, period = subject.inputs[i], axiom.period
    move = _replaced(subject, i, lambda ask: ask.do("add", ask.x[i], period))
    return _moved(axiom, subject, f"f({name}) == f({name} + {period!r})", move, 1)


def _invariant(axiom: Invariant, subject: Subject) -> list[Claim]:
    vectors = [[subject.input(name, axiom) for name in vector] for vector in axiom.vectors]
    flat = [i for vector in vectors for i in vector]
    count, first = len(subject.inputs), len(subject.inputs)

    def each(change: Callable[[Asker, int], Any]) -> Move:
        return lambda ask: [change(ask, i) if i in flat else ask.x[i] for i in range(count)]

    names = ", ".join(subject.inputs[i] for i in flat)
    if axiom.group == "sign":
        move = each(lambda ask, i: ask.do("neg", ask.x[i]))
        return _moved(axiom, subject, f"f({names}) is the same with all signs changed", move, 1)
    if axiom.group == "scale":
        move = each(lambda ask, i: ask.do("mul", ask.x[i], ask.x[first]))
        text = f"f({names}) is the same with all times 1/2 to 2"
        return _moved(axiom, subject, text, move, 1, extra=(("factor", (0.5, 2.0)),))
    if axiom.group == "translation":
        half = min(subject.width(i) for i in flat) / 2
        move = each(lambda ask, i: ask.do("add", ask.x[i], ask.x[first]))
        text = f"f({names}) is the same with up to {half:g} added to all"
        return _moved(axiom, subject, text, move, 1, extra=(("shift", (-half, half)),))
    found = []
    for p, q in pairwise(range(len(vectors[0]))):
        move = _turned(vectors, p, q, count)
        text = f"f({names}) is the same turned in the plane of axes {p + 1} and {q + 1}"
        found += _moved(axiom, subject, text, move, 1, extra=(("angle", (-np.pi, np.pi)),))
    return found


def _turned(vectors: list[list[int]], p: int, q: int, count: int) -> Move:
    """All vectors turned by the angle, which is the variable after the inputs, in the plane of two axes."""

    def move(ask: Asker) -> list[Any]:
        x = list(ask.x[:count])
        c, s = ask.do("cos", ask.x[count]), ask.do("sin", ask.x[count])
        for vector in vectors:
            a, b = ask.x[vector[p]], ask.x[vector[q]]
            x[vector[p]] = ask.do("sub", ask.do("mul", c, a), ask.do("mul", s, b))
            x[vector[q]] = ask.do("add", ask.do("mul", s, a), ask.do("mul", c, b))
        return x

    return move


def _tail(axiom: Asymptote, subject: Subject) -> list[Claim]:
    """One width of the box beyond the grid, on each side that is meant."""
    i = subject.input(axiom.input, axiom)
    along = (i, i) if axiom.kind == "linear" else (i,)
    from dataclasses import replace

    found = []
    for side in ("left", "right"):
        if axiom.side not in (side, "both"):
            continue
        for j, name, spread in _each(axiom, subject):
            scale = spread / subject.width(i) ** len(along)
            order = "²" if axiom.kind == "linear" else ""
            text = f"d{order} {name}/d {subject.inputs[i]}{order} == 0 to the {side} of the box"
            if axiom.kind == "value":
                text = f"{name} tends to {axiom.value!r} to the {side} of the box"
            reason = "" if axiom.kind != "value" else "a limit is no bound on a box"
            claim = _claim(
                axiom,
                subject,
                text,
                lambda ask, j=j: ask.off(ask.partial(j, along), 0.0),
                derivatives=(along,),
                tolerance=EQUALITY * scale,
                scale=scale,
                reason=reason,
            )
            lo, hi = claim.lo.copy(), claim.hi.copy()
            width = hi[i] - lo[i]
            # Just beyond the end: there itself a corner is allowed.
            away = 1e-9 * width
            lo[i], hi[i] = (lo[i] - width, lo[i] - away) if side == "left" else (hi[i] + away, hi[i] + width)
            found.append(replace(claim, lo=lo, hi=hi))
    return found


def _outputs(axiom: SumToOne | Ordered, subject: Subject) -> list[int]:
    given = axiom.outputs or subject.outputs
    return [place(name, subject.outputs, axiom.word, "output") for name in given]


def _sum_to_one(axiom: SumToOne, subject: Subject) -> list[Claim]:
    among = _outputs(axiom, subject)

    def define(ask: Asker) -> Any:
        total = ask.partial(among[0], ())
        for j in among[1:]:
            total = ask.do("add", total, ask.partial(j, ()))
        return ask.off(total, 1.0)

    text = " + ".join(subject.outputs[j] for j in among) + " == 1"
    return [_claim(axiom, subject, text, define, tolerance=EQUALITY, scale=1.0)]


def _ordered(axiom: Ordered, subject: Subject) -> list[Claim]:
    found = []
    for one, other in pairwise(_outputs(axiom, subject)):
        spread = float(max(subject.spread[one], subject.spread[other]))
        found.append(
            _claim(
                axiom,
                subject,
                f"{subject.outputs[one]} <= {subject.outputs[other]}",
                lambda ask, a=one, b=other: ask.do("sub", ask.partial(b, ()), ask.partial(a, ())),
                tolerance=INEQUALITY * spread,
                scale=spread,
            )
        )
    return found


_SHAPES: Final[dict[type[Axiom], Callable[[Any, Subject], list[Claim]]]] = {
    Monotone: _monotone,
    Lipschitz: _lipschitz,
    Convex: _bent,
    Concave: _bent,
    Bounded: _bounded,
    Positive: _bounded,
    NoInteraction: _mixed,
    Additive: _mixed,
    Symmetric: _exchanged,
    Antisymmetric: _exchanged,
    Even: _mirrored,
    Odd: _mirrored,
    Periodic: _periodic,
    Invariant: _invariant,
    Asymptote: _tail,
    SumToOne: _sum_to_one,
    Ordered: _ordered,
}
