"""A test of whether the targets of rows ask for an interaction of two inputs, whatever the function that is explained says of it.

Under the null hypothesis the truth is a sum `g(x without x_i) + h(x without x_j)`. The function without its own interaction of
the pair, `f_0 = E_i f + E_j f - E_ij f` (means over values of other rows), is of that form too, so that the residuals `y - f_0`
are uncorrelated with what no such sum can follow: products of polynomials of both inputs, each of mean zero given the other. They
are tested together by a score test that is robust to noise of unequal variance (White 1980; Wooldridge 1991).
"""

from collections.abc import Sequence
from itertools import product
from typing import Any, final

import numpy as np
from scipy.stats import chi2, rankdata

from splinework.interpret.importance.row_function import Floats, RowFunction

MAX_EVALUATIONS = 2**22
"""Rows on which the function is evaluated for all pairs together, at most."""
MAX_ROWS, MAX_DRAWS = 20_000, 24
"""Rows that are tested, evenly thinned, and other rows over which the interaction of a row is averaged out."""
MAX_DEGREE, MAX_LEVELS = 3, 4
"""Degree of the polynomials of an input of one column, and columns of an input of several."""
ROWS_PER_PRODUCT, MAX_NUISANCE_SHARE = 8, 0.2
"""Rows needed for each product, and columns for the inputs' own effects, as a share of the rows."""


@final
class PairTests:
    """The tests of pairs at given rows.

    Args:
        function: The function, whose `x` are the rows.
        y: Their targets, which a slice can thin.
        pairs: How many pairs will be tested with the function's own interaction taken out.
        seed: Seed of the rows that are drawn.
    """

    def __init__(self, function: RowFunction, y: Any, pairs: int, seed: int) -> None:
        step = -(-len(function.x) // MAX_ROWS)
        self.function, self.x, self.y = function, function.x[::step], y[::step]
        count = len(self.x)
        draws = MAX_EVALUATIONS // (3 * max(pairs, 1) * count)
        self.draws, self.generator = max(2, min(MAX_DRAWS, draws)), np.random.default_rng(seed)
        self.degree = next((d for d in (3, 2) if count >= ROWS_PER_PRODUCT * d**2), 1)
        self.own = [self._polynomials(columns, self.degree) for columns in function.columns]

    def p_values(self, i: int, j: int, *, acts: bool) -> Floats:
        """The p-value of the interaction of two inputs, for each output."""
        residuals = self.function.residuals(self._without(i, j) if acts else self.function(self.x), self.y)
        found = [a * b for a, b in product(self.own[i].T, self.own[j].T)]
        if not found:
            return np.ones(residuals.shape[1])
        products = np.stack(found, axis=1)
        nuisance = self._nuisance(i, j)
        left = products - nuisance @ np.linalg.lstsq(nuisance, products, rcond=None)[0]
        scale = np.sqrt((left**2).sum(axis=0))
        kept = scale > 1e-6 * np.sqrt((products**2).sum(axis=0))
        left = left[:, kept] / scale[kept]
        errors = residuals - nuisance @ np.linalg.lstsq(nuisance, residuals, rcond=None)[0]
        free = 1 - nuisance.shape[1] / len(errors)  # what is left of a row's error beside the inputs' own effects
        return np.array([_score_test(left, column, free) for column in errors.T])

    def _without(self, i: int, j: int) -> Floats:
        """Outputs without the interaction: `E_i f + E_j f - E_ij f`."""
        first, second = list(self.function.columns[i]), list(self.function.columns[j])
        total: Floats = np.zeros(())
        for _ in range(self.draws):
            a, b = (self.x[self.generator.permutation(len(self.x))] for _ in range(2))
            for sign, parts in ((1, [(first, a)]), (1, [(second, b)]), (-1, [(first, a), (second, b)])):
                rows = self.x.copy()
                for own, other in parts:
                    rows[:, own] = other[:, own]
                total = total + sign * self.function(rows) / self.draws
        return total

    def _polynomials(self, columns: Sequence[int], degree: int) -> Floats:
        """Functions of an input of mean zero, orthonormal at the rows, `(n, k)`: of its ranks, or its columns themselves."""
        values = self.x[:, list(columns)]
        values = values[:, values.std(axis=0) > 0]
        if not values.shape[1]:
            return np.zeros((len(self.x), 0))
        if values.shape[1] > 1:
            most = np.argsort(-values.std(axis=0), kind="stable")[:MAX_LEVELS]
            matrix = values[:, np.sort(most)]
        else:
            ranks = rankdata(values[:, 0]) / len(values)
            degree = min(degree, len(np.unique(ranks)) - 1)
            matrix = np.stack([(2 * ranks - 1) ** d for d in range(1, degree + 1)], axis=1)
        matrix = matrix - matrix.mean(axis=0)
        q, r = np.linalg.qr(matrix)
        return np.asarray(q[:, np.abs(np.diag(r)) > 1e-9 * np.abs(r).max()] * np.sqrt(len(self.x)))

    def _nuisance(self, i: int, j: int) -> Floats:
        """A constant, functions of single inputs, and products of one of these two with another input, as many as rows allow.

        None of them has both inputs. Where inputs are correlated, products of both are much like polynomials of one, up to twice
        the degree, and like products with a third.
        """
        room = MAX_NUISANCE_SHARE * len(self.x)
        degree = 2 * self.degree if 4 * self.degree < room else self.degree
        both = (self._polynomials(self.function.columns[k], degree) for k in (i, j))
        parts = [np.ones((len(self.x), 1)), *both]
        others = [own for k, own in enumerate(self.own) if k not in (i, j) and own.shape[1]]
        mixed = ((own[:, :2, None] * self.own[k][:, None, :2]).reshape(len(own), -1) for own in others for k in (i, j))
        for part in (*others, *mixed):
            if sum(each.shape[1] for each in (*parts, part)) <= room:
                parts.append(part)
        return np.concatenate(parts, axis=1)


def _score_test(columns: Floats, errors: Floats, free: float) -> float:
    """The p-value of `E columns · errors = 0`, with the variance of each product of row and error as it is.

    Args:
        columns: `(n, k)`.
        errors: `(n,)`.
        free: Share of the variance of the true errors that these have.
    """
    scores = columns * errors[:, None]
    size = np.sqrt((scores**2).sum(axis=0))
    if not np.all(np.isfinite(size)) or not np.any(size > 0):
        return 1.0
    scores = scores[:, size > 0] / size[size > 0]
    values, vectors = np.linalg.eigh(scores.T @ scores)
    good = values > 1e-10 * values[-1]
    total = scores.sum(axis=0) @ vectors[:, good]
    return float(chi2.sf(free * (total**2 / values[good]).sum(), int(good.sum())))
