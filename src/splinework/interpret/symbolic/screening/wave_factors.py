"""Waves that a curve is a product with: it vanishes where they do, at equally spaced places, and without them turns less often.

What is left is judged by the errors of polynomials of every degree that stand in for it. Without a factor of the law they fall
earlier than without a polynomial that has the same zeros; what is no factor leaves poles beyond the range, so that they fall no
earlier (Trefethen, Approximation Theory and Approximation Practice, chapter 8). The method is our own; no paper describes it.
"""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import sympy
from numpy.polynomial import chebyshev

from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.screening.problem import ScreeningProblem

MAX_DEGREE, EXACT = 60, 1e-10
"""Highest degree of the polynomials, and the error relative to the target below which degrees do not count."""
MIN_ZEROS, MAX_FACTORS = 3, 4
"""Equally spaced zeros that make a wave, and most factors that are taken out one after the other."""
NEAR = 1e-4
"""Distance, as a share of half the range, up to which a zero is where a wave has one."""
POWERS = (-2.0, -1.0, -0.5, 0.5, 1.0, 2.0, 3.0)
"""Powers of the column that may be factors."""
RATES = np.linspace(-6, 6, 25)
"""Exponents of an exponential at the end of the range, from which the best is sought."""
DEGREE = math.log(1 / EXACT)
"""What a degree less gains."""


def without_wave_factors(problem: ScreeningProblem) -> tuple[ScreeningProblem, ...]:
    """The problem divided by the waves that are its factors and by powers of the column beside them, if any; also by an exponential.

    Args:
        problem: A problem of one column, without noise.
    """
    column = problem.columns[:, 0]
    if len(column) < 4 * MAX_DEGREE or not np.ptp(column) > 0:
        return ()
    curve = _Curve(problem)
    product, least = np.ones_like(column), curve.slowness(np.ones_like(column))
    taken: list[Any] = []
    for kind in (curve.waves, curve.powers):
        for _ in range(MAX_FACTORS):
            trials = [(curve.slowness(product * values), n, values, made) for n, (values, made) in enumerate(kind(product))]
            best = min(trials, key=lambda trial: trial[:2], default=None)
            if best is None or best[0] > least - DEGREE:
                break
            least, product = best[0], product * best[2]
            taken.append(best[3])
        if not taken:
            return ()
    values, made = curve.exponential(product)
    without = problem.divided(product, sympy.Mul(*taken))
    return (problem.divided(product * values, sympy.Mul(*taken, made)), without)


class _Curve:
    """The target of one column, and polynomials that stand in for it."""

    def __init__(self, problem: ScreeningProblem) -> None:
        self.column, self.expression = problem.columns[:, 0], problem.expressions[0]
        self.middle, self.half = (self.column.max() + self.column.min()) / 2, np.ptp(self.column) / 2
        self.root = np.sqrt(problem.weights)
        self.basis = chebyshev.chebvander((self.column - self.middle) / self.half, MAX_DEGREE) * self.root[:, None]
        self.target = problem.y * self.root

    def slowness(self, factor: Array) -> float:
        """The sum of the logarithms of the errors that polynomials of all degrees leave beside a factor, above an exact one."""
        with np.errstate(all="ignore"):
            basis = self.basis * factor[:, None]
        if not np.isfinite(basis).all():
            return math.inf
        directions = np.linalg.qr(basis)[0]
        along = directions.T @ self.target
        rest = float(((self.target - directions @ along) ** 2).sum()) + np.append(np.cumsum(along[::-1] ** 2)[::-1], 0)
        relative = np.sqrt(rest / float(self.target @ self.target))
        return float(np.log(np.maximum(relative, EXACT) / EXACT).sum())

    def zeros(self, factor: Array) -> Array:
        """The places within the range at which the target divided by a factor is zero, in units of half the range."""
        found = np.linalg.lstsq(self.basis * factor[:, None], self.target, rcond=None)[0]
        kept = np.flatnonzero(np.abs(found) > EXACT * np.abs(found).max())
        if len(kept) == 0 or kept[-1] == 0:
            return np.zeros(0)
        roots = chebyshev.chebroots(found[: kept[-1] + 1])
        real = np.sort(roots[(np.abs(roots.imag) < NEAR) & (np.abs(roots.real) <= 1 + NEAR)].real)
        return np.asarray(real[np.diff(real, prepend=-np.inf) > NEAR])

    def waves(self, product: Array) -> Iterator[tuple[Array, Any]]:
        """The waves that vanish only where the target does, within the range, and there several times."""
        zeros, seen = self.zeros(product), set[tuple[int, int]]()
        for first, second in itertools.combinations(zeros.tolist(), 2):
            gap = second - first
            places = first + gap * np.arange(math.ceil((-1 - first) / gap), math.floor((1 - first) / gap) + 1)
            nearest = zeros[np.abs(zeros - places[:, None]).argmin(1)]
            if len(places) < MIN_ZEROS or (np.abs(nearest - places) > NEAR).any():
                continue
            slope, start = np.polyfit(np.arange(len(places)), nearest, 1)
            rate = math.pi / (slope * self.half)
            phase = -rate * (self.middle + self.half * start)
            phase -= math.pi * round(phase / math.pi)
            key = (round(rate / NEAR), round(abs(phase) / NEAR))
            values = np.sin(rate * self.column + phase)
            alike = np.prod((self.column - self.middle) / self.half - nearest[:, None], axis=0)
            if key in seen or self.slowness(product * values) > self.slowness(product * alike) - 1.5 * DEGREE:
                continue
            seen.add(key)
            turns = sympy.Float(rate) * self.expression
            if abs(abs(phase) - math.pi / 2) < NEAR:
                yield np.cos(rate * self.column), sympy.cos(turns)
            else:
                yield values, sympy.sin(turns + (sympy.Float(phase) if abs(phase) > NEAR else 0))

    def powers(self, product: Array) -> Iterator[tuple[Array, Any]]:
        """Powers of the column."""
        for power in POWERS:
            if self.column.min() > 0 or power in (1, 2, 3):
                yield self.column**power, self.expression ** sympy.nsimplify(power)

    def exponential(self, product: Array) -> tuple[Array, Any]:
        """The exponential without which the errors fall earliest; for a sum of waves times one, this is the one."""
        from scipy.optimize import minimize_scalar

        def slowness(rate: float) -> float:
            return self.slowness(product * np.exp(rate * (self.column - self.middle) / self.half))

        found = float(min(RATES, key=slowness))
        step = RATES[1] - RATES[0]
        rate = float(minimize_scalar(slowness, (found - step, found + step), tol=1e-10).x) / self.half
        return np.exp(rate * self.column), sympy.exp(sympy.Float(rate) * self.expression)
