"""Approximate critical points of edges, and bounds of the deviation from monotonicity between them.

The points need not be exact. Between two of them, the Bernstein coefficients of the derivative bound how far the function moves
against its direction; the sum of these distances, the slack, is added to every range. It is about the rounding error if the
points are accurate, and still rigorous if they are not.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from splinework.formula.intervals import Floats, gamma
from splinework.knowledge.axioms.verify.cells import MAX_ORDER, Cells, Polynomials, evaluation_error, to_bernstein
from splinework.knowledge.axioms.verify.pieces import EdgePieces

_N_PARTS: Final = 8
_N_NEWTON_STEPS: Final = 9
_NOISE_LEVEL: Final = 1e-13


@dataclass(frozen=True)
class TurningPoints:
    """Critical points for the range of one derivative of all edges, in addition to the values at the ends.

    Attributes:
        x: Points, `(P, I, J)`; NaN, which lies in no box, if an edge has fewer than P.
        low: The smallest value next to each.
        high: The largest.
        margin: Error of the values plus slack, `(I, J)`.
    """

    x: Floats
    low: Floats
    high: Floats
    margin: Floats


def turning_points(pieces: EdgePieces, order: int, *, apart: bool = False) -> TurningPoints:
    """Critical points, kinks and jumps of the order-th derivative of every edge; its infinite values, or all apart from them."""
    cells, part = pieces.cells, pieces.orders[order]
    slope = _slope(part.powers)
    error = _error(pieces, order)
    directions = _critical(slope[:, 1:-1])
    slack = directions.slack
    found = [_at_roots(part.powers, cells, directions), _at_corners(pieces, order, slope, directions, apart)]
    where, x, low, high = (np.concatenate(list(parts)) for parts in zip(*found, strict=True))
    inputs, outputs = slack.shape
    table = _by_edge(where, [x, low, high], inputs * outputs)
    shape = (-1, inputs, outputs)
    margin = 2 * error.max(1) + slack
    return TurningPoints(table[0].reshape(shape), table[1].reshape(shape), table[2].reshape(shape), margin)


@dataclass(frozen=True)
class _Directions:
    """Critical points of polynomials within cells.

    Attributes:
        points: Input, cell and output of every point, `(n, 3)`.
        v: Local coordinates of the points, `(n,)`.
        start: Whether the polynomials increase at the left end of every cell, `(I, C, J)`.
        finish: Whether they increase at the right end.
        slack: Total movement of each edge against these directions, `(I, J)`.
    """

    points: np.ndarray
    v: Floats
    start: np.ndarray
    finish: np.ndarray
    slack: Floats


def _error(pieces: EdgePieces, order: int) -> Floats:
    """Bounds of the errors of the evaluated polynomials, `(I, C, J)`; zero on a tail that is not reached."""
    part = pieces.orders[order]
    error = part.error + evaluation_error(part.powers, pieces.cells)
    reached = np.ones(error.shape[:2], dtype=bool)
    reached[:, [0, -1]] = pieces.cells.reach[:, [0, -1]] > 0
    return np.where(reached[:, :, None], error, 0.0)


def _slope(powers: Floats) -> Floats:
    """Coefficients of the derivative in v."""
    degree = powers.shape[2] - 1
    if degree == 0:
        return np.zeros_like(powers)
    slope: Floats = powers[:, :, 1:] * np.arange(1, degree + 1)[:, None]
    return slope


def _value(powers: Floats, v: Floats) -> Floats:
    """Horner's rule: powers `(n, D + 1)` at v `(n,)`."""
    value = powers[:, -1]
    for p in range(powers.shape[1] - 2, -1, -1):
        value = value * v + powers[:, p]
    return value


