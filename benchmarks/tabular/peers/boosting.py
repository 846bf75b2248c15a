"""Histogram gradient boosting of scikit-learn: gaps and categories as they are, rounds chosen by the inner rows."""

from __future__ import annotations

from itertools import islice
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from benchmarks.tabular.part import Part
from benchmarks.tabular.peers.encode import Codes
from benchmarks.tabular.peers.tuning import Configuration, Fit, tuned

MOST_ROUNDS = 1500
PATIENCE = 40
SHAPES = (
    {"learning_rate": 0.1, "max_leaf_nodes": 31, "min_samples_leaf": 20, "l2_regularization": 0.0},
    {"learning_rate": 0.1, "max_leaf_nodes": 8, "min_samples_leaf": 20, "l2_regularization": 1.0},
    {"learning_rate": 0.1, "max_leaf_nodes": 3, "min_samples_leaf": 5, "l2_regularization": 1.0},
    {"learning_rate": 0.1, "max_leaf_nodes": 15, "min_samples_leaf": 5, "l2_regularization": 10.0},
    {"learning_rate": 0.04, "max_leaf_nodes": 31, "min_samples_leaf": 10, "l2_regularization": 10.0},
    {"learning_rate": 0.04, "max_leaf_nodes": 15, "min_samples_leaf": 20, "l2_regularization": 1.0},
    {"learning_rate": 0.04, "max_leaf_nodes": 6, "min_samples_leaf": 10, "l2_regularization": 0.0},
    {"learning_rate": 0.04, "max_leaf_nodes": 4, "min_samples_leaf": 5, "l2_regularization": 10.0},
)
MOST_LEVELS = 255
"""More than the package takes as they are."""


def configurations() -> list[Configuration]:
    """All that are tried; the first is the package's default shape."""
    return [Configuration(", ".join(f"{k} {v:g}" for k, v in shape.items()), _fit(shape)) for shape in SHAPES]


def answer(part: Part, seed: int) -> Any:
    """The best of them, and what was tried."""
    return tuned(configurations(), part, seed)


def _fit(shape: dict[str, Any]) -> Fit:
    def fit(part: Part, unseen: Part | None, rounds: float) -> Any:
        codes = Codes(part.x)
        x = codes(part.x)
        few = [nominal and np.nanmax(column) < MOST_LEVELS for nominal, column in zip(codes.nominal, x.T, strict=True)]
        kind = HistGradientBoostingClassifier if part.classes else HistGradientBoostingRegressor
        options = {**shape, "categorical_features": few, "random_state": 0}
        if unseen is None:
            model = kind(max_iter=max(1, round(rounds)), early_stopping=False, **options).fit(x, part.y)
            best = rounds
        else:
            model = kind(max_iter=MOST_ROUNDS, early_stopping=True, n_iter_no_change=PATIENCE, tol=0.0, **options)
            model.fit(x, part.y, X_val=codes(unseen.x), y_val=unseen.y)
            best = int(np.argmax(model.validation_score_))
            return lambda other: _after(model, codes(other), best), float(best)
        predict = model.predict_proba if part.classes else model.predict
        return lambda other: predict(codes(other)), float(best)

    return fit


def _after(model: Any, x: np.ndarray, rounds: int) -> np.ndarray:
    """The predictions after `rounds` rounds."""
    stages = model.staged_predict_proba(x) if hasattr(model, "classes_") else model.staged_predict(x)
    return np.asarray(next(islice(stages, max(rounds, 1) - 1, None)))
