"""Conflicts of more than two facts, or of one with an option of the model."""

import itertools
import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Final

from splinework.knowledge.axioms.axiom import Name, place
from splinework.knowledge.axioms.conflict import CONSTANT, Conflict, ConflictContext, JointConflict, listed
from splinework.knowledge.axioms.facts import (
    ExchangeSymmetry,
    Fact,
    GroupInvariance,
    OutputRelation,
    Periodicity,
    Separability,
    SlopeSign,
    TailBehaviour,
    UnitHomogeneity,
    ValueBounds,
)
from splinework.knowledge.axioms.strength import Hard

Facts = tuple[Fact, ...]
_GROUP_ACTIONS: Final = {"sign": "all change their sign", "scale": "all are scaled", "translation": "all are shifted"}


def leaving_bounds(fact: ValueBounds, others: Facts, context: ConflictContext) -> Conflict | None:
    """Soft bounds on both sides for all inputs, although the tails of splines are straight lines; hard bounds use a link."""
    if fact.domain != "all" or context.extrapolation != "linear" or isinstance(fact.axiom.strength, Hard):
        return None
    if math.isinf(fact.low) or math.isinf(fact.high):
        return None
    level = {other.input for other in others if isinstance(other, Periodicity)}
    level |= {
        other.input
        for other in others
        if isinstance(other, TailBehaviour) and other.side == "both" and other.kind != "linear"
    }
    loose = [name for name in context.input_names if name not in level]
    if not loose:
        return None
    return Conflict(
        f"beyond its grid a spline continues as a straight line, which leaves any pair of bounds along {listed(loose)} unless it "
        "is constant",
        "Restrict the bounds to the grid, domain='grid', make them hard, or use extrapolation='constant'.",
    )


def along_the_orbit(fact: GroupInvariance, others: Facts, context: ConflictContext) -> JointConflict | None:
    """A function that is monotone along all inputs on which a group acts: an invariant one is constant in them.

    Every point lies between another one and an image of that: always for translations, for sign changes in a box around 0, for
    scaling if no input changes its sign.
    """
    if fact.group == "rotation" or len(fact.vectors) > 1 or len(fact.inputs) < 2:
        return None
    if not _moves(fact, context) or not fact.everywhere:
        return None
    for sign in (1, -1):
        found: dict[Name, SlopeSign] = {}
        for other in others:
            if isinstance(other, SlopeSign) and other.sign == sign and _with(fact, other, context):
                found.setdefault(other.input, other)
        if all(name in found for name in fact.inputs):
            taking = tuple(found[name] for name in fact.inputs)
            return Conflict(
                f"it never {taking[0].forbidden} along {listed(fact.inputs)}, and is unchanged when "
                f"{_GROUP_ACTIONS[fact.group]} together, so it depends on none of them",
                "Let it rise along some and fall along others, or drop the invariance.",
                CONSTANT,
            ), taking
    return None


def _with(fact: Fact, other: Fact, context: ConflictContext) -> bool:
    """Whether another fact holds on the whole grid for an output that this fact refers to."""
    return other.everywhere and bool(context.outputs(fact) & context.outputs(other))


def _moves(fact: GroupInvariance, context: ConflictContext) -> bool:
    """Whether the box contains images of points with other points between them."""
    if context.box is None:
        return fact.group != "scale"
    ends = [context.box[context.input(name)] for name in fact.inputs]
    if fact.group == "sign":
        return all(low < 0 < high for low, high in ends)
    if fact.group == "scale":
        return all(low >= 0 for low, _ in ends) or all(high <= 0 for _, high in ends)
    return True


def shares(fact: OutputRelation, others: Facts, context: ConflictContext) -> JointConflict | None:
    """Bounds of the outputs that are incompatible with their sum or order."""
    outputs = _outputs(fact, context)
    bounds = [
        other
        for other in others
        if isinstance(other, ValueBounds) and other.everywhere and context.outputs(other) & set(outputs)
    ]
    orders = [
        other
        for other in others
        if fact.shares
        and isinstance(other, OutputRelation)
        and not other.shares
        and set(_outputs(other, context)) <= set(outputs)
    ]
    lows, highs = [-math.inf] * len(context.output_names), [math.inf] * len(context.output_names)
    for other in bounds:
        for j in context.outputs(other):
            lows[j], highs[j] = max(lows[j], other.low), min(highs[j], other.high)
    rising = [_outputs(each, context) for each in (*([] if fact.shares else [fact]), *orders)]
    if _feasible(outputs, lows, highs, rising, fact.shares):
        return None
    names = listed([context.output_names[j] for j in outputs])
    ranges = "; ".join(f"{context.output_names[j]} from {lows[j]:g} to {highs[j]:g}" for j in outputs)
    wanted = "add up to 1" if fact.shares else "increase in this order"
    also = " in the required order" if orders else ""
    conflict = Conflict(
        f"{names} cannot {wanted}{also} between their bounds ({ranges})", "Correct the bounds, or the list of outputs."
    )
    return conflict, (*bounds, *orders)