def _critical(slope: Floats) -> _Directions:
    """Critical points within cells, given the derivatives `(I, C, D, J)`."""
    degree = slope.shape[2] - 1
    # Bernstein coefficients on _N_PARTS pieces of every cell; a piece whose end values differ in sign has a root.
    ends = np.linspace(-0.5, 0.5, _N_PARTS + 1)
    ends[1:-1] += 0.0137 / _N_PARTS  # avoids roots at ends, as these are often at the middle or a simple fraction
    matrix = np.stack([to_bernstein(degree, low, high) for low, high in pairwise(ends)])
    bernstein = np.einsum("sbp,icpj->sbicj", matrix, slope)
    noise = 2 * gamma(4 * degree + 8) * np.einsum("bp,icpj->icj", np.abs(matrix).max(0), np.abs(slope))
    least, most = bernstein.min(1) - noise, bernstein.max(1) + noise
    rising, against = _direction(least, most, np.diff(ends)[:, None, None, None])
    finish = rising.copy()
    scale = np.abs(slope).sum(2).max(1, initial=0.0)[None, :, None]
    first, last = bernstein[:, 0], bernstein[:, -1]
    changes = (first * last < 0) & (np.maximum(np.abs(first), np.abs(last)) > _NOISE_LEVEL * scale)
    s, i, c, j = np.nonzero(changes)
    powers, low, high = slope[i, c, :, j], ends[s], ends[s + 1]
    v = _root(powers, low, high)
    rising[s, i, c, j], before = _half(powers, low, v, noise[i, c, j])
    finish[s, i, c, j], after = _half(powers, v, high, noise[i, c, j])
    against[s, i, c, j] = before + after
    # The common end of two pieces with different directions and no root between them is a point as well.
    other, i2, c2, j2 = np.nonzero(finish[:-1] != rising[1:])
    points = np.stack([np.concatenate(pair) for pair in ((i, i2), (c, c2), (j, j2))], 1)
    return _Directions(
        points, np.concatenate([v, ends[other + 1]]), rising[0], finish[-1], against.sum((0, 2)) * (1 + 1e-9)
    )


def _direction(least: Floats, most: Floats, width: Floats) -> tuple[np.ndarray, Floats]:
    """The direction of a piece, given bounds of its slope, and its largest movement in the opposite direction."""
    rising = most >= -least
    return rising, np.where(rising, np.maximum(-least, 0), np.maximum(most, 0)) * width


def _half(powers: Floats, low: Floats, high: Floats, noise: Floats) -> tuple[np.ndarray, Floats]:
    """The direction on one side of a root, and the largest movement against it."""
    bernstein = _bernstein_at(powers, low, high - low)
    return _direction(bernstein.min(1) - noise, bernstein.max(1) + noise, high - low)


def _root(powers: Floats, low: Floats, high: Floats) -> Floats:
    """A root between two ends of different sign, by Newton's method safeguarded by bisection."""
    below = _value(powers, low) < 0
    slope = powers[:, 1:] * np.arange(1, powers.shape[1]) if powers.shape[1] > 1 else np.zeros_like(powers)
    v = (low + high) / 2
    for _ in range(_N_NEWTON_STEPS):
        value = _value(powers, v)
        left = (value < 0) == below
        low, high = np.where(left, v, low), np.where(left, high, v)
        rate = _value(slope, v) if slope.shape[1] else np.zeros_like(v)
        step = v - value / np.where(rate == 0, np.inf, rate)
        v = np.where((step >= low) & (step <= high), step, (low + high) / 2)
    return v


def _bernstein_at(powers: Floats, start: Floats, width: Floats) -> Floats:
    """Bernstein coefficients `(n, D + 1)` of n polynomials on `[start, start + width]`."""
    degree = powers.shape[1] - 1
    shifted = powers.copy()
    for p in range(degree):  # Taylor's shift by repeated synthetic division
        for q in range(degree - 1, p - 1, -1):
            shifted[:, q] += start * shifted[:, q + 1]
    shifted *= width[:, None] ** np.arange(degree + 1)
    unit: Floats = shifted @ to_bernstein(degree, 0.0, 1.0).T
    return unit


