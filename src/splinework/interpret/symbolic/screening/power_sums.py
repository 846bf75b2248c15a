"""Sums of a few products of powers of any size, `Σ_k c_k Π_i x_i^p_ki`, of columns of one sign: signomials.

Levenberg–Marquardt moves the exponents from many starts at once, and the coefficients are those of least squares for them
(variable projection; Golub & Pereyra 1973). Nothing is enumerated, so that many columns and high or fractional exponents cost no
more than others. Columns that change their sign are factors of terms, or not, as each start draws them.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import sympy

from splinework.interpret.symbolic import clock
from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.screening.problem import ScoredExpression, ScreeningProblem, rational
from splinework.interpret.symbolic.screening.surrogate import FIT_WORK

MOST_TERMS = 4
"""Most terms of a sum; with one of them more than there are, it is found as well."""
N_STARTS, N_ROWS, N_STEPS = 48, 128, 60
"""Starts of a search, rows that they are fitted to, and most steps."""
HALVED = (12, 25)
"""Steps after which the worse half of the starts is given up."""
START_EXPONENTS, START_POWERS = (-2, -1, 0, 0, 0, 1, 2), (0, 0, 1, 1, 2)
"""Exponents of the starts, and powers of columns that change their sign, which stay."""
CLOSE = 1e-7
"""Error of the starts, as a share of the spread, from which a sum is refined on all rows: approximations end before."""
LARGEST_EXPONENT, LONGEST_STEP = 12.0, 1.0
"""Bound of exponents, and of their change in one step."""
ROUNDED, DENOMINATORS = 1e-6, (1, 2, 3, 4)
"""Distance at which an exponent is a fraction with such a denominator."""


def power_sum_candidates(
    problem: ScreeningProblem, *, floor: float, deadline: float = math.inf
) -> list[ScoredExpression]:
    """The sum of fewest products of powers that is the target to rounding, if there is one.

    Args:
        problem: A problem of any number of columns.
        floor: Residual sum of squares, on the scale of the data's target, below which fits are equally good.
        deadline: Time of `clock` after which nothing is tried.
    """
    spread = problem.spread
    if not 0 < spread < math.inf or clock.now() > deadline:
        return []
    powers = _Powers.of(problem)
    if powers is None or _search(powers, MOST_TERMS) is None:
        return []
    for terms in range(1, MOST_TERMS + 1):
        found = _search(powers, terms)
        if found is not None:
            guess, error = _rounded(powers, *found)
            rss = error * spread**2 * len(problem.y)
            return [ScoredExpression(problem, guess, rss)] if rss <= floor else []
    return []


@dataclass(frozen=True)
class _Powers:
    """The columns of a problem as factors of terms.

    Attributes:
        logs: Logarithms of the sizes of columns of one sign, less their means, `(N, d)`.
        means: These means, `(d,)`.
        bases: Expressions of these columns, positive ones.
        signed: The other columns in units of their sizes, `(N, e)`.
        sizes: These sizes, `(e,)`.
        factors: Expressions of these columns.
        unit: Spread of the target.
        root: Roots of the weights, with a mean square of 1, `(N,)`.
        y: The target in units of its spread, times these roots, `(N,)`.
    """

    logs: Array
    means: Array
    bases: tuple[Any, ...]
    signed: Array
    sizes: Array
    factors: tuple[Any, ...]
    unit: float
    root: Array
    y: Array

    @classmethod
    def of(cls, problem: ScreeningProblem) -> "_Powers | None":
        """The columns of a problem; None where none has one sign."""
        x, signs = problem.columns, np.sign(problem.columns)
        one = (signs[0] != 0) & (signs == signs[0]).all(0)
        if not one.any():
            return None
        logs, signed = np.log(np.abs(x[:, one])), x[:, ~one]
        bases = tuple(e if s > 0 else -e for e, s, k in zip(problem.expressions, signs[0], one, strict=True) if k)
        factors = tuple(e for e, k in zip(problem.expressions, one, strict=True) if not k)
        means, sizes = logs.mean(0), np.abs(signed).max(0)
        root = np.sqrt(problem.weights / problem.weights.mean())
        unit = problem.spread / float(np.sqrt(problem.weights.mean()))
        y = problem.y / unit * root
        return cls(logs - means, means, bases, signed / sizes, sizes, factors, unit, root, y)

    def values(self, exponents: Array, whole: Array, rows: Any) -> Array:
        """The terms of some starts, `(starts, N, terms)`."""
        e = np.exp(np.clip(self.logs[rows] @ exponents.swapaxes(1, 2), -80, 80)) * self.root[rows, None]
        for column, power in zip(self.signed.T, whole.transpose(2, 0, 1), strict=True):
            e *= column[rows, None] ** power[:, None, :]
        return e


def _search(powers: _Powers, terms: int) -> tuple[Array, Array] | None:
    """Exponents `(terms, d)` of a sum that is nearly the target, and powers of the columns that change sign, or None."""
    random = np.random.default_rng(terms)
    n, d = powers.logs.shape
    rows = np.sort(random.permutation(n)[:N_ROWS])
    exponents = random.choice(START_EXPONENTS, size=(N_STARTS, terms, d)) + 0.1 * random.normal(
        size=(N_STARTS, terms, d)
    )
    whole = random.choice(START_POWERS, size=(N_STARTS, terms, powers.signed.shape[1]))
    close = _moved(powers, exponents, whole, rows)
    return None if close is None else _moved(powers, close[0][None], close[1][None], slice(None))


def _moved(powers: _Powers, exponents: Array, whole: Array, rows: Any) -> tuple[Array, Array] | None:
    """The start of least error after Levenberg–Marquardt, where this is small enough."""
    logs, y = powers.logs[rows], powers.y[rows]
    state = [exponents, whole, *_projected(powers.values(exponents, whole, rows), y)]
    damping = np.full(len(exponents), 1e-2)
    for step in range(N_STEPS):
        exponents, whole, e, c, left, error = state
        if error.min() < (CLOSE * 1e-3) ** 2:
            break
        slopes = ((e * c[:, None, :])[..., None] * logs[None, :, None, :]).reshape(*e.shape[:2], -1)
        jacobian = np.concatenate([slopes, e], 2)
        clock.spend(FIT_WORK * jacobian.size * jacobian.shape[2])
        moves = _solved(jacobian, left, damping)[:, : slopes.shape[2]].reshape(exponents.shape)
        moves *= np.minimum(1, LONGEST_STEP / np.maximum(np.abs(moves).max((1, 2), keepdims=True), 1e-300))
        there = np.clip(exponents + moves, -LARGEST_EXPONENT, LARGEST_EXPONENT)
        new = [there, whole, *_projected(powers.values(there, whole, rows), y)]
        better = new[5] < error
        state = [np.where(better.reshape(-1, *[1] * (a.ndim - 1)), b, a) for a, b in zip(state, new, strict=True)]
        damping = np.where(better, np.maximum(damping / 5, 1e-12), np.minimum(damping * 5, 1e6))
        if step in HALVED:
            kept = np.argsort(state[5])[: (len(damping) + 1) // 2]
            state, damping = [each[kept] for each in state], damping[kept]
    best = int(np.argmin(state[5]))
    return (state[0][best], state[1][best]) if state[5][best] < CLOSE**2 else None


def _solved(jacobian: Array, left: Array, damping: Array) -> Array:
    """Damped Gauss–Newton steps of all starts, `(starts, parameters)`, in units of the Jacobian's columns."""
    matrix = jacobian.swapaxes(1, 2) @ jacobian
    size = np.sqrt(np.einsum("smm->sm", matrix)) + 1e-300
    matrix = matrix / size[:, :, None] / size[:, None, :]
    matrix += (damping[:, None, None] + 1e-12) * np.eye(matrix.shape[1])
    right = (jacobian.swapaxes(1, 2) @ left[..., None])[..., 0] / size
    found: Array = np.linalg.solve(matrix, right[..., None])[..., 0] / size
    return found


