"""How every rival is tuned: the same search over its configurations, on the training rows alone.

Up to `MANY` rows the score of a configuration is the mean over three inner folds, above it that on a quarter of the rows.
The best one is fitted to all rows. A configuration that fails, as pyGAM may, is passed over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from sklearn.model_selection import KFold, StratifiedKFold, train_test_split

from benchmarks.processes import Stopwatch
from benchmarks.tabular.part import Part, loss

MANY = 1500
INNER = 3

Predict: TypeAlias = Callable[[pd.DataFrame], np.ndarray]
"""Values of rows; of classes the probabilities (rows, classes), in sorted order."""


Fit: TypeAlias = Callable[[Part, Part | None, float], tuple[Predict, float]]
"""Fits rows. With other rows it may stop by them, and reports when it did; without, it gets the mean of what it reported."""


@dataclass(frozen=True)
class Configuration:
    """A candidate: its name in the results, how it is fitted while searching, and at last."""

    name: str
    fit: Fit
    last: Fit | None = None


def tuned(configurations: Sequence[Configuration], part: Part, seed: int) -> tuple[Predict, dict[str, Any]]:
    """The best configuration fitted to all rows, and what was tried.

    Raises:
        RuntimeError: If every configuration failed.
    """
    tried: dict[str, float | None] = {}
    learned: dict[str, float] = {}
    reasons: list[str] = []
    for configuration in configurations:
        try:
            scores, reported = zip(
                *(_scored(configuration, part, *split) for split in _splits(part, seed)), strict=True
            )
        except Exception as reason:  # noqa: BLE001 - whatever a rival's package raises, the search goes on without it
            reasons.append(f"{configuration.name}: {type(reason).__name__}: {_first_line(reason)}")
            tried[configuration.name] = None
            continue
        mean = float(np.mean(scores))
        tried[configuration.name] = round(mean, 6) if np.isfinite(mean) else None
        learned[configuration.name] = float(np.mean(reported))
    order = sorted((score, name) for name, score in tried.items() if score is not None)
    named = {configuration.name: configuration for configuration in configurations}
    for _, name in order:
        watch = Stopwatch()
        try:
            predict, _ = (named[name].last or named[name].fit)(part, None, learned[name])
        except Exception as reason:  # noqa: BLE001 - the next best one takes its place
            reasons.append(f"{name}, all rows: {type(reason).__name__}: {_first_line(reason)}")
            continue
        facts = {"chosen": name, "tried": tried, "notes": reasons[:4], **watch.facts("last_")}
        return predict, facts
    raise RuntimeError("every configuration failed: " + "; ".join(reasons)[:240])


def _scored(configuration: Configuration, part: Part, inner: np.ndarray, outer: np.ndarray) -> tuple[float, float]:
    """Its loss on rows that it has not been fitted to, and what the fit reports."""
    unseen = part.rows(outer)
    predict, reported = configuration.fit(part.rows(inner), unseen, 0.0)
    return loss(predict(unseen.x), unseen.y, unseen.classes), reported


def _splits(part: Part, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    everything = np.arange(len(part.y))
    if len(everything) > MANY:
        strata = part.y if part.classes else None
        return [tuple(train_test_split(everything, test_size=0.25, random_state=seed, stratify=strata))]
    maker: Any = StratifiedKFold if part.classes else KFold
    return list(maker(INNER, shuffle=True, random_state=seed).split(everything, part.y))


def _first_line(reason: Exception) -> str:
    return (str(reason).splitlines() or [""])[0]
