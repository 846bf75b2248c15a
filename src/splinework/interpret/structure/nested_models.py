"""Smooth models with a structure, fitted to rows, and the test of such a model against one that need not have it.

A model is a linear one at its optimum: its columns are the derivatives of its values by its coefficients (of a linear model, the
design itself). Whether the structure holds is a test of lack of fit: polynomials of all inputs are added to these columns, and
must neither lower the residual sum of squares by more than chance does (an F test; for nonlinear models the score test) nor the
leave-one-out errors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from scipy.special import fdtrc, stdtr

from splinework.interpret.structure.fields import Array
from splinework.interpret.structure.findings import Evidence
from splinework.interpret.symbolic.residuals import MAX_PROCESS_ROWS, MAX_TUNING_ROWS, left_out_errors
from splinework.interpret.symbolic.screening.surrogate import chebyshev_basis, exponents_up_to

MAX_TERMS_SHARE: Final = 0.25
"""Terms of a model per row."""
MAX_TERMS: Final = 260
MAX_ALTERNATIVE_DEGREE: Final = 8
MAX_ALTERNATIVE_SHARE: Final = 0.15
"""Terms of the polynomials that a structure is tested against, per row."""
MIN_NEW_SHARE: Final = 1e-6
"""Part of a polynomial outside of a model from which it is a term more."""
MIN_FREE_SHARE: Final = 0.3
"""Rows that must be left to judge the noise by."""
MAX_SCORE_SHARE: Final = 0.06
"""Terms per row up to which their covariance is estimated from the residuals themselves."""
ROUNDING: Final = 1e-9
"""Relative residual below which a structure holds as well as numbers do."""
TUNING_ROWS_PER_COLUMN: Final = 125
"""Rows per column by which the length scales of a process are chosen: of eight columns 250 in all did not see what 1000 see."""
MISSED_LEVEL: Final = 0.01
"""Probability that errors of a process are as much smaller by chance."""
PATIENCE: Final = 2
"""Successive larger models without a lower leave-one-out error after which the search ends."""


@dataclass(frozen=True)
class Problem:
    """Rows with a target of spread 1.

    Attributes:
        x: Inputs `(N, d)`.
        y: Target `(N,)`, centred.
        root: Square roots of the rows' weights `(N,)`.
        centre: The mean that was taken off, in units of the spread.
    """

    x: Array
    y: Array
    root: Array
    centre: float = 0.0

    @staticmethod
    def of(x: Array, y: Array, root: Array | None = None) -> Problem:
        """The problem with its target centred and of spread 1, weights of mean 1."""
        root = np.ones(len(y)) if root is None else root / np.sqrt(np.mean(root**2))
        centre = float(np.average(y, weights=root**2))
        spread = float(np.sqrt(np.average((y - centre) ** 2, weights=root**2))) or 1.0
        return Problem(x, (y - centre) / spread, root, centre / spread)

    @property
    def most(self) -> int:
        """Most terms of a model."""
        return int(min(MAX_TERMS_SHARE * len(self.y), MAX_TERMS))

    @cached_property
    def logs(self) -> Array:
        """Columns that are positive and span a factor, `(d,)`."""
        return logarithmic(self.x)

    @cached_property
    def unstructured(self) -> StructuredFit:
        """The best polynomial of all inputs."""
        fit = linear_fit(self, self.x)
        assert fit is not None
        return fit

    @property
    def some(self) -> slice:
        """The rows that a Gaussian process learns from."""
        return slice(None, None, max(-(-len(self.y) // MAX_PROCESS_ROWS), 1))

    @cached_property
    def process(self) -> Array:
        """Weighted residual of each of these rows under a Gaussian process without it."""
        tuned = max(MAX_TUNING_ROWS, TUNING_ROWS_PER_COLUMN * self.x.shape[1])
        return self.root[self.some] * left_out_errors(self.x[self.some], self.y[self.some], tuned)

    def missed(self, fit: StructuredFit) -> float:
        """Share of the spread that a model misses and the process predicts; none where that is chance."""
        noise = (fit.left / np.sqrt(fit.free))[self.some]
        if paired(noise, self.process) >= MISSED_LEVEL:
            return 0.0
        return math.sqrt(max(float(np.mean(noise**2 - self.process**2)), 0.0))

    @cached_property
    def alternatives(self) -> tuple[Array, Array]:
        """Polynomials of all inputs, weighted and of length 1, by growing degree `(N, terms)`, and their degrees."""
        degree = 2
        while degree < MAX_ALTERNATIVE_DEGREE:
            if math.comb(self.x.shape[1] + degree + 1, degree + 1) > MAX_ALTERNATIVE_SHARE * len(self.y):
                break
            degree += 1
        basis = chebyshev_basis(self.x, degree, self.logs)
        design = basis.design * self.root[:, None]
        return design / np.linalg.norm(design, axis=0), basis.powers.sum(1)


def logarithmic(x: Array) -> Array:
    """The columns that are positive and span a factor of three."""
    return np.asarray((x.min(0) > 0) & (x.max(0) > 3 * x.min(0)))


@dataclass(frozen=True)
class StructuredFit:
    """A fitted model.

    Attributes:
        columns: Orthonormal basis of its weighted columns `(N, p)`.
        left: Weighted residuals `(N,)`.
        values: Values, of the model or of a part of it, by name.
    """

    columns: Array
    left: Array
    values: dict[str, Array]

    @cached_property
    def free(self) -> Array:
        """One less the leverage of every row: the share of its variance that is left of noise."""
        return np.asarray(np.maximum(1 - (self.columns**2).sum(1), 1e-2))

    @cached_property
    def left_out(self) -> Array:
        """Residual of every row under the model without it, to first order."""
        return np.asarray(self.left / self.free)

    @property
    def error(self) -> float:
        """Root mean square of the leave-one-out residuals."""
        return float(np.sqrt(np.mean(self.left_out**2)))


def evidence(problem: Problem, fit: StructuredFit | None, level: float, tolerance: float) -> Evidence:
    """The test of a structured model against polynomials of all inputs."""
    if fit is None:
        return Evidence(1.0, 0.0, 0.0, False)
    n, p = fit.columns.shape
    left, before = fit.left - fit.columns @ (fit.columns.T @ fit.left), fit.left_out
    total = float(left @ left)
    if total <= ROUNDING**2 * n:
        return Evidence(0.0, 0.0, 1.0, True)
    design, degrees = problem.alternatives
    extra = design - fit.columns @ (fit.columns.T @ design)
    extra -= fit.columns @ (fit.columns.T @ extra)
    q, r = np.linalg.qr(extra)
    new = np.abs(r.diagonal()) > MIN_NEW_SHARE
    q, degrees = q[:, new], degrees[new]
    gains, leverage = (q.T @ left) ** 2, (fit.columns**2).sum(1)
    best, effect, tried = 1.0, 0.0, 0
    for degree in sorted(set(degrees.tolist())):
        part = q[:, degrees <= degree]
        count, free = part.shape[1], n - p - part.shape[1]
        if free < MIN_FREE_SHARE * n:
            break
        tried += 1
        gain = float(gains[degrees <= degree].sum())
        rest = max(total - gain, 1e-300)
        after = (left - part @ (part.T @ left)) / np.maximum(1 - leverage - (part**2).sum(1), 1e-2)
        p_value = max(float(fdtrc(count, free, gain / count / (rest / free))), _by_chance(part, before, after))
        if p_value <= best:
            best, effect = p_value, float(np.sqrt(max(gain - count * rest / free, 0.0) / n))
    p_value = min(1.0, best * max(tried, 1))
    error = float(np.sqrt(total / max(n - p, 1) / n))
    return Evidence(effect, error, p_value, p_value >= level or effect <= tolerance)


def _by_chance(extra: Array, before: Array, after: Array) -> float:
    """The p-value of further terms where residuals are no white noise, but what is left of a smooth function.

    The score test with a covariance that is consistent whatever the variances are (White 1980, with the leave-one-out residuals
    of MacKinnon & White 1985), and paired t tests of the squares and of the logarithms of leave-one-out residuals.

    Args:
        extra: The terms, orthonormal and orthogonal to the model, `(N, q)`.
        before: Leave-one-out residuals `(N,)` without them.
        after: The same with them.
    """
    n, count = extra.shape
    p_values = [paired(before, after), paired(np.log(np.abs(before) + 1e-300), np.log(np.abs(after) + 1e-300), power=1)]
    if count <= MAX_SCORE_SHARE * n:
        rows = extra * before[:, None]
        total = rows.sum(0)
        score = float(total @ np.linalg.lstsq(rows.T @ rows, total, rcond=1e-10)[0])
        p_values.append(float(fdtrc(count, n - count, score / count)))
    return min(1.0, len(p_values) * min(p_values))


def paired(before: Array, after: Array, power: int = 2) -> float:
    """The p-value of the paired t test against errors that are larger before than after."""
    gap = before**power - after**power
    score = float(gap.mean() / (gap.std() / np.sqrt(len(gap)) + 1e-300))
    return float(stdtr(len(gap) - 1, -score))


def best_fit(trials: Iterator[StructuredFit | None], least: int = 0) -> StructuredFit | None:
    """The model of least leave-one-out error among ever larger ones; the search ends where it does not fall any more.

    Args:
        trials: The models.
        least: Number of the first that is large enough to have whatever of its structure the alternatives have; a smaller one
            is taken only where there are none as large.
    """
    best: StructuredFit | None = None
    waited = 0
    for number, fit in enumerate(trials):
        if fit is None:
            continue
        if best is None or number <= least or fit.error < best.error:
            best, waited = fit, 0
        else:
            waited += 1
            if waited > PATIENCE:
                break
    return best


def linear_fit(
    problem: Problem, x: Array, keep: Callable[[Array], Array] | None = None, factor: Array | None = None
) -> StructuredFit | None:
    """Least squares on products of Chebyshev polynomials of columns, and of logarithms of columns where these are better.

    Args:
        problem: The rows.
        x: Columns `(N, m)`, in place of the problem's inputs.
        keep: The exponents `(terms, m)` to a mask of the terms that the structure admits; all by default.
        factor: Values `(N,)` that all terms are multiplied by.
    """
    scales = [np.zeros(x.shape[1], bool)]
    if (logs := logarithmic(x)).any():
        scales.append(logs)
    fits = (best_fit(_degrees(problem, x, logs, keep, factor), problem.alternatives[1].max() - 1) for logs in scales)
    return min((fit for fit in fits if fit is not None), key=lambda fit: fit.error, default=None)


def _degrees(
    problem: Problem, x: Array, logs: Array, keep: Callable[[Array], Array] | None, factor: Array | None
) -> Iterator[StructuredFit | None]:
    """Fits of degree 1, 2, …, by one triangular factor."""
    degree = 1
    while degree < 40 and admitted(x.shape[1], degree + 1, keep).sum() <= problem.most:
        degree += 1
    mask = admitted(x.shape[1], degree, keep)
    design = terms(x, degree, logs, mask) * (1.0 if factor is None else factor[:, None])
    totals = exponents_up_to(x.shape[1], degree)[mask].sum(1)
    q = np.linalg.qr(design * problem.root[:, None])[0]
    target = problem.y * problem.root
    for total in range(1, degree + 1):
        part = q[:, : int((totals <= total).sum())]
        left = target - part @ (part.T @ target)
        yield StructuredFit(part, left, {"values": problem.y - left / problem.root})


def admitted(columns: int, degree: int, keep: Callable[[Array], Array] | None) -> Array:
    """The mask of the terms up to a total degree that a structure admits."""
    powers = exponents_up_to(columns, degree)
    return np.ones(len(powers), bool) if keep is None else np.asarray(keep(powers.astype(float)))


def terms(x: Array, degree: int, logs: Array, mask: Array) -> Array:
    """Products of Chebyshev polynomials at the rows, `(N, terms)`."""
    return np.asarray(chebyshev_basis(x, degree, logs).design[:, mask])


def factor_terms(x: Array, columns: Sequence[int], degree: int, logs: Array) -> Array:
    """Terms of a function of some columns up to a total degree, the constant first."""
    return np.asarray(chebyshev_basis(x[:, list(columns)], degree, logs[list(columns)]).design)


def without_others(problem: Problem, own: Sequence[int], others: Sequence[int]) -> Array:
    """The target less the others' part in a sum of a function of some columns and one of the others, `(N,)`."""
    best = np.inf, problem.y
    for degree in range(1, 40):
        one = factor_terms(problem.x, own, degree, problem.logs)
        two = factor_terms(problem.x, others, degree, problem.logs)[:, 1:]
        if one.shape[1] + two.shape[1] > problem.most:
            break
        design = np.hstack([one, two]) * problem.root[:, None]
        q, r = np.linalg.qr(design)
        drawn = q.T @ (problem.y * problem.root)
        c = np.linalg.lstsq(r, drawn, rcond=1e-12)[0]
        fit = StructuredFit(q, problem.y * problem.root - q @ drawn, {})
        if fit.error < best[0]:
            best = fit.error, problem.y - two @ c[one.shape[1] :]
    return np.asarray(best[1])
