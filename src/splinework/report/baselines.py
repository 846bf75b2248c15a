"""Simple models to compare with, fitted to the same rows: a constant, a linear model, and the mean of near rows."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from scipy.optimize import minimize
from scipy.spatial import KDTree
from scipy.special import log_softmax, softmax

from splinework.report.plot.protocols import Floats
from splinework.report.task import Integers

Rows = TypeVar("Rows", Floats, Integers)

N_NEAR: Final = 10
"""Rows whose mean predicts."""
MAX_ROWS, MAX_NEAR_COLUMNS, MAX_LINEAR_COLUMNS = 20_000, 60, 400
RIDGE: Final = 1e-6
"""Penalty of slopes, relative to the rows, of columns in standard deviations."""


@dataclass(frozen=True)
class Baseline:
    """A simple model.

    Attributes:
        name: Name of the model, such as `linear regression`.
        predict: From inputs `(n, p)` to values `(n, q)`, or probabilities `(n, classes)`.
    """

    name: str
    predict: Callable[[Floats], Floats]


def regressions(x: Floats, y: Floats) -> list[Baseline]:
    """Baselines for numbers y `(n, q)`."""
    x, y = _thinned(x), _thinned(y)
    mean = y.mean(axis=0)
    found = [Baseline("mean of the training rows", lambda rows: np.repeat(mean[None], len(rows), axis=0))]
    scaled = _scaling(x)
    u = scaled(x)
    if 0 < u.shape[1] <= MAX_LINEAR_COLUMNS and len(u) > 2:
        gram = u.T @ u + RIDGE * len(u) * np.eye(u.shape[1])
        slopes = np.linalg.solve(gram, u.T @ (y - mean))
        found.append(Baseline("linear regression", lambda rows: mean + scaled(rows) @ slopes))
    if 0 < u.shape[1] <= MAX_NEAR_COLUMNS and len(u) > N_NEAR:
        found.append(Baseline(f"mean of the {N_NEAR} nearest rows", _near(u, y, scaled)))
    return found


def classifications(x: Floats, codes: Integers, classes: int) -> list[Baseline]:
    """Baselines for codes of classes `(n,)`, by probabilities."""
    x, codes = _thinned(x), _thinned(codes)
    known = codes >= 0
    x, codes = x[known], codes[known]
    if not len(codes):
        return []
    ones = np.eye(classes)[codes]
    shares = (ones.sum(axis=0) + 0.5) / (len(ones) + 0.5 * classes)
    found = [Baseline("class frequencies", lambda rows: np.repeat(shares[None], len(rows), axis=0))]
    scaled = _scaling(x)
    u = scaled(x)
    if 0 < u.shape[1] <= MAX_LINEAR_COLUMNS:
        found.append(Baseline("logistic regression", _logistic(u, ones, scaled)))
    if 0 < u.shape[1] <= MAX_NEAR_COLUMNS and len(u) > N_NEAR:
        smoothed = _near(u, ones, scaled)
        name = f"classes of the {N_NEAR} nearest rows"
        found.append(Baseline(name, lambda rows: (N_NEAR * smoothed(rows) + shares) / (N_NEAR + 1)))
    return found


def _thinned(rows: Rows) -> Rows:
    return rows[:: max(1, -(-len(rows) // MAX_ROWS))]


def _scaling(x: Floats) -> Callable[[Floats], Floats]:
    """Columns about their means in standard deviations, without constant ones."""
    middle, spread = x.mean(axis=0), x.std(axis=0)
    kept = spread > 1e-12 * np.maximum(1e-300, np.abs(x).max(axis=0, initial=0.0))
    return lambda rows: (rows[:, kept] - middle[kept]) / spread[kept]


def _near(u: Floats, y: Floats, scaled: Callable[[Floats], Floats]) -> Callable[[Floats], Floats]:
    tree = KDTree(u)
    return lambda rows: np.asarray(y[tree.query(scaled(rows), k=N_NEAR)[1]].mean(axis=1))


def _logistic(u: Floats, ones: Floats, scaled: Callable[[Floats], Floats]) -> Callable[[Floats], Floats]:
    """Multinomial logistic regression with a slight ridge."""
    design = np.concatenate([u, np.ones((len(u), 1))], axis=1)
    shape = (design.shape[1], ones.shape[1])
    ridge = 1.0 / len(u)

    def loss(flat: Floats) -> tuple[float, Floats]:
        slopes = flat.reshape(shape)
        logs = log_softmax(design @ slopes, axis=1)
        gradient = design.T @ (np.exp(logs) - ones) / len(u) + ridge * slopes
        return float(-(ones * logs).sum() / len(u) + 0.5 * ridge * (slopes**2).sum()), gradient.ravel()

    slopes = minimize(loss, np.zeros(shape[0] * shape[1]), jac=True, method="L-BFGS-B", options={"maxiter": 200}).x
    held = slopes.reshape(shape)
    return lambda rows: np.asarray(softmax(scaled(rows) @ held[:-1] + held[-1], axis=1))
