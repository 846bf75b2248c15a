"""The multilayer perceptron of scikit-learn on standardised columns; its epochs are chosen by the inner rows."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import numpy as np
from sklearn.neural_network import MLPClassifier, MLPRegressor

from benchmarks.tabular.part import Part, loss
from benchmarks.tabular.peers.encode import Wide
from benchmarks.tabular.peers.tuning import Configuration, Fit, tuned

WIDTHS = ((64,), (128, 128))
PENALTIES = (1e-3, 1e-1, 1.0, 10.0)
MOST_EPOCHS = 200
PATIENCE = 15
SMALL, FEW = 32, 2000
"""Rows of a step, and the number of all rows up to which it holds; elsewhere the package's own 200."""


def configurations() -> list[Configuration]:
    """All that are tried."""
    return [
        Configuration(f"hidden {width}, alpha {alpha:g}", _fit(width, alpha)) for width in WIDTHS for alpha in PENALTIES
    ]


def answer(part: Part, seed: int) -> Any:
    """The best of them, and what was tried."""
    return tuned(configurations(), part, seed)


def _fit(width: tuple[int, ...], alpha: float) -> Fit:
    def fit(part: Part, unseen: Part | None, epochs: float) -> Any:
        wide = Wide(part.x)
        x = wide(part.x)
        mean, spread = (0.0, 1.0) if part.classes else (part.y.mean(), part.y.std())
        y = part.y if part.classes else (part.y - mean) / spread
        step = SMALL if len(y) <= FEW else min(200, len(y))
        kind = MLPClassifier if part.classes else MLPRegressor
        model = kind(hidden_layer_sizes=width, alpha=alpha, batch_size=step, random_state=0)
        further = {"classes": np.arange(part.classes)} if part.classes else {}
        others = None if unseen is None else wide(unseen.x)

        def predicted(model: Any, x: np.ndarray) -> np.ndarray:
            return model.predict_proba(x) if part.classes else model.predict(x) * spread + mean

        least, best, kept = np.inf, 0, model
        for epoch in range(1, (MOST_EPOCHS if unseen is not None else max(1, round(epochs))) + 1):
            model.partial_fit(x, y, **further)
            if unseen is None or others is None:
                continue
            now = loss(predicted(model, others), unseen.y, unseen.classes)
            if now < least:
                least, best, kept = now, epoch, deepcopy(model)
            elif epoch - best >= PATIENCE:
                break
        return lambda other: predicted(kept, wide(other)), float(best)

    return fit
