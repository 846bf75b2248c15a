"""Surfaces `f(x) = 0` through rows of data: sums of terms whose coefficients make the rows lie close to them.

Close means Sampson's distance `|f| / ‖∇f‖`, with columns in units of their spread: it does not depend on how f is scaled, and
a polynomial that is merely flat everywhere gains nothing by it (Taubin 1991, IEEE TPAMI 13(11)).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from splinework.discover.terms import Terms
from splinework.interpret.symbolic.library import Array

MIN_DISTANCE = 1e-9
"""Distances below this are neglected."""


@dataclass(frozen=True)
class Surface:
    """Indices of terms, their coefficients, and the root mean squared distance of the rows in units of the spreads."""

    places: tuple[int, ...]
    coefficients: Array
    distance: float

    def description(self, rows: int) -> float:
        """Nats of distances and coefficients, the terms' structure aside."""
        return rows * math.log(max(self.distance, MIN_DISTANCE)) + 0.5 * (len(self.places) - 1) * math.log(rows)


class SurfaceFit:
    """Values and gradients of terms at rows, ready for fits of subsets.

    Args:
        terms: Terms of the sums.
        x: Rows, `(N, d)`.
        spread: Spread of each column, the unit of distance, `(d,)`.
        groups: Number of the group of each row `(N,)`: sums need not vanish then, but be constant within each group.
    """

    def __init__(self, terms: Terms, x: Array, spread: Array, groups: Array | None = None) -> None:
        self.terms = terms
        self.values = terms.values(x)
        if groups is not None:
            self.values = self.values - _means(self.values, groups)
        self.slopes = terms.gradients(x) * spread
        size = np.sqrt((self.values**2).mean(axis=0))
        self.size = np.where(size > 0, size, 1.0)

    def fit(self, places: Sequence[int]) -> Surface:
        """The closest surface of some terms: smallest singular vectors, reweighted by the gradient."""
        chosen = list(places)
        values = self.values[:, chosen] / self.size[chosen]
        slopes = self.slopes[:, chosen] / self.size[chosen][:, None]
        weights = np.ones(len(values))
        best = np.zeros(len(chosen))
        nearest = math.inf
        for _ in range(8):
            c = _least(values * weights[:, None])
            steep = np.linalg.norm(np.einsum("nmd,m->nd", slopes, c), axis=1)
            middle = float(np.median(steep))
            if middle == 0 or not math.isfinite(middle):
                break
            weights = 1 / np.maximum(steep, 1e-6 * middle)  # a surface may touch itself
            # Where the gradient is small the distance is not |f|/‖∇f‖ any more: a few rows must not decide.
            weights = np.minimum(weights, 10 / middle)
            distance = float(np.sqrt((((values @ c) * weights) ** 2).mean()))
            if distance >= nearest * (1 - 1e-6):
                break
            nearest, best = distance, c
        return Surface(tuple(chosen), best / self.size[chosen], nearest)

    def distance(self, surface: Surface) -> float:
        """Distance of these rows from a surface that was fitted to others."""
        chosen = list(surface.places)
        value = self.values[:, chosen] @ surface.coefficients
        steep = np.linalg.norm(np.einsum("nmd,m->nd", self.slopes[:, chosen], surface.coefficients), axis=1)
        steep = np.maximum(steep, 0.1 * float(np.median(steep)))
        return float(np.sqrt(((value / np.where(steep > 0, steep, 1.0)) ** 2).mean()))

    def sparse(self, most: int = 8) -> list[Surface]:
        """Surfaces by backward elimination: each time the term is removed that matters least."""
        left = list(range(len(self.terms)))
        found: list[Surface] = []
        surface = self.fit(left)
        while len(left) > 1:
            if len(left) <= most:
                found.append(surface)
            share = np.abs(surface.coefficients * self.size[left])
            trials = [self.fit([i for i in left if i != left[n]]) for n in np.argsort(share)[: max(3, len(left) // 3)]]
            surface = min(trials, key=lambda s: s.distance)
            left = list(surface.places)
        return found

    def pairs(self, most: int = 3) -> list[Surface]:
        """The closest surfaces of two terms, of different columns, and a constant; of few terms all pairs are tried.

        Taking out terms can lose these: among many, a sum that has roots at clusters of one column is closer.
        """
        of = [frozenset(e.free_symbols) for e in self.terms.expressions]
        constant = [i for i, columns in enumerate(of) if not columns]
        if len(of) > 40:
            return []
        found = [
            self.fit([*constant, i, j])
            for i, j in combinations(range(len(of)), 2)
            if of[i] and of[j] and not of[i] <= of[j] and not of[j] <= of[i]
        ]
        return sorted(found, key=lambda s: s.distance)[:most]


def _means(values: Array, groups: Array) -> Array:
    """The mean of each row's group, `(N, M)`."""
    member = np.equal.outer(groups, np.unique(groups)).astype(float)
    return np.asarray(member @ (member.T @ values / member.sum(0)[:, None]))


def _least(matrix: Array) -> Array:
    """The right singular vector of the smallest singular value."""
    triangle = np.linalg.qr(matrix, mode="r") if len(matrix) > matrix.shape[1] else matrix
    vector: Array = np.linalg.svd(triangle, full_matrices=True)[2][-1]
    return vector
