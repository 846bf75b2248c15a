"""Waves in a curve: sums of a few damped ones, `Σ c_k exp(a_k x) sin(b_k x + φ_k)`, and those that it is a product with.

A curve vanishes where a factor of it does. What is left is judged by the errors of polynomials of every degree that stand in for
it. Without a factor of the law they fall earlier than without a polynomial that has the same zeros; what is no factor leaves
poles beyond the range, so that they fall no earlier (Trefethen 2013, chapter 8). The method is our own; no paper describes it.
"""

import itertools
import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import sympy
from numpy.polynomial import chebyshev
from numpy.typing import NDArray

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
MAX_EXPONENTS = 9
"""Most exponents of a sum of damped waves, each wave having two."""
DEGREE = math.log(1 / EXACT)
"""What a degree less gains."""
MORE = 1.3
"""Gain of a wave that is a factor, relative to that of the polynomial with its zeros: 1.5 to 2.7 where drawn, else up to 1.1."""


def without_wave_factors(problem: ScreeningProblem) -> ScreeningProblem | None:
    """The problem divided by the waves that are its factors, and by powers of the column beside them; None without waves.

    Args:
        problem: A problem of one column, without noise.
    """
    curve = _Curve.of(problem)
    if curve is None:
        return None
    product = np.ones_like(curve.column)
    least = curve.slowness(product)
    taken: list[Any] = []
    for kind in (curve.waves, curve.powers):
        for _ in range(MAX_FACTORS):
            trials = [
                (curve.slowness(product * values), n, values, made) for n, (values, made) in enumerate(kind(product))
            ]
            best = min(trials, key=lambda trial: trial[:2], default=None)
            if best is None or best[0] > least - DEGREE:
                break
            least, product = best[0], product * best[2]
            taken.append(best[3])
        if not taken:
            return None
    return problem.divided(product, sympy.Mul(*taken))


def damped_waves(problem: ScreeningProblem) -> Any | None:
    """The sum of a few exponentials and damped waves that a curve is, for the data's target; None where it is none.

    Values of a polynomial that stands in for the curve, at equal distances, satisfy a linear recurrence; its roots are found as
    eigenvalues of a shift (matrix pencil; Hua & Sarkar 1990, doi:10.1109/29.56027).

    Args:
        problem: A problem of one column, without noise.
    """
    curve = _Curve.of(problem)
    if curve is None:
        return None
    places = np.linspace(-1, 1, 2 * MAX_DEGREE + 1)
    values = chebyshev.chebval(places, curve.coefficients(np.ones_like(curve.column)))
    right = np.linalg.svd(np.lib.stride_tricks.sliding_window_view(values, MAX_DEGREE))[2]
    for count in range(2, MAX_EXPONENTS + 1):
        shift = np.linalg.lstsq(right[:count, :-1].T, right[:count, 1:].T, rcond=None)[0]
        with np.errstate(all="ignore"):
            found = np.log(np.linalg.eigvals(shift).astype(complex)) / (places[1] - places[0]) / curve.half
        found = found[(found.imag >= 0) & (np.abs(found) * curve.half < MAX_DEGREE / 2)]  # others follow rounding
        fitted = _fitted_waves(curve, found[np.argsort(found.real, kind="stable")])
        if fitted is not None:
            return problem.wrap(fitted)
    return None


