"""Which axioms on values disagree: boundaries, starts and integrals, with one another and with bounds."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, final

import torch
from torch import Tensor

from splinework.knowledge.axioms.clash import NOTE, TOLERANCE, Clash, Context
from splinework.knowledge.axioms.shape_clashes import limits, said
from splinework.knowledge.axioms.shapes import Bounded, Odd, Positive
from splinework.knowledge.axioms.structure import Antisymmetric
from splinework.knowledge.axioms.values import Boundary, Initial, Integral, Value
from splinework.nn.frame.regions import Region

Rule = Callable[[Any, Any, Context], Clash | None]


@final
@dataclass(frozen=True)
class Face:
    """A value that an axiom gives on a face."""

    input: int
    at: float
    value: Value

    def on(self, points: Tensor) -> Tensor:
        """Points moved to the face."""
        result = points.clone()
        result[:, self.input] = self.at
        return result


def faces_of(axiom: Boundary | Initial, context: Context) -> Iterator[Face]:
    """The faces on which an axiom gives values; none for a region."""
    if isinstance(axiom, Initial):
        yield Face(context.input(axiom.input), axiom.at, axiom.value)
    elif not isinstance(axiom.face, Region):
        for name, ends in axiom.face:
            for end in filter(math.isfinite, ends):
                yield Face(context.input(name), end, axiom.value)


def face_face(first: Boundary | Initial, second: Boundary | Initial, context: Context) -> Clash | None:
    """Two values where two faces meet, or on one face."""
    for one in faces_of(first, context):
        for other in faces_of(second, context):
            if one.input == other.input and one.at != other.at:
                continue
            corner = other.on(one.on(context.samples()))
            a, b = context.value(one.value, corner), context.value(other.value, corner)
            worst = largest((a - b).abs(), a.abs() + b.abs())
            if worst is None:
                continue
            at = spot(corner[worst], {one.input, other.input}, context)
            return Clash(
                f"at {at} the first gives {float(a[worst]):.6g} and the second {float(b[worst]):.6g}",
                "Give one value on the face."
                if one.input == other.input
                else "Correct a formula so that they agree there.",
            )
    return _rates(first, second, context) or _twice(first, second, context)


def _rates(first: Boundary | Initial, second: Boundary | Initial, context: Context) -> Clash | None:
    """The rate at the start against the rate at which the boundary's value changes."""
    for start, edge in ((first, second), (second, first)):
        if not isinstance(start, Initial) or start.rate is None or not isinstance(edge, Boundary):
            continue
        time, step = context.input(start.input), 1e-4
        for face in faces_of(edge, context):
            corner = Face(time, start.at, 0.0).on(face.on(context.samples()))
            later, sooner = corner.clone(), corner.clone()
            later[:, time] += step
            sooner[:, time] -= step
            change = (context.value(face.value, later) - context.value(face.value, sooner)) / (2 * step)
            rate = context.value(start.rate, corner)
            worst = largest((change - rate).abs(), 1e3 * (change.abs() + rate.abs()) + 1e3)
            if face.input != time and worst is not None:
                at = spot(corner[worst], {time, face.input}, context)
                return Clash(
                    f"at {at} the value on the boundary changes at the rate {float(change[worst]):.6g}, and the start has the "
                    f"rate {float(rate[worst]):.6g}",
                    "Correct a formula so that they agree there.",
                )
    return None


def _twice(first: Boundary | Initial, second: Boundary | Initial, context: Context) -> Clash | None:
    """One face, or one region, given twice."""
    regions = [each.face for each in (first, second) if isinstance(each, Boundary) and isinstance(each.face, Region)]
    if len(regions) == 2:
        if regions[0] != regions[1] or first.value == second.value:
            return None
        return Clash(
            f"one boundary is given the values {first.value} and {second.value}", "Give the boundary one value."
        )
    shared = {(f.input, f.at) for f in faces_of(first, context)} & {(f.input, f.at) for f in faces_of(second, context)}
    if not shared or (isinstance(first, Initial) and isinstance(second, Initial) and first.rate != second.rate):
        return None
    i, at = min(shared)
    return Clash(f"the face {context.input_names[i]} = {at:g} is given twice", "Leave one of them out.", NOTE)


