"""Importances of columns and of pairs: total effects on the predictions, and loss of score on held-out rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from splinework.errors import DataError
from splinework.tabular.columns import Columns
from splinework.tabular.rows import Floats

if TYPE_CHECKING:
    import pandas as pd

MAX_EVALUATIONS = 40_000
"""Evaluations of the network for all total effects; fewer rows are used where there are many columns."""
MIN_EFFECT_ROWS = 200
MAX_PAIRED_COLUMNS, MIN_SHARE = 30, 1e-3
"""Most columns whose pairs are looked at, those of the largest total effects; and the least share of the variance that counts."""


def total_effects(predictor: Callable[[Floats], Floats], x: Floats, columns: Columns, seed: int) -> Floats:
    """Total effect of every column, `(columns,)`, as a share of an output's variance; the mean over outputs.

    Args:
        predictor: Predictions `(n, q)` of inputs `(n, p)`.
        x: Rows of the inputs.
        columns: Encoding of the columns.
        seed: Seed of the order of the rows.
    """
    count = len(columns.columns)
    swapped = _Swapped(predictor, x, np.asarray(columns.owners), seed, MAX_EVALUATIONS // count)
    effects = np.zeros(count)
    for i in np.unique(swapped.owners):
        effects[i] = swapped.share(0.5 * (swapped([i]) - swapped([])) ** 2)
    return effects


def interaction_effects(
    predictor: Callable[[Floats], Floats], x: Floats, columns: Columns, effects: Floats, seed: int
) -> list[tuple[int, int, float]]:
    """Pairs of columns that act together, each with its share of an output's variance; the largest first.

    The share is that of all effects which contain both columns, the superset importance, `¼ E[(f(x) - f(x with column i of
    another row) - f(with column j) + f(with both))²]` over the variance (Liu and Owen, "Estimating mean dimensionality of
    analysis of variance decompositions", JASA 101 (2006) 712).

    Args:
        predictor: Predictions `(n, q)` of inputs `(n, p)`.
        x: Rows of the inputs.
        columns: Encoding of the columns.
        effects: Total effects of the columns; a pair has no larger share than either of its columns.
        seed: Seed of the order of the rows.
    """
    alive = [int(i) for i in np.argsort(-effects, kind="stable")[:MAX_PAIRED_COLUMNS] if effects[i] >= MIN_SHARE]
    pairs = [(i, j) for at, i in enumerate(alive) for j in alive[at + 1 :]]
    swapped = _Swapped(predictor, x, np.asarray(columns.owners), seed, MAX_EVALUATIONS // max(len(pairs), 1))
    alone = {i: swapped([i]) for i in alive}
    found = []
    for i, j in pairs:
        share = swapped.share(0.25 * (swapped([]) - alone[i] - alone[j] + swapped([i, j])) ** 2)
        if share >= MIN_SHARE:
            found.append((min(i, j), max(i, j), share))
    return sorted(found, key=lambda pair: -pair[2])


class _Swapped:
    """Predictions of rows some columns of which come from another row of the table."""

    def __init__(
        self, predictor: Callable[[Floats], Floats], x: Floats, owners: NDArray[np.intp], seed: int, rows: int
    ) -> None:
        order = np.random.default_rng(seed).permutation(len(x))[: max(MIN_EFFECT_ROWS, rows)]
        # The order is random, so that the next row is another row drawn from the table.
        self.predictor, self.owners, self.x, self.other = predictor, owners, x[order], np.roll(x[order], 1, axis=0)
        self.before = predictor(self.x)
        self.variance = self.before.var(axis=0)

    def __call__(self, columns: Sequence[int]) -> Floats:
        """Predictions `(n, q)` with these columns of the other row."""
        if not len(columns):
            return self.before
        return self.predictor(np.where(np.isin(self.owners, columns), self.other, self.x))

    def share(self, changes: Floats) -> float:
        """The mean of `(n, q)` over rows as a share of the variance, and over outputs; constant outputs have none."""
        varying = self.variance > 0
        return float((changes.mean(axis=0)[varying] / self.variance[varying]).sum() / len(self.variance))


def permutation_table(
    estimator: Any, X: Any, y: Any, repeats: int, scoring: Any, sample_weight: Any, classifies: bool, seed: int
) -> pd.DataFrame:
    """The table of `permutation_importances`, for an estimator that classifies or not; `seed` is that of the permutations."""
    import pandas as pd
    from sklearn.inspection import permutation_importance

    if repeats < 2:
        raise DataError(f"permutation_importances needs at least 2 repeats for a standard error, got {repeats}; try 5.")
    scorer = scoring if scoring is not None else "neg_log_loss" if classifies else "r2"
    found = permutation_importance(
        estimator, X, y, scoring=scorer, n_repeats=repeats, random_state=seed, sample_weight=sample_weight
    )
    mean = found.importances_mean
    total = mean.clip(min=0).sum()
    table = {
        "importance": mean,
        "standard error": found.importances.std(axis=1, ddof=1) / np.sqrt(repeats),
        "share": mean.clip(min=0) / total if total > 0 else np.zeros_like(mean),
    }
    names = [column.name for column in estimator.columns_.columns]
    return pd.DataFrame(table, index=names).sort_values("importance", ascending=False, kind="stable")
