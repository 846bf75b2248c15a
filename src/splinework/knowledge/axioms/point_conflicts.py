"""Conflicts of points to pass through with all other facts: in pairs, and along lines by a linear program."""

from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray

from splinework.knowledge.axioms.conflict import Conflict, ConflictContext, JointConflict, listed
from splinework.knowledge.axioms.facts import (
    TOLERANCE,
    CurvatureSign,
    FaceValue,
    Fact,
    Floats,
    PointValues,
    SlopeBound,
    SlopeSign,
    ValueBounds,
    same_points,
)

MAX_POINTS: Final = 1000
"""The maximum number of points of one axiom that are compared in pairs; further points are skipped."""
Facts = tuple[Fact, ...]


def points_apart(fact: PointValues, others: Facts, context: ConflictContext) -> JointConflict | None:
    """Conflicts of points with bounds, faces, each other, slopes and symmetries, in this order; then along lines."""
    if len(fact.points[0]) != len(context.input_names):
        return Conflict(
            f"its points have {len(fact.points[0])} numbers, and there are {len(context.input_names)} inputs",
            "Give one number for every input.",
        ), ()
    outputs = sorted(context.outputs(fact))
    if len(fact.values[0]) != len(outputs):
        return Conflict(
            f"its values have {len(fact.values[0])} numbers, and the axiom applies to {len(outputs)} outputs",
            "Give one number for every output, or name the output.",
        ), ()
    x = np.array(fact.points[:MAX_POINTS])
    for column, output in enumerate(outputs):
        y = np.array(fact.values[:MAX_POINTS])[:, column]
        near = tuple(other for other in others if output in context.outputs(other))
        for rule in (_bounded, _on_faces, _twice, _rising, _steep, _imaged, _lines):
            found = rule(x, y, output, near, context)
            if found is not None:
                return found
    return None


POINT_RULES: Final = {PointValues: points_apart}
"""Rules for one fact and all others; each returns the facts involved."""


def _bounded(x: Floats, y: Floats, output: int, others: Facts, context: ConflictContext) -> JointConflict | None:
    for other in others:
        if isinstance(other, ValueBounds):
            outside = (y < other.low - _slack(y)) | (y > other.high + _slack(y))
            out = np.flatnonzero(_holds(other, x, context) & outside)
            if len(out):
                return Conflict(
                    f"row {out[0]} has the value {y[out[0]]:.6g}, which does not lie {other.range_text}",
                    "Correct the row or the bounds.",
                ), (other,)
    return None


def _on_faces(x: Floats, y: Floats, output: int, others: Facts, context: ConflictContext) -> JointConflict | None:
    for other in others:
        if not isinstance(other, FaceValue):
            continue
        rows = np.flatnonzero(np.abs(x[:, context.input(other.input)] - other.at) <= TOLERANCE * (1 + abs(other.at)))
        wanted = context.value(other.value, torch.from_numpy(x[rows])).numpy()
        wrong = np.flatnonzero(np.abs(wanted - y[rows]) > 1e-6 * (1 + np.abs(wanted)))
        if len(wrong):
            row = rows[wrong[0]]
            return Conflict(
                f"row {row} has the value {y[row]:.6g} at {other.input} = {other.at:g}, where it is {wanted[wrong[0]]:.6g}",
                "Correct the row or the value of the face.",
            ), (other,)
    return None


def _twice(x: Floats, y: Floats, output: int, others: Facts, context: ConflictContext) -> JointConflict | None:
    """A point with two values, in one axiom or in two."""
    for other in others:
        if not isinstance(other, PointValues) or len(other.points[0]) != x.shape[1]:
            continue
        places = sorted(context.outputs(other))
        if len(other.values[0]) != len(places):
            continue
        xs, ys = np.array(other.points[:MAX_POINTS]), np.array(other.values[:MAX_POINTS])[:, places.index(output)]
        pair = _first(same_points(x, xs) & (np.abs(y[:, None] - ys) > _slack(y)))
        if pair:
            return _double(pair, y, ys), (other,)
    pair = _first(same_points(x, x) & (np.abs(y[:, None] - y) > _slack(y)))
    return None if pair is None else (_double(pair, y, y), ())


def _double(pair: tuple[int, int], y: Floats, ys: Floats) -> Conflict:
    return Conflict(
        f"rows {pair[0]} and {pair[1]} have the same inputs and the values {y[pair[0]]:.6g} and {ys[pair[1]]:.6g}",
        "Keep one of them, or fit noisy values as data.",
    )


