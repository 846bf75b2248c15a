"""Rows as every contender gets them, the loss that all are judged by, and their clock."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

CERTAIN = 1e-7
"""Probabilities are held between this and one minus this: a sure error costs 16 nats, not infinity."""
INTERVAL = 0.9
"""Probability that the intervals of a regression are asked to cover."""


@dataclass(frozen=True)
class Part:
    """Rows.

    Attributes:
        x: Inputs: numbers with NaN for a gap, words with None.
        y: Values; of classes their numbers 0, 1, ….
        classes: Number of classes; 0 for regression.
    """

    x: pd.DataFrame
    y: np.ndarray
    classes: int

    def rows(self, which: np.ndarray) -> Part:
        """Some of them."""
        return Part(self.x.iloc[which].reset_index(drop=True), self.y[which], self.classes)


def loss(predicted: np.ndarray, y: np.ndarray, classes: int) -> float:
    """Root mean squared error, or the mean negative logarithm of the probability of the true class.

    Args:
        predicted: Values (rows,), or probabilities (rows, classes).
        y: The truth (rows,); of classes their numbers.
        classes: Number of classes; 0 for regression.
    """
    if not classes:
        return float(np.sqrt(np.square(predicted - y).mean()))
    return float(-np.log(np.clip(predicted[np.arange(len(y)), y], CERTAIN, 1 - CERTAIN)).mean())


def ready(question: dict[str, Any], folder: Path) -> Callable[[], tuple[np.ndarray, dict[str, Any]]]:
    """A contender that will learn the rows of a folder and predict others, for `benchmarks.worker`."""
    train, test = (pd.read_parquet(folder / f"{name}.parquet") for name in ("train", "test"))
    spec = importlib.util.spec_from_file_location("contender", question["contender"])
    if spec is None or spec.loader is None:
        raise ImportError(f"{question['contender']} is no file of Python")
    part = Part(train, np.load(folder / "y.npy"), question["classes"])
    contender = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(contender)

    def fitted() -> tuple[np.ndarray, dict[str, Any]]:
        predict, further = contender.answer(part, question["seed"])
        return predict(test), further

    return fitted
