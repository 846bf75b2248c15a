"""Joint feasibility of values, bounds, slopes and curvature along one input, by a linear program."""

from typing import Final

import numpy as np

from splinework.knowledge.axioms.conflict import Conflict, ConflictContext, JointConflict, listed
from splinework.knowledge.axioms.facts import CurvatureSign, Fact, Floats, ValueBounds

MAX_POINTS: Final = 60
"""The maximum number of points on a line in the program."""


def infeasible(
    i: int, x: Floats, y: Floats, others: tuple[Fact, ...], context: ConflictContext
) -> JointConflict | None:
    """A conflict if no function of one input passes through points and fulfils all facts along it.

    A function exists if values at the points and at the ends of the grid exist: a polygon through them fulfils every bound, slope
    and curvature. Only the first points of a long line are used.

    Args:
        i: The input.
        x: Points that differ in this input only, `(N, I)`.
        y: Their values, `(N,)`.
        others: Facts on that output.
        context: Properties of the model.
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
    """Whether values at positions `at` fulfil the facts and equal y at x, up to rounding."""
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

    # Minimise the largest violation, so that rounding is distinguished from a contradiction here and not by the solver.
    program = np.column_stack([rows[:, free], -np.ones(len(rows))])
    cost = np.append(np.zeros(int(free.sum())), 1.0)
    found = linprog(cost, A_ub=program, b_ub=right, bounds=[*[(low, high)] * int(free.sum()), (0.0, None)])
    return found.x is None or float(found.x[-1]) <= slack
