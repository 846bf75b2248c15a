"""The functions from which edges are made, on ranges: base functions, smooth bases, polynomials in Bernstein form."""

from fractions import Fraction
from math import comb
from typing import Any

import numpy as np

from splinework.knowledge.axioms.checker.formulas import Unreadable
from splinework.knowledge.axioms.checker.functions import CURVES, SeriesOperations, wave
from splinework.knowledge.axioms.checker.ranges import Floats, Range, down, exact, up
from splinework.knowledge.axioms.checker.series import RangeSeries, constant, variable
from splinework.splines.bases import ACTIVATIONS

_U = 2.0**-53
_TURN = Range(np.array(6.283185307179586), np.array(6.283185307179587))


def base_curve(name: str, x: Range, order: int) -> Range:
    """The derivative of a base function over ranges, by its formula.

    Raises:
        Unreadable: If there is no such function.
    """
    found: RangeSeries = member(name, ACTIVATIONS).formula(variable(x, order), SeriesOperations(x, order))
    return found.derivative(order)


def member(name: str, known: Any) -> Any:
    """A base function by its name."""
    if name not in known:
        raise Unreadable(f"there is no base function {name!r}")
    return known[name]


def smooth_rows(family: str, basis: Any, low: Floats, high: Floats, x: Range, order: int) -> Range:
    """The order-th derivatives of the functions of a smooth basis, `(I, N, M)`, over ranges `(I, N)`."""
    width = exact(high)[:, None] - exact(low)[:, None]
    if family == "fourier":
        rate = _TURN * width.inverse()
        found = [exact(np.full_like(x.lo, float(order == 0)))]
        for n in range(1, basis.harmonics + 1):
            turns = exact(float(n)) * rate
            angle, factor = (x - exact(low)[:, None]) * turns, exact(np.ones_like(width.lo))
            for _ in range(order):
                factor = factor * turns
            found += [wave(angle, order + 1) * factor, wave(angle, order) * factor]
    elif family == "gaussian_rbf":
        gaps = basis.centres - 1
        by = (exact(float(basis.width)) * width * exact(float(gaps)).inverse()).inverse()
        found = []
        for m in range(basis.centres):
            share = exact(float(m)) * exact(float(gaps)).inverse()
            u = (x - (exact(low)[:, None] + width * share)) * by
            bell = CURVES["exp"](-u.square()).value
            before, now = exact(np.zeros_like(u.lo)), exact(np.ones_like(u.lo))
            for r in range(order):
                before, now = now, exact(2.0) * u * now - exact(2.0 * r) * before
                bell = -(bell * by)
            found.append(bell * now)
    else:
        low_, high_ = (constant(Range(*(np.broadcast_to(end[:, None], x.lo.shape),) * 2), order) for end in (low, high))
        rows = basis.formula(variable(x, order), low_, high_, SeriesOperations(x, order))
        found = [
            row.derivative(order)
            if isinstance(row, RangeSeries)
            else exact(np.full_like(x.lo, float(row) * (order == 0)))
            for row in rows
        ]
    return Range(np.stack([f.lo for f in found], -1), np.stack([f.hi for f in found], -1))


def contracted(rows: Range, c: Range) -> Range:
    """`Σ_m rows_m c_m`: `(I, N, M)` and `(I, M, J)` to `(I, N, J)`."""
    total = exact(np.zeros((rows.lo.shape[0], rows.lo.shape[1], c.lo.shape[2])))
    for m in range(c.lo.shape[1]):
        total = total + rows[:, :, m, None] * c[:, None, m]
    return total


def from_chebyshev(c: Floats) -> tuple[Floats, Floats]:
    """Bernstein coefficients `(I, M, J)` of sums of Chebyshev polynomials, and the rounding error of each."""
    degree = c.shape[1] - 1
    rows = []
    for n in range(degree + 1):
        now = [Fraction((-1) ** (n - i) * comb(2 * n, 2 * i), comb(n, i)) for i in range(n + 1)]
        for k in range(n, degree):  # raised by one degree at a time
            now = [
                (Fraction(i, k + 1) * now[i - 1] if i else Fraction(0))
                + (Fraction(k + 1 - i, k + 1) * now[i] if i <= k else 0)
                for i in range(k + 2)
            ]
        rows.append([float(value) for value in now])
    weights = np.array(rows)
    error = (degree + 4) * 2 * _U * np.einsum("nm,inj->imj", np.abs(weights), np.abs(c))
    return np.einsum("nm,inj->imj", weights, c), error


