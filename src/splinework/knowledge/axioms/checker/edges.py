"""Ranges of all edges of a layer, and of their derivatives, over many boxes at once.

The line of every input is divided into parts, within which an edge is smooth. Over a part each derivative is enclosed once. Over
a box inside a part, a function lies between its values at the ends, off by at most an eighth of its curvature times the squared
width, and not at all if it is monotone there; a box across several parts is the union of two such pieces and of whole parts.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any, Final

import numpy as np

from splinework.knowledge.axioms.checker.curves import (
    base_curve,
    bernstein,
    casteljau,
    clamped,
    contracted,
    from_chebyshev,
    signs,
    slopes,
    smooth_rows,
)
from splinework.knowledge.axioms.checker.formulas import Unreadable
from splinework.knowledge.axioms.checker.layers import LayerReading
from splinework.knowledge.axioms.checker.ranges import Floats, Mask, Range, exact

_ORDERS: Final = 5
"""Derivatives 0 … 4 of parts: ranges up to the second need two more."""
_PARTS_PER_INTERVAL: Final = 8
_PARTS_OF_SMOOTH: Final = 96
_OUTER_PARTS: Final = 24
_FAR: Final = 48.0
_U: Final = 2.0**-53


class _Kept(dict[int, Any]):
    """Values by number, each made when it is read for the first time."""

    def __init__(self, make: Callable[[int], Any]) -> None:
        super().__init__()
        self.make = make

    def __missing__(self, key: int) -> Any:
        return self.setdefault(key, self.make(key))


class Edges:
    """The edges of a layer over inputs within `reach`, `(I,)`.

    Raises:
        Unreadable: If there are no bounds of its functions that far out.
    """

    def __init__(self, n: LayerReading, reach: Range) -> None:
        self.n, self.reach = n, reach
        self.inputs = len(n.weight)
        self.rows = np.arange(self.inputs)
        self.straight = n.extrapolation in ("linear", "constant")
        degree, knots, c, error = n.degree, n.knots, n.c, np.zeros_like(n.c)
        if n.family == "chebyshev":
            degree = c.shape[1] - 1
            c, error = from_chebyshev(c)
            knots = np.concatenate([np.repeat(end[:, None], degree + 1, 1) for end in (n.low, n.high)], 1)
        self.degree, self.knots = degree, knots
        self.whole = degree >= 0 and n.family != "chebyshev" and not self.straight  # splines that decay beyond the grid
        self._divide()
        self.orders: list[tuple[Floats, Floats, Floats, Floats]] = []
        if degree >= 0:
            self.held = [(c, error, degree)]
            while len(self.held) < _ORDERS and self.held[-1][2] > 0:
                c, error, k = self.held[-1]
                self.held.append((*slopes(knots, c, error, k), k - 1))
            start, stop = knots[:, self.cells], knots[:, self.cells + 1]
            for c, error, k in self.held[:3]:
                value, off = bernstein(knots, c, error, k, self.cells, start, stop)
                off = off + np.abs(value).max(2) * ((16 * k + 16) * _U)
                value, off = (np.where(np.isfinite(each), each, 0.0) for each in (value, off))
                self.orders.append((value, off, *signs(knots, c, k, self.cells)))
        self.slope = [exact(np.zeros(n.weight.shape))] * 2
        if n.extrapolation == "linear":
            parts = [np.full((self.inputs, 1), np.flatnonzero(~self.outer)[at]) for at in (0, -1)]
            self.slope = [self._body_at(self.body[at][:, None], parts[at], 1)[:, 0] for at in (0, 1)]
        self.full, self.nodes, self.tables = _Kept(self._over_parts), _Kept(self._at_ends), _Kept(self._table)

    def _divide(self) -> None:
        """The ends of parts `(I, P + 1)`, the knot interval of each, and which parts lie outside the body."""
        n, knots = self.n, self.knots
        if self.degree >= 0:
            k = self.degree
            first, last = (0, knots.shape[1] - 1) if self.whole else (k, knots.shape[1] - 1 - k)
            self.cells = np.arange(first, last)
            count = _PARTS_OF_SMOOTH if n.family == "chebyshev" else _PARTS_PER_INTERVAL
            start, stop = knots[:, first:last], knots[:, first + 1 : last + 1]
        else:
            self.cells, count = np.zeros(1, dtype=np.intp), _PARTS_OF_SMOOTH
            start, stop = n.low[:, None], n.high[:, None]
        share = np.arange(count) / count
        body = (start[:, :, None] * (1 - share) + stop[:, :, None] * share).reshape(self.inputs, -1)
        self.body = (start[:, 0], stop[:, -1])
        # A basis that decays by itself is not cut off at the ends of the grid.
        self.goes_on = smooth_on = (
            self.degree < 0 and not self.straight and (n.extrapolation == "natural" or n.basis.vanishes_outside)
        )
        left, right = (self._outside(side, smooth_on) for side in (-1, 1))
        self.ends = np.concatenate([left, body, right], 1)
        outer = (left.shape[1], right.shape[1] - 1)
        self.outer = np.zeros(self.ends.shape[1] - 1, dtype=bool)
        self.outer[: outer[0]], self.outer[len(self.outer) - outer[1] :] = True, True
        inside = np.repeat(np.arange(len(self.cells)), count)
        self.cell = np.concatenate([np.zeros(outer[0], dtype=np.intp), inside, np.full(outer[1], len(self.cells) - 1)])
        self.live = ~self.outer | smooth_on | self.straight  # where splines are zero, it is not
        beyond = bool((self.reach.lo < n.low).any() or (self.reach.hi > n.high).any())
        if self.n.family == "chebyshev" and n.extrapolation == "natural" and beyond:
            raise Unreadable("the checker has no bounds of Chebyshev polynomials outside their domain")

    def _outside(self, side: int, smooth_on: bool) -> Floats:
        """Ends of the parts on one side, to the end of the reach, without (left) and with (right) the end of the body."""
        rim = self.body[0] if side < 0 else self.body[1]
        end = np.minimum(self.reach.lo, rim) if side < 0 else np.maximum(self.reach.hi, rim)
        curved = smooth_on or (not self.straight and self.n.base not in ("none", "identity"))
        if not curved:
            points = np.stack([rim, end], 1)
        else:
            near = np.clip(end, -_FAR - np.abs(rim), _FAR + np.abs(rim))
            share = np.arange(_OUTER_PARTS + 1) / _OUTER_PARTS
            points = np.concatenate([rim[:, None] * (1 - share) + near[:, None] * share, end[:, None]], 1)
            points[:, 0], points[:, -2] = rim, near
        return points[:, :0:-1] if side < 0 else points

    def _weighted(self, spline: Range, x: Range, order: int) -> Range:
        """Splines with their weights, and base functions over ranges `(I, N)`: `(I, N, J)`."""
        found = spline * exact(self.n.weight)[:, None]
        if self.n.base == "none":
            return found
        return found + base_curve(self.n.base, x, order)[:, :, None] * exact(self.n.base_weight)[:, None]

    def _spline_on(self, lo: Floats, hi: Floats, order: int) -> Range:
        """Ranges of the basis part over parts, `(I, P, J)`."""
        shape = (*lo.shape, self.n.c.shape[2])
        if self.degree < 0:
            rows = smooth_rows(self.n.family, self.n.basis, self.n.low, self.n.high, Range(lo, hi), order)
            found = contracted(rows, exact(self.n.c))
        elif order >= len(self.held):
            return exact(np.zeros(shape))
        else:
            c, error, k = self.held[order]
            cell = self.cells[self.cell]
            value, off = bernstein(self.knots, c, error, k, cell, lo, hi)
            floor, ceiling = signs(self.knots, c, k, cell)
            least, most = clamped(value.min(2), off, floor, ceiling), clamped(value.max(2), off, floor, ceiling)
            found = Range(least.lo, most.hi)
        dead = ~self.live[None, :, None]
        return Range(np.where(dead, 0.0, found.lo), np.where(dead, 0.0, found.hi))

    def _over_parts(self, order: int) -> Range:
        """The ranges of a derivative over all parts, `(I, P, J)`."""
        where = Range(self.ends[:, :-1], self.ends[:, 1:])
        if self.straight:
            inside = [np.clip(end, *(rim[:, None] for rim in self.body)) for end in (where.lo, where.hi)]
            where = Range(*inside)
        found = self._weighted(self._spline_on(where.lo, where.hi, order), where, order)
        return self._tails(found, order) if self.straight else found

    def _at_ends(self, order: int) -> list[Range]:
        """A derivative at the lower and at the upper ends of all parts, `(P, I, J)`."""
        index = np.broadcast_to(np.arange(self.ends.shape[1] - 1), (self.inputs, self.ends.shape[1] - 1))
        return [self._at(end.T, index.T, order) for end in (self.ends[:, :-1], self.ends[:, 1:])]

    def _tails(self, found: Range, order: int) -> Range:
        """Ranges with those of straight tails in place."""
        lo, hi = found.lo.copy(), found.hi.copy()
        for side, at in ((0, 0), (1, -1)):
            if order:
                slope = self.slope[side] if order == 1 else exact(np.zeros(self.n.weight.shape))
                lo[:, at], hi[:, at] = slope.lo, slope.hi
            else:
                end = self.ends[:, 0] if side == 0 else self.ends[:, -1]
                away = (exact(end) - exact(self.body[side]))[:, None]
                far = found[:, at] + self.slope[side] * away
                both = found[:, at].hull(far)
                lo[:, at], hi[:, at] = both.lo, both.hi
        return Range(lo, hi)

    def _table(self, order: int) -> tuple[Floats, list[Floats], list[Floats]]:
        """The table of parts: values at their ends, how far the function leaves its chord, its range; and ranges of 2^l parts."""
        left, right = (Range(r.lo.transpose(1, 0, 2), r.hi.transpose(1, 0, 2)) for r in self.nodes[order])
        slope, bend, own = self.full[order + 1], self.full[order + 2], self.full[order]
        still = (slope.lo >= 0) | (slope.hi <= 0)
        below = np.where(still, 0.0, np.maximum(bend.hi, 0.0) * (0.125 * (1 + 1e-14)))
        above = np.where(still, 0.0, np.maximum(-bend.lo, 0.0) * (0.125 * (1 + 1e-14)))
        own = self._from_nodes(own, left.hull(right), below, above)
        packed = np.stack([left.lo, left.hi, right.lo, right.hi, below, above, own.lo, own.hi], 2)
        empty = (self.ends[:, 1:] <= self.ends[:, :-1])[:, :, None]
        lows, highs = [np.where(empty, np.inf, own.lo)], [np.where(empty, -np.inf, own.hi)]
        while 2 ** len(lows) <= lows[0].shape[1]:
            half = 2 ** (len(lows) - 1)
            lows.append(np.minimum(lows[-1][:, :-half], lows[-1][:, half:]))
            highs.append(np.maximum(highs[-1][:, :-half], highs[-1][:, half:]))
        return packed, lows, highs

    def _from_nodes(self, own: Range, nodes: Range, below: Floats, above: Floats) -> Range:
        """The range of every part, `(I, P, J)`, by the values at its ends as well."""
        with np.errstate(invalid="ignore"):
            square = ((self.ends[:, 1:] - self.ends[:, :-1]) ** 2 * (1 + 1e-14))[:, :, None]
            lo = nodes.lo - np.where(below == 0, 0.0, below * square) * (1 + 1e-14)
            hi = nodes.hi + np.where(above == 0, 0.0, above * square) * (1 + 1e-14)
        lo, hi = (np.where(np.isnan(end), side, end) for end, side in ((lo, -np.inf), (hi, np.inf)))
        return Range(np.maximum(lo, own.lo), np.minimum(hi, own.hi))

    @cached_property
    def breaks(self) -> list[tuple[int, float, int, Range]]:
        """Places where edges jump (depth 0) or have a kink (depth 1): input, place, depth, and the range of the jump `(J,)`."""
        found = []
        for i in range(self.inputs):
            for p in range(1, self.ends.shape[1] - 1):
                place = float(self.ends[i, p])
                if not self.reach.lo[i] < place < self.reach.hi[i] or self.ends[i, p + 1] <= place:
                    continue
                before = int(np.flatnonzero(self.ends[i, :p] < place)[-1]) if (self.ends[i, :p] < place).any() else -1
                smooth = self._smoothness(i, place)
                if smooth >= 1 or before < 0:
                    continue
                depth = max(smooth, -1) + 1
                jump = self.nodes[depth][0][p, i] - self.nodes[depth][1][before, i]
                found.append((i, place, depth, jump))
        return found

    def _smoothness(self, i: int, place: float) -> int:
        """How many derivatives are continuous at a place."""
        at_end = place in (float(self.body[0][i]), float(self.body[1][i]))
        if at_end and self.straight:
            return 1 if self.n.extrapolation == "linear" else 0
        if at_end and self.degree < 0:
            return 99 if self.goes_on else -1
        if at_end and self.n.family == "chebyshev":
            return -1
        repeated = int((self.knots[i] == place).sum()) if self.degree >= 0 else 0
        return self.degree - repeated if repeated else 99

    def _body_at(self, x: Floats, part: Any, order: int) -> Range:
        """The edges at points `(I, N)` within the body, `(I, N, J)`."""
        rows = self.rows[:, None]
        if self.degree < 0:
            at = smooth_rows(self.n.family, self.n.basis, self.n.low, self.n.high, exact(x), order)
            spline = contracted(at, exact(self.n.c))
        elif order >= len(self.orders):
            spline = exact(np.zeros((*x.shape, self.n.c.shape[2])))
        else:
            value, off, floor, ceiling = (each[rows, self.cell[part]] for each in self.orders[order])
            number = self.cells[self.cell[part]]
            start, stop = self.knots[rows, number], self.knots[rows, number + 1]
            with np.errstate(invalid="ignore", divide="ignore"):
                u = np.where(stop > start, np.clip((x - start) / (stop - start), 0.0, 1.0), 0.0)
            spline = clamped(casteljau(value, u), off, floor, ceiling)
        return self._weighted(spline, exact(x), order)

    def _at(self, x: Floats, part: Any, order: int) -> Range:
        """The edges at points `(B, I)` of given parts, `(B, I, J)`."""
        x, part = x.T, part.T
        outside = self.outer[part][:, :, None]
        inside = np.clip(x, self.body[0][:, None], self.body[1][:, None]) if self.straight else x
        if self.straight:
            found = self._body_at(inside, part, order)
            if order == 0 and outside.any() and self.n.extrapolation == "linear":
                lower = (x < inside)[:, :, None]
                slope = Range(*(np.where(lower, a[:, None], b[:, None]) for a, b in (
                    (self.slope[0].lo, self.slope[1].lo), (self.slope[0].hi, self.slope[1].hi)
                )))  # fmt: skip
                far = found + slope * (exact(x) - exact(inside))[:, :, None]
                found = Range(np.where(outside, far.lo, found.lo), np.where(outside, far.hi, found.hi))
            if order >= (2 if self.n.extrapolation == "linear" else 1):
                found = Range(np.where(outside, 0.0, found.lo), np.where(outside, 0.0, found.hi))
        else:
            found = self._body_at(np.clip(x, self.body[0][:, None], self.body[1][:, None]), part, order)
            if outside.any():
                found = self._beyond(found, x, outside, order)
        return Range(found.lo.transpose(1, 0, 2), found.hi.transpose(1, 0, 2))

    def _beyond(self, found: Range, x: Floats, outside: Mask, order: int) -> Range:
        """Values with those outside the body in place, where splines are zero and the base function goes on."""
        far = exact(np.zeros_like(found.lo))
        if self.live[self.outer].any():
            rows = smooth_rows(self.n.family, self.n.basis, self.n.low, self.n.high, exact(x), order)
            far = contracted(rows, exact(self.n.c))
        far = self._weighted(far, exact(x), order)
        return Range(np.where(outside, far.lo, found.lo), np.where(outside, far.hi, found.hi))

    # ------------------------------------------------------------------------------------------------------- ranges

    def ranges(self, x: Range, orders: int) -> list[Range]:
        """The derivatives 0 … orders of every edge over boxes `(B, I)`: ranges `(B, I, J)`."""
        one, two = np.empty(x.lo.shape, dtype=np.intp), np.empty(x.lo.shape, dtype=np.intp)
        most = self.ends.shape[1] - 2
        for i in range(self.inputs):
            after = np.searchsorted(self.ends[i], x.lo[:, i], side="right") - 1
            before = np.searchsorted(self.ends[i], x.hi[:, i], side="left") - 1
            one[:, i], two[:, i] = np.minimum(after, before), np.maximum(after, before)
        one, two = np.clip(one, 0, most), np.clip(two, 0, most)
        return [self._range(x, one, two, order) for order in range(orders + 1)]

    def _range(self, x: Range, one: Any, two: Any, order: int) -> Range:
        start = self._at(x.lo, one, order)
        point = x.lo is x.hi or bool((x.lo == x.hi).all())
        if point and order == 0 and (one == two).all():
            return start
        packed, lows, highs = self.tables[order]
        stop = start if point and (one == two).all() else self._at(x.hi, two, order)
        a = packed[self.rows, one]
        same, across = one == two, two - one
        with np.errstate(invalid="ignore"):
            width = np.where(same, x.hi, np.minimum(self.ends[self.rows, one + 1], x.hi)) - x.lo
            bow = np.where(width > 0, width * width, 0.0)[:, :, None]
            lower = np.where(a[:, :, 4] == 0, 0.0, a[:, :, 4] * bow)
            upper = np.where(a[:, :, 5] == 0, 0.0, a[:, :, 5] * bow)
        other = same[:, :, None]
        end = Range(np.where(other, stop.lo, a[:, :, 2]), np.where(other, stop.hi, a[:, :, 3]))
        lo = np.maximum(np.minimum(start.lo, end.lo) - lower * (1 + 1e-14), a[:, :, 6])
        hi = np.minimum(np.maximum(start.hi, end.hi) + upper * (1 + 1e-14), a[:, :, 7])
        if not same.all():
            b = packed[self.rows, two]
            with np.errstate(invalid="ignore"):
                width = x.hi - np.maximum(self.ends[self.rows, two], x.lo)
                bow = np.where(width > 0, width * width, 0.0)[:, :, None]
                lower = np.where(b[:, :, 4] == 0, 0.0, b[:, :, 4] * bow)
                upper = np.where(b[:, :, 5] == 0, 0.0, b[:, :, 5] * bow)
            last_lo = np.maximum(np.minimum(b[:, :, 0], stop.lo) - lower * (1 + 1e-14), b[:, :, 6])
            last_hi = np.minimum(np.maximum(b[:, :, 1], stop.hi) + upper * (1 + 1e-14), b[:, :, 7])
            lo, hi = np.where(other, lo, np.minimum(lo, last_lo)), np.where(other, hi, np.maximum(hi, last_hi))
            if across.max() > 1:
                level = np.log2(np.maximum(across - 1, 1)).astype(np.intp)
                for number in range(int(level.max()) + 1):
                    at, i = np.nonzero((level == number) & (across > 1))
                    for first in (one[at, i] + 1, two[at, i] - 2**number):
                        lo[at, i] = np.minimum(lo[at, i], lows[number][i, first])
                        hi[at, i] = np.maximum(hi[at, i], highs[number][i, first])
        for row, place, depth, jump in self.breaks if order else ():
            if order > depth:
                met = ((x.lo[:, row] <= place) & (x.hi[:, row] >= place))[:, None]
                either = order > depth + 1
                lo[:, row] = np.where(met & (either | (jump.lo < 0)), -np.inf, lo[:, row])
                hi[:, row] = np.where(met & (either | (jump.hi > 0)), np.inf, hi[:, row])
        return Range(np.where(np.isnan(lo), -np.inf, lo), np.where(np.isnan(hi), np.inf, hi))
