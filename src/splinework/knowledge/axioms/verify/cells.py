"""The edges of a layer as polynomials on cells, each with a proven error: B-splines exactly, other functions by interpolation.

On a cell from s to e an edge's r-th derivative is a polynomial in `v = (x - s)/(e - s) - 1/2`. B-splines give it by their
polar form (Ramshaw 1989): the Bernstein coefficients of a cell are convex combinations of the spline's own coefficients, so
the rounding error of each is at most `γ_n max|c|`. A base function or a smooth basis is interpolated at 8 Chebyshev points;
its error is at most `2 (h/4)⁸ max|f⁽⁸⁺ʳ⁾| / 8!`. Tails are polynomials of degree 1 or 0 without an end.
"""

from dataclasses import dataclass
from functools import lru_cache
from math import comb
from typing import Final, Literal

import numpy as np

from splinework.formula.intervals import Floats, gamma

MAX_ORDER: Final = 2
"""The highest order of derivatives that is enclosed."""


@dataclass(frozen=True)
class Polynomials:
    """The r-th derivative of all edges of a layer, cell by cell.

    Attributes:
        powers: Coefficients of `v^p`, `(I, C, D + 1, J)`.
        error: Bound of the difference to the exact function, `(I, C, J)`.
    """

    powers: Floats
    error: Floats


@dataclass(frozen=True)
class Cells:
    """The cells of all inputs.

    Attributes:
        bounds: `(I, C + 1)`, non-decreasing; cell c is `bounds[c] <= x < bounds[c+1]`. The first and last may be infinite.
        origin: s of every cell, `(I, C)`.
        width: e - s, `(I, C)`; 1 for a tail.
        offset: 1/2 for a cell, 0 for a tail.
        reach: The largest `|v|` in each cell, `(I, C)`.
    """

    bounds: Floats
    origin: Floats
    width: Floats
    offset: Floats
    reach: Floats

    def local(self, x: Floats, cell: np.ndarray) -> Floats:
        """Local coordinates v at points `(B, I)` of the cells `(B, I)`."""
        rows = np.arange(cell.shape[1])
        local: Floats = (x - self.origin[rows, cell]) / self.width[rows, cell] - self.offset[rows, cell]
        return local

    def find(self, x: Floats, side: Literal["left", "right"] = "right") -> np.ndarray:
        """The cell of every point: `(B, I)`; of a bound, that on a side."""
        last = self.bounds.shape[1] - 2
        found = np.empty(x.shape, dtype=np.intp)
        for i in range(x.shape[1]):
            found[:, i] = np.searchsorted(self.bounds[i, 1:-1], x[:, i], side=side)
        return np.clip(found, 0, last)


@lru_cache(maxsize=64)
def to_powers(degree: int) -> Floats:
    """The matrix `(D + 1, D + 1)` from Bernstein coefficients on [-1/2, 1/2] to powers of v; its entries are exact."""
    matrix = np.zeros((degree + 1, degree + 1))
    half_down, half_up = np.array([0.5, -1.0]), np.array([0.5, 1.0])  # 1/2 - v and 1/2 + v
    for i in range(degree + 1):
        poly = np.array([float(comb(degree, i))])
        for factor in [half_up] * i + [half_down] * (degree - i):
            poly = np.convolve(poly, factor)
        matrix[:, i] = poly
    return matrix


@lru_cache(maxsize=1024)
def to_bernstein(degree: int, low: float, high: float) -> Floats:
    """The matrix from powers of v to Bernstein coefficients on [low, high]."""
    matrix = np.zeros((degree + 1, degree + 1))
    for p in range(degree + 1):
        # (low + (high - low) s)^p = Σ_q C(p, q) low^(p-q) (high - low)^q s^q; b_i = Σ_q C(i, q)/C(D, q) coefficient_q
        for q in range(p + 1):
            part = comb(p, q) * low ** (p - q) * (high - low) ** q
            for i in range(q, degree + 1):
                matrix[i, p] += part * comb(i, q) / comb(degree, q)
    return matrix


