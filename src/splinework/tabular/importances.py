"""Importances of columns: total effects on the predictions, and loss of score on held-out rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from splinework.errors import DataError
from splinework.tabular.columns import Columns
from splinework.tabular.rows import Floats

if TYPE_CHECKING:
    import pandas as pd

MAX_EVALUATIONS = 40_000
"""Evaluations of the network for all total effects; fewer rows are used where there are many columns."""
MIN_EFFECT_ROWS = 200


def total_effects(predictor: Callable[[Floats], Floats], x: Floats, columns: Columns, seed: int) -> Floats:
    """Total effect of every column, `(columns,)`, as a share of an output's variance; the mean over outputs.

    Args:
        predictor: Predictions `(n, q)` of inputs `(n, p)`.
        x: Rows of the inputs.
        columns: Encoding of the columns.
        seed: Seed of the order of the rows.
    """
    owners, count = np.asarray(columns.owners), len(columns.columns)
    effects = np.zeros(count)
    generator = np.random.default_rng(seed)
    rows = generator.permutation(len(x))[: max(MIN_EFFECT_ROWS, MAX_EVALUATIONS // count)]
    x = x[rows]
    # The order is random, so that the next row is another row drawn from the table.
    other, before = np.roll(x, 1, axis=0), predictor(x)
    variance = before.var(axis=0)
    varying = variance > 0
    for i in np.unique(owners):
        mixed = np.where(owners == i, other, x)
        changes = 0.5 * ((predictor(mixed) - before) ** 2).mean(axis=0)
        effects[i] = (changes[varying] / variance[varying]).sum() / len(variance)
    return effects


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
