"""Pairs of facts on shape and structure that no function, or only a constant one, fulfils."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, final

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


@final
@dataclass(frozen=True)
class PairRule:
    """Two facts a and b, in the context c, that conflict under a condition.

    Attributes:
        conflicts: The condition.
        why: Why, as a format of a and b.
        way_out: How to resolve it, as a format of a and b.
        severity: How severe it is; of bounds that meet zero, a function of a and b.
    """

    conflicts: Callable[[Any, Any, ConflictContext], bool]
    why: str
    way_out: str
    severity: str | Callable[[Any, Any], str] = CONSTANT

    def __call__(self, a: Fact, b: Fact, c: ConflictContext) -> Conflict | None:
        if not self.conflicts(a, b, c):
            return None
        severity = self.severity if isinstance(self.severity, str) else self.severity(a, b)
        return Conflict(self.why.format(a=a, b=b), self.way_out.format(a=a, b=b), severity)


def _all_zero(a: Fact, b: ValueBounds) -> str:
    """Both signs of a function within bounds on one side of zero: zero everywhere, where the bounds have it."""
    return CONSTANT if 0 in (b.low, b.high) else IMPOSSIBLE


def _incommensurable(a: Periodicity, b: Periodicity, c: ConflictContext) -> bool:
    ratio = a.period / b.period
    near = Fraction(ratio).limit_denominator(MAX_TERM)
    close = near > 0 and abs(ratio - float(near)) < 1e-9 * ratio
    return a.input == b.input and not (close and max(near.numerator, near.denominator) <= MAX_TERM)


def _unbounded(a: CurvatureSign, b: ValueBounds, c: ConflictContext) -> bool:
    return a.domain == b.domain == "all" and math.isfinite(b.high if a.sign > 0 else b.low)


def _reflects(a: GroupInvariance, b: Parity, c: ConflictContext) -> bool:
    alone = a.group == "rotation" or (a.group == "sign" and len(a.inputs) == 1)
    return alone and b.sign < 0 and b.input in a.inputs and b.centre == 0 and len(a.vectors) <= 1


def two_ranges(first: ValueBounds, second: ValueBounds, context: ConflictContext) -> Conflict | None:
    """Disjoint bounds."""
    low, high = max(first.low, second.low), min(first.high, second.high)
    if low < high:
        return None
    severity = CONSTANT if low == high else IMPOSSIBLE
    left = f"only {low:g} is" if low == high else "no number is"
    return Conflict(f"{left} {first.range_text} and {second.range_text}", "Correct one of the bounds.", severity)


def two_tails(first: TailBehaviour, second: TailBehaviour, context: ConflictContext) -> Conflict | None:
    """Two asymptotes on one side."""
    sides = {first.side, second.side} - {"both"}
    if first.input != second.input or len(sides) > 1 or "value" not in (first.kind, second.kind):
        return None
    if first.kind == second.kind and first.value == second.value:
        return None
    if first.kind != second.kind:
        tends, other = (first, second) if first.kind == "value" else (second, first)
        return Conflict(
            f"a function that tends to {tends.value:g} along {first.input} and is {other.kind} beyond the grid equals "
            f"{tends.value:g} there",
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
    (SlopeSign, SlopeSign): PairRule(
        lambda a, b, c: a.input == b.input and a.sign != b.sign,
        "a function that neither falls nor rises along {a.input} does not depend on it",
        "Keep one of them, give them domains that do not overlap, or remove the input.",
    ),
    (SlopeSign, Periodicity): PairRule(
        lambda a, b, c: a.input == b.input and c.covers(a, a.input, b.period),
        "a function that never {a.forbidden} along {a.input} and is the same after {b.period:g} does not depend on it",
        "Keep one of them, or let {a.word} hold on a part of the period, domain={{{a.input!r}: (low, high)}}.",
    ),
    (SlopeSign, Parity): PairRule(
        lambda a, b, c: a.input == b.input and b.sign > 0 and c.surrounds(a, a.input, b.centre),
        "a function that is the same on both sides of {a.input} = {b.centre:g} and never {a.forbidden} does not depend on "
        "{a.input} around it",
        "Keep one of them, or let {a.word} hold on one side, domain={{{a.input!r}: ({b.centre:g}, inf)}}.",
    ),
    (CurvatureSign, CurvatureSign): PairRule(
        lambda a, b, c: a.input == b.input and a.sign != b.sign,
        "a function that is convex and concave along {a.input} must be linear in it",
        "Keep both if a straight line is intended.",
        NOTE,
    ),
    (CurvatureSign, Periodicity): PairRule(
        lambda a, b, c: a.input == b.input and c.covers(a, a.input, b.period),
        "a smooth function that is {a.word} along {a.input} and the same after {b.period:g} does not depend on it",
        "Keep one of them, or let {a.word} hold on a part of the period, domain={{{a.input!r}: (low, high)}}.",
    ),
    (Parity, Parity): PairRule(
        lambda a, b, c: a.input == b.input and a.centre == b.centre and a.sign != b.sign,
        "a function that is even and odd about {a.input} = {a.centre:g} is zero everywhere",
        "Keep the one that is true.",
    ),
    (Parity, ValueBounds): PairRule(
        lambda a, b, c: a.sign < 0 and not b.low < 0 < b.high and c.surrounds(b, a.input, a.centre),
        "an odd function is zero at {a.input} = {a.centre:g} and has on one side of it the opposite of what it has on the "
        "other, so no value of it lies {b.range_text} unless all are zero",
        "Drop one of them, or make it odd about an offset: fit the output less that.",
        _all_zero,
    ),
    (Parity, CurvatureSign): PairRule(
        lambda a, b, c: a.sign < 0 and a.input == b.input and c.surrounds(b, a.input, a.centre),
        "a function that is odd about {a.input} = {a.centre:g} and {b.word} around it must be linear there",
        "Let {b.word} hold on one side, domain={{{a.input!r}: ({a.centre:g}, inf)}}.",
        NOTE,
    ),
    (Periodicity, Periodicity): PairRule(
        _incommensurable,
        "a function with the periods {a.period:g} and {b.period:g} along {a.input}, of which no small multiples agree, does "
        "not depend on it",
        "Keep one period; a sum of two oscillations has neither period.",
    ),
    (Periodicity, TailBehaviour): PairRule(
        lambda a, b, c: a.input == b.input,
        "a function with the period {a.period:g} along {a.input} does not become {b.kind} beyond the grid unless it does not "
        "depend on it",
        "Drop the asymptote; a periodic input has no tails.",
    ),
    (CurvatureSign, ValueBounds): PairRule(
        _unbounded,
        "a function that is {a.word} along {a.input} on the whole line, with values {b.range_text}, does not depend on it",
        "Let one of them hold on the grid only, domain='grid'.",
    ),
    (CurvatureSign, TailBehaviour): PairRule(
        lambda a, b, c: a.input == b.input and a.domain == "all" and b.side == "both" and b.kind != "linear",
        "a function that is {a.word} along {a.input} on the whole line and constant on both sides does not depend on it",
        "Let {a.word} hold on the grid only, domain='grid', or keep one side of the asymptote.",
    ),
    (ValueBounds, ValueBounds): two_ranges,
    (TailBehaviour, ValueBounds): PairRule(
        lambda a, b, c: a.kind == "value" and b.domain == "all" and not b.low <= a.value <= b.high,
        "it tends to {a.value:g} along {a.input}, which does not lie {b.range_text}",
        "Correct the value, or let the bounds hold on the grid only.",
        IMPOSSIBLE,
    ),
    (TailBehaviour, TailBehaviour): two_tails,
    (ExchangeSymmetry, ExchangeSymmetry): opposite_exchanges,
    (ExchangeSymmetry, ValueBounds): PairRule(
        lambda a, b, c: a.sign < 0 and not b.low < 0 < b.high and a.everywhere and b.everywhere,
        "a function that changes its sign when {a.among[0]} and {a.among[1]} are exchanged has values of both signs, so they do "
        "not lie {b.range_text} unless all are zero",
        "Keep one of them; a positive quantity may be symmetric.",
        _all_zero,
    ),
    (GroupInvariance, Parity): PairRule(
        _reflects,
        "mirroring {b.input} keeps the value and changes its sign, so it is zero everywhere",
        "Keep the one that is true.",
    ),
    (GroupInvariance, Separability): orbit_separate,
}
"""The rule for each pair of kinds of facts."""