def derivative_splines(knots: Floats, c: Floats, degree: int) -> list[tuple[Floats, Floats, int]]:
    """Coefficients, their errors and degree of a spline and its derivatives, on the same knots.

    `c'_m = k (c_m - c_{m-1}) / (t_{m+k} - t_m)` with zeros beyond both ends (de Boor 1978, ch. X).

    Args:
        knots: `(I, K)`.
        c: `(I, M, J)`, K = M + k + 1.
        degree: k.
    """
    error = np.zeros_like(c)
    found = [(c, error, degree)]
    for k in range(degree, max(degree - MAX_ORDER - 1, 0), -1):
        rim = np.zeros((c.shape[0], 1, c.shape[2]))
        wide, loose = np.concatenate([rim, c, rim], 1), np.concatenate([rim, error, rim], 1)
        size = wide.shape[1] - 1
        span = knots[:, k : k + size] - knots[:, :size]
        rate = np.where(span > 0, k / np.where(span > 0, span, 1.0), 0.0)[:, :, None]
        c = np.diff(wide, axis=1) * rate
        error = (loose[:, 1:] + loose[:, :-1]) * rate * (1 + gamma(8)) + gamma(6) * np.abs(c)
        found.append((c, error, k - 1))
    return found


def polar(
    knots: Floats, c: Floats, error: Floats, degree: int, index: np.ndarray, ends: tuple[Floats, Floats]
) -> tuple[Floats, Floats]:
    """Bernstein coefficients `(I, C, k + 1, J)` on cells, each within one knot interval, and their error `(I, C, J)`.

    Args:
        knots: `(I, K)`.
        c: `(I, M, J)`; coefficients that do not exist are zero.
        error: Bounds of the errors of c, of the same shape.
        degree: k.
        index: Number of the knot interval of every cell, `(I, C)`.
        ends: s and e of every cell, `(I, C)` each.
    """
    k = degree
    t = np.concatenate([np.repeat(knots[:, :1], k, 1), knots, np.repeat(knots[:, -1:], k, 1)], 1)
    pad = np.zeros((c.shape[0], k, c.shape[2]))
    wide, loose = np.concatenate([pad, c, pad], 1), np.concatenate([pad, error, pad], 1)
    rows = np.arange(c.shape[0])[:, None, None]
    active = index[:, :, None] + np.arange(k + 1)  # c_{index-k} … c_{index}, moved by the padding
    chosen = wide[rows, active]
    bound = np.abs(chosen).max(2) * gamma(8 * k + 8) + loose[rows, active].max(2) * (1 + gamma(8 * k + 8))
    found = []
    for p in range(k + 1):
        d = chosen
        for stage in range(1, k + 1):
            u = (ends[0] if stage <= k - p else ends[1])[:, :, None]
            m = np.arange(stage, k + 1)
            start, stop = t[rows, index[:, :, None] + m], t[rows, index[:, :, None] + m + k + 1 - stage]
            span = np.where(stop > start, stop - start, 1.0)
            high, low = (u - start) / span, (stop - u) / span
            d = low[..., None] * d[:, :, :-1] + high[..., None] * d[:, :, 1:]
        found.append(d[:, :, 0])
    return np.stack(found, 2), bound


def powers_of(bernstein: Floats, error: Floats) -> Polynomials:
    """Polynomials in v from Bernstein coefficients on the cells."""
    degree = bernstein.shape[2] - 1
    matrix = to_powers(degree)
    powers = np.einsum("pb,icbj->icpj", matrix, bernstein)
    halves = 0.5 ** np.arange(degree + 1)
    rounding = gamma(degree + 4) * np.einsum("b,icbj->icj", halves @ np.abs(matrix), np.abs(bernstein))
    return Polynomials(powers, error + rounding)


def padded(powers: Floats, degree: int) -> Floats:
    """Zeros for the powers up to `degree`."""
    more = degree + 1 - powers.shape[2]
    if more <= 0:
        return powers
    return np.concatenate([powers, np.zeros((*powers.shape[:2], more, powers.shape[3]))], 2)


def evaluation_error(powers: Floats, cells: Cells) -> Floats:
    """Bound of the rounding errors of Horner's rule and of v, `(I, C, J)`."""
    degree = powers.shape[2] - 1
    size = np.abs(powers)
    reach = cells.reach[:, :, None]
    value, slope = size[:, :, degree], np.zeros_like(size[:, :, 0])
    with np.errstate(invalid="ignore", over="ignore"):
        for p in range(degree - 1, -1, -1):
            slope = _product(slope, reach) + value
            value = _product(value, reach) + size[:, :, p]
        wobble = gamma(6) * np.maximum(1.0, reach)
        where = gamma(8) * (np.abs(cells.origin) + cells.width)[:, :, None] / cells.width[:, :, None]
        # Horner, v, and a critical point that rounding places on the wrong side of an end.
        return gamma(2 * degree + 6) * value + _product(slope, wobble) + _product(slope, where)


def _product(a: Floats, b: Floats) -> Floats:
    """The product, 0 if the first factor is: a polynomial of degree 0 has no error far away."""
    return np.where(a == 0, 0.0, a * b)
