"""The checker's own meaning of symmetries: outputs that are the same, or opposite, at transformed inputs."""

import itertools
import math
from collections.abc import Callable
from typing import Any

from splinework.knowledge.axioms.checker.axioms import AxiomText
from splinework.knowledge.axioms.checker.claims import BoxClaim, Scene, View
from splinework.knowledge.axioms.checker.formulas import Unreadable


def exchanged(s: AxiomText, scene: Scene, sign: int) -> list[BoxClaim]:
    """Exchanges of neighbouring inputs, which generate all others."""
    found = []
    for a, b in itertools.pairwise(scene.place(name) for name in s.among):

        def move(view: View, a: int = a, b: int = b) -> list[Any]:
            x = list(view.x[: len(scene.inputs)])
            x[a], x[b] = x[b], x[a]
            return x

        one, other = scene.inputs[a], scene.inputs[b]
        found += scene.moved(s, f"f({one}, {other}) == {'-' if sign < 0 else ''}f({other}, {one})", move, sign)
    return found


def mirrored(s: AxiomText, scene: Scene, sign: int) -> list[BoxClaim]:
    """Reflections of an input about a centre."""
    i, twice = scene.place(s.input), 2 * s.centre
    name = scene.inputs[i]
    move = scene.with_input(i, lambda view: view.do("sub", twice, view.x[i]))
    return scene.moved(s, f"f({name}) == {'-' if sign < 0 else ''}f({twice!r} - {name})", move, sign)


def periodic(s: AxiomText, scene: Scene) -> list[BoxClaim]:
    """Shifts of an input by a period."""
    i = scene.place(s.input)
    name = scene.inputs[i]
    move = scene.with_input(i, lambda view: view.do("add", view.x[i], s.period))
    return scene.moved(s, f"f({name}) == f({name} + {s.period!r})", move)


def invariant(s: AxiomText, scene: Scene) -> list[BoxClaim]:
    """Transformations of some inputs by a group."""
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
