"""Ranges of pieces of edges from the values at their ends, and coefficients of splines in other forms."""

import math
from fractions import Fraction
from typing import Any

import numpy as np

from splinework.knowledge.axioms.checker.ranges import Floats, Range, down, exact, up


def widen(lo: Floats, hi: Floats, levels: tuple[list[Floats], list[Floats]], first: Any, last: Any) -> None:
    """Widens ranges by those of the parts from a first to a last one, if there are any."""
    count = last - first + 1
    level = np.log2(np.maximum(count, 1)).astype(np.intp)
    for number, (low, high) in enumerate(zip(*levels, strict=True)):
        at, i = np.nonzero((level == number) & (count > 0))
        for part in (first[at, i], last[at, i] + 1 - 2**number):
            lo[at, i] = np.minimum(lo[at, i], low[i, part])
            hi[at, i] = np.maximum(hi[at, i], high[i, part])


def range_of(row: Floats) -> Range:
    """The range of a part `(B, I, J)`, from its row in the table."""
    return Range(row[:, :, 0], row[:, :, 1])


def between(ends: Range, row: Floats, width: Floats) -> Range:
    """The range between the ends of a piece, widened by how far the function leaves it, within that of its part.

    It leaves its chord by curvature times the squared width at most, and its values at the ends by the slope that is against
    the others: nowhere if it has one sign.
    """
    own, (below, above, back) = range_of(row), (row[:, :, k] for k in (6, 7, 8))
    width = np.where(width > 0, width, 0.0) * (1 + 4e-14)
    with np.errstate(invalid="ignore", over="ignore"):
        turned = np.where(back == 0, 0.0, back * width)
        lo = ends.lo - np.where(below == 0, 0.0, np.fmin(below * width * width, turned))
        hi = ends.hi + np.where(above == 0, 0.0, np.fmin(above * width * width, turned))
    lo, hi = (np.where(np.isnan(end), side, end) for end, side in ((down(lo), -np.inf), (up(hi), np.inf)))
    return Range(np.maximum(lo, own.lo), np.minimum(hi, own.hi))


def derivative_coefficients(knots: Floats, c: Range, degree: int) -> Range:
    """The coefficients of the derivative of splines on the same knots, one more than before."""
    wide = Range(*(np.pad(end, ((0, 0), (1, 1), (0, 0))) for end in (c.lo, c.hi)))
    size = wide.lo.shape[1] - 1
    low, high = knots[:, :size, None], knots[:, degree : degree + size, None]
    rate = exact(float(degree)) * (exact(np.where(high > low, high, low + 1)) - exact(low)).inverse()
    return (wide[:, 1:] - wide[:, :-1]) * rate * exact(np.where(high > low, 1.0, 0.0))


def from_chebyshev(c: Floats) -> Range:
    """Bernstein coefficients `(I, M, J)` of sums of Chebyshev polynomials."""
    degree, total = c.shape[1] - 1, exact(np.zeros_like(c))
    for n in range(degree + 1):
        row = [Fraction((-1) ** (n - i) * math.comb(2 * n, 2 * i), math.comb(n, i)) for i in range(n + 1)]
        for k in range(n, degree):  # raised by one degree at a time
            row = [
                Fraction(i, k + 1) * row[max(i - 1, 0)] + Fraction(k + 1 - i, k + 1) * row[min(i, k)]
                for i in range(k + 2)
            ]
        value = np.array([float(each) for each in row])[:, None]
        total = total + Range(np.nextafter(value, -np.inf), np.nextafter(value, np.inf)) * exact(c[:, None, n])
    return total