_Points = tuple[np.ndarray, Floats, Floats, Floats]


def _at_roots(powers: Floats, cells: Cells, directions: _Directions) -> _Points:
    v = directions.v
    i, c, j = directions.points[:, 0], directions.points[:, 1] + 1, directions.points[:, 2]
    x = cells.origin[i, c] + (v + cells.offset[i, c]) * cells.width[i, c]
    value = _value(powers[i, c, :, j], v)
    return i * powers.shape[3] + j, x, value, value


def _at_corners(pieces: EdgePieces, order: int, slope: Floats, directions: _Directions, apart: bool) -> _Points:
    """Bounds of cells at which the function changes direction, has a kink or jumps, or a lower derivative jumps."""
    cells, powers = pieces.cells, pieces.orders[order].powers
    left, right = _sides(powers, cells)
    error = _error(pieces, order)
    start = np.concatenate([directions.start, slope[:, -1:, 0] >= 0], 1)
    finish = np.concatenate([slope[:, :1, 0] >= 0, directions.finish], 1)
    turns = start != finish
    with np.errstate(invalid="ignore"):
        turns |= np.abs(left - right) > 4 * (error[:, 1:] + error[:, :-1])
    low, high = np.minimum(left, right), np.maximum(left, right)
    # At a jump of second derivatives, third ones have a value on either side.
    for lower in () if apart else range(min(order, MAX_ORDER)):
        if not (pieces.smoothness < lower).any():
            continue
        before, after = _sides(pieces.orders[lower].powers, cells)
        loose = _error(pieces, lower)
        bound = loose[:, 1:] + loose[:, :-1]
        with np.errstate(invalid="ignore"):
            step = after - before
        may = (pieces.smoothness < lower)[:, :, None] & ((np.abs(before) + np.abs(after) + bound) > 0)
        # A jump of the next lower derivative gives a one-sided infinity, of an even lower one both.
        up, fall = may & ~(step + bound <= 0), may & ~(step - bound >= 0)
        if lower < order - 1:
            up = fall = up | fall
        low, high = np.where(fall, -np.inf, low), np.where(up, np.inf, high)
        turns |= up | fall
    i, c, j = np.nonzero(turns)
    return i * slope.shape[3] + j, cells.bounds[i, c + 1], low[i, c, j], high[i, c, j]


def _sides(powers: Floats, cells: Cells) -> tuple[Floats, Floats]:
    """Values just left and right of every inner bound, `(I, C - 1, J)` each; empty cells take those on their right."""
    v = np.full(powers.shape[1], 0.5)
    v[0] = v[-1] = 0.0
    exponents = np.arange(powers.shape[2], dtype=np.float64)
    right_end = np.einsum("cp,icpj->icj", v[:, None] ** exponents, powers)
    left_end = np.einsum("cp,icpj->icj", (-v)[:, None] ** exponents, powers)
    nothing = np.diff(cells.bounds, axis=1) <= 0
    for i, c in np.argwhere(nothing)[::-1]:
        left_end[i, c] = right_end[i, c] = left_end[i, c + 1]
    return right_end[:, :-1], left_end[:, 1:]


def _by_edge(where: np.ndarray, columns: list[Floats], edges: int) -> list[Floats]:
    """Points listed with their edges, as tables `(P, edges)`."""
    ranked = np.argsort(where, kind="stable")
    where = where[ranked]
    counts = np.bincount(where, minlength=edges)
    most = int(counts.max(initial=0))
    rank = np.arange(len(where)) - np.repeat(np.cumsum(counts) - counts, counts)
    tables = []
    for column in columns:
        table = np.full((most, edges), np.nan)
        table[rank, where] = column[ranked]
        tables.append(table)
    return tables


__all__ = ["MAX_ORDER", "Polynomials", "TurningPoints", "turning_points"]
