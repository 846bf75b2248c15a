"""A line along one input: values at points, bounds, slopes and curvature together, by a linear program."""

from typing import Final

import numpy as np

from splinework.knowledge.axioms.conflict import Conflict, ConflictContext, JointConflict, listed
from splinework.knowledge.axioms.facts import CurvatureSign, Fact, Floats, ValueBounds

MAX_POINTS: Final = 60
"""Points on a line that go into the program."""


def infeasible(
    i: int, x: Floats, y: Floats, others: tuple[Fact, ...], context: ConflictContext
) -> JointConflict | None:
    """Whether no function of one input passes through points with everything stated along it.

    A function exists when values at the points and at the ends of the grid do: a polygon through them keeps every bound, slope
    and curvature. Of a long line the first points count.

    Args:
        i: The input.
        x: Points that differ in it only, `(N, I)`.
        y: Their values, `(N,)`.
        others: Facts on that output.
        context: The model.
    """
    taking = [fact for fact in others if fact.everywhere and fact.along(i, context)]
    curved = any(isinstance(fact, CurvatureSign) for fact in taking)
    if len(y) < 2 or len(taking) < (1 if curved else 2):
        return None
    x, y = x[:MAX_POINTS], y[:MAX_POINTS]
    ends = () if context.box is None else context.box[i]
    at = np.unique(np.concatenate([x[:, i], ends]))
    if _fits(at, x[:, i], y, taking):
        return None
    for fact in list(taking):
        rest = [other for other in taking if other is not fact]
        if not _fits(at, x[:, i], y, rest):
            taking = rest
    names = listed([fact.word for fact in taking])
    return Conflict(
        f"no function of {context.input_names[i]} passes through these {len(y)} points on a line with {names} together",
        "Correct a row, or drop one of the axioms.",
    ), tuple(taking)


def _fits(at: Floats, x: Floats, y: Floats, taking: list[Fact]) -> bool:
    """Whether values at places `at` keep the facts and are y at x, up to rounding."""
    bounds = [fact for fact in taking if isinstance(fact, ValueBounds)]
    low = max((fact.low for fact in bounds), default=-np.inf)
    high = min((fact.high for fact in bounds), default=np.inf)
    limits = [fact.rows(at) for fact in taking]
    if not any(len(each) for each, _ in limits):
        return True
    rows, right = (np.concatenate(each) for each in zip(*limits, strict=True))
    known = np.full(len(at), np.nan)
    known[np.searchsorted(at, x)] = y
    free = np.isnan(known)
    right = right - rows[:, ~free] @ known[~free]
    slack = 1e-7 * (1 + float(np.abs(y).max()))
    if not free.any():
        return bool((right >= -slack).all())
    from scipy.optimize import linprog  # only here: it takes long to load

    # The least excess of all rows, so that rounding is told from contradiction here and not by the program.
    program = np.column_stack([rows[:, free], -np.ones(len(rows))])
    cost = np.append(np.zeros(int(free.sum())), 1.0)
    found = linprog(cost, A_ub=program, b_ub=right, bounds=[*[(low, high)] * int(free.sum()), (0.0, None)])
    return found.x is None or float(found.x[-1]) <= slack
