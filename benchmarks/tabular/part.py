"""Rows as every contender gets them, the loss that all are judged by, and their clock."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

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


class Stopwatch:
    """Runs from its making on: on the wall, and on the processor, of this process and of those that it has ended."""

    def __init__(self) -> None:
        self._wall, self._cpu = time.perf_counter(), _processor()

    def facts(self, prefix: str = "") -> dict[str, float]:
        """Both in seconds, as results have them: `seconds` and `cpu_seconds`."""
        wall, cpu = time.perf_counter() - self._wall, _processor() - self._cpu
        return {f"{prefix}seconds": round(wall, 3), f"{prefix}cpu_seconds": round(cpu, 3)}


def _processor() -> float:
    return sum(os.times()[:4])
