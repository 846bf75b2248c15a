"""Sums of products of simple functions: a beam of orthogonal least squares over a dictionary."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy

from splinework.symbolic.library import Array
from splinework.symbolic.screening.problem import Problem
from splinework.symbolic.screening.single import Guess

MOST = 4000
"""Products in a dictionary, the simplest first."""
WIDTH, BRANCHES, DEEPEST = 12, 8, 7
"""Sums that are followed, continuations of each, and terms of the longest."""
PAIRED = 1200
"""Products, the simplest, of which all pairs are compared; longer sums grow from the best of them."""
NUMERATORS, DENOMINATORS = 240, 120
"""The same above the bar of a fraction, and the products that are tried below it."""
ALIKE = 1e-9
"""A product that differs less from the terms of a sum, in squares, brings nothing."""


@dataclass(frozen=True)
class Atom:
    """A function of one column at the rows, its expression and its cost in nats."""

    values: Array
    expression: Any
    cost: float


@dataclass(frozen=True)
class _Dictionary:
    columns: Array  # (M, N), weighted and of unit length
    lengths: Array
    expressions: list[Any]
    costs: Array
    below: Array  # of each product, whether it stands below the fraction bar
    grams: dict[int, Array] = field(default_factory=dict)

    def gram(self, index: Array) -> Array:
        """Inner products of some products, kept."""
        if len(index) not in self.grams:
            self.grams[len(index)] = self.columns[index] @ self.columns[index].T
        return self.grams[len(index)]


def guesses(problem: Problem, *, floor: float, rational: bool = False, frequencies: Sequence[float] = ()) -> list[Guess]:
    """Sums of products for the problem, shortest description first.

    With `rational`, a quotient of two sums: `y = Σ a_k t_k - y Σ b_k t_k`, linear in a and b.
    """
    root = np.sqrt(problem.weights)
    book = _dictionary(problem, root, rational, frequencies)
    target = problem.y * root
    n = len(target)
    size = float(np.linalg.norm(target))
    if size == 0 or len(book.costs) == 0:
        return []
    states: list[tuple[tuple[int, ...], Array, Array]] = [((), np.empty((0, n)), target)]
    done: dict[tuple[int, ...], float] = {}
    share = math.log(len(book.costs))
    for depth in range(1, min(DEEPEST, n // 8) + 1):
        grown: dict[tuple[int, ...], tuple[float, int, int]] = {}
        for number, (chosen, basis, left) in enumerate(states):
            drawn = book.columns @ left
            remaining = 1 - ((book.columns @ basis.T) ** 2).sum(1)
            gain = np.where(remaining > ALIKE, drawn**2 / np.maximum(remaining, ALIKE), -1.0)
            rss = float(left @ left)
            price = 2 * book.costs
            value = n * np.log(np.maximum(rss - gain, floor) / n) + price
            for index in np.argpartition(value, BRANCHES)[:BRANCHES].tolist():
                key = tuple(sorted((*chosen, index)))
                if gain[index] > 0 and key not in grown:
                    grown[key] = (float(value[index]) + 2 * float(book.costs[list(chosen)].sum()), number, index)
        if depth == 2 + rational:
            for key, value in _seeds(book, target, floor):
                grown.setdefault(key, (value, -1, -1))
        if not grown:
            break
        following = []
        for key, (_, number, index) in sorted(grown.items(), key=lambda entry: entry[1][0])[:WIDTH]:
            basis, left = _extended(*states[number][1:], book.columns[index]) if number >= 0 else _from(book, target, key)
            following.append((key, basis, left))
            rss = max(float(left @ left), floor)
            done[key] = n * math.log(rss / n) + depth * (math.log(n) + 2 * share) + 2 * float(book.costs[list(key)].sum())
        states = following
        if min(float(left @ left) for _, _, left in states) <= floor:
            break
    best = sorted(done.items(), key=lambda entry: entry[1])[:4]
    return [guess for key, score in best if (guess := _guess(problem, book, target, key, score)) is not None]


def _extended(basis: Array, left: Array, column: Array) -> tuple[Array, Array]:
    """An orthonormal basis with a column more, and what is left of the target."""
    direction = column - basis.T @ (basis @ column)
    direction -= basis.T @ (basis @ direction)
    direction /= np.linalg.norm(direction)
    return np.vstack([basis, direction]), left - (direction @ left) * direction


def _from(book: _Dictionary, target: Array, key: tuple[int, ...]) -> tuple[Array, Array]:
    basis, left = np.empty((0, len(target))), target
    for index in key:
        basis, left = _extended(basis, left, book.columns[index])
    return basis, left


def _seeds(book: _Dictionary, target: Array, floor: float) -> list[tuple[tuple[int, ...], float]]:
    """The best of all sums of two among the simplest products; below the bar one more, each of the simplest."""
    above = np.flatnonzero(~book.below)
    if not book.below.any():
        return _pairs(book, above[:PAIRED], None, target, floor)
    found = []
    for index in np.flatnonzero(book.below)[:DENOMINATORS].tolist():
        found += _pairs(book, above[:NUMERATORS], index, target, floor)
    return sorted(found, key=lambda entry: entry[1])[: 8 * WIDTH]


def _pairs(
    book: _Dictionary, index: Array, beside: int | None, target: Array, floor: float
) -> list[tuple[tuple[int, ...], float]]:
    """The best pairs of some products, beside another one."""
    columns, costs = book.columns[index], book.costs[index]
    gram, drawn, size, price = book.gram(index), columns @ target, float(target @ target), 0.0
    if beside is not None:
        other = book.columns[beside]
        along, own = columns @ other, float(other @ target)
        gram, drawn, size = gram - np.outer(along, along), drawn - own * along, size - own**2
        price = 2 * float(book.costs[beside])
    lengths = np.sqrt(np.maximum(np.diag(gram), ALIKE))
    gram, drawn = gram / lengths / lengths[:, None], drawn / lengths
    apart = 1 - gram**2
    n = len(target)
    usable = np.triu(apart > ALIKE, 1) & (lengths > 10 * math.sqrt(ALIKE)) & (lengths > 10 * math.sqrt(ALIKE))[:, None]
    with np.errstate(all="ignore"):
        gain = (drawn[:, None] ** 2 + drawn**2 - 2 * gram * drawn[:, None] * drawn) / apart
        value = n * np.log(np.maximum(size - gain, floor) / n) + 2 * (costs[:, None] + costs) + price
    value = np.where(usable, value, np.inf).ravel()
    count = min(4 * WIDTH if beside is None else WIDTH, len(value) - 1)
    found = []
    for flat in np.argpartition(value, count)[:count].tolist():
        if np.isfinite(value[flat]):
            one, two = divmod(flat, len(costs))
            key = sorted([int(index[one]), int(index[two]), *([] if beside is None else [beside])])
            found.append((tuple(key), float(value[flat])))
    return found


def _guess(problem: Problem, book: _Dictionary, target: Array, key: tuple[int, ...], score: float) -> Guess | None:
    columns = book.columns[list(key)]
    coefficients = np.linalg.lstsq(columns.T, target, rcond=None)[0] / book.lengths[list(key)]
    above, below = sympy.Integer(0), sympy.Integer(1)
    for index, c in zip(key, coefficients, strict=True):
        term = sympy.Float(float(c)) * book.expressions[index]
        if book.below[index]:
            below = below - term
        else:
            above = above + term
    if above == 0:
        return None
    return Guess(problem.wrap(above / below), score)


def _dictionary(problem: Problem, root: Array, rational: bool, frequencies: Sequence[float]) -> _Dictionary:
    d = problem.size
    per_column = [atoms(problem.columns[:, i], problem.expressions[i], few=d > 3, frequencies=frequencies) for i in range(d)]
    entries: list[tuple[float, tuple[int, ...]]] = []
    sizes = [len(a) for a in per_column]
    for order in range(0, min(d, 3) + 1):
        for which in itertools.combinations(range(d), order):
            for picks in itertools.product(*(range(1, sizes[i]) for i in which)):
                cost = sum(per_column[i][p].cost for i, p in zip(which, picks, strict=True))
                full = [0] * d
                for i, p in zip(which, picks, strict=True):
                    full[i] = p
                entries.append((cost, tuple(full)))
    entries.sort(key=lambda e: e[0])
    entries = entries[:MOST]
    values, expressions, costs, below = [], [], [], []
    for cost, picks in entries:
        column = np.ones(len(problem.y))
        expression = sympy.Integer(1)
        for i, p in enumerate(picks):
            if p:
                column = column * per_column[i][p].values
                expression = expression * per_column[i][p].expression
        values.append(column)
        expressions.append(expression)
        costs.append(cost)
        below.append(False)
    if rational:
        for k in range(1, min(len(entries), MOST // 4)):
            values.append(values[k] * problem.y)
            expressions.append(expressions[k])
            costs.append(costs[k] + 1.4)
            below.append(True)
    stacked = np.array(values) * root
    lengths = np.linalg.norm(stacked, axis=1)
    good = np.isfinite(stacked).all(1) & (lengths > 0)
    index = np.flatnonzero(good)
    return _Dictionary(
        stacked[index] / lengths[index, None],
        lengths[index],
        [expressions[i] for i in index],
        np.array(costs)[index],
        np.array(below)[index],
    )


def atoms(column: Array, expression: Any, *, few: bool, frequencies: Sequence[float]) -> list[Atom]:
    """Simple functions of a column, the constant first."""
    found = [Atom(np.ones_like(column), sympy.Integer(1), 0.0), Atom(column, expression, 0.7)]

    def add(values: Array, made: Any, cost: float) -> None:
        if np.isfinite(values).all():
            found.append(Atom(values, made, cost))

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
        for w in (1.0, 2.0, *frequencies):
            if 1.0 < w * np.ptp(column) < 60:
                factor = sympy.Integer(int(w)) if float(w).is_integer() else sympy.Float(w)
                add(np.sin(w * column), sympy.sin(factor * expression), 2.1 if w == 1 else 2.8)
                add(np.cos(w * column), sympy.cos(factor * expression), 2.1 if w == 1 else 2.8)
    return found
