"""Layers of edges in the checker's arithmetic."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch

from splinework.errors import ConfigError
from splinework.knowledge.axioms.verify.numbers import LayerNumbers
from splinework.knowledge.axioms.verify.recheck import Floats, Range, RangeJet, column, exact, outer, widened
from splinework.knowledge.axioms.verify.recheck_functions import curve_bound, row_bounds
from splinework.splines.bases import activation

_MAX_PARTS_IN_ALL: Final = 4096
_MAX_PARTS_PER_BOX: Final = 256


def spline(
    knots: Floats, c: Floats, error: Floats, degree: int, x: Range, *, low: float = -np.inf, high: float = np.inf
) -> Range:
    """Ranges `(B, J)` over intervals of splines with coefficients `(M, J)`, which are 0 outside the knots."""
    k = degree
    t = np.concatenate([np.repeat(knots[:1], k), knots, np.repeat(knots[-1:], k)])
    c, error = np.pad(c, ((k, k), (0, 0))), np.pad(error, ((k, k), (0, 0)))
    lowest = np.full((len(x.a), c.shape[1]), np.inf)
    highest = -lowest
    beyond = (x.b >= knots[-1]) | (x.a <= knots[0])
    if low < knots[0]:
        lowest[beyond], highest[beyond] = 0.0, 0.0
    for cell in range(len(knots) - 1):
        start, stop = knots[cell], knots[cell + 1]
        met = np.flatnonzero((x.a <= stop) & (x.b >= start) & (low <= start < stop <= high))
        if not len(met):
            continue
        ends = np.maximum(x.a[met], start), np.minimum(x.b[met], stop)
        active = c[cell : cell + k + 1]
        rounding = np.abs(active).max(0) * (10 * k + 10) * 2.0**-53 + error[cell : cell + k + 1].max(0) * 1.001
        least, most = np.full((len(met), c.shape[1]), np.inf), np.full((len(met), c.shape[1]), -np.inf)
        for p in range(k + 1):
            values = [np.broadcast_to(row, (len(met), c.shape[1])) for row in active]
            for stage in range(1, k + 1):
                u = (ends[0] if stage <= k - p else ends[1])[:, None]
                for m in range(k - stage + 1):
                    first, last = t[cell + stage + m], t[cell + m + k + 1]
                    values[m] = ((last - u) * values[m] + (u - first) * values[m + 1]) / (last - first)
            least, most = np.minimum(least, values[0]), np.maximum(most, values[0])
        rising, falling = (active >= 0).all(0), (active <= 0).all(0)
        least = np.where(rising, np.maximum(least - rounding, 0), least - rounding)
        most = np.where(falling, np.minimum(most + rounding, 0), most + rounding)
        lowest[met], highest[met] = np.minimum(lowest[met], least), np.maximum(highest[met], most)
    return Range(lowest, highest)


def differentiated(knots: Floats, c: Floats, error: Floats, degree: int) -> tuple[Floats, Floats]:
    """Coefficients of the derivative on the same knots, and their error."""
    wide, loose = np.pad(c, ((1, 1), (0, 0))), np.pad(error, ((1, 1), (0, 0)))
    size = len(wide) - 1
    span = knots[degree : degree + size] - knots[:size]
    rate = np.where(span > 0, degree / np.where(span > 0, span, 1.0), 0.0)[:, None]
    found = np.diff(wide, axis=0) * rate
    return found, (loose[1:] + loose[:-1]) * rate * 1.001 + 8 * 2.0**-53 * np.abs(found)


class CheckedLayer:
    """Ranges of one layer of edges; raises ConfigError for a basis without known bounds beyond its domain."""

    def __init__(self, numbers: LayerNumbers) -> None:
        self.n, self.degree = numbers, numbers.basis.degree or 0
        self.plain = numbers.basis.degree is not None
        self.splines = [self._derivatives(i) for i in range(len(numbers.knots))] if self.plain else []
        self.base = activation(numbers.base)
        goes_on = numbers.extrapolation == "natural" or (
            numbers.extrapolation == "zero" and numbers.basis.vanishes_outside
        )
        if not self.plain and not numbers.basis.globally_bounded and goes_on:
            raise ConfigError(f"the checker has no bounds of a {numbers.basis.name} basis beyond its domain.")

    def _smooth(self, i: int, x: Range, order: int) -> Range:
        """Ranges of a smooth basis from value and slope at the middle, and a bound of the curvature."""
        n = self.n
        grid = torch.from_numpy(n.knots[i : i + 1])
        low, high = (float(end[i]) for end in n.domain)
        cut = n.extrapolation == "zero" and not n.basis.vanishes_outside
        held = Range(np.clip(x.a, low, high), np.clip(x.b, low, high)) if cut else x
        middle, half = held.a / 2 + held.b / 2, ((held.b - held.a) / 2 * (1 + 1e-15) + 1e-300)[:, None]
        c = n.c[i] * n.weight[i]
        at = torch.from_numpy(np.ascontiguousarray(middle))[:, None]
        tops = [row_bounds(n.basis, low, high, r) @ np.abs(c) for r in (order, order + 1, order + 2)]
        with np.errstate(over="ignore", invalid="ignore"):
            rows = [n.basis.rows(at, grid, n.basis.prepare(grid), r).numpy()[:, 0] @ c for r in (order, order + 1)]
            off = np.minimum(np.abs(rows[1]) * half + 1.001 * tops[2] * half**2 / 2, tops[1] * half) + 1e-11 * tops[0]
        found = widened(rows[0] - off, rows[0] + off)
        if not cut:
            return found
        outside = ((x.b < low) | (x.a > high))[:, None]
        across = ((x.a < low) | (x.b > high))[:, None] & ~outside
        most = np.inf if order else 0.0
        least, greatest = np.where(outside, 0.0, found.a), np.where(outside, 0.0, found.b)
        return Range(
            np.where(across, np.minimum(least, -most), least), np.where(across, np.maximum(greatest, most), greatest)
        )

    def _derivatives(self, i: int) -> list[tuple[Floats, Floats, int]]:
        c, k = self.n.c[i], self.degree
        found = [(c, np.zeros_like(c), k)]
        for _ in range(min(k, 2)):
            c, error, k = found[-1]
            found.append((*differentiated(self.n.knots[i], c, error, k), k - 1))
        return found

    def ranges(self, i: int, x: Range, order: int) -> Range:
        """The order-th derivative of the edges from input i, `(B, J)`; few boxes are divided into parts, for tighter ranges."""
        count = min(max(_MAX_PARTS_IN_ALL // len(x.a), 1), _MAX_PARTS_PER_BOX)
        if count == 1 or not (np.isfinite(x.a).all() and np.isfinite(x.b).all()):
            return self._ranges(i, x, order)
        share = np.arange(count + 1) / count
        points = x.a[:, None] * (1 - share) + x.b[:, None] * share
        points[:, 0], points[:, -1] = x.a, x.b
        points = np.maximum.accumulate(np.minimum(points, x.b[:, None]), axis=1)
        found = self._ranges(i, Range(points[:, :-1].ravel(), points[:, 1:].ravel()), order)
        parts = (len(x.a), count, -1)
        return Range(found.a.reshape(parts).min(1), found.b.reshape(parts).max(1))

    def _ranges(self, i: int, x: Range, order: int) -> Range:
        low, high = (float(end[i]) for end in self.n.domain)
        kind = self.n.extrapolation
        if kind in ("zero", "natural"):
            return self._body(i, x, order, low=-np.inf, high=np.inf)
        inside = Range(np.clip(x.a, low, high), np.clip(x.b, low, high))
        found = self._body(i, inside, order, low=low, high=high)
        for end, near, far in ((low, np.minimum(x.b, low), x.a), (high, np.maximum(x.a, high), x.b)):
            out = np.flatnonzero(far < low if end == low else far > high)
            if len(out):
                # Rounded outward: distances from the end, of the nearest and the farthest point of the box.
                away = widened(*np.sort(np.stack([near[out] - end, far[out] - end]), axis=0))
                tail = self._tail(i, end, away, order, low=low, high=high)
                alone = ((x.b < low) | (x.a > high))[out][:, None]
                least, most = np.minimum(found.a[out], tail.a), np.maximum(found.b[out], tail.b)
                found.a[out], found.b[out] = np.where(alone, tail.a, least), np.where(alone, tail.b, most)
        return found

    def _tail(self, i: int, end: float, away: Range, order: int, *, low: float, high: float) -> Range:
        """Ranges of the edges at distances from an end, `(B, J)`."""
        at = Range(np.array([end]), np.array([end]))
        value, slope = (self._body(i, at, r, low=low, high=high) for r in (0, 1))
        shape = (len(away.a), value.a.shape[1])
        nothing = exact(np.zeros(shape))
        if self.n.extrapolation == "constant":
            flat = (slope.a == 0) & (slope.b == 0)
            corner = Range(np.where(flat, 0.0, -np.inf), np.where(flat, 0.0, np.inf))
            found = (value, nothing, corner)[order]
        elif order == 0:
            found = value + slope * column(away, 1)
        else:
            found = slope if order == 1 else nothing
        found = Range(np.broadcast_to(found.a, shape), np.broadcast_to(found.b, shape))
        return Range(np.where(np.isnan(found.a), -np.inf, found.a), np.where(np.isnan(found.b), np.inf, found.b))

    def _body(self, i: int, x: Range, order: int, *, low: float, high: float) -> Range:
        """Within the grid (or for `natural` within all knots), both sides of a jump of a derivative counted."""
        knots = self.n.knots[i]
        weight = self.n.weight[i]
        shape = (len(x.a), len(weight))
        if not self.plain:
            found = self._smooth(i, x, order)
        elif order < len(self.splines[i]):
            c, error, degree = self.splines[i][order]
            found = spline(knots, c, error, degree, x, low=low, high=high) * exact(weight[None])
        else:
            found = exact(np.zeros(shape))
        if self.plain:
            found = self._with_corners(i, x, order, found, low=low, high=high)
        if self.base is None or self.n.base_weight is None:
            return Range(found.a.copy(), found.b.copy())
        base = self._base(x, order)
        return found + column(base, 1) * exact(self.n.base_weight[i][None])

    def _with_corners(self, i: int, x: Range, order: int, found: Range, *, low: float, high: float) -> Range:
        """Ranges made infinite where a lower derivative may jump at a knot, on one side if the sign of the jump is known."""
        knots, weight = self.n.knots[i], self.n.weight[i]
        repeated = bool((np.diff(knots) <= 0).any())
        if order == 0 or not (order > self.degree or repeated):
            return found
        up, down = np.ones((len(knots), len(weight)), dtype=bool), np.ones((len(knots), len(weight)), dtype=bool)
        if order == self.degree + 1 and not repeated:
            c, error, _ = self.splines[i][self.degree]  # constant on every knot interval
            jump, rounding = np.diff(c, axis=0), (error[1:] + error[:-1]) * 1.001
            jump, rounding = jump * np.sign(weight), rounding * (jump != 0)
            up[1 : len(jump) + 1], down[1 : len(jump) + 1] = jump + rounding > 0, jump - rounding < 0
        inner = (knots > low) & (knots < high)
        met = (inner & (x.a[:, None] <= knots) & (x.b[:, None] >= knots))[:, :, None] & (weight != 0)
        rises, falls = (met & up).any(1), (met & down).any(1)
        return Range(np.where(falls, -np.inf, found.a), np.where(rises, np.inf, found.b))

    def _base(self, x: Range, order: int) -> Range:
        assert self.base is not None
        middle, half = x.a / 2 + x.b / 2, (x.b - x.a) / 2 * (1 + 1e-15) + 1e-300
        at = torch.from_numpy(np.ascontiguousarray(middle))
        value, slope = (self.base.derivative(at, r).numpy() for r in (order, order + 1))
        steep, bent = (curve_bound(self.n.base, r) for r in (order + 1, order + 2))
        off = np.abs(slope) * half + bent * half**2 / 2
        off = np.minimum(off, steep * half) * (1 + 1e-12) + 1e-12 * (1 + np.abs(value))
        if curve_bound(self.n.base, 2) == 0:  # a straight line
            off = half * (order == 0)
        return widened(value - off, value + off)


def run_layer(layer: CheckedLayer, x: Sequence[RangeJet]) -> list[RangeJet]:
    """`Σ_i φ_ij(x_i) + bias_j`, and its derivatives."""
    n, outputs = layer.n, layer.n.weight.shape[1]
    batch = max(len(f.v.a) for f in x)
    order = min(f.order for f in x)
    total = [exact(np.broadcast_to(n.bias, (batch, outputs)).copy()), None, None]
    for i, f in enumerate(x):
        parts: list[Range | None] = [layer.ranges(i, f.v, 0), None, None]
        if order >= 1 and f.d is not None:
            first = layer.ranges(i, f.v, 1)
            parts[1] = column(first, 1) * f.d.part(slice(None), None)
            if order >= 2 and f.h is not None:
                second = layer.ranges(i, f.v, 2)
                bent = column(second, 2) * outer(f.d, f.d).part(slice(None), None)
                parts[2] = bent + column(first, 2) * f.h.part(slice(None), None)
        total = [p if s is None else s if p is None else s + p for s, p in zip(total, parts, strict=True)]
    v, d, h = total
    assert v is not None
    columns = [[None if each is None else each.part(slice(None), j) for each in (d, h)] for j in range(outputs)]
    return [RangeJet(order, v.part(slice(None), j), *rest) for j, rest in enumerate(columns)]
