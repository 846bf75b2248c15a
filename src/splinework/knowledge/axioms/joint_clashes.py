"""Contradictions of more than two axioms, or of one with a setting of the model."""

import itertools
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, Final

import numpy as np

from splinework.knowledge.axioms.axiom import Axiom, place
from splinework.knowledge.axioms.clash import CONSTANT, Clash, Context, listed
from splinework.knowledge.axioms.physics import Units
from splinework.knowledge.axioms.shape_clashes import limits
from splinework.knowledge.axioms.shapes import Asymptote, Bounded, Monotone, Periodic, Positive
from splinework.knowledge.axioms.strength import Hard
from splinework.knowledge.axioms.structure import Additive, Invariant, NoInteraction, Symmetric
from splinework.knowledge.axioms.values import Ordered, SumToOne

Found = tuple[Clash, tuple[Axiom, ...]]
"""What a rule found, and the other axioms that take part."""


def steady(axiom: Axiom, others: tuple[Axiom, ...], context: Context) -> Clash | None:
    """Soft bounds on both sides everywhere, where the tails of splines are straight lines; hard ones hold by a link."""
    if not isinstance(axiom, Bounded) or axiom.domain != "all" or context.extrapolation != "linear":
        return None
    if axiom.lower is None or axiom.upper is None or isinstance(axiom.strength, Hard):
        return None
    level = {
        other.input
        for other in others
        if isinstance(other, Periodic)
        or (isinstance(other, Asymptote) and other.side == "both" and other.kind != "linear")
    }
    loose = [name for name in context.input_names if name not in level]
    if not loose:
        return None
    return Clash(
        f"beyond its grid a spline goes on as a straight line, which leaves every pair of bounds along {listed(loose)} unless it "
        "is level",
        "Let the bounds hold on the grid, domain='grid', make them hard, or take extrapolation='constant'.",
    )


def along_the_orbit(
    axiom: Axiom, others: tuple[Axiom, ...], context: Context
) -> tuple[Clash, tuple[Axiom, ...]] | None:
    """Rising along all inputs that a group moves together: then what it keeps is constant.

    Every point near another one is between that and an image of it: for translation always, for sign in a box about 0, for scale
    where no input changes its sign.
    """
    if not isinstance(axiom, Invariant) or axiom.group == "rotation" or len(axiom.vectors) > 1:
        return None
    if not _moves(axiom, context) or not context.whole(axiom):
        return None
    for rising in (True, False):
        found: dict[Any, Monotone] = {}
        for other in others:
            if isinstance(other, Monotone) and other.increasing == rising and _with(axiom, other, context):
                found.setdefault(other.input, other)
        if len(axiom.inputs) > 1 and all(name in found for name in axiom.inputs):
            names = listed(axiom.inputs)
            word = {"sign": "all change their sign", "scale": "all are scaled", "translation": "all are shifted"}
            clash = Clash(
                f"it never {'falls' if rising else 'rises'} along {names}, and stays the same when {word[axiom.group]} together, "
                "so it depends on none of them",
                "Let it rise along some and fall along others, or drop the invariance.",
                CONSTANT,
            )
            return clash, tuple(found[name] for name in axiom.inputs)
    return None


def _with(axiom: Axiom, other: Axiom, context: Context) -> bool:
    """Whether another axiom holds all over the grids for some output that this one speaks of."""
    return context.whole(other) and bool(context.outputs(axiom) & context.outputs(other))


def _moves(axiom: Invariant, context: Context) -> bool:
    """Whether the images of points are where others lie in between."""
    if context.box is None:
        return axiom.group != "scale"
    ends = [context.box[context.input(name)] for name in axiom.inputs]
    if axiom.group == "sign":
        return all(low < 0 < high for low, high in ends)
    if axiom.group == "scale":
        return all(low >= 0 for low, _ in ends) or all(high <= 0 for _, high in ends)
    return True


def shares(axiom: Axiom, others: tuple[Axiom, ...], context: Context) -> Found | None:
    """Bounds of the outputs against their sum and their order: is there any point at all?"""
    if not isinstance(axiom, (SumToOne, Ordered)):
        return None
    outputs = _outputs(axiom, context)
    taking = [other for other in others if _limits_any(other, outputs, context)]
    if isinstance(axiom, SumToOne):
        taking += [
            other for other in others if isinstance(other, Ordered) and set(_outputs(other, context)) <= set(outputs)
        ]
    lows, highs = _span(taking, len(context.output_names), context)
    orders = [_outputs(other, context) for other in (axiom, *taking) if isinstance(other, Ordered)]
    if _feasible(outputs, lows, highs, orders, isinstance(axiom, SumToOne)):
        return None
    names = listed([context.output_names[j] for j in outputs])
    told = "; ".join(f"{context.output_names[j]} from {lows[j]:g} to {highs[j]:g}" for j in outputs)
    wanted = "add up to 1" if isinstance(axiom, SumToOne) else "rise in this order"
    also = " in the order that is wanted" if orders and isinstance(axiom, SumToOne) else ""
    clash = Clash(
        f"{names} cannot {wanted}{also} between their bounds ({told})", "Correct the bounds, or the list of outputs."
    )
    return clash, tuple(taking)