def _outputs(fact: OutputRelation, context: ConflictContext) -> list[int]:
    return [place(name, context.output_names, fact.word, "output") for name in fact.outputs or context.output_names]


def _feasible(
    outputs: Sequence[int], lows: Sequence[float], highs: Sequence[float], orders: Sequence[Sequence[int]], shares: bool
) -> bool:
    """Whether some numbers within bounds have the required orders and, with `shares`, add up to one.

    The smallest ordered numbers are running maxima of the lower bounds, the largest running minima of the upper bounds; every sum
    in between is attained.
    """
    low, high = list(lows), list(highs)
    for _ in range(len(orders) * len(low) + 1):
        for order in orders:
            for before, after in itertools.pairwise(order):
                low[after] = max(low[after], low[before])
                high[before] = min(high[before], high[after])
    if any(low[j] > high[j] for j in outputs):
        return False
    slack = 1e-12
    return not shares or (sum(low[j] for j in outputs) <= 1 + slack and sum(high[j] for j in outputs) >= 1 - slack)


def unbalanced(fact: UnitHomogeneity, others: Facts, context: ConflictContext) -> JointConflict | None:
    """Units of the output that no product of powers of the inputs has, or that forbid an exchange or a sum."""
    inputs = {str(name): dict(context.read_unit(unit)) for name, unit in fact.of_inputs}
    output = dict(context.read_unit(fact.of_output))
    bases = sorted({base for powers in (*inputs.values(), output) for base in powers})
    rows = [[Fraction(powers.get(base, 0)) for powers in (*inputs.values(), output)] for base in bases]
    powers, free = solve_rational(rows, len(inputs))
    if powers is None:
        missing = [base for base in bases if output.get(base) and not any(each.get(base) for each in inputs.values())]
        why = (
            f"no input has {listed(missing)} in its unit" if missing else "the units of the inputs do not combine to it"
        )
        return Conflict(
            f"no product of powers of {listed(list(inputs))} has the unit {fact.of_output}: {why}",
            "Add the input or the constant of nature that is missing, or correct a unit.",
        ), ()
    for other in others:
        first, *rest = map(str, other.among) if isinstance(other, ExchangeSymmetry) and other.sign > 0 else ("",)
        for name in rest:
            if first in inputs and name in inputs and inputs[first] != inputs[name]:
                return Conflict(
                    f"{first} and {name} have different units, so they cannot be exchanged",
                    "Correct a unit, or divide the inputs by scales of their own first.",
                ), (other,)
    used = [name for name, power in zip(inputs, powers, strict=True) if power != 0]
    for other in others if free == 0 else ():
        apart = other.apart(used) if isinstance(other, Separability) else None
        if apart is not None:
            return Conflict(
                f"the units leave only a constant times a product of powers of {listed(used)}, in which {listed(apart)} "
                "interact",
                f"Drop {other.word}, or fit the logarithm of the output, of which the product is a sum.",
            ), (other,)
    return None


def solve_rational(rows: Sequence[Sequence[Fraction]], inputs: int) -> tuple[list[Fraction] | None, int]:
    """A solution of linear equations by Gaussian elimination in rationals, and its number of free unknowns (set to 0).

    Args:
        rows: The equations: coefficients of the unknowns, then the right side.
        inputs: Number of unknowns.

    Returns:
        The solution, or None, and the number of free unknowns.
    """
    matrix = [list(row) for row in rows]
    pivots: list[int] = []
    for column in range(inputs):
        row = next((r for r in range(len(pivots), len(matrix)) if matrix[r][column] != 0), None)
        if row is None:
            continue
        here = len(pivots)
        matrix[here], matrix[row] = matrix[row], matrix[here]
        matrix[here] = [value / matrix[here][column] for value in matrix[here]]
        for r in range(len(matrix)):
            if r != here and matrix[r][column] != 0:
                factor = matrix[r][column]
                matrix[r] = [a - factor * b for a, b in zip(matrix[r], matrix[here], strict=True)]
        pivots.append(column)
    if any(row[-1] != 0 for row in matrix[len(pivots) :]):
        return None, 0
    solution = [Fraction(0)] * inputs
    for row, column in enumerate(pivots):
        solution[column] = matrix[row][-1]
    return solution, inputs - len(pivots)


JOINT_RULES: Final = {GroupInvariance: along_the_orbit, OutputRelation: shares, UnitHomogeneity: unbalanced}
"""Rules for one fact and all others; each returns the facts involved."""