# -------------------------------------------------------------------------------------------------------- polynomials


def bernstein(
    knots: Floats, c: Floats, error: Floats, degree: int, cell: Any, lo: Floats, hi: Floats
) -> tuple[Floats, Floats]:
    """Bernstein coefficients on parts of knot intervals: the polar form of a spline at the ends of a part.

    Args:
        knots: `(I, K)`.
        c: Coefficients `(I, M, J)`; splines are zero outside the knots.
        error: Their errors, `(I, M, J)`.
        degree: The degree k.
        cell: The knot interval of each part, `(P,)`.
        lo: Lower ends of the parts, `(I, P)`.
        hi: Upper ends.

    Returns:
        The coefficients `(I, P, k + 1, J)`, convex combinations of k + 1 coefficients of the spline, and their error `(I, P, J)`.
    """
    k = degree
    t = np.concatenate([np.repeat(knots[:, :1], k, 1), knots, np.repeat(knots[:, -1:], k, 1)], 1)
    pad = ((0, 0), (k, k), (0, 0))
    active = np.stack([np.pad(c, pad)[:, cell + m] for m in range(k + 1)], 2)  # (I, P, k + 1, J)
    loose = np.stack([np.pad(error, pad)[:, cell + m] for m in range(k + 1)], 2).max(2)
    found = np.empty_like(active)
    for p in range(k + 1):
        values = [active[:, :, m] for m in range(k + 1)]
        for stage in range(1, k + 1):
            u = (lo if stage <= k - p else hi)[:, :, None]
            for m in range(k - stage + 1):
                first, last = t[:, cell + stage + m][:, :, None], t[:, cell + m + k + 1][:, :, None]
                with np.errstate(invalid="ignore", divide="ignore"):
                    values[m] = ((last - u) * values[m] + (u - first) * values[m + 1]) / (last - first)
        found[:, :, p] = values[0]
    size = np.abs(active).max(2)
    return found, size * ((12 * k + 12) * _U) + loose * (1 + 1e-12)


def signs(knots: Floats, c: Floats, degree: int, cell: Any) -> tuple[Floats, Floats]:
    """A floor and a ceiling `(I, P, J)` from the signs of the coefficients that are active on a knot interval: 0 or infinite."""
    wide = np.pad(c, ((0, 0), (degree, degree), (0, 0)))
    active = np.stack([wide[:, cell + m] for m in range(degree + 1)], 2)
    return np.where((active >= 0).all(2), 0.0, -np.inf), np.where((active <= 0).all(2), 0.0, np.inf)


def slopes(knots: Floats, c: Floats, error: Floats, degree: int) -> tuple[Floats, Floats]:
    """The coefficients of the derivative on the same knots, one more than before, and their error."""
    pad = ((0, 0), (1, 1), (0, 0))
    wide, loose = np.pad(c, pad), np.pad(error, pad)
    size = wide.shape[1] - 1
    span = knots[:, degree : degree + size] - knots[:, :size]
    rate = np.where(span > 0, degree / np.where(span > 0, span, 1.0), 0.0)[:, :, None]
    found = np.diff(wide, axis=1) * rate  # float64 differences have the exact sign
    return found, (loose[:, 1:] + loose[:, :-1]) * rate * (1 + 1e-12) + 8 * _U * np.abs(found)


def casteljau(coefficients: Floats, u: Floats) -> Floats:
    """Values at u in [0, 1], `(B, I)`, of Bernstein coefficients `(B, I, k + 1, J)`."""
    values = [coefficients[:, :, m] for m in range(coefficients.shape[2])]
    v = u[:, :, None]
    for stage in range(len(values) - 1, 0, -1):
        values = [values[m] + v * (values[m + 1] - values[m]) for m in range(stage)]
    return values[0]


def clamped(value: Floats, error: Floats, floor: Floats, ceiling: Floats) -> Range:
    """Values with an error, within bounds by sign."""
    return Range(np.maximum(down(value - error), floor), np.minimum(up(value + error), ceiling))
