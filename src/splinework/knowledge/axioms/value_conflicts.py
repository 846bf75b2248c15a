"""Conflicts of values on faces, regions and integrals with each other and with bounds."""

import math
from typing import Final

import torch
from torch import Tensor

from splinework.knowledge.axioms.conflict import IMPOSSIBLE, NOTE, Conflict, ConflictContext
from splinework.knowledge.axioms.facts import (
    TOLERANCE,
    ExchangeSymmetry,
    FaceValue,
    Fact,
    IntegralValue,
    Parity,
    RegionBoundaryValue,
    ValueBounds,
    range_text,
)
from splinework.knowledge.axioms.shape_conflicts import PairRule, Rule

_DIFFERENCE_STEP: Final = 1e-4


def two_faces(first: FaceValue, second: FaceValue, context: ConflictContext) -> Conflict | None:
    """Different values where two faces meet, or on one face."""
    if first.input == second.input and first.at != second.at:
        return None
    corner = on_face(second, on_face(first, context.samples(), context), context)
    a, b = context.value(first.value, corner), context.value(second.value, corner)
    worst = index_of_largest((a - b).abs(), a.abs() + b.abs())
    if worst is None:
        return _rates(first, second, context) or _rates(second, first, context) or _twice(first, second, context)
    at = point_text(corner[worst], {context.input(first.input), context.input(second.input)}, context)
    return Conflict(
        f"at {at} the first gives {float(a[worst]):.6g} and the second {float(b[worst]):.6g}",
        "Give one value on the face." if first.input == second.input else "Correct a formula so that they agree there.",
    )


def _rates(start: FaceValue, face: FaceValue, context: ConflictContext) -> Conflict | None:
    """An initial rate that differs from the rate of change of the boundary value."""
    if not start.start or start.rate is None or face.start or face.input == start.input:
        return None
    time = context.input(start.input)
    corner = on_face(start, on_face(face, context.samples(), context), context)
    later, sooner = corner.clone(), corner.clone()
    later[:, time] += _DIFFERENCE_STEP
    sooner[:, time] -= _DIFFERENCE_STEP
    change = (context.value(face.value, later) - context.value(face.value, sooner)) / (2 * _DIFFERENCE_STEP)
    rate = context.value(start.rate, corner)
    worst = index_of_largest((change - rate).abs(), 1e3 * (change.abs() + rate.abs()) + 1e3)
    if worst is None:
        return None
    at = point_text(corner[worst], {time, context.input(face.input)}, context)
    return Conflict(
        f"at {at} the boundary value changes at the rate {float(change[worst]):.6g}, but the initial rate is "
        f"{float(rate[worst]):.6g}",
        "Correct a formula so that they agree there.",
    )


def _twice(first: FaceValue, second: FaceValue, context: ConflictContext) -> Conflict | None:
    """One face that is given twice."""
    if first.input != second.input or (first.start and second.start and first.rate != second.rate):
        return None
    return Conflict(f"the face {first.input} = {first.at:g} is given twice", "Leave one of them out.", NOTE)


def face_values(first: FaceValue, second: ValueBounds, context: ConflictContext) -> Conflict | None:
    """A value on a face outside the bounds."""
    known = context.box is not None or not isinstance(first.value, str)
    if not known or not context.reaches(second, context.input(first.input), first.at):
        return None
    points = on_face(first, context.samples(second), context)
    return _outside(first, second, points, context.value(first.value, points), context)


def rim_values(first: RegionBoundaryValue, second: ValueBounds, context: ConflictContext) -> Conflict | None:
    """A value on the boundary of a region outside the bounds."""
    if isinstance(first.value, str) or not second.everywhere:
        return None
    value = torch.tensor([first.value], dtype=torch.float64)
    return _outside(first, second, context.samples(count=1), value, context)


def _outside(
    first: Fact, second: ValueBounds, points: Tensor, value: Tensor, context: ConflictContext
) -> Conflict | None:
    out = torch.maximum(second.low - value, value - second.high).nan_to_num(neginf=-1.0)
    worst = index_of_largest(out, value.abs())
    if worst is None:
        return None
    at = point_text(points[worst], {context.input(name) for name in first.axiom.inputs}, context)
    return Conflict(
        f"the value {float(value[worst]):.6g} at {at} does not lie {second.range_text}",
        "Correct the value or the bounds.",
    )


