"""Axioms on how inputs enter together as claims: exchanges, mirrors, periods, groups, and the absence of interaction."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import combinations, pairwise
from typing import Any, Final

import numpy as np

from splinework.knowledge.axioms.axiom import Axiom
from splinework.knowledge.axioms.shapes import Even, Odd, Periodic
from splinework.knowledge.axioms.structure import Additive, Antisymmetric, Invariant, NoInteraction, Symmetric
from splinework.knowledge.axioms.verify.claim import Asker, Claim
from splinework.knowledge.axioms.verify.making import EQUALITY, claim, each
from splinework.knowledge.axioms.verify.subject import Subject


def _mixed(axiom: NoInteraction | Additive, subject: Subject) -> list[Claim]:
    def define(j: int, pair: tuple[int, int]) -> Callable[[Asker], Any]:
        return lambda ask: ask.off(ask.partial(j, pair), 0.0)

    found = []
    for a, b in _apart(axiom, subject):
        for j, name, spread in each(axiom, subject):
            scale = spread / subject.width(a) / subject.width(b)
            text = f"d² {name}/d {subject.inputs[a]} d {subject.inputs[b]} == 0"
            pair = (a, b)
            more: dict[str, Any] = {"tolerance": EQUALITY * scale, "scale": scale, "derivatives": (pair,)}
            found.append(claim(axiom, subject, text, define(j, pair), **more))
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
    for j, name, spread in each(axiom, subject):
        said = text.replace("f(", f"{name}(")
        values = {"tolerance": EQUALITY * spread, "scale": spread, "arguments": (move,), **more}
        found.append(_with_more(claim(axiom, subject, said, define(j)), values))
    return found


def _with_more(given: Claim, values: dict[str, Any]) -> Claim:
    """The claim with further variables (`extra`: names and ranges) and fields."""
    extra = values.pop("extra", ())
    names = (*given.names, *(name for name, _ in extra))
    lo = np.concatenate([given.lo, [low for _, (low, _) in extra]])
    hi = np.concatenate([given.hi, [high for _, (_, high) in extra]])
    return replace(given, names=names, lo=lo, hi=hi, **values)


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

    def all_of(change: Callable[[Asker, int], Any]) -> Move:
        return lambda ask: [change(ask, i) if i in flat else ask.x[i] for i in range(count)]

    names = ", ".join(subject.inputs[i] for i in flat)
    if axiom.group == "sign":
        move = all_of(lambda ask, i: ask.do("neg", ask.x[i]))
        return _moved(axiom, subject, f"f({names}) is the same with all signs changed", move, 1)
    if axiom.group == "scale":
        move = all_of(lambda ask, i: ask.do("mul", ask.x[i], ask.x[first]))
        text = f"f({names}) is the same with all times 1/2 to 2"
        return _moved(axiom, subject, text, move, 1, extra=(("factor", (0.5, 2.0)),))
    if axiom.group == "translation":
        half = min(subject.width(i) for i in flat) / 2
        move = all_of(lambda ask, i: ask.do("add", ask.x[i], ask.x[first]))
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


STRUCTURE: Final[dict[type[Axiom], Callable[[Any, Subject], list[Claim]]]] = {
    NoInteraction: _mixed,
    Additive: _mixed,
    Symmetric: _exchanged,
    Antisymmetric: _exchanged,
    Even: _mirrored,
    Odd: _mirrored,
    Periodic: _periodic,
    Invariant: _invariant,
}
"""What makes the claims of each."""
