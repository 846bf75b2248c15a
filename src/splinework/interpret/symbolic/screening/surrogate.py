"""Smooth surrogates of the data: polynomials of total degree, with leave-one-out error and gradient.

They show what the data depend on, and identify rows far from any smooth function as gross errors; they are never a result.

The error of a row left out is `r_n / (1 - h_n)`, h the leverage (Allen 1974).
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from splinework.interpret.symbolic import clock
from splinework.interpret.symbolic.library import Array

Exponents = NDArray[np.int_]
FIT_WORK = 2e-10
"""Units of work of a fit for each row, term and term."""

MAX_TERMS = 230
"""Maximum number of terms, for a solution in a fraction of a second."""


@dataclass(frozen=True)
class PolynomialSurrogate:
    """A polynomial in the columns, or in their logarithms.

    Attributes:
        error: Weighted root mean square of the leave-one-out errors.
        values: Values `(N,)`.
        gradient: Gradient `(N, d)` by the columns themselves.
        kind: Whether it is a function of logarithms of the columns, and for the logarithm of the target.
    """

    error: float
    values: Array
    gradient: Array
    kind: tuple[bool, bool] = (False, False)


def fit_surrogate(
    columns: Array, y: Array, weights: Array, *, terms: int = MAX_TERMS, kind: tuple[bool, bool] | None = None
) -> PolynomialSurrogate:
    """The polynomial of least leave-one-out error: of columns or their logarithms, for y or its logarithm.

    Args:
        columns: Columns `(N, d)`.
        y: Target `(N,)`.
        weights: Inverse variances of y up to a factor, `(N,)`.
        terms: Maximum number of terms.
        kind: The only kind to fit, where possible; all by default.
    """
    if columns.shape[1] == 0:
        level = float(weights @ y / weights.sum())
        error = float(np.sqrt(np.mean(weights * (y - level) ** 2)))
        return PolynomialSurrogate(error, np.full(len(y), level), np.empty((len(y), 0)))
    one_sign = y.min() > 0 or y.max() < 0
    best: _SurrogateFit | None = None
    some_logs = bool((columns.min(0) > 0).any())
    for logs in (False, True) if kind is None else (kind[0],):
        if logs and not some_logs and kind is None:
            continue
        basis = _basis(columns, logs, terms)
        for log_target in (False, True) if kind is None else (kind[1],):
            if log_target and not one_sign:
                if kind is None:
                    continue
                log_target = False
            fit = basis.fit(np.log(np.abs(y)) if log_target else y, weights * y**2 if log_target else weights)
            fit = replace(fit, kind=(logs, log_target))
            if best is None or fit.error < best.error:
                best = fit
    assert best is not None
    values, gradient = best.values, best.gradient()
    if best.kind[1]:
        values = np.sign(y[0]) * np.exp(values)
        gradient = gradient * values[:, None]
    return PolynomialSurrogate(best.error, values, gradient, best.kind)


@dataclass(frozen=True)
class ChebyshevBasis:
    """Products of Chebyshev polynomials up to a total degree, at the rows."""

    z: Array
    chain: Array
    powers: Exponents
    design: Array

    def fit(self, y: Array, weights: Array) -> "_SurrogateFit":
        """The fit of the degree with the least leave-one-out error."""
        clock.spend(FIT_WORK * self.design.size * self.design.shape[1])
        root = np.sqrt(weights)
        q, r = np.linalg.qr(self.design * root[:, None])
        drawn = q.T @ (y * root)
        errors = [error for _, error in self._errors(y * root, q, drawn)]
        best = int(np.argmin(errors))
        end = int((self.powers.sum(1) <= best).sum())
        coefficients = np.linalg.lstsq(r[:end, :end], drawn[:end], rcond=None)[0]
        return _SurrogateFit(errors[best], self, self.design[:, :end] @ coefficients, coefficients)

    def errors(self, y: Array, weights: Array) -> list[tuple[float, float]]:
        """Residual sum of squares and leave-one-out error of the fit of every degree, from 0 on."""
        root = np.sqrt(weights)
        q = np.linalg.qr(self.design * root[:, None])[0]
        return list(self._errors(y * root, q, q.T @ (y * root)))

    def _errors(self, left: Array, q: Array, drawn: Array) -> Iterator[tuple[float, float]]:
        totals, leverage, start = self.powers.sum(1), np.zeros(len(left)), 0
        for total in range(int(totals[-1]) + 1):
            stop = int((totals <= total).sum())
            left = left - q[:, start:stop] @ drawn[start:stop]
            leverage = leverage + (q[:, start:stop] ** 2).sum(1)
            start = stop
            yield float(left @ left), float(np.sqrt(np.mean((left / np.maximum(1 - leverage, 1e-3)) ** 2)))


@dataclass(frozen=True)
class _SurrogateFit:
    error: float
    basis: ChebyshevBasis
    values: Array
    coefficients: Array
    kind: tuple[bool, bool] = (False, False)

    def gradient(self) -> Array:
        """Gradient by the columns, `(N, d)`."""
        basis = self.basis
        powers = basis.powers[: len(self.coefficients)]
        value, slope = _chebyshev(basis.z, int(powers.max(initial=0)))
        out = np.empty_like(basis.z)
        for i in range(basis.z.shape[1]):
            own = np.flatnonzero(powers[:, i])  # of hundreds of columns most terms have few
            design = slope[i][:, powers[own, i]]
            for k in np.flatnonzero(powers[own].any(0)):
                if k != i:
                    design *= value[k][:, powers[own, k]]
            out[:, i] = design @ self.coefficients[own]
        return out * basis.chain


def _basis(columns: Array, logarithmic: bool, terms: int) -> ChebyshevBasis:
    n, d = columns.shape
    logs = (columns.min(0) > 0) if logarithmic else np.zeros(d, bool)
    return chebyshev_basis(columns, _degree(d, min(0.3 * n, terms)), logs)


def chebyshev_basis(columns: Array, degree: int, logs: Array | None = None) -> ChebyshevBasis:
    """The basis of all products up to a total degree, of the columns or, where `logs (d,)` says so, of their logarithms."""
    n, d = columns.shape
    logs = np.zeros(d, bool) if logs is None else logs
    flat = np.where(logs, np.log(np.where(logs, columns, 1.0)), columns)
    low, high = flat.min(0), flat.max(0)
    span = np.where(high > low, high - low, 1.0)
    z = 2 * (flat - low) / span - 1
    powers = exponents_up_to(d, degree)
    value, _ = _chebyshev(z, degree)
    design = np.ones((n, len(powers)))
    for k in range(d):
        design *= value[k][:, powers[:, k]]
    return ChebyshevBasis(z, 2 / span / np.where(logs, columns, 1.0), powers, design)


def _degree(d: int, most: float) -> int:
    degree = 1
    while degree < 60 and math.comb(d + degree + 1, d) <= most:
        degree += 1
    return degree


@lru_cache(maxsize=64)
def exponents_up_to(d: int, degree: int) -> Exponents:
    """Exponents of all products up to a total degree, ordered by it, `(terms, d)`."""
    layer = {(0,) * d}
    found = sorted(layer)
    for _ in range(degree):
        layer = {(*p[:i], p[i] + 1, *p[i + 1 :]) for p in layer for i in range(d)}
        found += sorted(layer)
    return np.array(found, dtype=int).reshape(-1, d)


def _chebyshev(z: Array, degree: int) -> tuple[list[Array], list[Array]]:
    """Values and derivatives of T_0 … T_degree at every column: two lists of `(N, degree + 1)`."""
    values, slopes = [], []
    for column in z.T:
        t = np.empty((len(column), degree + 1))
        s = np.zeros_like(t)
        t[:, 0] = 1.0
        if degree >= 1:
            t[:, 1], s[:, 1] = column, 1.0
        for k in range(2, degree + 1):
            t[:, k] = 2 * column * t[:, k - 1] - t[:, k - 2]
            s[:, k] = 2 * t[:, k - 1] + 2 * column * s[:, k - 1] - s[:, k - 2]
        values.append(t)
        slopes.append(s)
    return values, slopes


MAX_ROBUST_DISTANCE = 6.0
"""Robust standard deviations from the surrogate beyond which a row is an outlier."""
MAX_OUTLIER_SHARE = 0.15
"""Maximum share of outliers."""
MAX_ERROR_RATIO = 0.3
"""Ratio to which the error must fall without the outliers; otherwise they are the tail of the noise."""
MAX_Z_SCORE = 4.5
"""Standard errors by which the ranks of gross errors in a column may differ from those of all rows: one in 10⁵ by chance."""
MIN_GROSS_ERROR = 1e-5
"""Minimum size of a gross error relative to the interquartile range."""
TERM_COUNTS = (30, 60, 120, 300)
"""Numbers of terms of successive surrogates: stiff ones resist the errors, flexible ones separate them."""
NO_LOGARITHMS = (False, False)
"""No logarithms, since that of the target would favour the large errors."""


def inliers(columns: Array, y: Array, weights: Array) -> Array | None:
    """Mask of the rows without gross errors, `(N,)`; None where there are no gross errors.

    Iterated hard rejection: rows beyond `MAX_ROBUST_DISTANCE` robust standard deviations (1.4826 times the median distance; Huber
    1981) are rejected, at most the share `MAX_OUTLIER_SHARE` at a time, by surrogates of growing flexibility.

    Args:
        columns: Columns `(N, d)`.
        y: Target `(N,)`.
        weights: Weights of the squared errors, `(N,)`.
    """
    kept = np.ones(len(y), bool)
    spread = float(np.subtract(*np.quantile(y * np.sqrt(weights), [0.75, 0.25])))
    first = error = fit_surrogate(columns, y, weights, kind=NO_LOGARITHMS).error
    for terms in TERM_COUNTS:
        for _ in range(3):
            counts = np.where(kept, weights, 1e-20 * weights.mean())
            surrogate = fit_surrogate(columns, y, counts, terms=terms, kind=NO_LOGARITHMS)
            distance = np.abs(y - surrogate.values) * np.sqrt(weights)
            typical = 1.4826 * float(np.median(distance[kept]))
            error = surrogate.error
            far = distance > MAX_ROBUST_DISTANCE * max(typical, MIN_GROSS_ERROR * spread)
            if far.sum() > MAX_OUTLIER_SHARE * len(y):  # too stiff, or biased by the errors: reject only the worst
                far = distance >= np.quantile(distance, 1 - MAX_OUTLIER_SHARE)
            settled = bool((far == ~kept).all())
            kept = ~far
            if settled:
                break
    gone = int((~kept).sum())
    few = 0 < gone <= MAX_OUTLIER_SHARE * len(y) + 1 and error < MAX_ERROR_RATIO * first
    return kept if few and not _follow_columns(~kept, columns) else None


def _follow_columns(gone: NDArray[np.bool_], columns: Array) -> bool:
    """Whether some rows lie at one end, or at both, of a column: errors come anywhere, what a law is steep at does not.

    By the mean rank of the rows among all, and of its distance from the middle (Mann & Whitney 1947).
    """
    n, few = len(gone), int(gone.sum())
    ranks = (columns.argsort(0).argsort(0) + 0.5) / n - 0.5
    places = np.hstack([ranks, 2 * np.abs(ranks) - 0.5])  # evenly from -1/2 to 1/2, of variance 1/12
    z = places[gone].mean(0) * np.sqrt(12 * few * n / (n - few))
    return bool(np.abs(z).max() > MAX_Z_SCORE)
