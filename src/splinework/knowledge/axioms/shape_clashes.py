"""Which axioms on shape and structure leave no function, or only a constant one: a table of pairs."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final

from splinework.knowledge.axioms.clash import CONSTANT, IMPOSSIBLE, NOTE, Clash, Context, Range, listed
from splinework.knowledge.axioms.shapes import (
    Asymptote,
    Bounded,
    Concave,
    Convex,
    Even,
    Monotone,
    Odd,
    Periodic,
    Positive,
)
from splinework.knowledge.axioms.structure import Additive, Antisymmetric, Invariant, NoInteraction, Symmetric

Rule = Callable[[Any, Any, Context], Clash | None]
_DENOMINATOR: Final = 24
"""Ratios of two periods with larger terms are taken for none."""


def opposite(first: Monotone, second: Monotone, context: Context) -> Clash | None:
    """Rising and falling along one input."""
    if first.input != second.input or first.increasing == second.increasing:
        return None
    return Clash(
        f"what neither falls nor rises along {first.input} does not depend on it",
        "Keep one of them, give them domains that do not overlap, or leave the input out.",
        CONSTANT,
    )


def monotone_periodic(first: Monotone, second: Periodic, context: Context) -> Clash | None:
    """What comes back after a period cannot have risen."""
    if first.input != second.input or not _covers(context.range(first, context.input(first.input)), second.period):
        return None
    return Clash(
        f"a function that never {'falls' if first.increasing else 'rises'} along {first.input} and is the same after "
        f"{second.period:g} does not depend on it",
        f"Keep one of them, or let monotone hold on a part of the period, domain={{{first.input!r}: (low, high)}}.",
        CONSTANT,
    )


def monotone_even(first: Monotone, second: Even, context: Context) -> Clash | None:
    """What is the same on both sides of a centre cannot have risen through it."""
    if first.input != second.input or not _holds(context.range(first, context.input(first.input)), second.centre):
        return None
    return Clash(
        f"a function that is the same on both sides of {first.input} = {second.centre:g} and never "
        f"{'falls' if first.increasing else 'rises'} does not depend on {first.input} around it",
        f"Keep one of them, or let monotone hold on one side, domain={{{first.input!r}: ({second.centre:g}, inf)}}.",
        CONSTANT,
    )


def convex_concave(first: Convex, second: Concave, context: Context) -> Clash | None:
    """Both: a straight line."""
    if first.input != second.input:
        return None
    return Clash(
        f"what is convex and concave along {first.input} must be linear in it",
        "Keep both if a straight line is meant.",
        NOTE,
    )


def curved_periodic(first: Convex | Concave, second: Periodic, context: Context) -> Clash | None:
    """A smooth curve of one sign that returns to its start is flat."""
    if first.input != second.input or not _covers(context.range(first, context.input(first.input)), second.period):
        return None
    return Clash(
        f"a smooth function that is {first.word} along {first.input} and the same after {second.period:g} does not depend on it",
        f"Keep one of them, or let {first.word} hold on a part of the period, domain={{{first.input!r}: (low, high)}}.",
        CONSTANT,
    )


def even_odd(first: Even, second: Odd, context: Context) -> Clash | None:
    """Both about one centre: zero."""
    if first.input != second.input or first.centre != second.centre:
        return None
    return Clash(
        f"what is even and odd about {first.input} = {first.centre:g} is zero everywhere",
        "Keep the one that is true.",
        CONSTANT,
    )


def odd_bounded(first: Odd, second: Bounded | Positive, context: Context) -> Clash | None:
    """An odd function has both signs, and zero at its centre."""
    lower, upper = limits(second)
    if lower < 0 < upper or not _holds(context.range(second, context.input(first.input)), first.centre):
        return None
    return Clash(
        f"an odd function is zero at {first.input} = {first.centre:g} and has on one side of it the opposite of what it has on "
        f"the other, so no value of it lies {said(second)} unless all are zero",
        "Drop one of them, or make it odd about an offset: fit the output less that.",
        CONSTANT if lower == 0 or upper == 0 else IMPOSSIBLE,
    )


def odd_curved(first: Odd, second: Convex | Concave, context: Context) -> Clash | None:
    """An odd function that is convex is a line."""
    if first.input != second.input or not _holds(context.range(second, context.input(first.input)), first.centre):
        return None
    return Clash(
        f"what is odd about {first.input} = {first.centre:g} and {second.word} around it must be linear there",
        f"Let {second.word} hold on one side, domain={{{first.input!r}: ({first.centre:g}, inf)}}.",
        NOTE,
    )


def periods(first: Periodic, second: Periodic, context: Context) -> Clash | None:
    """Two periods without a common measure."""
    if first.input != second.input or first.period == second.period:
        return None
    ratio = first.period / second.period
    near = Fraction(ratio).limit_denominator(_DENOMINATOR)
    if near > 0 and abs(ratio - float(near)) < 1e-9 * ratio and max(near.numerator, near.denominator) <= _DENOMINATOR:
        return None
    return Clash(
        f"a function with the periods {first.period:g} and {second.period:g} along {first.input}, of which no small multiples "
        "agree, does not depend on it",
        "Keep one period; a sum of two oscillations has neither.",
        CONSTANT,
    )


def periodic_asymptote(first: Periodic, second: Asymptote, context: Context) -> Clash | None:
    """What repeats does not settle."""
    if first.input != second.input:
        return None
    return Clash(
        f"what repeats every {first.period:g} along {first.input} does not become {second.kind} beyond the grid unless it does "
        "not depend on it",
        "Drop the asymptote; a periodic input has no tails.",
        CONSTANT,
    )


def curved_bounded(first: Convex | Concave, second: Bounded | Positive, context: Context) -> Clash | None:
    """A convex function on the whole line that is not constant grows beyond every bound."""
    lower, upper = limits(second)
    limit = upper if isinstance(first, Convex) else lower
    if first.domain != "all" or second.domain != "all" or not math.isfinite(limit):
        return None
    side = "above" if isinstance(first, Convex) else "below"
    return Clash(
        f"a function that is {first.word} along {first.input} on the whole line and bounded {side} does not depend on it",
        "Let one of them hold on the grid only, domain='grid'.",
        CONSTANT,
    )


def curved_asymptotes(first: Convex | Concave, second: Asymptote, context: Context) -> Clash | None:
    """Convex on the whole line and level on both sides: flat."""
    if first.input != second.input or first.domain != "all" or second.side != "both" or second.kind == "linear":
        return None
    return Clash(
        f"a function that is {first.word} along {first.input} on the whole line and level on both sides does not depend on it",
        f"Let {first.word} hold on the grid only, domain='grid', or keep one side of the asymptote.",
        CONSTANT,
    )


def bounds(first: Bounded | Positive, second: Bounded | Positive, context: Context) -> Clash | None:
    """Nothing between them."""
    low = max(limits(first)[0], limits(second)[0])
    high = min(limits(first)[1], limits(second)[1])
    if low < high:
        return None
    verdict = CONSTANT if low == high else IMPOSSIBLE
    left = f"only {low:g} is" if low == high else "no number is"
    return Clash(f"{left} {said(first)} and {said(second)}", "Correct one of the bounds.", verdict)


def asymptote_bounded(first: Asymptote, second: Bounded | Positive, context: Context) -> Clash | None:
    """What it tends to is out of bounds."""
    lower, upper = limits(second)
    if first.kind != "value" or second.domain != "all" or lower <= first.value <= upper:
        return None
    return Clash(
        f"it tends to {first.value:g} along {first.input}, which does not lie {said(second)}",
        "Correct the value, or let the bounds hold on the grid only.",
    )


def asymptotes(first: Asymptote, second: Asymptote, context: Context) -> Clash | None:
    """Two values on one side."""
    sides = {first.side, second.side} - {"both"}
    if first.input != second.input or len(sides) > 1 or "value" not in (first.kind, second.kind):
        return None
    if first.kind == second.kind and first.value == second.value:
        return None
    value = first.value if first.kind == "value" else second.value
    if first.kind != second.kind:
        return Clash(
            f"what tends to {value:g} along {first.input} and is {first.kind if second.kind == 'value' else second.kind} beyond "
            f"the grid is {value:g} there at once",
            "Keep one of them.",
            NOTE,
        )
    return Clash(
        f"it cannot tend to {first.value:g} and to {second.value:g} on one side of {first.input}", "Keep one of them."
    )


def symmetric_antisymmetric(first: Symmetric, second: Antisymmetric, context: Context) -> Clash | None:
    """Both for two inputs: zero."""
    shared = [name for name in first.among if name in second.among]
    if len(shared) < 2:
        return None
    return Clash(
        f"what keeps its value and changes its sign when {shared[0]} and {shared[1]} change places is zero everywhere",
        "Keep the one that is true.",
        CONSTANT,
    )


def antisymmetric_bounded(first: Antisymmetric, second: Bounded | Positive, context: Context) -> Clash | None:
    """An antisymmetric function has both signs."""
    lower, upper = limits(second)
    if lower < 0 < upper or not (context.whole(first) and context.whole(second)):
        return None
    return Clash(
        f"a function that changes its sign when {first.among[0]} and {first.among[1]} change places has values of both signs, so "
        f"they do not lie {said(second)} unless all are zero",
        "Keep one of them; a positive quantity may be symmetric.",
        CONSTANT if lower == 0 or upper == 0 else IMPOSSIBLE,
    )


def invariant_odd(first: Invariant, second: Odd, context: Context) -> Clash | None:
    """Even along one input alone, and odd."""
    alone = first.group == "rotation" or (first.group == "sign" and len(first.inputs) == 1)
    if not alone or second.input not in first.inputs or second.centre != 0 or len(first.vectors) > 1:
        return None
    return Clash(
        f"mirroring {second.input} keeps the value and changes its sign, so it is zero everywhere",
        "Keep the one that is true.",
        CONSTANT,
    )


def invariant_apart(first: Invariant, second: Additive | NoInteraction, context: Context) -> Clash | None:
    """A sum of functions that only depends on the radius is one of the radius squared."""
    if first.group != "rotation" or len(first.vectors) > 1:
        return None
    names = [name for name in first.inputs if not isinstance(second, NoInteraction) or name in second.inputs]
    if isinstance(second, Additive) and any(set(names) <= set(group) for group in second.groups):
        return None
    if len(names) < 2:
        return None
    return Clash(
        f"without an interaction between {listed(names)} what rotation keeps must be linear in {names[0]}**2 + {names[1]}**2",
        "Keep both if that is meant.",
        NOTE,
    )


BOUNDS: Final = (Bounded, Positive)
CURVES: Final = (Convex, Concave)
SHAPE_RULES: Final[tuple[tuple[Any, Any, Rule], ...]] = (
    (Monotone, Monotone, opposite),
    (Monotone, Periodic, monotone_periodic),
    (Monotone, Even, monotone_even),
    (Convex, Concave, convex_concave),
    (CURVES, Periodic, curved_periodic),
    (Even, Odd, even_odd),
    (Odd, BOUNDS, odd_bounded),
    (Odd, CURVES, odd_curved),
    (Periodic, Periodic, periods),
    (Periodic, Asymptote, periodic_asymptote),
    (CURVES, BOUNDS, curved_bounded),
    (CURVES, Asymptote, curved_asymptotes),
    (BOUNDS, BOUNDS, bounds),
    (Asymptote, BOUNDS, asymptote_bounded),
    (Asymptote, Asymptote, asymptotes),
    (Symmetric, Antisymmetric, symmetric_antisymmetric),
    (Antisymmetric, BOUNDS, antisymmetric_bounded),
    (Invariant, Odd, invariant_odd),
    (Invariant, (Additive, NoInteraction), invariant_apart),
)
"""Kinds of two axioms, and the rule on them."""


# ---------------------------------------------------------------------------------------------------------- parts


def limits(axiom: Bounded | Positive) -> Range:
    """The bounds, infinite where there is none."""
    if isinstance(axiom, Positive):
        return 0.0, math.inf
    return -math.inf if axiom.lower is None else axiom.lower, math.inf if axiom.upper is None else axiom.upper


def said(axiom: Bounded | Positive) -> str:
    """The bounds in words."""
    low, high = limits(axiom)
    if math.isinf(high):
        return f"at {low:g} or above"
    return f"at {high:g} or below" if math.isinf(low) else f"between {low:g} and {high:g}"


def _covers(where: Range | None, period: float) -> bool:
    """Whether a range is as long as a period; a grid that is not known yet is taken to be."""
    return where is None or where[1] - where[0] >= period * (1 - 1e-9)


def _holds(where: Range | None, centre: float) -> bool:
    """Whether a range has a centre inside; a grid that is not known yet is taken to have it."""
    return where is None or where[0] < centre < where[1]