def _limits_any(axiom: Axiom, outputs: Sequence[int], context: Context) -> bool:
    limiting = isinstance(axiom, (Bounded, Positive)) and context.whole(axiom)
    return limiting and bool(context.outputs(axiom) & set(outputs))


def _outputs(axiom: SumToOne | Ordered, context: Context) -> list[int]:
    return [place(name, context.output_names, axiom.word, "output") for name in axiom.outputs or context.output_names]


def _span(bounds: Sequence[Axiom], outputs: int, context: Context) -> tuple[list[float], list[float]]:
    lows, highs = [-np.inf] * outputs, [np.inf] * outputs
    for axiom in bounds:
        if isinstance(axiom, (Bounded, Positive)):
            for j in context.outputs(axiom):
                lows[j], highs[j] = max(lows[j], limits(axiom)[0]), min(highs[j], limits(axiom)[1])
    return lows, highs


def _feasible(
    outputs: Sequence[int], lows: Sequence[float], highs: Sequence[float], orders: Sequence[Sequence[int]], shares: bool
) -> bool:
    """Whether numbers between bounds have the orders, and add up to one.

    The least numbers in order are running maxima of the lower bounds, the largest running minima of the upper ones; every sum
    between those of the two is reached.
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


def unbalanced(axiom: Axiom, others: tuple[Axiom, ...], context: Context) -> Found | None:
    """Units of the output that no product of powers of the inputs has; inputs that may not be exchanged or added."""
    if not isinstance(axiom, Units):
        return None
    inputs = {str(name): dict(context.read_unit(unit)) for name, unit in axiom.of_inputs}
    output = dict(context.read_unit(axiom.of_output))
    bases = sorted({base for powers in (*inputs.values(), output) for base in powers})
    rows = [[Fraction(powers.get(base, 0)) for powers in (*inputs.values(), output)] for base in bases]
    powers, free = solved(rows, len(inputs))
    if powers is None:
        missing = [base for base in bases if output.get(base) and not any(each.get(base) for each in inputs.values())]
        why = (
            f"no input has {listed(missing)} in its unit" if missing else "the units of the inputs do not combine to it"
        )
        return Clash(
            f"no product of powers of {listed(list(inputs))} has the unit {axiom.of_output}: {why}",
            "Add the input or the constant of nature that is missing, or correct a unit.",
        ), ()
    for other in others:
        if isinstance(other, Symmetric):
            first = str(other.among[0])
            for name in map(str, other.among[1:]):
                if first in inputs and name in inputs and inputs[first] != inputs[name]:
                    return Clash(
                        f"{first} and {name} have different units, so they cannot change places",
                        "Correct a unit, or divide the inputs by scales of their own first.",
                    ), (other,)
    used = [name for name, power in zip(inputs, powers, strict=True) if power != 0]
    if free == 0 and len(used) > 1:
        for other in others:
            apart = _apart(other, used)
            if apart:
                return Clash(
                    f"the units leave only a constant times a product of powers of {listed(used)}, in which {listed(apart)} act "
                    "on each other",
                    f"Drop {other.word}, or fit the logarithm of the output, of which the product is a sum.",
                ), (other,)
    return None


def solved(rows: Sequence[Sequence[Fraction]], inputs: int) -> tuple[list[Fraction] | None, int]:
    """A solution of linear equations by elimination in rationals, and how many numbers in it are free (they are 0).

    Args:
        rows: One equation each: coefficients of the unknowns, then the right side.
        inputs: Number of unknowns.

    Returns:
        None for the solution if there is none.
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


def _apart(axiom: Axiom, used: Sequence[str]) -> list[str]:
    """Two of the names that may not act on each other, by this axiom."""
    if isinstance(axiom, NoInteraction):
        return list(map(str, axiom.inputs)) if all(name in used for name in axiom.inputs) else []
    if isinstance(axiom, Additive):
        group = {name: number for number, each in enumerate(axiom.groups) for name in each}
        for first, second in itertools.combinations(used, 2):
            if group.get(first, first) != group.get(second, second):
                return [first, second]
    return []


JOINT_RULES: Final = (along_the_orbit, shares, unbalanced)
"""Rules on one axiom and all others; what they return names those that take part."""