def _projected(e: Array, y: Array) -> tuple[Array, Array, Array, Array]:
    """The terms, their coefficients by least squares, what is left, and its mean square, of all starts."""
    c = _solved(e, np.broadcast_to(y, e.shape[:2]), np.zeros(len(e)))
    left = y - (e @ c[..., None])[..., 0]
    return e, c, left, np.nan_to_num((left**2).mean(1), nan=np.inf)


def _rounded(powers: _Powers, exponents: Array, whole: Array) -> tuple[Any, float]:
    """The expression of a sum with simple exponents where they are near, and its mean squared error in units of the spread."""
    near = [
        [min((Fraction(round(p * b), b) for b in DENOMINATORS), key=lambda f: abs(f - p)) for p in t] for t in exponents
    ]
    simple = np.array(near, dtype=float)
    fitted = np.where(np.abs(simple - exponents) < ROUNDED, simple, exponents)
    e, c, _, error = _projected(powers.values(fitted[None], whole[None], slice(None)), powers.y)
    sizes = np.linalg.norm(e[0], axis=0) * np.abs(c[0])
    terms = []
    for k in np.flatnonzero(sizes > ROUNDED * sizes.max()):
        term = sympy.Float(
            c[0, k] * np.exp(-fitted[k] @ powers.means) / np.prod(powers.sizes ** whole[k]) * powers.unit
        )
        for base, p, fraction in zip(powers.bases, fitted[k], near[k], strict=True):
            term *= base ** (rational(fraction) if p == float(fraction) else sympy.Float(p))
        terms.append(term * sympy.Mul(*(f ** int(w) for f, w in zip(powers.factors, whole[k], strict=True))))
    return sympy.Add(*terms), float(error[0])
