"""A line along one input: values at points, bounds, slopes and curvature together, by a linear program."""

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from splinework.knowledge.axioms.axiom import Axiom
from splinework.knowledge.axioms.clash import Clash, Context, listed
from splinework.knowledge.axioms.joint_clashes import Found
from splinework.knowledge.axioms.shape_clashes import limits
from splinework.knowledge.axioms.shapes import Bounded, Concave, Convex, Lipschitz, Monotone, Positive

Floats = NDArray[np.float64]
MOST: Final = 60
"""Points on a line that go into the program."""


def infeasible(i: int, x: Floats, y: Floats, others: tuple[Axiom, ...], context: Context) -> Found | None:
    """Whether no function of one input passes through points with all that is said along it.

    A function exists when values at the points and at the ends of the grid do: a polygon through them keeps every bound, slope
    and curvature. Of a long line the first points count.

    Args:
        i: The input.
        x: Points that differ in it only, `(N, I)`.
        y: Their values, `(N,)`.
        others: Axioms on that output.
        context: The model.
    """
    taking = [axiom for axiom in others if _along(axiom, i, context)]
    curved = any(isinstance(axiom, (Convex, Concave)) for axiom in taking)
    if len(y) < 2 or len(taking) < (1 if curved else 2):
        return None
    x, y = x[:MOST], y[:MOST]
    ends = () if context.box is None else context.box[i]
    at = np.unique(np.concatenate([x[:, i], ends]))
    if _fits(at, x[:, i], y, taking):
        return None
    for axiom in list(taking):
        rest = [other for other in taking if other is not axiom]
        if not _fits(at, x[:, i], y, rest):
            taking = rest
    names = listed([axiom.word for axiom in taking])
    return Clash(
        f"no function of {context.input_names[i]} passes through these {len(y)} points on a line with {names} together",
        "Correct a row, or drop one of the axioms.",
    ), tuple(taking)


def _fits(at: Floats, x: Floats, y: Floats, taking: list[Axiom]) -> bool:
    """Whether values at places `at` keep the axioms and are y at x, up to rounding."""
    low, high = -math.inf, math.inf
    for axiom in taking:
        if isinstance(axiom, (Bounded, Positive)):
            low, high = max(low, limits(axiom)[0]), min(high, limits(axiom)[1])
    rows, right = _rows(at, taking)
    if not len(rows):
        return True
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


def _along(axiom: Axiom, i: int, context: Context) -> bool:
    if not isinstance(axiom.domain, str):
        return False
    if isinstance(axiom, (Bounded, Positive)):
        return True
    if isinstance(axiom, Lipschitz):
        return not axiom.along or i in map(context.input, axiom.along)
    return isinstance(axiom, (Monotone, Convex, Concave)) and context.input(axiom.input) == i


def _rows(at: Floats, taking: list[Axiom]) -> tuple[Floats, Floats]:
    """Rows and right sides of `rows @ values <= right`, all in units of the values."""
    eye, gaps = np.eye(len(at)), np.diff(at)
    steps = eye[1:] - eye[:-1]
    share = (gaps[1:] / (gaps[:-1] + gaps[1:]))[:, None]
    bends = share * eye[:-2] + (1 - share) * eye[2:] - eye[1:-1]
    rows, right = [np.zeros((0, len(at)))], [np.zeros(0)]
    for axiom in taking:
        if isinstance(axiom, Monotone):
            rows.append(-steps if axiom.increasing else steps)
        elif isinstance(axiom, (Convex, Concave)):
            rows.append(-bends if isinstance(axiom, Convex) else bends)
        elif isinstance(axiom, Lipschitz):
            rows.append(np.concatenate([steps, -steps]))
        else:
            continue
        right.append(np.tile(axiom.constant * gaps, 2) if isinstance(axiom, Lipschitz) else np.zeros(len(rows[-1])))
    return np.concatenate(rows), np.concatenate(right)
