"""Ranges of all edges of a layer, and of their derivatives, over many boxes at once."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from splinework.formula.intervals import Floats, Interval
from splinework.knowledge.axioms.verify.cells import Polynomials
from splinework.knowledge.axioms.verify.extremes import MAX_ORDER, TurningPoints, turning_points
from splinework.knowledge.axioms.verify.numbers import LayerNumbers
from splinework.knowledge.axioms.verify.pieces import EdgePieces, pieces_of
from splinework.splines.bases import ACTIVATIONS


@dataclass
class EdgeTable:
    """Ranges of the edges of one layer.

    Args:
        numbers: The layer.
        reach: Ranges of its inputs, `(I,)`, which contain all queries.
    """

    numbers: LayerNumbers
    reach: Interval

    @cached_property
    def pieces(self) -> EdgePieces:
        """The edges as polynomials."""
        return pieces_of(self.numbers, self.reach)

    @cached_property
    def _bent(self) -> EdgePieces:
        return pieces_of(self.numbers, self.reach, MAX_ORDER + 1)  # bounds of high derivatives take time

    def __post_init__(self) -> None:
        self.turns: dict[tuple[int, bool], TurningPoints] = {}  # filled on first use

    def places(self, below: int) -> Floats:
        """Places with fewer continuous derivatives, `(K, I)`; inputs that have fewer of them have one again, or 0."""
        pieces = self.pieces
        places = [row[kept] for row, kept in zip(pieces.cells.bounds[:, 1:-1], pieces.smoothness < below, strict=True)]
        most = max(map(len, places))
        return np.stack(
            [np.pad(row, (0, most - len(row)), mode="edge" if len(row) else "constant") for row in places], 1
        )

    @cached_property
    def signs(self) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        """Masks `(I, J)` of edges whose derivative of order 1 or 2 is nowhere negative, and nowhere positive."""
        return {order: _signs(self.numbers, order, self.reach) for order in range(1, MAX_ORDER + 1)}

    def ranges(self, x: Interval, orders: int) -> list[Interval]:
        """Ranges of the derivatives 0 … orders of every edge.

        Args:
            x: Boxes `(B, I)`.
            orders: The highest order.

        Returns:
            Intervals `(B, I, J)`.
        """
        same = x.lo is x.hi
        ends = [self._cell(point) for point in ((x.lo,) if same else (x.lo, x.hi))]
        return [self._range(x, ends, order) for order in range(orders + 1)]

    def bends(self, x: Interval, order: int) -> Interval:
        """Ranges of second or third derivatives, apart from the places where lower ones jump."""
        return self._range(x, [self._cell(x.lo), self._cell(x.hi, "left")], order, apart=True)

    def points(self, x: Floats, right: np.ndarray, orders: int) -> list[tuple[Floats, Floats]]:
        """Derivatives 0 … orders at points `(B, I)`, `(B, I, J)`, and how far they may be off, `(I, J)`.

        Where they jump, those on the right where a mask says so, else on the left.
        """
        cells = [self._cell(x, side) for side in ("left", "right")]
        cell, local = (np.where(right, after, before) for before, after in zip(*cells, strict=True))
        found = []
        for order in range(orders + 1):
            part, turns = self._turning(order, apart=False)
            found.append((_horner(part.powers, cell, local), turns.margin))
        return found

    def _cell(self, x: Floats, side: Literal["left", "right"] = "right") -> tuple[np.ndarray, Floats]:
        """The cells of points, those on a side of bounds, and the places in them."""
        cells = self.pieces.cells
        inside = np.clip(x, cells.bounds[:, 0], cells.bounds[:, -1])
        cell = cells.find(inside, side)
        with np.errstate(invalid="ignore"):
            return cell, cells.local(inside, cell)

    def _turning(self, order: int, *, apart: bool) -> tuple[Polynomials, TurningPoints]:
        pieces = self.pieces if order <= MAX_ORDER else self._bent
        if (order, apart) not in self.turns:
            self.turns[order, apart] = turning_points(pieces, order, apart=apart)
        return pieces.orders[order], self.turns[order, apart]

    def _range(
        self, x: Interval, ends: list[tuple[np.ndarray, Floats]], order: int, *, apart: bool = False
    ) -> Interval:
        part, turns = self._turning(order, apart=apart)
        values = [_horner(part.powers, cell, local) for cell, local in ends]
        lo, hi = np.minimum(values[0], values[-1]), np.maximum(values[0], values[-1])
        if len(turns.x) and (len(values) > 1 or order):
            low, high = x.lo[:, :, None], x.hi[:, :, None]
            for point, least, most in zip(turns.x, turns.low, turns.high, strict=True):
                inside = (point >= low) & (point <= high)
                np.minimum(lo, np.where(inside, least, np.inf), out=lo)
                np.maximum(hi, np.where(inside, most, -np.inf), out=hi)
        lo, hi = lo - turns.margin, hi + turns.margin
        lo, hi = np.where(np.isnan(lo), -np.inf, lo), np.where(np.isnan(hi), np.inf, hi)
        if order in self.signs:
            rising, falling = self.signs[order]
            lo = np.where(rising, np.maximum(lo, 0), lo)
            hi = np.where(falling, np.minimum(hi, 0), hi)
        return Interval(lo, hi)


def _horner(powers: Floats, cell: np.ndarray, v: Floats) -> Floats:
    """Values `(B, I, J)` at v `(B, I)` of the cells `(B, I)`."""
    rows = np.arange(cell.shape[1])
    value: Floats = powers[rows, cell, -1]
    v = v[:, :, None]
    far = not np.isfinite(v).all()
    for p in range(powers.shape[2] - 2, -1, -1):
        with np.errstate(invalid="ignore", over="ignore"):
            # A tail without slope stays finite at infinity.
            value = (np.where(value == 0, 0.0, value * v) if far else value * v) + powers[rows, cell, p]
    return value


def _signs(numbers: LayerNumbers, order: int, reach: Interval) -> tuple[np.ndarray, np.ndarray]:
    """Masks of edges whose derivative has one sign, from their coefficients, exactly.

    A B-spline with increasing coefficients is increasing (de Boor 1978, ch. XI), and float64 differences have the exact sign.
    Second differences involve quotients, so a sign must exceed their rounding error. Linear tails continue the slope of the end;
    constant ones preserve monotonicity, but not convexity.
    """
    shape = numbers.weight.shape
    nothing = np.zeros(shape, dtype=bool)
    dead = (numbers.weight == 0) | (numbers.c == 0).all(1)
    base_rises, base_falls = _base_signs(numbers, order)
    low, high = numbers.domain
    kept = numbers.extrapolation == "linear" or (numbers.extrapolation == "constant" and order == 1)
    tails = np.full(shape[0], kept) | ((reach.lo >= low) & (reach.hi <= high))
    rises, falls = dead & base_rises, dead & base_falls
    # A kink of degree 1 has no second derivative, but a sign; so does a jump of degree 0 as a first derivative.
    if numbers.basis.degree is None or numbers.basis.degree < order - 1:
        return rises, falls
    degree = numbers.basis.degree
    if order == 1:
        step = np.diff(numbers.c, axis=1)
        up, down = (step >= 0).all(1), (step <= 0).all(1)
    elif degree >= 1:
        t, size = numbers.knots, numbers.c.shape[1]
        span = t[:, 1 + degree : size + degree] - t[:, 1:size]
        rate = np.diff(numbers.c, axis=1) / np.where(span > 0, span, np.inf)[:, :, None]
        bend = np.diff(rate, axis=1)
        rounding = 8 * 2.0**-53 * (np.abs(rate[:, 1:]) + np.abs(rate[:, :-1]))
        up, down = (bend >= rounding).all(1), (bend <= -rounding).all(1)
    else:
        up = down = nothing
    positive, negative = numbers.weight >= 0, numbers.weight <= 0
    inside = tails[:, None]
    rises |= inside & base_rises & ((up & positive) | (down & negative))
    falls |= inside & base_falls & ((down & positive) | (up & negative))
    return rises, falls


def _base_signs(numbers: LayerNumbers, order: int) -> tuple[np.ndarray, np.ndarray]:
    """Masks of edges whose base function term has a derivative of one sign."""
    shape = numbers.weight.shape
    if numbers.base_weight is None or numbers.base == "none":
        return np.ones(shape, dtype=bool), np.ones(shape, dtype=bool)
    w, base = numbers.base_weight, ACTIVATIONS[numbers.base]
    if order == 1 and base.rising:
        return w >= 0, w <= 0
    if order == MAX_ORDER and base.bound(MAX_ORDER) == 0:
        return np.ones(shape, dtype=bool), np.ones(shape, dtype=bool)
    return w == 0, w == 0
