"""Sums of a few products of powers of any size, `Σ_k c_k Π_i x_i^p_ki`, of columns of one sign, and logarithms of such sums.

Levenberg–Marquardt moves the exponents from many starts at once, and the coefficients are those of least squares for them
(variable projection; Golub & Pereyra 1973). Nothing is enumerated, so that many columns and high or fractional exponents cost no
more than others. Columns that change their sign are factors of terms, or not, as each start draws them. For `y = log(S)/q` the
sum `Σ_k c_k exp(-q y) Π_i x_i^p_ki` is 1, with an error of q times that of y, and q is one more number to move.
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

MOST_TERMS, MOST_INSIDE = 4, 3
"""Most terms of a sum, and of one in a logarithm. A plain sum is found with too many of them as well."""
N_STARTS, N_ROWS, N_STEPS = 48, 128, 160
"""Starts of a search, twice as many inside a logarithm, rows that they are fitted to, and most steps."""
WINDOW, MIN_PROGRESS = 20, 0.8
"""Steps after which the least squared error must have fallen to this share."""
MIN_ROWS_PER_NUMBER = 2
"""Rows that there are for every exponent and coefficient: many columns leave room for few terms, or for none."""
HALVED = (12, 25)
"""Steps after which the worse half of the starts is given up."""
START_EXPONENTS, START_POWERS = (-2, -1, 0, 0, 0, 1, 2), (0, 0, 1, 1, 2)
"""Exponents of the starts, and powers of columns that change their sign, which stay."""
CLOSE = 1e-7
"""Error of the starts, as a share of the spread, from which a sum is refined on all rows: approximations end before."""
START_RATES, RATES = (-4, -2, -1, -0.5, 0.5, 1, 2, 4), (0.05, 30.0)
"""Rates q of the starts, in units of the spread, and their bounds: with less it is a plain sum, with more no error counts."""
LARGEST_EXPONENT, LONGEST_STEP, RATE_STEP = 12.0, 1.0, 0.5
"""Bound of exponents, and of their change, and of the relative change of a rate, in one step."""
NEAR, DENOMINATORS, NEGLIGIBLE = (0.02, 1e-4, 1e-6), (1, 2, 3, 4), 1e-6
"""Distances at which exponents are tried as fractions with such a denominator, and the share of the largest term that is none."""


def power_sum_candidates(problem: ScreeningProblem, *, deadline: float = math.inf) -> list[ScoredExpression]:
    """The sum of fewest products of powers that is the target to seven digits, or its logarithm is, if there is one.

    Args:
        problem: A problem of any number of columns.
        deadline: Time of `clock` after which nothing is tried.
    """
    if not 0 < problem.spread < math.inf or clock.now() > deadline:
        return []
    powers = _Powers.of(problem)
    if powers is None:
        return []
    determined = min(N_ROWS, len(problem.y)) // (MIN_ROWS_PER_NUMBER * (problem.size + 1))
    for most, inside in ((min(MOST_TERMS, determined), False), (min(MOST_INSIDE, determined), True)):
        if not inside and (most == 0 or _search(powers, most, inside) is None):
            continue
        for terms in range(1 + inside, most + 1):
            found = _search(powers, terms, inside)
            if found is not None:
                return [ScoredExpression(problem, _rounded(powers, *found), 0.0)]
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
        level: Mean of the target, in units of the spread.
        root: Roots of the weights, with a mean square of 1, `(N,)`.
        y: The target in units of its spread, `(N,)`.
    """

    logs: Array
    means: Array
    bases: tuple[Any, ...]
    signed: Array
    sizes: Array
    factors: tuple[Any, ...]
    unit: float
    level: float
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
        y, level = problem.y / unit, problem.level / unit
        return cls(logs - means, means, bases, signed / sizes, sizes, factors, unit, level, root, y)

    def fit(self, exponents: Array, whole: Array, rates: Array, rows: Any) -> tuple[Array, Array, Array, Array]:
        """The terms of some starts, their coefficients, what is left, and its mean square; without a logarithm rates are 0."""
        root, y = self.root[rows], self.y[rows]
        inside = bool(rates.any())
        e = self.logs[rows] @ exponents.swapaxes(1, 2) - rates[:, None, None] * (y - self.level)[:, None]
        e = np.exp(np.clip(e, -80, 80)) * root[:, None]
        for column, power in zip(self.signed.T, whole.transpose(2, 0, 1), strict=True):
            e *= column[rows, None] ** power[:, None, :]
        wanted, size = (root, rates[:, None]) if inside else (y * root, 1.0)
        c = _solved(e, np.broadcast_to(wanted, e.shape[:2]), np.zeros(len(e)))
        left = (wanted - (e @ c[..., None])[..., 0]) / size
        return e, c, left, np.nan_to_num((left**2).mean(1), nan=np.inf)


_Found = tuple[Array, Array, float]
"""Exponents `(terms, d)`, powers of the columns that change their sign, and the rate."""


