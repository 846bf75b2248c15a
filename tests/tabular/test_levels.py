"""Laws of categories: effects, slopes and curves of levels are as near to the truth as a process that knows their variances."""

import numpy as np
import pandas as pd
import pytest

from splinework.tabular import KANClassifier, KANRegressor
from tests.families import slow

NOISE = 0.3
WORSE = {"effects": 1.2, "slopes": 1.5, "both": 1.3, "curves": 2.5, "pairs": 1.2}
"""Error by kind, relative to the least one, that is allowed: 5.4, 14, 4.8, 3.5 and 1.27 where levels have no such terms."""


def drawn(kind: str, levels: int, count: int, seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
    """A table of two categories, the second of five levels, and a column of numbers; its function; the covariance of that.

    Levels are as frequent as words are (Zipf's law), so that some are rare.
    """
    generator = np.random.default_rng(seed)
    shares = 1 / np.arange(1, levels + 1)
    code, other = generator.choice(levels, count, p=shares / shares.sum()), generator.integers(0, 5, count)
    x = generator.normal(size=count)
    same, pair = code[:, None] == code, other[:, None] == other
    waves = np.cos(1.5 * (x[:, None] - x))  # of random amplitudes and phases
    covariance = {
        "effects": 1.0 * same,
        "slopes": same * np.multiply.outer(x, x),
        "both": same * (1 + np.multiply.outer(x, x)),
        "curves": same * (1 + waves),
        "pairs": 1.0 * same * pair,
    }[kind]
    function = np.linalg.cholesky(covariance + 1e-9 * np.eye(count)) @ generator.normal(size=count)
    names = [f"l{k}" for k in code], [f"m{k}" for k in other]
    return pd.DataFrame({"c": names[0], "d": names[1], "x": x}), function, covariance


@pytest.mark.quick(1)
@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize(
    ("kind", "levels"),
    [("both", 70), ("pairs", 70), *(pytest.param(kind, 40, marks=pytest.mark.slow) for kind in WORSE)],
)
def test_levels_have_effects_slopes_and_curves_of_their_own(kind: str, levels: int, seed: int) -> None:
    seen = 700  # of 40 levels a process of all columns is sought, too, which takes up to a minute
    table, function, covariance = drawn(kind, levels, 2 * seen, seed)
    y = function + NOISE * np.random.default_rng(100 + seed).normal(size=2 * seen)
    found = KANRegressor().fit(table[:seen], y[:seen]).predict(table[seen:])
    known = covariance[:seen, :seen] + NOISE**2 * np.eye(seen)
    best = covariance[seen:, :seen] @ np.linalg.solve(known, y[:seen])  # nothing is nearer on average
    error, least = (np.sqrt(np.mean((each - function[seen:]) ** 2)) for each in (found, best))
    assert error < WORSE[kind] * least


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["slopes", *slow("both")])
def test_classes_know_slopes_of_levels(kind: str) -> None:
    seen = 450
    table, function, _ = drawn(kind, 20, 3 * seen, 2)
    true = 1 / (1 + np.exp(-3 * function))
    y = np.random.default_rng(102).random(3 * seen) < true
    found = KANClassifier().fit(table[:seen], y[:seen]).predict_proba(table[seen:])
    p = true[seen:]

    def excess(q: np.ndarray) -> float:
        return float(np.mean(p * np.log(p / q) + (1 - p) * np.log((1 - p) / (1 - q))))

    assert excess(found[:, 1]) < 0.12 * excess(
        np.full(len(p), y[:seen].mean())
    )  # 0.47 and 0.23 without slopes of their own
