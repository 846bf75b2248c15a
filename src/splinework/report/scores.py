"""Scores of class probabilities: accuracy, log loss, confusion, ROC and calibration."""

from dataclasses import dataclass

import numpy as np

from splinework.report.plot.protocols import Floats
from splinework.report.task import Integers

N_BINS = 10
"""Cells of equal numbers of rows of a calibration curve."""


def accuracy(probabilities: Floats, codes: Integers) -> float:
    """Share of rows whose most probable class is theirs; NaN without rows."""
    return float((probabilities.argmax(axis=1) == codes).mean()) if len(codes) else float("nan")


def log_loss(probabilities: Floats, codes: Integers) -> float | None:
    """Mean negative log-probability of the classes; None without rows, or where a class is unknown."""
    if not len(codes) or codes.min() < 0:
        return None
    with np.errstate(divide="ignore"):
        return float(-np.log(probabilities[np.arange(len(codes)), codes]).mean())


def confusion(probabilities: Floats, codes: Integers) -> Integers:
    """Numbers of rows by class and most probable class, `(classes, classes)`; rows of an unknown class are left out."""
    classes = probabilities.shape[1]
    known = codes >= 0
    flat = codes[known] * classes + probabilities[known].argmax(axis=1)
    return np.bincount(flat, minlength=classes * classes).reshape(classes, classes)


@dataclass(frozen=True)
class Roc:
    """Receiver operating characteristic of one class against the others.

    Attributes:
        false: Share of the other rows above a threshold, rising from 0 to 1.
        true: Share of the rows of the class above it.
        area: Area under the curve; NaN where one of both has no rows.
    """

    false: Floats
    true: Floats
    area: float


def roc(scores: Floats, positive: np.ndarray) -> Roc:
    """The curve of scores `(N,)` for rows that are of the class, `(N,)` of booleans.

    >>> roc(np.array([0.1, 0.9]), np.array([False, True])).area
    1.0
    """
    order = np.argsort(-scores, kind="stable")
    sorted_scores, hits = scores[order], positive[order]
    last = np.append(np.flatnonzero(np.diff(sorted_scores)), len(hits) - 1)
    true, false = np.cumsum(hits)[last], np.cumsum(~hits)[last]
    if not positive.any() or positive.all():
        return Roc(np.array([0.0, 1.0]), np.array([0.0, 1.0]), float("nan"))
    true, false = np.append(0, true) / true[-1], np.append(0, false) / false[-1]
    return Roc(false, true, float((np.diff(false) * (true[1:] + true[:-1]) / 2).sum()))


@dataclass(frozen=True)
class Calibration:
    """Predicted probability against frequency in cells of equal numbers of rows.

    Attributes:
        predicted: Mean predicted probability of each cell.
        observed: Share of its rows that are of the class.
        low: Lower end of a 90 % interval of the frequency (Wilson 1927).
        high: Its upper end.
        error: Mean distance of both, weighted by rows (expected calibration error).
    """

    predicted: Floats
    observed: Floats
    low: Floats
    high: Floats
    error: float


def calibration(scores: Floats, positive: np.ndarray, bins: int = N_BINS) -> Calibration:
    """Calibration of the probabilities `(N,)` of a class."""
    order = np.argsort(scores, kind="stable")
    cells = [cell for cell in np.array_split(order, min(bins, max(1, len(scores) // 5))) if len(cell)]
    counts = np.array([len(cell) for cell in cells], dtype=float)
    predicted = np.array([scores[cell].mean() for cell in cells])
    observed = np.array([positive[cell].mean() for cell in cells])
    z = 1.6448536269514722
    middle = (observed + z**2 / (2 * counts)) / (1 + z**2 / counts)
    half = z / (1 + z**2 / counts) * np.sqrt(observed * (1 - observed) / counts + z**2 / (4 * counts**2))
    error = float((counts * np.abs(predicted - observed)).sum() / counts.sum()) if len(cells) else float("nan")
    return Calibration(predicted, observed, middle - half, middle + half, error)
