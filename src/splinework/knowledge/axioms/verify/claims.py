"""Axioms as claims: for each the functions that must not be negative, and where."""

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any, Final

from splinework.errors import ConfigError
from splinework.knowledge.axioms.axiom import Axiom, place
from splinework.knowledge.axioms.shapes import (
    Asymptote,
    Bounded,
    Concave,
    Convex,
    Lipschitz,
    Monotone,
    Positive,
)
from splinework.knowledge.axioms.values import Ordered, SumToOne
from splinework.knowledge.axioms.verify.claim import Asker, Claim
from splinework.knowledge.axioms.verify.claims_structure import STRUCTURE
from splinework.knowledge.axioms.verify.demands import DEMANDS
from splinework.knowledge.axioms.verify.making import (
    EQUALITY,
    INEQUALITY,
    SLOPE,
    above,
    claim,
    each,
    equal,
    fixed,
    output,
)
from splinework.knowledge.axioms.verify.subject import Subject


def claims_of(axiom: Axiom, subject: Subject) -> list[Claim]:
    """The claims that together are an axiom.

    Raises:
        ConfigError: If it names inputs or outputs that do not exist, or is of an unknown kind.
    """
    makers = {**_SHAPES, **STRUCTURE, **DEMANDS}
    if type(axiom) not in makers:
        raise ConfigError(
            f"no claim is known for {axiom.word}; verify knows {', '.join(sorted(k.word for k in makers))}."
        )
    return makers[type(axiom)](axiom, subject)


def _monotone(axiom: Monotone, subject: Subject) -> list[Claim]:
    i = subject.input(axiom.input, axiom)

    def define(j: int) -> Callable[[Asker], Any]:
        def of(ask: Asker) -> Any:
            slope = ask.partial(j, (i,))
            return slope if axiom.increasing else ask.do("neg", slope)

        return of

    sign = ">=" if axiom.increasing else "<="
    found = []
    for j, name, spread in each(axiom, subject):
        scale = spread / subject.width(i)
        text = f"d {name}/d {subject.inputs[i]} {sign} 0"
        found.append(claim(axiom, subject, text, define(j), derivatives=((i,),), tolerance=SLOPE * scale, scale=scale))
    return found


def _lipschitz(axiom: Lipschitz, subject: Subject) -> list[Claim]:
    along = [subject.input(name, axiom) for name in axiom.along] or list(range(len(subject.inputs)))

    def define(j: int, i: int) -> Callable[[Asker], Any]:
        return lambda ask: ask.do("sub", axiom.constant, ask.do("abs", ask.partial(j, (i,))))

    found = []
    for j, name, _ in each(axiom, subject):
        for i in along:
            text = f"|d {name}/d {subject.inputs[i]}| <= {axiom.constant!r}"
            tolerance = SLOPE * axiom.constant
            found.append(
                claim(
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
    for j, name, spread in each(axiom, subject):
        scale = spread / subject.width(i) ** 2
        text = f"d² {name}/d {subject.inputs[i]}² {'>=' if convex else '<='} 0"
        found.append(
            claim(axiom, subject, text, define(j), derivatives=((i, i),), tolerance=SLOPE * scale, scale=scale)
        )
    return found


def _bounded(axiom: Bounded | Positive, subject: Subject) -> list[Claim]:
    lower, upper = (0.0, None) if isinstance(axiom, Positive) else (axiom.lower, axiom.upper)

    found = []
    for j, name, spread in each(axiom, subject):
        more = {"tolerance": INEQUALITY * spread, "scale": spread}
        if lower is not None:
            found.append(claim(axiom, subject, f"{name} >= {lower!r}", above(output(j), fixed(lower)), **more))
        if upper is not None:
            found.append(claim(axiom, subject, f"{name} <= {upper!r}", above(fixed(upper), output(j)), **more))
    return found


def _tail(axiom: Asymptote, subject: Subject) -> list[Claim]:
    """One width of the box beyond the grid, on each side that is meant."""
    i = subject.input(axiom.input, axiom)
    along = (i, i) if axiom.kind == "linear" else (i,)
    found = []
    for side in ("left", "right"):
        if axiom.side not in (side, "both"):
            continue
        for j, name, spread in each(axiom, subject):
            scale = spread / subject.width(i) ** len(along)
            order = "²" if axiom.kind == "linear" else ""
            text = f"d{order} {name}/d {subject.inputs[i]}{order} == 0 to the {side} of the box"
            if axiom.kind == "value":
                text = f"{name} tends to {axiom.value!r} to the {side} of the box"
            reason = "" if axiom.kind != "value" else "a limit is no bound on a box"
            made = claim(
                axiom,
                subject,
                text,
                equal(output(j, along), fixed(0.0)),
                derivatives=(along,),
                tolerance=EQUALITY * scale,
                scale=scale,
                reason=reason,
            )
            lo, hi = made.lo.copy(), made.hi.copy()
            width = hi[i] - lo[i]
            # Just beyond the end: there itself a corner is allowed.
            away = 1e-9 * width
            lo[i], hi[i] = (lo[i] - width, lo[i] - away) if side == "left" else (hi[i] + away, hi[i] + width)
            found.append(replace(made, lo=lo, hi=hi))
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
    return [claim(axiom, subject, text, define, tolerance=EQUALITY, scale=1.0)]


def _ordered(axiom: Ordered, subject: Subject) -> list[Claim]:
    found = []
    for one, other in pairwise(_outputs(axiom, subject)):
        spread = float(max(subject.spread[one], subject.spread[other]))
        found.append(
            claim(
                axiom,
                subject,
                f"{subject.outputs[one]} <= {subject.outputs[other]}",
                above(output(other), output(one)),
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
    Asymptote: _tail,
    SumToOne: _sum_to_one,
    Ordered: _ordered,
}