def _search(powers: _Powers, terms: int, inside: bool) -> _Found | None:
    """A sum that is nearly the target, or whose logarithm is, if there is one."""
    random = np.random.default_rng(terms)
    n, d = powers.logs.shape
    rows = np.sort(random.permutation(n)[:N_ROWS])
    starts = N_STARTS * (1 + inside)
    sizes = (starts, terms, d)
    exponents = random.choice(START_EXPONENTS, size=sizes) + 0.1 * random.normal(size=sizes)
    whole = random.choice(START_POWERS, size=(starts, terms, powers.signed.shape[1]))
    rates = random.choice(START_RATES, size=starts) * float(inside)
    close = _moved(powers, exponents, whole, rates, rows)
    if close is None:
        return None
    return _moved(powers, close[0][None], close[1][None], np.array([close[2]]), slice(None))


def _moved(powers: _Powers, exponents: Array, whole: Array, rates: Array, rows: Any) -> _Found | None:
    """The start of least error after Levenberg–Marquardt, where this is small enough."""
    logs, y, inside = powers.logs[rows], powers.y[rows] - powers.level, bool(rates.any())
    state = [exponents, whole, rates, *powers.fit(exponents, whole, rates, rows)]
    damping, before = np.full(len(exponents), 1e-2), math.inf
    for step in range(N_STEPS):
        exponents, whole, rates, e, c, left, error = state
        if step % WINDOW == 0:
            before, last = float(error.min()), before
            if before > MIN_PROGRESS * last:
                break
        if error.min() < (CLOSE * 1e-3) ** 2:
            break
        parts = e * c[:, None, :]
        jacobian = np.concatenate([(parts[..., None] * logs[None, :, None, :]).reshape(*left.shape, -1), e], 2)
        if inside:
            by_rate = left - y * parts.sum(2)
            jacobian = np.concatenate([jacobian, by_rate[..., None]], 2) / rates[:, None, None]
        clock.spend(FIT_WORK * jacobian.size * jacobian.shape[2])
        moves = _solved(jacobian, left, damping)
        turned = np.clip(moves[:, -1] * inside, -RATE_STEP * np.abs(rates), RATE_STEP * np.abs(rates))
        there = rates + turned
        there = np.sign(there) * np.clip(np.abs(there), *RATES) if inside else rates
        moves = moves[:, : exponents[0].size].reshape(exponents.shape)
        moves *= np.minimum(1, LONGEST_STEP / np.maximum(np.abs(moves).max((1, 2), keepdims=True), 1e-300))
        further = np.clip(exponents + moves, -LARGEST_EXPONENT, LARGEST_EXPONENT)
        new = [further, whole, there, *powers.fit(further, whole, there, rows)]
        better = new[-1] < error
        state = [np.where(better.reshape(-1, *[1] * (a.ndim - 1)), b, a) for a, b in zip(state, new, strict=True)]
        damping = np.where(better, np.maximum(damping / 5, 1e-12), np.minimum(damping * 5, 1e6))
        if step in HALVED:
            kept = np.argsort(state[-1])[: (len(damping) + 1) // 2]
            state, damping = [each[kept] for each in state], damping[kept]
    best = int(np.argmin(state[-1]))
    return (state[0][best], state[1][best], float(state[2][best])) if state[-1][best] < CLOSE**2 else None


def _solved(jacobian: Array, left: Array, damping: Array) -> Array:
    """Damped Gauss–Newton steps of all starts, `(starts, parameters)`, in units of the Jacobian's columns."""
    matrix = jacobian.swapaxes(1, 2) @ jacobian
    size = np.sqrt(np.einsum("smm->sm", matrix)) + 1e-300
    matrix = matrix / size[:, :, None] / size[:, None, :]
    matrix += (damping[:, None, None] + 1e-12) * np.eye(matrix.shape[1])
    right = (jacobian.swapaxes(1, 2) @ left[..., None])[..., 0] / size
    found: Array = np.linalg.solve(matrix, right[..., None])[..., 0] / size
    return found


def _rounded(powers: _Powers, exponents: Array, whole: Array, rate: float) -> Any:
    """The expression of a sum, with simple exponents where they are as good."""
    near = [
        [min((Fraction(round(p * b), b) for b in DENOMINATORS), key=lambda f: abs(f - p)) for p in t] for t in exponents
    ]
    simple = np.array(near, dtype=float)
    for tolerance in NEAR:
        fitted = np.where(np.abs(simple - exponents) < tolerance, simple, exponents)
        e, c, _, error = powers.fit(fitted[None], whole[None], np.array([rate]), slice(None))
        if error[0] < CLOSE**2:
            break
    sizes = np.linalg.norm(e[0], axis=0) * np.abs(c[0])
    unit = math.exp(rate * powers.level) if rate else powers.unit
    coefficients = unit * c[0] * np.exp(-fitted @ powers.means) / np.prod(powers.sizes**whole, axis=1)
    terms = []
    for k in np.flatnonzero(sizes > NEGLIGIBLE * sizes.max()):
        term = sympy.Float(coefficients[k])
        for base, p, fraction in zip(powers.bases, fitted[k], near[k], strict=True):
            term *= base ** (rational(fraction) if p == float(fraction) else sympy.Float(p))
        terms.append(term * sympy.Mul(*(f ** int(w) for f, w in zip(powers.factors, whole[k], strict=True))))
    total = sympy.Add(*terms)
    return sympy.Float(powers.unit / rate) * sympy.log(total) if rate else total
