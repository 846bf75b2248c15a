"""Small tables that the tests of the estimators share."""

from typing import Any

import numpy as np
import pandas as pd

from splinework.tabular import KANClassifier, KANRegressor, KANTransformer

QUICK: dict[str, Any] = {"hidden": 3, "grid": 4, "members": 1, "max_iter": 8}
KINDS = (KANRegressor, KANClassifier, KANTransformer)


def numbers(rows: int = 60, columns: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A table of numbers and a smooth target."""
    x = np.random.default_rng(seed).normal(size=(rows, columns))
    return x, np.sin(2 * x[:, 0]) + x[:, 1] ** 2


def labels(y: np.ndarray, classes: int = 2) -> np.ndarray:
    """Two or three classes, of equal size, of a target."""
    names = np.array(["low", "middle", "top"] if classes == 3 else ["low", "top"])
    return names[np.searchsorted(np.quantile(y, np.arange(1, classes) / classes), y)]


def target_for(kind: type, y: np.ndarray) -> np.ndarray:
    """A target that this estimator takes."""
    return labels(y) if kind is KANClassifier else y


def mixed(rows: int = 80, seed: int = 0) -> tuple[pd.DataFrame, pd.Series]:
    """Numbers with gaps, texts, a constant and a name that is not an identifier."""
    rng = np.random.default_rng(seed)
    cut = rng.choice(["fair", "good", "ideal"], rows)
    carat = rng.uniform(0.2, 2, rows)
    depth = np.where(rng.random(rows) < 0.2, np.nan, rng.normal(60, 2, rows))
    frame = pd.DataFrame({"carat (ct)": carat, "cut": cut, "depth": depth, "shop": 1.0})
    price = 3 * carat + (cut == "ideal") * 2.0 + np.isnan(depth) * 1.5
    return frame, pd.Series(price, name="price")


def outputs(estimator: Any, x: Any) -> np.ndarray:
    """What an estimator says about rows, as numbers."""
    for method in ("decision_function", "predict", "transform"):
        if hasattr(estimator, method):
            return np.asarray(getattr(estimator, method)(x))
    raise AssertionError