def _fitted_waves(curve: "_Curve", found: NDArray[np.complex128]) -> Any | None:
    """The sum of waves with these exponents in the order of their dampings; None where the curve is none."""
    groups = np.cumsum(np.diff(found.real, prepend=-np.inf) > NEAR)  # dampings that differ by errors alone are one
    exponents = [
        (float(np.mean(found.real[groups == group])), float(e.imag)) for e, group in zip(found, groups, strict=True)
    ]
    column, waves, size = curve.column, list[Any](), np.zeros(0)
    for _ in range(2):  # then without those that have no part in it
        waves = [(*each, f) for each in exponents for f in ((np.cos, np.sin) if each[1] > NEAR else (np.cos,))]
        if not waves:
            return None
        basis = np.column_stack([np.exp(a * column) * wave(b * column) * curve.root for a, b, wave in waves])
        size = np.linalg.lstsq(basis, curve.target, rcond=None)[0]
        if np.linalg.norm(curve.target - basis @ size) > NEAR**2 * np.linalg.norm(curve.target):
            return None
        shares = np.linalg.norm(basis, axis=0) * np.abs(size) / np.linalg.norm(curve.target)
        large = {wave[:2] for share, wave in zip(shares, waves, strict=True) if share > NEAR}
        exponents = [each for each in exponents if each in large]
    terms: dict[float, Any] = {}
    for each in exponents:
        along = [float(number) for number, wave in zip(size, waves, strict=True) if wave[:2] == each]
        damping = each[0] if abs(each[0]) > NEAR else 0.0
        terms[damping] = terms.get(damping, 0) + _wave(along, each[1], curve.expression)
    return sympy.Add(*(sympy.exp(sympy.Float(d) * curve.expression) * e if d else e for d, e in terms.items()))


def _wave(sizes: list[float], rate: float, expression: Any) -> Any:
    """The wave of a cosine and a sine of these sizes, as one of them where the other is nothing; a number for no rate."""
    if len(sizes) == 1:
        return sympy.Float(sizes[0])
    size, phase, turns = math.hypot(*sizes), math.atan2(*sizes), sympy.Float(rate) * expression
    if abs(math.cos(phase)) < NEAR:
        return sympy.Float(math.copysign(size, sizes[0])) * sympy.cos(turns)
    if abs(math.sin(phase)) < NEAR:
        return sympy.Float(math.copysign(size, sizes[1])) * sympy.sin(turns)
    return sympy.Float(size) * sympy.sin(turns + sympy.Float(phase))


class _Curve:
    """The target of one column, and polynomials that stand in for it."""

    def __init__(self, problem: ScreeningProblem) -> None:
        self.column, self.expression = problem.columns[:, 0], problem.expressions[0]
        self.middle, self.half = (self.column.max() + self.column.min()) / 2, np.ptp(self.column) / 2
        self.root = np.sqrt(problem.weights)
        self.basis = chebyshev.chebvander((self.column - self.middle) / self.half, MAX_DEGREE) * self.root[:, None]
        self.target = problem.y * self.root

    @classmethod
    def of(cls, problem: ScreeningProblem) -> "_Curve | None":
        """The curve of a problem of one column; None where rows are too few for the polynomials, or all at one place."""
        column = problem.columns[:, 0]
        return cls(problem) if len(column) >= 4 * MAX_DEGREE and np.ptp(column) > 0 else None

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

    def coefficients(self, factor: Array) -> Array:
        """Those of the polynomial that stands in for the target divided by a factor."""
        return np.asarray(np.linalg.lstsq(self.basis * factor[:, None], self.target, rcond=None)[0])

    def zeros(self, factor: Array) -> Array:
        """The places within the range at which the target divided by a factor is zero, in units of half the range."""
        found = self.coefficients(factor)
        kept = np.flatnonzero(np.abs(found) > EXACT * np.abs(found).max())
        if len(kept) == 0 or kept[-1] == 0:
            return np.zeros(0)
        roots = chebyshev.chebroots(found[: kept[-1] + 1])
        real = np.sort(roots[(np.abs(roots.imag) < NEAR) & (np.abs(roots.real) <= 1 + NEAR)].real)
        return np.asarray(real[np.diff(real, prepend=-np.inf) > NEAR])

    def waves(self, product: Array) -> Iterator[tuple[Array, Any]]:
        """The waves that vanish only where the target does, within the range, and there several times."""
        zeros, seen, before = self.zeros(product), set[tuple[int, int]](), self.slowness(product)
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
            gains = [before - self.slowness(product * factor) for factor in (values, alike)]
            if key in seen or gains[0] < MORE * max(gains[1], DEGREE):
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