def total_values(first: IntegralValue, second: ValueBounds, context: ConflictContext) -> Conflict | None:
    """An integral outside the range that the bounds allow."""
    ranges = _ranges(first, context)
    if not second.everywhere or not first.plain or ranges is None:
        return None
    volume = math.prod(high - low for low, high in ranges)
    low, high = second.low * volume, second.high * volume
    slack = TOLERANCE * (1 + abs(first.equals))
    if low - slack <= first.equals <= high + slack:
        return None
    return Conflict(
        f"over a volume of {volume:.6g} a function with values {second.range_text} has an integral {range_text(low, high)}, not "
        f"{first.equals:g}",
        "Correct the integral, its ranges, or the bounds.",
    )


def total_mirror(first: IntegralValue, second: Parity, context: ConflictContext) -> Conflict | None:
    """A non-zero integral of an odd function over a symmetric range."""
    ranges = _ranges(first, context)
    if second.sign > 0 or ranges is None:
        return None
    low, high = ranges[context.input(second.input)]
    alike = abs(low + high - 2 * second.centre) <= TOLERANCE * (high - low)
    return _cancelled(first, second) if alike else None


def total_exchange(first: IntegralValue, second: ExchangeSymmetry, context: ConflictContext) -> Conflict | None:
    """A non-zero integral of an antisymmetric function over a symmetric box."""
    ranges = _ranges(first, context)
    if second.sign > 0 or ranges is None:
        return None
    a, b = (ranges[context.input(name)] for name in second.among[:2])
    return _cancelled(first, second) if a == b else None


def _cancelled(first: IntegralValue, second: Fact) -> Conflict | None:
    if not second.everywhere or not first.plain or first.equals == 0:
        return None
    return Conflict(
        f"with {second.word}, the integral over these ranges is 0, not {first.equals:g}",
        "Correct the integral, or its ranges.",
    )


VALUE_RULES: Final[dict[tuple[type[Fact], type[Fact]], Rule]] = {
    (FaceValue, FaceValue): two_faces,
    (RegionBoundaryValue, RegionBoundaryValue): PairRule(
        lambda a, b, c: a.region == b.region and a.value != b.value,
        "one boundary is given the values {a.value} and {b.value}",
        "Give the boundary one value.",
        IMPOSSIBLE,
    ),
    (FaceValue, ValueBounds): face_values,
    (RegionBoundaryValue, ValueBounds): rim_values,
    (IntegralValue, ValueBounds): total_values,
    (IntegralValue, Parity): total_mirror,
    (IntegralValue, ExchangeSymmetry): total_exchange,
    (IntegralValue, IntegralValue): PairRule(
        lambda a, b, c: (a.over, a.weight) == (b.over, b.weight) and a.equals != b.equals,
        "one integral cannot be {a.equals:g} and {b.equals:g}",
        "Keep one of them.",
        IMPOSSIBLE,
    ),
}
"""The rule for each pair of kinds of facts."""


# ---------------------------------------------------------------------------------------------------------- parts


def on_face(face: FaceValue, points: Tensor, context: ConflictContext) -> Tensor:
    """Points projected onto a face."""
    result = points.clone()
    result[:, context.input(face.input)] = face.at
    return result


def index_of_largest(excess: Tensor, size: Tensor) -> int | None:
    """The index of the largest excess beyond rounding; None if there is none."""
    out = torch.where(excess > TOLERANCE * (1 + size), excess, -math.inf)
    return int(out.argmax()) if bool((out > 0).any()) else None


def point_text(point: Tensor, first: set[int], context: ConflictContext) -> str:
    """A point in words: at most four inputs, those in `first` first."""
    order = [*sorted(first), *(i for i in range(len(point)) if i not in first)][:4]
    return ", ".join(f"{context.input_names[i]} = {float(point[i]):.4g}" for i in order)


def _ranges(fact: IntegralValue, context: ConflictContext) -> list[tuple[float, float]] | None:
    if fact.over is None:
        return None if context.box is None else list(context.box)
    found = {context.input(name): ends for name, ends in fact.over}
    return [found[i] for i in range(len(context.input_names))] if len(found) == len(context.input_names) else None