def _rising(x: Floats, y: Floats, output: int, others: Facts, context: ConflictContext) -> JointConflict | None:
    """A pair of points whose values decrease although monotone axioms require an increase."""
    rises = {context.input(a.input): a for a in others if isinstance(a, SlopeSign) and _everywhere(a, x, context)}
    if not rises:
        return None
    below = np.ones((len(x), len(x)), dtype=bool)
    for i in range(x.shape[1]):
        column = x[:, i] if i not in rises or rises[i].sign > 0 else -x[:, i]
        below &= column[:, None] <= column if i in rises else column[:, None] == column
    pair = _first(below & (y[:, None] > y + _slack(y)))
    if pair is None:
        return None
    first, second = pair
    taking = tuple(each for i, each in rises.items() if x[first, i] != x[second, i])
    if not taking:
        return None
    moved = [
        f"{each.input} from {x[first, i]:.6g} to {x[second, i]:.6g}" for i, each in rises.items() if each in taking
    ]
    return Conflict(
        f"from row {first} to row {second} the value falls from {y[first]:.6g} to {y[second]:.6g}, but {listed(moved)} requires "
        "it to rise",
        "Correct a row, or drop the axiom; noisy values are data, not points to pass through.",
    ), taking


def _steep(x: Floats, y: Floats, output: int, others: Facts, context: ConflictContext) -> JointConflict | None:
    """A pair of points whose values differ by more than the largest slopes allow."""
    most, taking = np.full(x.shape[1], np.inf), []
    for other in others:
        if isinstance(other, SlopeBound) and _everywhere(other, x, context):
            along = other.numbers(context)
            most[along] = np.minimum(most[along], other.most)
            taking.append(other)
    if not taking:
        return None
    apart = np.abs(x[:, None, :] - x[None, :, :])
    allowed = np.where(apart > 0, most * np.where(apart > 0, apart, 1.0), 0.0).sum(axis=-1)
    pair = _first(np.abs(y[:, None] - y) > allowed + _slack(y))
    if pair is None:
        return None
    first, second = pair
    return Conflict(
        f"rows {first} and {second} differ by {abs(y[first] - y[second]):.6g}, and the slopes allow {allowed[first, second]:.6g}",
        "Raise the constant, or correct a row.",
    ), tuple(taking)


def _imaged(x: Floats, y: Floats, output: int, others: Facts, context: ConflictContext) -> JointConflict | None:
    """A pair of points that a symmetry maps to each other, with values that violate it."""
    for other in others:
        for same, sign in other.images(x, context) if other.everywhere else ():
            pair = _first(same & (np.abs(sign * y[:, None] - y) > _slack(y)))
            if pair is not None:
                wanted = "opposite" if sign < 0 else "the same"
                which = (
                    f"row {pair[0]} and row {pair[1]}"
                    if pair[0] != pair[1]
                    else f"row {pair[0]}, which is its own image,"
                )
                return Conflict(
                    f"{which} must have {wanted} values, and have {y[pair[0]]:.6g} and {y[pair[1]]:.6g}",
                    "Correct a row, or drop the symmetry.",
                ), (other,)
    return None


def _lines(x: Floats, y: Floats, output: int, others: Facts, context: ConflictContext) -> JointConflict | None:
    """Points that differ in one input only, for which no function of it fulfils all axioms along it."""
    for i in range(x.shape[1]):
        lines: dict[tuple[float, ...], list[int]] = {}
        for row, point in enumerate(np.delete(x, i, axis=1).tolist()):
            lines.setdefault(tuple(point), []).append(row)
        for group in sorted(lines.values(), key=len, reverse=True)[:3]:
            found = infeasible(i, x[group], y[group], others, context)
            if found is not None:
                return found
    return None


# ---------------------------------------------------------------------------------------------------------- parts


def _first(mask: NDArray[np.bool_]) -> tuple[int, int] | None:
    """The first pair selected by a mask."""
    if not mask.any():
        return None
    first, second = np.unravel_index(int(mask.argmax()), mask.shape)
    return int(first), int(second)


def _slack(y: Floats) -> float:
    return TOLERANCE * (1 + float(np.abs(y).max()))


def _holds(fact: Fact, x: Floats, context: ConflictContext) -> NDArray[np.bool_]:
    """A mask of the points at which a fact holds, by its own ranges; points given by the user lie within the grid."""
    inside = np.ones(len(x), dtype=bool)
    if not isinstance(fact.domain, str):
        for name, (low, high) in fact.domain:
            inside &= (x[:, context.input(name)] >= low) & (x[:, context.input(name)] <= high)
    return inside


def _everywhere(fact: Fact, x: Floats, context: ConflictContext) -> bool:
    """Whether a fact holds at all points, and therefore between them."""
    return bool(_holds(fact, x, context).all())


MAX_LINE_POINTS: Final = 60
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
    x, y = x[:MAX_LINE_POINTS], y[:MAX_LINE_POINTS]
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
