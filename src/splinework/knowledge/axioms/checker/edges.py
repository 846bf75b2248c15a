"""Ranges of all edges of a layer, and of their derivatives, over many boxes at once.

The line of every input is divided into parts, within which an edge is smooth. Whatever it is made of, on a part it is a Taylor
polynomial about a centre, whose last coefficient is a range. Over a box inside a part, a derivative lies between its values at
the ends, off by at most an eighth of its curvature times the squared width, and not at all if it is monotone there; a box across
several parts is the union of two such pieces and of whole parts.
"""

import math
from functools import cache, cached_property
from typing import Any, Final

import numpy as np

from splinework.knowledge.axioms.checker.formulas import Unreadable
from splinework.knowledge.axioms.checker.functions import SeriesOperations
from splinework.knowledge.axioms.checker.layers import LayerReading
from splinework.knowledge.axioms.checker.pieces import between, derivative_coefficients, from_chebyshev, range_of, widen
from splinework.knowledge.axioms.checker.ranges import Floats, Range, around, down, exact, sum_of, up
from splinework.knowledge.axioms.checker.series import variable

_DIVISIONS: Final = ((6, 1), (9, 1), (12, 1), (12, 4), (12, 16))
"""Orders of the Taylor polynomials of what is no polynomial, and how much finer the parts are."""
_WIDE, _WIDE_OUTSIDE = 1e-13, 1e-9
"""Errors of a Taylor polynomial, relative to the edges, that a finer division should lower, in the body and outside."""
_PARTS_PER_INTERVAL, _PARTS_OF_SMOOTH, _OUTER_PARTS, _FAR = 8, 96, 24, 48.0
_MOST_PERIODS: Final = 128
"""Of a Fourier series outside the body, that are divided as the body is; further out it has its range over a period and more."""
_U: Final = 2.0**-53
_BOW: Final = 0.125 * (1 + 1e-14)


