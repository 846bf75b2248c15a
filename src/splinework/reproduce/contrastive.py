"""Relations among columns by a contrastive network, after Liu et al. 2024 (arXiv 2404.19756, §4.2): all of them instead of one.

A network `exp(-f(x)²)` learns to be 1 on the rows and 0 on rows whose columns were permuted independently; `f = Σ φ_i(x_i) = 0`
is a relation. One network shows one relation, or a sum of several, by chance. Here two things find all. Of the terms `φ_i`, each
smallest set whose sum does not vary is a relation of its own. And a relation that was found is kept in the permuted rows, whose
columns then move together, so that the next network must find another one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import Any, Final, final

import numpy as np
import torch
from numpy.typing import NDArray

import splinework as sw

Floats = NDArray[np.float64]

MAX_MISSES: Final = 6
"""Number of networks in a row without a new relation after which no other one is trained."""
NO_RELATION: Final = 0.45
"""Root mean square error from which on the network does not tell rows from permuted ones; guessing has 0.5."""
MIN_SHARE: Final = 0.02
"""Share of the variance of the largest term below which a term is none."""
MAX_REST: Final = 0.03
"""Variance of the sum of a relation's terms, relative to the sum of their variances."""
MAX_COLUMNS: Final = 5
"""Number of columns of a relation at most."""


@final
@dataclass(frozen=True)
class FoundRelation:
    """A relation among columns.

    Attributes:
        columns: Indices of its columns.
        rest: Variance of the sum of its terms, relative to the sum of their variances.
        round: Number of the network that showed it, from 0.
    """

    columns: tuple[int, ...]
    rest: float
    round: int


def contrastive_relations(
    x: Floats, *, seed: int = 0, grid: int = 5, steps: int = 150, starts: int = 4
) -> list[FoundRelation]:
    """All relations that networks of this kind see.

    Args:
        x: Rows, `(N, d)`; columns of any scale.
        seed: Seed of the permutations and of the networks.
        grid: Number of intervals of every spline.
        steps: Steps of each network's fit.
        starts: Starts of each network's fit.
    """
    x = (x - x.mean(0)) / x.std(0)
    found: list[FoundRelation] = []
    number = misses = 0
    while misses < MAX_MISSES:
        rows, labels = contrast(x, [each.columns for each in found], np.random.default_rng([seed, number]))
        model = relation_network(x.shape[1], grid, seed=1000 * seed + number)
        options: dict[str, Any] = {"grids": None, "degree": "keep", "standardise": False, "progress": False}
        model = sw.fit(model, rows, labels, seed=seed, steps=steps, starts=starts, **options).model
        new: list[FoundRelation] = []
        if relation_error(model, rows, labels) < NO_RELATION:
            known = {each.columns for each in found}
            sets = vanishing_sets(terms_of(model, x))
            new = [FoundRelation(columns, rest, number) for columns, rest in sets if columns not in known]
        misses = 0 if new else misses + 1
        found += new
        number += 1
    return found


def relation_network(inputs: int, grid: int, seed: int) -> sw.KAN:
    """The network `exp(-f(x)²)` with `f` a sum of splines; its last edge does not train."""
    generator = torch.Generator().manual_seed(seed)
    model = sw.KAN([inputs, 1, 1], grid=grid, domain=(-2.0, 2.0), dtype=torch.float64, generator=generator)
    return sw.freeze(sw.fix(model, (1, 0, 0), "exp(-u**2)", numbers=(1, 0, 1, 0)), (1, 0, 0), affine=True)


def contrast(x: Floats, kept: list[tuple[int, ...]], generator: np.random.Generator) -> tuple[Floats, Floats]:
    """The rows with label 1, and as many with label 0 whose columns are permuted, those of a kept relation together."""
    block = np.arange(x.shape[1])
    for columns in kept:
        block[np.isin(block, block[list(columns)])] = block[columns[0]]
    permuted = x.copy()
    for each in np.unique(block):
        permuted[:, block == each] = x[generator.permutation(len(x))][:, block == each]
    return np.concatenate([x, permuted]), np.repeat([1.0, 0.0], len(x))


def terms_of(model: sw.KAN, x: Floats) -> Floats:
    """The terms `φ_i(x_i)` of f on rows, `(N, d)`."""
    with torch.no_grad():
        return np.asarray(sw.trace(model, torch.as_tensor(x)).layers[0].edges[:, :, 0].numpy())


@torch.no_grad()
def relation_error(model: sw.KAN, rows: Floats, labels: Floats) -> float:
    """The root mean square error of the labels."""
    return float(np.sqrt(np.mean((model(torch.as_tensor(rows))[:, 0].numpy() - labels) ** 2)))


def vanishing_sets(terms: Any) -> list[tuple[tuple[int, ...], float]]:
    """The smallest sets of columns whose terms have a sum that hardly varies, each with the variance that is left.

    >>> t = np.random.default_rng(0).normal(size=(100, 3))
    >>> [columns for columns, rest in vanishing_sets(np.column_stack([t, -t[:, 0] - t[:, 1]]))]
    [(0, 1, 3)]
    """
    covariance = np.cov(np.asarray(terms, dtype=np.float64).T)
    sizes = np.diag(covariance)
    alive = [int(i) for i in np.flatnonzero(sizes > MIN_SHARE * sizes.max())]
    found: list[tuple[tuple[int, ...], float]] = []
    for size in range(2, min(MAX_COLUMNS, len(alive)) + 1):
        for columns in combinations(alive, size):
            if any(set(each) <= set(columns) for each, _ in found):
                continue
            part = covariance[np.ix_(columns, columns)]
            rest = float(part.sum() / np.trace(part))
            if rest < MAX_REST:
                found.append((columns, rest))
    return found
