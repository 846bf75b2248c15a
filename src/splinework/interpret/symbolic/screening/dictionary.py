"""The dictionary of candidate terms: products of univariate functions of the columns, simplest first.

A term is `Π_i g_i(x_i)`. The method is our own; no paper describes it.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.screening.problem import ScreeningProblem

MAX_TERMS = 4000
"""Maximum number of terms in a dictionary."""
MAX_DENOMINATOR_TERMS = 1000
"""Maximum number of terms in the denominator of a fraction."""
POSITION_NATS = 0.7
"""Code length of one degree of one column in a monomial."""
FRACTION_NATS = 1.4
"""Code length of a position in the denominator."""


@dataclass(frozen=True)
class UnivariateTerm:
    """A function of one column: values at the rows, expression, and code length in nats."""

    values: Array
    expression: Any
    cost: float


@dataclass(frozen=True)
class TermDictionary:
    """Weighted regressors of norm 1, one for each term.

    Attributes:
        columns: Regressors `(M, N)`.
        lengths: Norms of the weighted regressors before scaling, `(M,)`.
        costs: Code lengths in nats, `(M,)`.
        below: Whether a term is in the denominator, multiplied by the target, `(M,)`.
        picks: Index of the univariate factor of each column in every term, `(M, d)`.
        terms: Univariate factors of each column, the first of which is 1.
    """

    columns: Array
    lengths: Array
    costs: Array
    below: NDArray[np.bool_]
    picks: NDArray[np.intp]
    terms: tuple[tuple[UnivariateTerm, ...], ...]
    grams: dict[int, Array] = field(default_factory=dict)

    def gram(self, index: NDArray[np.intp]) -> Array:
        """Gram matrix of some terms, cached by their number."""
        if len(index) not in self.grams:
            self.grams[len(index)] = self.columns[index] @ self.columns[index].T
        return self.grams[len(index)]

    def expression(self, product: int) -> Any:
        """A term as an expression."""
        return sympy.Mul(*(self.terms[i][p].expression for i, p in enumerate(self.picks[product]) if p))


def dictionary(problem: ScreeningProblem, *, rational: bool) -> TermDictionary:
    """The dictionary of a problem; with `rational` also terms times the target, for the denominator of a fraction."""
    d = problem.size
    every = tuple(tuple(univariate_terms(problem.columns[:, i], problem.expressions[i], few=d > 3)) for i in range(d))
    picks, costs = _products([[a.cost for a in own] for own in every])
    columns = np.ones((len(picks), len(problem.y)))
    for i, own in enumerate(every):
        columns *= np.stack([a.values for a in own])[picks[:, i]]
    below = np.zeros(len(picks), bool)
    if rational:
        some = np.arange(1, min(len(picks), MAX_DENOMINATOR_TERMS))
        columns = np.vstack([columns, columns[some] * problem.y])
        picks, costs = np.vstack([picks, picks[some]]), np.concatenate([costs, costs[some] + FRACTION_NATS])
        below = np.concatenate([below, np.ones(len(some), bool)])
    columns *= np.sqrt(problem.weights)
    lengths = np.linalg.norm(columns, axis=1)
    good = np.isfinite(lengths) & (lengths > 0)
    return TermDictionary(
        columns[good] / lengths[good, None], lengths[good], costs[good], below[good], picks[good], every
    )


def _products(costs: Sequence[Sequence[float]]) -> tuple[NDArray[np.intp], Array]:
    """The cheapest products of at most three factors: their indices `(M, d)` and costs `(M,)`."""
    d = len(costs)
    most = 3 if d <= 9 else 2 if d <= 30 else 1
    found: list[tuple[float, tuple[tuple[int, int], ...]]] = [(0.0, ())]
    for order in range(1, min(d, most) + 1):
        for which in itertools.combinations(range(d), order):
            for chosen in itertools.product(*(range(1, len(costs[i])) for i in which)):
                parts = tuple(zip(which, chosen, strict=True))
                found.append((sum(costs[i][p] for i, p in parts), parts))
    found = sorted(found, key=lambda entry: entry[0])[:MAX_TERMS]
    picks = np.zeros((len(found), d), dtype=np.intp)
    for row, (_, parts) in enumerate(found):
        for i, p in parts:
            picks[row, i] = p
    return picks, np.array([cost for cost, _ in found])


def univariate_terms(column: Array, expression: Any, *, few: bool) -> list[UnivariateTerm]:
    """Univariate factors of a column, the constant first."""
    found = [UnivariateTerm(np.ones_like(column), sympy.Integer(1), 0.0), UnivariateTerm(column, expression, 0.7)]

    def add(values: Array, made: Any, cost: float) -> None:
        if np.isfinite(values).all():
            found.append(UnivariateTerm(values, made, cost))

    with np.errstate(all="ignore"):
        add(column**2, expression**2, 1.4)
        away = np.abs(column).min() > 1e-3 * np.abs(column).max()
        if away:
            add(1 / column, 1 / expression, 1.4)
        if few:
            return found
        if away:
            add(column**-2.0, expression**-2, 2.1)
        add(column**3, expression**3, 2.1)
        if column.min() >= 0:
            add(np.sqrt(column), sympy.sqrt(expression), 1.8)
        if column.min() > 0 and away:
            add(column**-0.5, 1 / sympy.sqrt(expression), 2.4)
            add(np.log(column), sympy.log(expression), 1.8)
        if np.abs(column).max() < 30:
            add(np.exp(column), sympy.exp(expression), 2.1)
            add(np.exp(-column), sympy.exp(-expression), 2.1)
        for turns in (1, 2):
            if 1.0 < turns * np.ptp(column) < 60:
                add(np.sin(turns * column), sympy.sin(turns * expression), 1.4 + 0.7 * turns)
                add(np.cos(turns * column), sympy.cos(turns * expression), 1.4 + 0.7 * turns)
    return found


def monomial_dictionary(problem: ScreeningProblem, exponents: NDArray[np.int_]) -> TermDictionary:
    """All monomials with these exponents as regressors of norm 1, the simplest first."""
    exponents = exponents[np.argsort(exponents.sum(1), kind="stable")]
    powers = tuple(
        tuple(UnivariateTerm(column**k, expression**k, POSITION_NATS * k) for k in range(int(exponents.max()) + 1))
        for column, expression in zip(problem.columns.T, problem.expressions, strict=True)
    )
    columns = np.ones((len(exponents), len(problem.y)))
    for i, own in enumerate(powers):
        columns *= np.stack([each.values for each in own])[exponents[:, i]]
    columns *= np.sqrt(problem.weights)
    lengths = np.linalg.norm(columns, axis=1)
    good = np.isfinite(lengths) & (lengths > 0)
    costs = POSITION_NATS * exponents.sum(1).astype(float)
    return TermDictionary(
        columns[good] / lengths[good, None],
        lengths[good],
        costs[good],
        np.zeros(int(good.sum()), bool),
        exponents[good].astype(np.intp),
        powers,
    )
