"""Bounds with multipliers: the least value of an output, or of its slope, as a sum of least values of functions of one variable.

Layers are joined by equations: what enters a layer, and its slope, are sums over what enters the one before. Each equation is
dropped, and how far it is off is paid for at a price. That gives a lower bound for any prices (Lagrangian relaxation); some steps
against what is off give good ones. Only the bound by the last prices is rounded.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np

from splinework.knowledge.axioms.checker.edges import Edges
from splinework.knowledge.axioms.checker.ranges import ULP, Floats, Range, exact, sum_of

_POINTS, _STEPS = 13, 32
_SHARE: Final = np.linspace(0.0, 1.0, _POINTS)[:, None]
_MOST_NUMBERS: Final = 1 << 21
"""In an array."""
Prices = tuple[Floats, Floats]
"""Of values and of slopes, `(B, I)` each."""


@dataclass
class _Grid:
    """A layer on points of its inputs.

    Attributes:
        points: The points, `(B, M, I)`.
        value: Values of the edges there, `(B, M, I, J)`.
        slope: Their slopes.
        bend: Their second derivatives on the boxes, `(B, I, J)`.
        third: Their third derivatives.
        ends: The ends of the ranges of the slopes of the inputs, `(B, I)` each.
        bias: The constants of the sums, `(J,)`.
    """

    points: Floats
    value: Range
    slope: Range
    bend: Range
    third: Range
    ends: list[Floats]
    bias: Floats

    @cached_property
    def middles(self) -> list[Floats]:
        """The middles of values and slopes."""
        return [r.lo / 2 + r.hi / 2 for r in (self.value, self.slope)]

    def parts(self, prices: Prices) -> Prices:
        """The prices of inputs in the next layer, `(B, M, I)`: as values, and per unit of their slopes."""
        return _times(self.middles[0], prices[0]), _times(self.middles[1], prices[1])


def _grid(edges: Edges, x: Range, slope: Range | None) -> _Grid:
    """The grid has all corners, and twice those where what is asked jumps."""
    low, high = x.lo[:, None], x.hi[:, None]
    twice = edges.places(0 if slope is None else 1)
    points = np.concatenate(
        [low + (high - low) * _SHARE, *(np.clip(held, low, high) for held in (edges.places(2), twice))], 1
    )
    ranked = np.argsort(points, 1, kind="stable")
    points, right = np.clip(np.take_along_axis(points, ranked, 1), low, high), ranked >= points.shape[1] - len(twice)
    flat = edges.points(*(each.reshape(-1, points.shape[2]) for each in (points, right)))
    found = [Range(*(end.reshape(*points.shape, -1) for end in (r.lo, r.hi))) for r in flat]
    ends = [np.zeros_like(x.lo)] if slope is None else [slope.lo, slope.hi]
    second, third = edges.bends(x)
    return _Grid(points, found[0], found[1], second, third, ends, edges.n.bias)


def lower_bound(
    edges: Sequence[Edges], entering: Sequence[tuple[Range, Range | None]], output: int, sign: float
) -> Floats:
    """A lower bound of an output times a sign over boxes, or of its slope where slopes enter, `(B,)`.

    Args:
        edges: Layers, each of which takes the sums of the one before.
        entering: The ranges of what enters each, and of its slopes or None, `(B, I)` each.
        output: The output.
        sign: 1 or -1.
    """
    rows = max(_MOST_NUMBERS // (_POINTS * max(layer.n.weight.size for layer in edges)), 1)
    count = len(entering[0][0].lo)
    if count > rows:
        parts = [slice(first, first + rows) for first in range(0, count, rows)]
        pieces = [[(x[part], None if d is None else d[part]) for x, d in entering] for part in parts]
        return np.concatenate([lower_bound(edges, piece, output, sign) for piece in pieces])
    if entering[0][1] is not None and any(depth == 0 for layer in edges for _, _, depth, _ in layer.breaks):
        return np.full(count, -np.inf)  # a chord across a jump has any slope
    grids = [_grid(layer, *each) for layer, each in zip(edges, entering, strict=True)]
    nothing = np.zeros((len(grids[0].points), edges[-1].n.weight.shape[1]))
    unit = nothing.copy()
    unit[:, output] = sign
    prices: list[Prices] = [(nothing, unit) if entering[0][1] is not None else (unit, nothing)]
    for grid in grids[:0:-1]:
        plain, turned = grid.parts(prices[0])
        line, width = plain + sum(grid.ends)[:, None] / len(grid.ends) * turned, grid.points[:, -1] - grid.points[:, 0]  # type: ignore[index]
        prices.insert(0, (_over(line[:, -1] - line[:, 0], width), turned.mean(1)))
    best, kept = np.full(len(nothing), -np.inf), prices
    for step in range(_STEPS):
        bound, moves = _step(grids, prices)
        better = (bound > best)[:, None]
        best = np.fmax(best, bound)
        kept = [_each(lambda p, k: np.where(better, p, k), *pair) for pair in zip(prices, kept, strict=True)]  # noqa: B023
        pace = (1 + step) ** -0.7
        prices = [_each(lambda p, m: p + pace * m, *pair) for pair in zip(prices, moves, strict=True)]  # noqa: B023
    return _rounded(grids, kept)


def _each(f: Any, one: Prices, two: Prices) -> Prices:
    return f(one[0], two[0]), f(one[1], two[1])


def _over(a: Floats, b: Floats) -> Floats:
    return np.where(b > 0, a / np.where(b > 0, b, 1.0), 0.0)


def _step(grids: Sequence[_Grid], prices: Sequence[Prices]) -> tuple[Floats, list[Prices]]:
    """The bound on the points, not rounded, and how prices should change: as far as their equations are off."""
    total, moves = np.zeros(len(prices[0][0])), list[Prices]()
    sent: Prices = (np.zeros(1), np.zeros(1))
    for number, (grid, after) in enumerate(zip(grids, prices, strict=True)):
        own = prices[number - 1] if number else (np.zeros((1, 1)), np.zeros((1, 1)))
        plain, turned = grid.parts(after)
        costs = np.concatenate(
            [plain - own[0][:, None] * grid.points + d[:, None] * (turned - own[1][:, None]) for d in grid.ends], 1
        )
        at = costs.argmin(1)[:, None]
        total = total + np.take_along_axis(costs, at, 1).sum((1, 2)) + after[0] @ grid.bias
        count = grid.points.shape[1]
        d, place = np.where(at[:, 0] < count, grid.ends[0], grid.ends[-1]), at % count
        if number:
            x, mean = np.take_along_axis(grid.points, place, 1)[:, 0], (grid.ends[0] + grid.ends[-1]) / 2
            width, wide = grid.points[:, -1] - grid.points[:, 0], grid.ends[-1] - grid.ends[0]
            spread = np.ptp(plain + mean[:, None] * turned, axis=1), np.ptp(turned, axis=1)
            moves.append((_over(spread[0] * (sent[0] - x), width**2), _over(spread[1] * (sent[1] - d), wide)))
        value, slope = (np.take_along_axis(middle, place[..., None], 1)[:, 0] for middle in grid.middles)
        sent = value.sum(1) + grid.bias, (slope * d[..., None]).sum(1)
    return total, [*moves, (np.zeros_like(prices[-1][0]), np.zeros_like(prices[-1][1]))]


def _rounded(grids: Sequence[_Grid], prices: Sequence[Prices]) -> Floats:
    """The bound by some prices, rounded down, with what curvature allows between the points."""
    total = exact(np.zeros(len(prices[0][0])))
    for number, (grid, (of_value, of_slope)) in enumerate(zip(grids, prices, strict=True)):
        own = prices[number - 1] if number else (np.zeros((1, 1)), np.zeros((1, 1)))
        plain, turned = _priced_points(grid.value, of_value), _priced_points(grid.slope, of_slope)
        plain = plain - exact(own[0][:, None]) * exact(grid.points)
        turned = turned - exact(own[1][:, None])
        bend, third = _priced(grid.bend, of_value), _priced(grid.third, of_slope)
        gap = (exact(grid.points[:, 1:]) - exact(grid.points[:, :-1])).hi.max(1)
        lows = []
        for d in grid.ends:
            low = (plain + turned * exact(d[:, None])).lo.min(1)
            bow = (bend + third * exact(d)).cut(0.0) * exact(gap).square() * exact(0.125)
            lows.append(low - np.nan_to_num(bow.hi, nan=np.inf))
        least = np.nextafter(np.minimum(lows[0], lows[-1]), -np.inf)
        total = total + sum_of([exact(least[:, k]) for k in range(least.shape[1])])
        total = total + sum_of([exact(of_value[:, j]) * exact(bias) for j, bias in enumerate(grid.bias)])
    return np.where(np.isnan(total.lo), -np.inf, total.lo)


def _times(numbers: Floats, price: Floats) -> Floats:
    """`Σ_j price_j x_j`: `(B, M, I, J)` and `(B, J)` to `(B, M, I)`."""
    found: Floats = (numbers @ price[:, None, :, None])[..., 0]
    return found


def _priced_points(r: Range, price: Floats) -> Range:
    """`_times` for narrow ranges: in the middle, with what the width and the rounding of a sum make of it."""
    middle = r.lo / 2 + r.hi / 2
    off = _times((r.hi - r.lo) + np.abs(middle) * ((2 * price.shape[1] + 8) * ULP), np.abs(price)) + 1e-300
    value = _times(middle, price)
    return Range(value - off, value + off)


def _priced(r: Range, price: Floats) -> Range:
    """`Σ_j price_j r_j`: `(B, I, J)` and `(B, J)` to `(B, I)`."""
    return sum_of([r[..., j] * exact(price[:, j, None]) for j in range(price.shape[1])])
