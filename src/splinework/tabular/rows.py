"""Canonical rows: every distinct row once, sorted, with the sum of its weights.

A row of weight three and three copies of it become identical data, and so do permutations of the rows. Whatever is computed
from canonical rows is therefore bitwise invariant to both.
"""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class WeightedRows:
    """Rows of a table.

    Attributes:
        x: Covariates `(n, p)`; NaN where a value is missing.
        y: Targets `(n, q)`, or class codes `(n,)`.
        weights: Positive weights `(n,)`.
    """

    x: Floats
    y: NDArray[Any]
    weights: Floats

    def __len__(self) -> int:
        return len(self.x)


def canonical(rows: WeightedRows) -> WeightedRows:
    """The distinct rows `(x, y)` of positive weight, sorted, each with the sum of its weights.

    Missing values are equal to each other and sorted last. Weights are summed in increasing order, so that the sums do not
    depend on the order of the rows either.

    >>> canonical(WeightedRows(np.array([[2.0], [1.0], [2.0]]), np.array([0, 1, 0]), np.ones(3))).weights
    array([1., 2.])
    """
    used = rows.weights > 0
    x = rows.x[used] + 0.0  # turns -0.0, which equals 0.0, into the same row
    y: NDArray[Any] = rows.y[used]
    weights = rows.weights[used]
    if y.dtype.kind == "f":
        y = y + 0.0
    columns = [*(y[:, None] if y.ndim == 1 else y).T, *x.T]
    for keys in (columns[-1:], columns):  # most tables are sorted by their last column already
        order = np.lexsort((weights, *keys))
        fresh = np.zeros(len(x), dtype=bool)
        fresh[:1] = True
        for column in keys:
            ordered = column[order]
            before, after = ordered[:-1], ordered[1:]
            fresh[1:] |= (before != after) & ~((before != before) & (after != after))
        if fresh.all():
            break
    starts = np.flatnonzero(fresh)
    sums = np.add.reduceat(weights[order], starts) if len(starts) else weights
    first = order[starts]
    return WeightedRows(x[first], y[first], sums)


def sampled(rows: WeightedRows, most: int, seed: int) -> WeightedRows:
    """A random sample of at most `most` rows with the same total weight; canonical rows stay canonical."""
    if len(rows) <= most:
        return rows
    chosen = np.sort(np.random.default_rng(seed).choice(len(rows), most, replace=False))
    weights = rows.weights[chosen]
    return WeightedRows(rows.x[chosen], rows.y[chosen], weights * (rows.weights.sum() / weights.sum()))


def joined(rows: WeightedRows, others: WeightedRows) -> WeightedRows:
    """The union of both, canonical."""
    x, y = np.concatenate([rows.x, others.x]), np.concatenate([rows.y, others.y])
    return canonical(WeightedRows(x, y, np.concatenate([rows.weights, others.weights])))


def unweighted(rows: WeightedRows, most: int) -> WeightedRows:
    """Rows of equal weight: the same rows if all weights are equal, else a systematic resample by weight.

    Args:
        rows: Canonical rows.
        most: Maximum number of rows.
    """
    if len(rows) <= most and np.all(rows.weights == rows.weights[0]):
        return replace(rows, weights=np.ones(len(rows)))
    share = np.cumsum(rows.weights) / rows.weights.sum()
    at = np.searchsorted(share, (np.arange(most) + 0.5) / most).clip(max=len(rows) - 1)
    return WeightedRows(rows.x[at], rows.y[at], np.ones(len(at)))