def face_bounds(first: Boundary | Initial, second: Bounded | Positive, context: Context) -> Clash | None:
    """A value on a face that is out of bounds."""
    low, high = limits(second)
    known: list[tuple[Tensor, Tensor]] = []
    for face in faces_of(first, context):
        if context.reaches(second, face.input, face.at) and (
            context.box is not None or not isinstance(face.value, str)
        ):
            points = face.on(context.samples(second))
            known.append((points, context.value(face.value, points)))
    region = isinstance(first, Boundary) and isinstance(first.face, Region)
    if region and not isinstance(first.value, str) and context.whole(second):
        known.append((context.samples(count=1), torch.tensor([first.value], dtype=torch.float64)))
    named = {context.input(name) for name in first.inputs}
    for points, value in known:
        out = torch.maximum(low - value, value - high).nan_to_num(neginf=-1.0)
        worst = largest(out, value.abs())
        if worst is not None:
            at = spot(points[worst], named, context)
            return Clash(
                f"the value {float(value[worst]):.6g} at {at} does not lie {said(second)}",
                "Correct the value or the bounds.",
            )
    return None


def integral_bounds(first: Integral, second: Bounded | Positive, context: Context) -> Clash | None:
    """An integral that is more, or less, than the bounds allow."""
    volume = _volume(first, context)
    if not context.whole(second):
        return None
    if first.weight.strip() not in ("1", "1.0") or volume is None:
        return None
    low, high = (limit * volume for limit in limits(second))
    slack = TOLERANCE * (1 + abs(first.equals))
    if low - slack <= first.equals <= high + slack:
        return None
    return Clash(
        f"over a volume of {volume:.6g} a function with values {said(second)} has an integral "
        f"{said(Bounded(low if math.isfinite(low) else None, high if math.isfinite(high) else None))}, not {first.equals:g}",
        "Correct the integral, its ranges, or the bounds.",
    )


def integral_odd(first: Integral, second: Odd | Antisymmetric, context: Context) -> Clash | None:
    """What has both signs alike integrates to zero."""
    ranges = _ranges(first, context)
    if not context.whole(second):
        return None
    if first.weight.strip() not in ("1", "1.0") or ranges is None or first.equals == 0:
        return None
    if isinstance(second, Odd):
        low, high = ranges[context.input(second.input)]
        alike = abs(low + high - 2 * second.centre) <= TOLERANCE * (high - low)
    else:
        a, b = (ranges[context.input(name)] for name in second.among[:2])
        alike = a == b
    if not alike:
        return None
    return Clash(
        f"what {second.word} cancels over these ranges has the integral 0, not {first.equals:g}",
        "Correct the integral, or its ranges.",
    )


def integrals(first: Integral, second: Integral, context: Context) -> Clash | None:
    """One integral with two values."""
    if (first.over, first.weight) != (second.over, second.weight) or first.equals == second.equals:
        return None
    return Clash(f"one integral cannot be {first.equals:g} and {second.equals:g}", "Keep one of them.")


FACES: Final = (Boundary, Initial)
VALUE_RULES: Final[tuple[tuple[Any, Any, Rule], ...]] = (
    (FACES, FACES, face_face),
    (FACES, (Bounded, Positive), face_bounds),
    (Integral, (Bounded, Positive), integral_bounds),
    (Integral, (Odd, Antisymmetric), integral_odd),
    (Integral, Integral, integrals),
)
"""Kinds of two axioms, and the rule on them."""


# ---------------------------------------------------------------------------------------------------------- parts


def largest(excess: Tensor, size: Tensor) -> int | None:
    """Where an excess that is more than rounding is largest; None where there is none."""
    out = torch.where(excess > TOLERANCE * (1 + size), excess, -math.inf)
    return int(out.argmax()) if bool((out > 0).any()) else None


def spot(point: Tensor, first: set[int], context: Context) -> str:
    """A point in words, the inputs that matter first, at most four."""
    order = [*sorted(first), *(i for i in range(len(point)) if i not in first)][:4]
    return ", ".join(f"{context.input_names[i]} = {float(point[i]):.4g}" for i in order)


def _ranges(axiom: Integral, context: Context) -> list[tuple[float, float]] | None:
    if axiom.over is None:
        return None if context.box is None else list(context.box)
    found = {context.input(name): ends for name, ends in axiom.over}
    return [found[i] for i in range(len(context.input_names))] if len(found) == len(context.input_names) else None


def _volume(axiom: Integral, context: Context) -> float | None:
    ranges = _ranges(axiom, context)
    return None if ranges is None else math.prod(high - low for low, high in ranges)
