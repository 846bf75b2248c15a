"""Pairs of facts on shape and structure that no function, or only a constant one, fulfils."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final

from splinework.knowledge.axioms.conflict import CONSTANT, IMPOSSIBLE, NOTE, Conflict, ConflictContext, listed
from splinework.knowledge.axioms.facts import (
    CurvatureSign,
    ExchangeSymmetry,
    Fact,
    GroupInvariance,
    Parity,
    Periodicity,
    Separability,
    SlopeSign,
    TailBehaviour,
    ValueBounds,
)

Rule = Callable[[Any, Any, ConflictContext], Conflict | None]
MAX_TERM: Final = 24
"""Ratios of two periods with a larger numerator or denominator count as irrational."""


def opposite_slopes(first: SlopeSign, second: SlopeSign, context: ConflictContext) -> Conflict | None:
    """Both signs of the slope along one input: constant in it."""
    if first.input != second.input or first.sign == second.sign:
        return None
    return Conflict(
        f"a function that neither falls nor rises along {first.input} does not depend on it",
        "Keep one of them, give them domains that do not overlap, or remove the input.",
        CONSTANT,
    )


def slope_period(first: SlopeSign, second: Periodicity, context: ConflictContext) -> Conflict | None:
    """A monotone and periodic function: constant along the input."""
    if first.input != second.input or not context.covers(first, first.input, second.period):
        return None
    return Conflict(
        f"a function that never {first.forbidden} along {first.input} and is the same after {second.period:g} does not depend on "
        "it",
        f"Keep one of them, or let {first.word} hold on a part of the period, domain={{{first.input!r}: (low, high)}}.",
        CONSTANT,
    )


def slope_mirror(first: SlopeSign, second: Parity, context: ConflictContext) -> Conflict | None:
    """A monotone and even function: constant around the centre."""
    if first.input != second.input or second.sign < 0 or not context.surrounds(first, first.input, second.centre):
        return None
    return Conflict(
        f"a function that is the same on both sides of {first.input} = {second.centre:g} and never {first.forbidden} does not "
        f"depend on {first.input} around it",
        f"Keep one of them, or let {first.word} hold on one side, domain={{{first.input!r}: ({second.centre:g}, inf)}}.",
        CONSTANT,
    )


def opposite_bends(first: CurvatureSign, second: CurvatureSign, context: ConflictContext) -> Conflict | None:
    """Both signs of the second derivative: linear along the input."""
    if first.input != second.input or first.sign == second.sign:
        return None
    return Conflict(
        f"a function that is convex and concave along {first.input} must be linear in it",
        "Keep both if a straight line is intended.",
        NOTE,
    )


def bend_period(first: CurvatureSign, second: Periodicity, context: ConflictContext) -> Conflict | None:
    """A convex or concave periodic function: constant along the input."""
    if first.input != second.input or not context.covers(first, first.input, second.period):
        return None
    return Conflict(
        f"a smooth function that is {first.word} along {first.input} and the same after {second.period:g} does not depend on it",
        f"Keep one of them, or let {first.word} hold on a part of the period, domain={{{first.input!r}: (low, high)}}.",
        CONSTANT,
    )


def opposite_mirrors(first: Parity, second: Parity, context: ConflictContext) -> Conflict | None:
    """Even and odd about one centre: zero everywhere."""
    if first.input != second.input or first.centre != second.centre or first.sign == second.sign:
        return None
    return Conflict(
        f"a function that is even and odd about {first.input} = {first.centre:g} is zero everywhere",
        "Keep the one that is true.",
        CONSTANT,
    )


def mirror_values(first: Parity, second: ValueBounds, context: ConflictContext) -> Conflict | None:
    """An odd function that is bounded away from one sign."""
    if first.sign > 0 or second.low < 0 < second.high or not context.surrounds(second, first.input, first.centre):
        return None
    return Conflict(
        f"an odd function is zero at {first.input} = {first.centre:g} and has on one side of it the opposite of what it has on "
        f"the other, so no value of it lies {second.range_text} unless all are zero",
        "Drop one of them, or make it odd about an offset: fit the output less that.",
        CONSTANT if 0 in (second.low, second.high) else IMPOSSIBLE,
    )


def mirror_bend(first: Parity, second: CurvatureSign, context: ConflictContext) -> Conflict | None:
    """An odd function that is convex or concave around its centre: linear."""
    if first.sign > 0 or first.input != second.input or not context.surrounds(second, first.input, first.centre):
        return None
    return Conflict(
        f"a function that is odd about {first.input} = {first.centre:g} and {second.word} around it must be linear there",
        f"Let {second.word} hold on one side, domain={{{first.input!r}: ({first.centre:g}, inf)}}.",
        NOTE,
    )


def two_periods(first: Periodicity, second: Periodicity, context: ConflictContext) -> Conflict | None:
    """Two incommensurable periods: constant along the input."""
    if first.input != second.input or first.period == second.period:
        return None
    ratio = first.period / second.period
    near = Fraction(ratio).limit_denominator(MAX_TERM)
    if near > 0 and abs(ratio - float(near)) < 1e-9 * ratio and max(near.numerator, near.denominator) <= MAX_TERM:
        return None
    return Conflict(
        f"a function with the periods {first.period:g} and {second.period:g} along {first.input}, of which no small multiples "
        "agree, does not depend on it",
        "Keep one period; a sum of two oscillations has neither period.",
        CONSTANT,
    )


def period_tail(first: Periodicity, second: TailBehaviour, context: ConflictContext) -> Conflict | None:
    """A periodic function with an asymptote: constant along the input."""
    if first.input != second.input:
        return None
    return Conflict(
        f"a function with the period {first.period:g} along {first.input} does not become {second.kind} beyond the grid unless "
        "it does not depend on it",
        "Drop the asymptote; a periodic input has no tails.",
        CONSTANT,
    )


def bend_values(first: CurvatureSign, second: ValueBounds, context: ConflictContext) -> Conflict | None:
    """A function that is convex (concave) and bounded above (below) on the whole line: constant."""
    limit = second.high if first.sign > 0 else second.low
    if first.domain != "all" or second.domain != "all" or not math.isfinite(limit):
        return None
    side = "above" if first.sign > 0 else "below"
    return Conflict(
        f"a function that is {first.word} along {first.input} on the whole line and bounded {side} does not depend on it",
        "Let one of them hold on the grid only, domain='grid'.",
        CONSTANT,
    )


def bend_tail(first: CurvatureSign, second: TailBehaviour, context: ConflictContext) -> Conflict | None:
    """A function that is convex or concave on the whole line and constant on both sides: constant."""
    if first.input != second.input or first.domain != "all" or second.side != "both" or second.kind == "linear":
        return None
    return Conflict(
        f"a function that is {first.word} along {first.input} on the whole line and constant on both sides does not depend "
        "on it",
        f"Let {first.word} hold on the grid only, domain='grid', or keep one side of the asymptote.",
        CONSTANT,
    )


def two_ranges(first: ValueBounds, second: ValueBounds, context: ConflictContext) -> Conflict | None:
    """Disjoint bounds."""
    low, high = max(first.low, second.low), min(first.high, second.high)
    if low < high:
        return None
    severity = CONSTANT if low == high else IMPOSSIBLE
    left = f"only {low:g} is" if low == high else "no number is"
    return Conflict(f"{left} {first.range_text} and {second.range_text}", "Correct one of the bounds.", severity)


def tail_values(first: TailBehaviour, second: ValueBounds, context: ConflictContext) -> Conflict | None:
    """A limit outside the bounds."""
    if first.kind != "value" or second.domain != "all" or second.low <= first.value <= second.high:
        return None
    return Conflict(
        f"it tends to {first.value:g} along {first.input}, which does not lie {second.range_text}",
        "Correct the value, or let the bounds hold on the grid only.",
    )


def two_tails(first: TailBehaviour, second: TailBehaviour, context: ConflictContext) -> Conflict | None:
    """Two asymptotes on one side."""
    sides = {first.side, second.side} - {"both"}
    if first.input != second.input or len(sides) > 1 or "value" not in (first.kind, second.kind):
        return None
    if first.kind == second.kind and first.value == second.value:
        return None
    value = first.value if first.kind == "value" else second.value
    if first.kind != second.kind:
        return Conflict(
            f"a function that tends to {value:g} along {first.input} and is "
            f"{first.kind if second.kind == 'value' else second.kind} beyond the grid equals {value:g} there",
            "Keep one of them.",
            NOTE,
        )
    return Conflict(
        f"it cannot tend to {first.value:g} and to {second.value:g} on one side of {first.input}", "Keep one of them."
    )


def opposite_exchanges(first: ExchangeSymmetry, second: ExchangeSymmetry, context: ConflictContext) -> Conflict | None:
    """Symmetric and antisymmetric in two inputs: zero everywhere."""
    shared = [name for name in first.among if name in second.among]
    if len(shared) < 2 or first.sign == second.sign:
        return None
    return Conflict(
        f"a function that keeps its value and changes its sign when {shared[0]} and {shared[1]} are exchanged is zero everywhere",
        "Keep the one that is true.",
        CONSTANT,
    )


def exchange_values(first: ExchangeSymmetry, second: ValueBounds, context: ConflictContext) -> Conflict | None:
    """An antisymmetric function that is bounded away from one sign."""
    if first.sign > 0 or second.low < 0 < second.high or not (first.everywhere and second.everywhere):
        return None
    return Conflict(
        f"a function that changes its sign when {first.among[0]} and {first.among[1]} are exchanged has values of both signs, so "
        f"they do not lie {second.range_text} unless all are zero",
        "Keep one of them; a positive quantity may be symmetric.",
        CONSTANT if 0 in (second.low, second.high) else IMPOSSIBLE,
    )


def orbit_mirror(first: GroupInvariance, second: Parity, context: ConflictContext) -> Conflict | None:
    """Invariant under the reflection of one input, and odd in it: zero everywhere."""
    alone = first.group == "rotation" or (first.group == "sign" and len(first.inputs) == 1)
    if not alone or second.sign > 0 or second.input not in first.inputs or second.centre != 0 or len(first.vectors) > 1:
        return None
    return Conflict(
        f"mirroring {second.input} keeps the value and changes its sign, so it is zero everywhere",
        "Keep the one that is true.",
        CONSTANT,
    )


def orbit_separate(first: GroupInvariance, second: Separability, context: ConflictContext) -> Conflict | None:
    """Rotation invariant and without interaction: linear in the squared radius."""
    if first.group != "rotation" or len(first.vectors) > 1 or second.apart(first.inputs) is None:
        return None
    names = second.among(first.inputs)
    return Conflict(
        f"without an interaction of {listed(names)}, a rotation invariant function is linear in {names[0]}**2 + {names[1]}**2",
        "Keep both if that is intended.",
        NOTE,
    )


SHAPE_RULES: Final[dict[tuple[type[Fact], type[Fact]], Rule]] = {
    (SlopeSign, SlopeSign): opposite_slopes,
    (SlopeSign, Periodicity): slope_period,
    (SlopeSign, Parity): slope_mirror,
    (CurvatureSign, CurvatureSign): opposite_bends,
    (CurvatureSign, Periodicity): bend_period,
    (Parity, Parity): opposite_mirrors,
    (Parity, ValueBounds): mirror_values,
    (Parity, CurvatureSign): mirror_bend,
    (Periodicity, Periodicity): two_periods,
    (Periodicity, TailBehaviour): period_tail,
    (CurvatureSign, ValueBounds): bend_values,
    (CurvatureSign, TailBehaviour): bend_tail,
    (ValueBounds, ValueBounds): two_ranges,
    (TailBehaviour, ValueBounds): tail_values,
    (TailBehaviour, TailBehaviour): two_tails,
    (ExchangeSymmetry, ExchangeSymmetry): opposite_exchanges,
    (ExchangeSymmetry, ValueBounds): exchange_values,
    (GroupInvariance, Parity): orbit_mirror,
    (GroupInvariance, Separability): orbit_separate,
}
"""The rule for each pair of kinds of facts."""
