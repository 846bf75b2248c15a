"""Smooth surrogates of the unknown parts of a formula, fitted together with its free constants.

A hole becomes a sum of features of its inputs (splines of one, polynomials of several). Starts come from backfitting: the
formula is solved for one hole after the other while the others are held; then all is fitted to the target by least squares.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy
from scipy.interpolate import BSpline

from splinework.discover.inversion import Inversion
from splinework.discover.skeleton import Skeleton, UnknownPart, evaluator, starts
from splinework.interpret.symbolic.constants import FitTarget
from splinework.interpret.symbolic.levenberg_marquardt import minimise
from splinework.interpret.symbolic.library import Array

_MAX_SCANNED_ROWS = 400
"""Largest number of rows on which starts are compared."""
_N_SWEEPS = 8
"""Number of rounds of backfitting if there are several holes."""
_SCREENING_STEPS, _MAX_STEPS = 8, 200


@dataclass(frozen=True)
class SmoothSolution:
    """A fitted skeleton.

    Attributes:
        constants: Values of the free constants, `(P,)`.
        holes: Values of every hole on the rows, `(N,)` each.
        rss: Residual sum of squares on the target's scale, in its units squared.
        confused: Whether two holes can hardly be distinguished.
    """

    constants: Array
    holes: tuple[Array, ...]
    rss: float
    confused: bool = False


def features(inputs: Array, degree: int | None = None) -> Array:
    """A basis of smooth functions of the inputs `(N, k)`: `(N, F)`, the constant among them.

    Args:
        inputs: Columns.
        degree: Total degree of polynomials; None takes as many functions as the rows support: cubic splines of one column.
    """
    rows, count = inputs.shape
    most = max(rows // 8, 2)
    low, reach = inputs.min(0), np.ptp(inputs, axis=0)
    z = 2 * (inputs - low) / np.where(reach > 0, reach, 1.0) - 1
    if degree is None and count == 1 and len(np.unique(z)) > 8:
        inner = np.quantile(z[:, 0], np.linspace(0, 1, min(most, 24) - 2)[1:-1]) if most > 6 else np.empty(0)
        knots = np.concatenate([[-1.0] * 4, np.unique(inner[(inner > -1) & (inner < 1)]), [1.0] * 4])
        return np.asarray(BSpline.design_matrix(np.clip(z[:, 0], -1, 1), knots, 3).toarray())
    if degree is None:
        degree = next((d for d in (6, 5, 4, 3, 2) if len(_degrees(count, d)) <= min(most, 60)), 1)
    powers = [np.polynomial.chebyshev.chebvander(column, degree) for column in z.T]
    columns = [
        np.prod([p[:, d] for p, d in zip(powers, degrees, strict=True)], axis=0) for degrees in _degrees(count, degree)
    ]
    return np.stack(columns, -1)


def _degrees(count: int, total: int) -> list[tuple[int, ...]]:
    if count > 8:
        alone = [tuple(d if i == j else 0 for j in range(count)) for i in range(count) for d in range(1, total + 1)]
        return [(0,) * count, *alone]
    return [d for d in itertools.product(range(total + 1), repeat=count) if sum(d) <= total]


class SmoothFit:
    """A skeleton whose holes are sums of features.

    Args:
        skeleton: The skeleton.
        target: The data.
        columns: Values of each hole's inputs, `(N, k)`.
        degree: Degree of the `features`.

    Raises:
        FormulaError: If the formula cannot be solved for a hole.
    """

    def __init__(
        self, skeleton: Skeleton, target: FitTarget, columns: Sequence[Array], degree: int | None = None
    ) -> None:
        self.skeleton, self.target, self.columns, self.degree = skeleton, target, list(columns), degree
        self.features = [features(c, degree) for c in columns]
        unknown = [*skeleton.constants, *(hole.symbol for hole in skeleton.holes)]
        slopes = [sympy.diff(skeleton.expression, s) for s in unknown]
        rows = len(target.y)
        self._value = evaluator(skeleton.symbols, [skeleton.expression, *slopes], rows)
        self._inversions = [Inversion(skeleton.expression, h.symbol, skeleton.symbols, rows) for h in skeleton.holes]
        self._linear = _linear(skeleton)
        self._per_change = change_weights(target)

    def best(self, seed: int, *, keep: int = 3) -> list[SmoothSolution]:
        """The best few fits from many starts of the constants, the best first; empty if none is defined."""
        found: list[SmoothSolution] = []
        for constants, branch in self._thinned()._promising(seed)[: 2 * keep]:
            start = self._started(constants, branch, _N_SWEEPS)
            fit = self._refined(*start) if start is not None else None
            if fit is not None:
                found.append(fit)
        return distinct(sorted(found, key=lambda f: f.rss))[:keep]

    def fitted(self, constants: Array) -> SmoothSolution | None:
        """The fit from one start of the constants; None where the formula is undefined there."""
        coefficients = self._backfitted(constants, 0, sweeps=_N_SWEEPS)
        return None if coefficients is None else self._refined(constants, coefficients, steps=_MAX_STEPS)

    def _thinned(self) -> "SmoothFit":
        """The same on fewer rows, where there are many: enough to compare starts."""
        rows = len(self.target.y)
        if rows <= _MAX_SCANNED_ROWS:
            return self
        kept = np.linspace(0, rows - 1, _MAX_SCANNED_ROWS).astype(int)
        weights = self.target.weights
        few = replace(
            self.target,
            x=self.target.x[kept],
            y=self.target.y[kept],
            weights=None if weights is None else weights[kept],
        )
        return SmoothFit(self.skeleton, few, [c[kept] for c in self.columns], self.degree)

    def _promising(self, seed: int) -> list[tuple[Array, int]]:
        """Constants and branch of the starts that are best after a few steps, best first."""
        draws = starts(self.skeleton, self.target, seed)
        branches = len(self._inversions[0].branches) if len(self._inversions) == 1 else 1
        begun = []
        for constants, branch in itertools.product(draws, range(branches)):
            start = self._started(constants, branch, 1 if len(draws) > 1 else _N_SWEEPS)
            if start is not None:
                begun.append((self._rss(*start), start, branch))
        begun.sort(key=lambda entry: entry[0])
        if len(begun) <= 2:
            return [(constants, branch) for _, (constants, _), branch in begun]
        gone = []
        for _, start, branch in self._apart(begun):
            fit = self._refined(*start, steps=_SCREENING_STEPS)
            if fit is not None:
                gone.append((fit.rss, fit.constants, branch))
        gone.sort(key=lambda entry: entry[0])
        return [(constants, branch) for _, constants, branch in gone]

    def _apart(self, begun: list[Any]) -> list[Any]:
        """The first of the starts whose nonlinear constants differ: by the sign, or by a fifth."""
        free = [n for n in range(len(self.skeleton.constants)) if n not in (self._linear or [])]
        kept: list[Any] = []
        for entry in begun:
            place = entry[1][0][free]
            if all(np.any(np.abs(place - k[1][0][free]) > 0.2 * np.abs(place)) or entry[2] != k[2] for k in kept):
                kept.append(entry)
            if len(kept) == 24:
                break
        return kept

    def _started(self, constants: Array, branch: int, sweeps: int) -> tuple[Array, list[Array]] | None:
        """Initial constants and coefficients, by one linear fit if the formula is linear in the holes."""
        if self._linear is not None and (self._linear or self.features):
            return self._projected(constants, self._linear)
        coefficients = self._backfitted(constants, branch, sweeps=sweeps)
        return None if coefficients is None else (constants, coefficients)

    def _projected(self, constants: Array, linear: list[int]) -> tuple[Array, list[Array]] | None:
        """Coefficients, and the constants that enter linearly, at their best for the other constants."""
        base = constants.copy()
        base[linear] = 0.0
        outcome = self._value(self._values(base, [np.zeros(len(self.target.y))] * len(self.features)))
        slopes = outcome[:, 1 + len(constants) :]
        blocks = [f * slopes[:, n, None] for n, f in enumerate(self.features)]
        matrix = np.concatenate([outcome[:, 1:][:, linear], *blocks], 1)
        rest = self.target.y - outcome[:, 0]
        usable = np.isfinite(matrix).all(1) & np.isfinite(rest)
        if usable.sum() < matrix.shape[1]:
            return None
        weight = self._per_change[usable]
        with np.errstate(all="ignore"):
            best = np.linalg.lstsq(matrix[usable] * weight[:, None], rest[usable] * weight, rcond=1e-12)[0]
        cuts = np.cumsum([len(linear), *(f.shape[1] for f in self.features)])[:-1]
        first, *coefficients = np.split(np.asarray(best), cuts)
        base[linear] = first
        return base, coefficients

    def _values(self, constants: Array, holes: Sequence[Array]) -> list[Any]:
        return [*constants.tolist(), *holes, *self.target.x.T]

    def _rss(self, constants: Array, coefficients: Sequence[Array]) -> float:
        holes = [f @ c for f, c in zip(self.features, coefficients, strict=True)]
        return self.target.rss(self._value(self._values(constants, holes))[:, 0])

    def _backfitted(self, constants: Array, branch: int, *, sweeps: int) -> list[Array] | None:
        """Coefficients of the holes, each in turn fitted to the values for which the formula is solved; None if undefined."""
        holes: list[Array] = [
            np.full(len(self.target.y), _neutral(self.skeleton.expression, h)) for h in self.skeleton.holes
        ]
        coefficients: list[Array] = [np.zeros(f.shape[1]) for f in self.features]
        for _ in range(sweeps if len(holes) > 1 else 1):
            for n, inversion in enumerate(self._inversions):
                choice = inversion.branches[branch % len(inversion.branches)]
                part, slope = inversion(self._values(constants, holes), self.target.y, choice)
                usable = np.isfinite(part)
                if usable.sum() < self.features[n].shape[1]:
                    return None
                weight = np.abs(slope[usable]) * self._per_change[usable]
                best = np.linalg.lstsq(self.features[n][usable] * weight[:, None], part[usable] * weight, rcond=1e-9)[0]
                coefficients[n] = np.asarray(best)
                holes[n] = self.features[n] @ coefficients[n]
        return coefficients

    def _refined(self, constants: Array, coefficients: Sequence[Array], *, steps: int = 40) -> SmoothSolution | None:
        """Constants and coefficients together, by least squares on the target."""
        count = len(constants)
        cuts = np.cumsum([count, *(f.shape[1] for f in self.features)])[:-1]

        per_unit = np.broadcast_to(self.target.root, self.target.y.shape) / self.target.unit

        def parts(vector: Array) -> tuple[Array, list[Array]]:
            first, *rest = np.split(vector, cuts)
            return first, [f @ c for f, c in zip(self.features, rest, strict=True)]

        def model(vector: Array) -> tuple[Array, Array]:
            first, holes = parts(vector)
            outcome = self._value(self._values(first, holes))
            value, slopes = outcome[:, 0], outcome[:, 1:]
            blocks = [f * slopes[:, count + n, None] for n, f in enumerate(self.features)]
            jacobian = np.concatenate([slopes[:, :count], *blocks], 1)
            if self.target.scale == "log":
                value, jacobian = np.log(value), jacobian / value[:, None]
            return (value - self.target.flat) * per_unit, jacobian * per_unit[:, None]

        solution = minimise(model, np.concatenate([constants, *coefficients]), steps=steps, gain=1e-9)
        if solution is None:
            return None
        first, holes = parts(solution.constants)
        blocks = np.split(solution.jacobian, cuts, axis=1)[1:]
        return SmoothSolution(first, tuple(holes), solution.rss * self.target.unit**2, _confused(blocks))


def change_weights(target: FitTarget) -> Array:
    """Weight of a small change of y in each row, by its scale and weight, `(N,)`."""
    root = np.broadcast_to(np.asarray(target.root, dtype=float), target.y.shape)
    return np.asarray(root / target.y if target.scale == "log" else root)


def _linear(skeleton: Skeleton) -> list[int] | None:
    """Places of constants in which, together with all holes, the formula is linear; None if it is not even in the holes."""
    chosen: list[Any] = []
    for unknown in (*(hole.symbol for hole in skeleton.holes), *skeleton.constants):
        if not sympy.diff(skeleton.expression, unknown).has(unknown, *chosen):
            chosen.append(unknown)
        elif unknown not in skeleton.constants:
            return None
    return [n for n, constant in enumerate(skeleton.constants) if constant in chosen]


def _confused(blocks: Sequence[Array]) -> bool:
    """Whether two holes share more than one function: one, a constant that may stand in either, is harmless."""

    def rank(block: Array) -> int:
        return int(np.linalg.matrix_rank(block / (np.linalg.norm(block, axis=0) + 1e-300), tol=1e-6))

    pairs = itertools.combinations(blocks, 2)
    return any(rank(a) + rank(b) - rank(np.concatenate([a, b], 1)) > 1 for a, b in pairs)


def _neutral(expression: Any, hole: UnknownPart) -> float:
    """Initial value of a hole in backfitting: 0 in a sum, 1 elsewhere."""
    parent = next(node for node in sympy.preorder_traversal(expression) if hole.symbol in node.args)
    return 0.0 if parent.is_Add else 1.0


def distinct(found: Iterable[SmoothSolution]) -> list[SmoothSolution]:
    """The solutions whose constants differ from those of all earlier ones by more than a thousandth."""
    kept: list[SmoothSolution] = []
    for fit in found:
        if not any(np.allclose(fit.constants, other.constants, rtol=1e-3, atol=1e-9) for other in kept):
            kept.append(fit)
    return kept
