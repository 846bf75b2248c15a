"""Lagrangian bounds of the outputs of a network, and of their slopes, over boxes.

What enters a layer is a sum of functions of what enters the layer before. With a multiplier λ for each of these equations, the
least value of an output falls apart into least values of functions of one variable,

    Σ_layers Σ_k min_y (Σ_j λ_j φ_kj(y) - λ_k y),

a lower bound whatever the multipliers (Geoffrion 1974). A slope is carried through the layers by `D_j = Σ_k φ'_kj(y_k) D_k`,
with multipliers μ; it is linear in every D, so the ends of their ranges suffice. Supergradients improve the multipliers; the
minima are those on a grid, lowered by what the curvature allows between its points.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from splinework.formula.intervals import Floats, Interval, gamma, intersect
from splinework.knowledge.axioms.verify.cells import MAX_ORDER
from splinework.knowledge.axioms.verify.edges import EdgeTable

_INTERVALS: Final = 12
_STEPS: Final = 32
_MOST_NUMBERS: Final = 1 << 21
"""In an array: edges times points of the grid times boxes."""
COST: Final = 10
"""Of a bound, relative to plain bounds of a box."""


@dataclass
class _Layer:
    """A layer over B boxes, on M grid points of each of its inputs.

    Attributes:
        y: The points, `(B, M, I)`.
        value: Values of the edges there, `(B, M, I, J)`, and how far they may be off, `(B, I, J)`.
        slope: Their slopes.
        bend: Ranges of second derivatives over the boxes, `(B, I, J)`.
        third: Ranges of third derivatives.
        d: The ends of the ranges of the slopes of its inputs, `(2, B, I)`, or `(1, B, I)` where they are numbers; zeros for
            bounds of values.
        bias: `(J,)`.
    """

    y: Floats
    value: tuple[Floats, Floats]
    slope: tuple[Floats, Floats]
    bend: Interval
    third: Interval
    d: Floats
    bias: Floats


def _layer(table: EdgeTable, y: Interval, d: Interval | None) -> _Layer:
    """The grid has all corners, and twice those where what is asked jumps."""
    share = np.arange(_INTERVALS + 1)[:, None] / _INTERVALS
    low, high = y.lo[:, None], y.hi[:, None]
    orders = 0 if d is None else 1
    twice = table.places(orders)
    corners = np.concatenate([table.places(MAX_ORDER), twice])
    points = np.concatenate([low * (1 - share) + high * share, np.clip(corners, low, high)], 1)
    ranked = np.argsort(points, 1, kind="stable")
    points, right = np.take_along_axis(points, ranked, 1), ranked >= points.shape[1] - len(twice)
    batch, count, inputs = points.shape
    flat = table.points(points.reshape(-1, inputs), right.reshape(-1, inputs), orders)
    found = [(value.reshape(batch, count, *value.shape[1:]), off[None]) for value, off in flat]
    bends = [table.bends(y, order) for order in range(MAX_ORDER, MAX_ORDER + orders + 1)]
    ends = np.zeros((1, batch, inputs)) if d is None else np.stack([*d])[: 1 + int((d.lo < d.hi).any())]
    return _Layer(points, found[0], found[-1], bends[0], bends[-1], ends, table.numbers.bias)


def sharpened(
    tables: Sequence[EdgeTable],
    entering: Sequence[tuple[Interval, Interval | None]],
    found: Interval,
    sides: Sequence[int],
) -> Interval:
    """Bounds of the sums that leave the last of some layers, or of their slopes.

    Args:
        tables: Layers of which each takes the sums of the one before.
        entering: Ranges of what enters each, and for bounds of slopes of its slopes, `(B, I)` each.
        found: Bounds that are known, `(B, J)`.
        sides: 1 for lower bounds, -1 for upper ones.

    Returns:
        Bounds that are at least as good.
    """
    if entering[0][1] is not None and any((table.pieces.smoothness < 0).any() for table in tables):
        return found  # a chord across a jump has any slope
    most = max(table.numbers.weight.size for table in tables)
    rows = max(_MOST_NUMBERS // (most * (_INTERVALS + 1)), 1)
    if len(found.lo) > rows:
        pieces = []
        for first in range(0, len(found.lo), rows):
            part = slice(first, first + rows)
            inner = [(y.take(part), None if d is None else d.take(part)) for y, d in entering]
            pieces.append(sharpened(tables, inner, found.take(part), sides))
        return Interval(*(np.concatenate(ends) for ends in zip(*pieces, strict=True)))
    layers = [_layer(table, *each) for table, each in zip(tables, entering, strict=True)]
    lo, hi = found.lo.copy(), found.hi.copy()
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        for j in range(found.shape[1]):
            for side in sides:
                bound = side * _Dual(layers, side, j, slopes=entering[0][1] is not None).least()
                lo[:, j], hi[:, j] = (
                    (np.fmax(lo[:, j], bound), hi[:, j]) if side > 0 else (lo[:, j], np.fmin(hi[:, j], bound))
                )
    return intersect(found, Interval(lo, hi))


class _Dual:
    """The bound of an output, or with a sign -1 of its negative, and the search for its multipliers."""

    def __init__(self, layers: Sequence[_Layer], sign: float, output: int, *, slopes: bool) -> None:
        self.layers, self.slopes = layers, slopes
        batch, _, _, outputs = layers[-1].value[0].shape
        out, none = np.zeros((batch, outputs)), np.zeros((batch, outputs))
        out[:, output] = sign
        # Multipliers of what leaves each layer, of values and of slopes; those of the last are given.
        self.own = [(none, out) if slopes else (out, none)]
        for layer in reversed(layers[1:]):
            plain, turned = self._parts(layer, *self.own[0])
            line = plain + layer.d.mean(0)[:, None] * turned
            chord = _ratio(line[:, -1] - line[:, 0], layer.y[:, -1] - layer.y[:, 0])
            self.own.insert(0, (chord, turned.mean(1)))

    def _parts(self, layer: _Layer, of_value: Floats, of_slope: Floats) -> tuple[Floats, Floats]:
        """The functions of every input that are to be minimised, `(B, M, I)`: what is free of its slope, and its factor."""
        plain = (layer.value[0] @ of_value[:, None, :, None])[..., 0]
        turned = (layer.slope[0] @ of_slope[:, None, :, None])[..., 0] if self.slopes else np.zeros_like(plain)
        return plain, turned

    def least(self) -> Floats:
        """A lower bound of the output over every box, `(B,)`."""
        best, kept = np.full(len(self.own[0][0]), -np.inf), self.own
        for step in range(_STEPS):
            bound, moves = self._stepped()
            better = (bound > best)[:, None]
            best = np.fmax(bound, best)
            kept = [
                (np.where(better, a, b), np.where(better, c, d)) for (a, c), (b, d) in zip(self.own, kept, strict=True)
            ]
            pace = (1 + step) ** -0.7
            self.own = [(a + pace * x, b + pace * y) for (a, b), (x, y) in zip(self.own, moves, strict=True)]
        self.own = kept
        return self._proved()

    def _stepped(self) -> tuple[Floats, list[tuple[Floats, Floats]]]:
        """The bound by the grid alone, and the directions in which multipliers improve it, in their own scale."""
        total, before = np.zeros(len(self.own[0][0])), None
        moves = []
        for number, layer in enumerate(self.layers):
            of_value, of_slope = self.own[number]
            plain, turned = self._parts(layer, of_value, of_slope)
            lam, mu = self.own[number - 1] if number else (np.zeros((1, 1)), np.zeros((1, 1)))
            inner = plain - lam[:, None] * layer.y
            joined = np.concatenate([*(inner + layer.d[:, :, None] * (turned - mu[:, None]))], 1)  # (B, 2 M, I)
            at = joined.argmin(1)[:, None]
            total = total + np.take_along_axis(joined, at, 1)[:, 0].sum(1) + of_value @ layer.bias
            end, at = at[:, 0] // layer.y.shape[1], at % layer.y.shape[1]
            y = np.take_along_axis(layer.y, at, 1)[:, 0]
            d = np.where(end > 0, layer.d[-1], layer.d[0])
            if before is not None:
                width, wide = layer.y[:, -1] - layer.y[:, 0], layer.d[-1] - layer.d[0]
                moves.append((
                    _ratio(np.ptp(plain + layer.d.mean(0)[:, None] * turned, axis=1) * (before[0] - y), width**2),
                    _ratio(np.ptp(turned, axis=1) * (before[1] - d), wide),
                ))  # fmt: skip
            value, slope = (np.take_along_axis(each[0], at[..., None], 1)[:, 0] for each in (layer.value, layer.slope))
            before = value.sum(1) + layer.bias, (slope * d[..., None]).sum(1)
        moves.append((np.zeros_like(self.own[-1][0]), np.zeros_like(self.own[-1][1])))
        return total, moves

    def _proved(self) -> Floats:
        """The bound by these multipliers, with curvature between the points of the grid and all rounding."""
        total = size = np.zeros(len(self.own[0][0]))
        for number, layer in enumerate(self.layers):
            of_value, of_slope = self.own[number]
            lam, mu = self.own[number - 1] if number else (np.zeros((1, 1)), np.zeros((1, 1)))
            plain, turned = self._parts(layer, of_value, of_slope)
            value, slope = np.abs(of_value)[:, None], np.abs(of_slope)[:, None]
            off = (value * layer.value[1]).sum(2), (slope * layer.slope[1]).sum(2)
            most = (
                (value * np.abs(layer.value[0]).max(1)).sum(2) + np.abs(lam) * np.abs(layer.y).max(1),
                (slope * np.abs(layer.slope[0]).max(1)).sum(2) + np.abs(mu),
            )
            bend, third = _upper(of_value, layer.bend), (_upper(of_slope, layer.third), _upper(-of_slope, layer.third))
            gap = np.diff(layer.y, axis=1).max(1) * (1 + 1e-12)
            ends = []
            for d in layer.d:
                length = np.abs(d)
                least = (plain - lam[:, None] * layer.y + d[:, None] * (turned - mu[:, None])).min(1)
                turn = np.where(length == 0, 0.0, length * np.where(d >= 0, *third))
                bow = np.maximum(bend + turn, 0) * gap**2 / 8 * (1 + 1e-12)
                rounding = gamma(4 * value.shape[2] + 16) * (most[0] + length * most[1])
                ends.append(least - bow - off[0] - length * off[1] - rounding)
                size = size + (most[0] + length * most[1]).sum(1)
            total = total + np.min(ends, 0).sum(1) + of_value @ layer.bias
            size = size + np.abs(of_value) @ np.abs(layer.bias)
        return total - gamma(64 + sum(layer.y.shape[2] for layer in self.layers)) * size


def _ratio(a: Floats, b: Floats) -> Floats:
    return np.where(b > 0, a / np.where(b > 0, b, 1.0), 0.0)


def _upper(factor: Floats, held: Interval) -> Floats:
    """An upper bound of `Σ_j factor_j x_j` for x in `(B, I, J)`: `(B, I)`."""
    by = factor[:, None]
    ends = np.where(by == 0, 0.0, np.maximum(by * held.lo, by * held.hi))
    found: Floats = ends.sum(2) + gamma(held.shape[2] + 4) * np.abs(ends).sum(2)
    return found