class Edges:
    """The edges of a layer over inputs within `reach`, `(I,)`."""

    def __init__(self, n: LayerReading, reach: Range) -> None:
        self.n, self.reach = n, reach
        self.rows = np.arange(len(n.weight))
        self.degree, self.knots, c = n.degree, n.knots, exact(n.c)
        if n.family == "chebyshev":
            self.degree, c = n.c.shape[1] - 1, from_chebyshev(n.c)
            self.knots = np.concatenate([np.repeat(end[:, None], self.degree + 1, 1) for end in (n.low, n.high)], 1)
        self.c = [c]
        for k in range(self.degree, 0, -1):
            self.c.append(derivative_coefficients(self.knots, self.c[-1], k))
        smooth = self.degree < 0 or n.base not in ("none", "identity")
        for order, finer in _DIVISIONS if smooth else ((max(self.degree, 1), 1),):
            self._divide(finer)
            self.order = max(order, self.degree + 1) if smooth else order
            self._expand()
            limit = np.where(self.outer, _WIDE_OUTSIDE, _WIDE)[:, None] * self.full[0][:, ~self.outer].size.max(
                initial=0
            )
            near = np.diff(self.ends)[:, :, None] < _FAR
            if not smooth or ((self.off[0] <= limit) | ~near).all():
                break
        self._cut()
        self.table, self.places = cache(self._table), cache(self._places)

    def _divide(self, finer: int) -> None:
        """The ends of parts `(I, P + 1)`, the knot interval of each, and which parts lie outside the body."""
        n, knots = self.n, self.knots
        start, stop, self.cells = n.low[:, None], n.high[:, None], np.zeros(1, dtype=np.intp)
        if self.degree >= 0:  # splines that decay do so beyond the grid
            if any((knots[:, side] == knots[:, side + 1]).any() for side in (self.degree, -2 - self.degree)):
                raise Unreadable("a grid begins or ends with an empty interval")
            k = self.degree if n.straight or n.degree < 0 else 0
            self.cells = np.arange(k, knots.shape[1] - 1 - k)
            start, stop = knots[:, self.cells], knots[:, self.cells + 1]
        count = (_PARTS_PER_INTERVAL if n.degree >= 0 else _PARTS_OF_SMOOTH) * finer
        share = np.arange(count) / count
        body = (start[:, :, None] * (1 - share) + stop[:, :, None] * share).reshape(len(self.rows), -1)
        self.body = (start[:, :1], stop[:, -1:])
        left, right = (self._outside(side, finer) for side in (-1, 1))
        self.ends = np.concatenate([left, body, right], 1)
        before, after = left.shape[1], right.shape[1] - 1
        self.outer = np.zeros(self.ends.shape[1] - 1, dtype=bool)
        self.outer[:before] = self.outer[len(self.outer) - after :] = True
        inside = np.repeat(self.cells, count)
        self.cell = np.concatenate([np.full(before, self.cells[0]), inside, np.full(after, self.cells[-1])])

    def _outside(self, side: int, finer: int) -> Floats:
        """Ends of the parts on one side, to the end of the reach, without (left) and with (right) the end of the body."""
        rim = self.body[0][:, 0] if side < 0 else self.body[1][:, 0]
        end = np.minimum(self.reach.lo, rim) if side < 0 else np.maximum(self.reach.hi, rim)
        points = np.stack([rim, end], 1)
        if not self.n.straight and (self.n.goes_on or self.n.base not in ("none", "identity")):
            near, count = np.clip(end, -_FAR - np.abs(rim), _FAR + np.abs(rim)), _OUTER_PARTS * finer
            if self.n.family == "fourier" and self.n.goes_on:
                period = self.n.high - self.n.low
                periods = np.minimum(np.abs(end - rim) / period, _MOST_PERIODS)
                near, count = (
                    rim + side * periods * period,
                    math.ceil(periods.max(initial=1)) * _PARTS_OF_SMOOTH * finer,
                )
            share = np.arange(count + 1) / count
            points = np.concatenate([rim[:, None] * (1 - share) + near[:, None] * share, end[:, None]], 1)
            points[:, 0], points[:, -2] = rim, near
        return points[:, :0:-1] if side < 0 else points

    def _over(self, lo: Floats, hi: Floats, order: int) -> list[Range]:
        """Taylor coefficients 0 … order of the edges over ranges `(I, P)`, one in each part: `(I, P, J)`."""
        n, point = self.n, lo is hi
        x, ends = Range(lo, hi), (lo, hi)
        if n.straight:
            x = Range(*(np.clip(end, *self.body) for end in ends))
        shape = (*lo.shape, n.weight.shape[1])
        functions, of_x = SeriesOperations(lo.shape, order), variable(x, order)
        found = [exact(np.zeros(shape))] * (order + 1)
        if self.degree >= 0:
            for r in range(min(order, self.degree) + 1):
                found[r] = self._polar(r, x, point) * exact(float(math.factorial(r))).inverse()
        else:
            low, high = (functions.number(np.broadcast_to(end[:, None], lo.shape)) for end in (n.low, n.high))
            rows, c = n.rows(of_x, low, high, functions), exact(n.c)
            found = [
                sum_of([row.term(r)[:, :, None] * c[:, None, m] for m, row in enumerate(rows)])
                for r in range(order + 1)
            ]
        alive = ~(self.outer & (not n.straight and not n.goes_on))[None, :, None]
        found = [
            Range(np.where(alive, f.lo, 0.0), np.where(alive, f.hi, 0.0)) * exact(n.weight)[:, None] for f in found
        ]
        if n.base != "none":
            base, weight = n.base_of(of_x, functions), exact(n.base_weight)[:, None]
            found = [f + base.term(r)[:, :, None] * weight for r, f in enumerate(found)]
        if not n.straight:
            return found
        # Beyond the body there are the value and the slope at its end.
        slope = found[1] if n.extrapolation == "linear" else exact(np.zeros(shape))
        away = Range(*(np.where(self.outer, end - rim, 0.0) for end, rim in zip(ends, (x.lo, x.hi), strict=True)))
        away = Range(np.minimum(down(away.lo), 0.0), np.maximum(up(away.hi), 0.0)) if not point else around(away.lo)
        tail = [found[0] + slope * away[:, :, None], slope, *[exact(np.zeros(shape))] * (order - 1)]
        outer = self.outer[None, :, None]
        return [
            Range(np.where(outer, t.lo, f.lo), np.where(outer, t.hi, f.hi)) for t, f in zip(tail, found, strict=True)
        ]

    def _polar(self, order: int, x: Range, point: bool) -> Range:
        """Ranges of a derivative of splines: of Bernstein coefficients on parts, by the polar form at their ends."""
        k, c, rows = self.degree - order, self.c[order], self.rows[:, None, None]
        m, p = np.arange(k + 1), np.arange(1 if point else k + 1)[:, None]
        t = np.pad(self.knots, ((0, 0), (k, k)), mode="edge")
        cell, (lo, hi) = self.cell[None, :, None], (x.lo[:, :, None, None], x.hi[:, :, None, None])
        v = Range(*(np.pad(end, ((0, 0), (k, k), (0, 0)))[rows, cell + m][:, :, None] for end in (c.lo, c.hi)))
        for stage in range(1, k + 1):
            held = m[: k + 1 - stage]
            low, high = t[rows, cell + stage + held][:, :, None], t[rows, cell + held + k + 1][:, :, None]
            high = np.where(high > low, high, low + 1)  # of an empty part nothing is asked
            u, by = exact(np.where(stage <= k - p, lo, hi)), (exact(high) - exact(low)).inverse()
            one, two = ((exact(high) - u) * by)[..., None], ((u - exact(low)) * by)[..., None]
            v = one * v[:, :, :, :-1] + two * v[:, :, :, 1:]
        return Range(v.lo[:, :, :, 0].min(2), v.hi[:, :, :, 0].max(2))

    def _expand(self) -> None:
        """The Taylor polynomials of all parts, and ranges of derivatives over whole parts."""
        lo, hi = self.ends[:, :-1], self.ends[:, 1:]
        with np.errstate(all="ignore"):
            middle = np.where(np.isfinite(lo), np.where(np.isfinite(hi), lo / 2 + hi / 2, lo), hi)
            self.centre = np.where(self.outer, np.clip(middle, *self.body), middle) if self.n.straight else middle
            reach = np.maximum(self.centre - lo, hi - self.centre)[:, :, None] * (1 + 1e-15)
            over, at = self._over(lo, hi, max(self.order, 4)), self._over(self.centre, self.centre, self.order)
            at[-1] = over[self.order]
            self.full = [over[r] * exact(float(math.factorial(r))) for r in range(5)]
            self.taylor, self.off = [], []
            for r in range(3):
                kept = [at[k] * exact(float(math.perm(k, r))) for k in range(r, self.order + 1)] or [at[0] * exact(0.0)]
                means = [np.nan_to_num(c.lo / 2 + c.hi / 2, posinf=0.0, neginf=0.0) for c in kept]
                errors = [
                    (np.maximum(c.hi - m, m - c.lo) + np.abs(m) * ((4 * self.order + 24) * _U)) * reach**k
                    for k, (c, m) in enumerate(zip(kept, means, strict=True))
                ]
                off = np.sum(errors, 0) * (1 + 1e-12)
                self.taylor.append(np.stack(means, 2))
                self.off.append(np.where(np.isnan(off), np.inf, off))

    def _cut(self) -> None:
        """Divides parts where an edge or its slope turns: an extremum inside a part would be known up to curvature only."""
        index = np.broadcast_to(np.arange(self.ends.shape[1] - 1), (len(self.rows), self.ends.shape[1] - 1)).T
        turns, inputs = [np.empty(0)], [np.empty(0, dtype=np.intp)]
        for order in (1, 2):
            first, last = (self._at(end.T, index, order) for end in (self.ends[:, :-1], self.ends[:, 1:]))
            rises = (first.hi < 0) & (last.lo > 0)
            p, i, j = np.nonzero(rises | ((first.lo > 0) & (last.hi < 0)))
            lo, hi, c = self.ends[i, p], self.ends[i, p + 1], self.taylor[order][i, p, :, j]
            for _ in range(56):
                middle, value = lo / 2 + hi / 2, np.zeros(len(p))
                for k in range(c.shape[1] - 1, -1, -1):
                    value = value * (middle - self.centre[i, p]) + c[:, k]
                before = (value < 0) == rises[p, i, j]
                lo, hi = np.where(before, middle, lo), np.where(before, hi, middle)
            turns.append(hi)
            inputs.append(i)
        found, owner = np.concatenate(turns), np.concatenate(inputs)
        each = [np.sort(found[owner == i]) for i in self.rows]
        most = max(map(len, each))
        rest = [
            np.concatenate([own, np.full(most - len(own), ends[-1])]) for own, ends in zip(each, self.ends, strict=True)
        ]
        ends = np.concatenate([self.ends, np.array(rest)], 1)
        order_of = np.argsort(ends, axis=1, kind="stable")
        part = np.minimum(np.cumsum(order_of < self.ends.shape[1], 1) - 1, self.ends.shape[1] - 2)[:, :-1]
        rows = self.rows[:, None]
        self.ends, self.centre = ends[rows, order_of], self.centre[rows, part]
        self.taylor, self.off = ([held[rows, part] for held in several] for several in (self.taylor, self.off))
        self.full = [Range(r.lo[rows, part], r.hi[rows, part]) for r in self.full]

    def _at(self, x: Floats, part: Any, order: int) -> Range:
        """A derivative at points `(B, I)` of given parts, `(B, I, J)`."""
        c, off, full = self.taylor[order][self.rows, part], self.off[order][self.rows, part], self.full[order]
        with np.errstate(invalid="ignore", over="ignore"):
            d, value = (x - self.centre[self.rows, part])[:, :, None], c[:, :, -1]
            for k in range(c.shape[2] - 2, -1, -1):
                value = value * d + c[:, :, k]
            lo, hi = (
                np.where(np.isnan(end), side, end) for end, side in ((value - off, -np.inf), (value + off, np.inf))
            )
        return Range(np.maximum(lo, full.lo[self.rows, part]), np.minimum(hi, full.hi[self.rows, part]))

    def _table(self, order: int) -> tuple[Floats, list[Floats], list[Floats]]:
        """The table of parts: values at their ends, how far the function leaves its chord, its range; and ranges of 2^l parts."""
        index = np.broadcast_to(np.arange(self.ends.shape[1] - 1), (len(self.rows), self.ends.shape[1] - 1)).T
        left, right = (self._at(end.T, index, order) for end in (self.ends[:, :-1], self.ends[:, 1:]))
        left, right = (Range(r.lo.transpose(1, 0, 2), r.hi.transpose(1, 0, 2)) for r in (left, right))
        slope = self.full[3] if order == 2 else range_of(self.table(order + 1)[0])
        bend, own = self.full[order + 2], self.full[order]
        back = np.maximum(np.minimum(-slope.lo, slope.hi), 0.0)
        below, above = np.maximum(bend.hi, 0.0) * _BOW, np.maximum(-bend.lo, 0.0) * _BOW
        width = (self.ends[:, 1:] - self.ends[:, :-1])[:, :, None]
        packed = np.stack([own.lo, own.hi, left.lo, left.hi, right.lo, right.hi, below, above, back], 2)
        own = between(left.hull(right), packed, width)
        packed[:, :, 0], packed[:, :, 1] = own.lo, own.hi
        lows, highs = self._levels(own)
        return packed, lows, highs

    def _levels(self, own: Range) -> tuple[list[Floats], list[Floats]]:
        """Ranges over 1, 2, 4, … adjacent parts, given those of parts `(I, P, J)`."""
        empty = (np.diff(self.ends)[:, :, None] <= 0) & np.ones(own.lo.shape, dtype=bool)
        lows, highs = [np.where(empty, np.inf, own.lo)], [np.where(empty, -np.inf, own.hi)]
        while 2 ** len(lows) <= lows[0].shape[1]:
            half = 2 ** (len(lows) - 1)
            lows.append(np.minimum(lows[-1][:, :-half], lows[-1][:, half:]))
            highs.append(np.maximum(highs[-1][:, :-half], highs[-1][:, half:]))
        return lows, highs

    @cached_property
    def breaks(self) -> list[tuple[int, float, int, Range]]:
        """Places where edges jump (depth 0) or have a kink (depth 1): input, place, depth, and the range of the jump `(J,)`."""
        found = []
        for i in range(len(self.rows)):
            for p in range(1, self.ends.shape[1] - 1):
                place = float(self.ends[i, p])
                inside = self.reach.lo[i] < place < self.reach.hi[i] and self.ends[i, p + 1] > place
                if not inside or (smooth := self._smoothness(i, place)) >= 1:
                    continue
                before = np.flatnonzero(self.ends[i, :p] < place)
                if len(before):
                    depth = max(smooth, -1) + 1
                    after, until = self.table(depth)[0][i, p], self.table(depth)[0][i, before[-1]]
                    jump = Range(after[2], after[3]) - Range(until[4], until[5])
                    found.append((i, place, depth, jump))
        return found

    def _smoothness(self, i: int, place: float) -> int:
        """How many derivatives are continuous at a place."""
        if place in (float(self.body[0][i, 0]), float(self.body[1][i, 0])):
            if self.n.straight:
                return 1 if self.n.extrapolation == "linear" else 0
            if self.n.degree < 0:
                return 99 if self.n.goes_on else -1
        repeated = int((self.knots[i] == place).sum()) if self.n.degree >= 0 else 0
        return self.degree - repeated if repeated else 99

    def _places(self, below: int) -> Floats:
        """Places with fewer continuous derivatives, `(K, I)`, filled up with ends of the reach."""
        inner = (
            sorted({float(x) for x in ends[1:-1] if self._smoothness(i, float(x)) < below})
            for i, ends in enumerate(self.ends)
        )
        found = [[float(ends[0]), *places] for ends, places in zip(self.ends, inner, strict=True)]
        most = max(map(len, found))
        return np.array([places + [places[0]] * (most - len(places)) for places in found]).T[most == 1 :]

    def bends(self, x: Range) -> list[Range]:
        """Second and third derivatives over boxes `(B, I)`, apart from the places where lower ones jump."""
        x, one, two = self._parts(x)
        found = []
        for levels in (self.table(2)[1:], self._thirds):
            lo = np.full((*one.shape, levels[0][0].shape[2]), np.inf)
            hi = -lo
            widen(lo, hi, levels, one, two)
            found.append(Range(lo, hi))
        return found

    @cached_property
    def _thirds(self) -> tuple[list[Floats], list[Floats]]:
        return self._levels(self.full[3])

    def points(self, x: Floats, right: np.ndarray) -> list[Range]:
        """Values and slopes at points `(B, I)`; where they jump, those on the right where a mask says so, else on the left."""
        held, before, after = self._parts(exact(x))
        return [self._at(held.lo, np.where(right, after, before), order) for order in (0, 1)]

    def ranges(self, x: Range, orders: int) -> list[Range]:
        """The derivatives 0 … orders of every edge over boxes `(B, I)`: ranges `(B, I, J)`."""
        x, one, two = self._parts(x)
        return [self._range(x, one, two, order) for order in range(orders + 1)]

    def _parts(self, x: Range) -> tuple[Range, Any, Any]:
        """Boxes within the reach, and the first and the last part of each."""
        same = x.lo is x.hi
        lo = np.clip(x.lo, self.ends[:, 0], self.ends[:, -1])  # no value beyond the reach occurs
        x = Range(lo, lo if same else np.clip(x.hi, self.ends[:, 0], self.ends[:, -1]))
        one, two = np.empty(lo.shape, dtype=np.intp), np.empty(lo.shape, dtype=np.intp)
        for i, ends in enumerate(self.ends):
            after = np.searchsorted(ends, x.lo[:, i], side="right") - 1
            before = np.searchsorted(ends, x.hi[:, i], side="left") - 1
            one[:, i], two[:, i] = np.minimum(after, before), np.maximum(after, before)
        one, two = (np.clip(part, 0, self.ends.shape[1] - 2) for part in (one, two))
        return x, one, two

    def _range(self, x: Range, one: Any, two: Any, order: int) -> Range:
        start, apart = self._at(x.lo, one, order), one != two
        point = (x.lo is x.hi or bool((x.lo == x.hi).all())) and not apart.any()
        if point and order == 0:
            return start
        stop = start if point else self._at(x.hi, two, order)
        packed, lows, highs = self.table(order)
        a, other = packed[self.rows, one], apart[:, :, None]
        rim = np.minimum(self.ends[self.rows, one + 1], x.hi)
        end = Range(np.where(other, a[:, :, 4], stop.lo), np.where(other, a[:, :, 5], stop.hi))
        found = between(start.hull(end), a, (np.where(apart, rim, x.hi) - x.lo)[:, :, None])
        lo, hi = found.lo, found.hi
        if apart.any():
            b = packed[self.rows, two]
            width = (x.hi - np.maximum(self.ends[self.rows, two], x.lo))[:, :, None]
            last = between(Range(b[:, :, 2], b[:, :, 3]).hull(stop), b, width)
            lo, hi = np.where(other, np.minimum(lo, last.lo), lo), np.where(other, np.maximum(hi, last.hi), hi)
            widen(lo, hi, (lows, highs), one + 1, two - 1)
        for row, place, depth, jump in self.breaks if order else ():
            if order > depth:
                met = ((x.lo[:, row] <= place) & (x.hi[:, row] >= place))[:, None]
                either = order > depth + 1
                lo[:, row] = np.where(met & (either | (jump.lo < 0)), -np.inf, lo[:, row])
                hi[:, row] = np.where(met & (either | (jump.hi > 0)), np.inf, hi[:, row])
        return Range(lo, hi)
