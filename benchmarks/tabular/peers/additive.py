"""pyGAM: a spline a number, a level a word; their number and smoothing are searched, several classes one against the rest."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np
from pygam import LinearGAM, LogisticGAM, f, l, s

from benchmarks.tabular.part import Part
from benchmarks.tabular.peers.encode import RARE, Codes
from benchmarks.tabular.peers.tuning import Configuration, Fit, tuned

SPLINES = (8, 30)
STRENGTHS = (0.03, 1.0, 30.0)
RIDGES = (0.001, 0.1)
"""Weights of the squared coefficients of a spline: without them, classes that a slope parts let pyGAM diverge."""
MOST_ITERATIONS = 40
SHARE = 2
"""Rows for each coefficient, at least: pyGAM goes wrong where there are fewer rows than coefficients."""
FEWEST = 5


def configurations() -> list[Configuration]:
    """All that are tried."""
    return [
        Configuration(f"at most {splines} splines, lam {lam:g}, ridge {ridge:g}", _fit(splines, lam, ridge))
        for splines, lam, ridge in product(SPLINES, STRENGTHS, RIDGES)
    ]


def answer(part: Part, seed: int) -> Any:
    """The best of them, and what was tried."""
    return tuned(configurations(), part, seed)


class Columns:
    """Numbers within their range of training, with medians and a column per gap; words by level, gaps one of them."""

    def __init__(self, part: Part) -> None:
        self._codes = Codes(part.x, rare=RARE)
        x = self._codes(part.x)
        nominal = np.asarray(self._codes.nominal, dtype=bool)
        self._low, self._high = np.nanmin(x, axis=0), np.nanmax(x, axis=0)
        middle = np.where(nominal, [_often(column) for column in x.T], np.nanmedian(x, axis=0))
        self._middle, self._gaps = middle, np.isnan(x).any(axis=0) & ~nominal
        filled = self._filled(x)
        self._kept = np.ptp(filled, axis=0) > 0
        self.nominal = np.append(nominal, np.zeros(self._gaps.sum(), dtype=bool))[self._kept]
        self.distinct = [len(np.unique(column)) for column in filled[:, self._kept].T]

    def __call__(self, x: Any) -> np.ndarray:
        return self._filled(self._codes(x))[:, self._kept]

    def terms(self, splines: int, strength: float, ridge: float) -> Any:
        """A spline for what takes more than two values, a slope for the rest, a level for words."""
        made: Any = None
        for column, (nominal, distinct) in enumerate(zip(self.nominal, self.distinct, strict=True)):
            if distinct <= 2:
                term = l(column, lam=ridge)
            elif nominal:
                term = f(column)
            else:
                number = min(splines, max(distinct, 4))
                term = s(column, n_splines=number, penalties=["auto", "l2"], lam=[strength, ridge])
            made = term if made is None else made + term
        return made

    def _filled(self, x: np.ndarray) -> np.ndarray:
        gap = np.isnan(x)
        return np.hstack([np.clip(np.where(gap, self._middle, x), self._low, self._high), gap[:, self._gaps]])


def _often(column: np.ndarray) -> float:
    """The value that occurs most."""
    values, counts = np.unique(column[~np.isnan(column)], return_counts=True)
    return float(values[counts.argmax()])


def _fit(splines: int, strength: float, ridge: float) -> Fit:
    def fit(part: Part, unseen: Part | None, reported: float) -> Any:
        del unseen, reported
        columns = Columns(part)
        most = min(splines, max(FEWEST, len(part.y) // (SHARE * len(columns.distinct))))
        x, options = columns(part.x), {"max_iter": MOST_ITERATIONS, "verbose": False}
        wanted = (most, strength, ridge)
        if not part.classes:
            model = LinearGAM(columns.terms(*wanted), **options).fit(x, part.y)
            return lambda other: model.predict(columns(other)), 0.0
        ones = range(1, 2) if part.classes == 2 else range(part.classes)
        models = [LogisticGAM(columns.terms(*wanted), **options).fit(x, part.y == one) for one in ones]
        return lambda other: _shares([_chance(model, columns(other)) for model in models]), 0.0

    return fit


def _chance(model: LogisticGAM, x: np.ndarray) -> np.ndarray:
    """Its probability of one class; where its exponential overflows it says NaN and means 1."""
    chance = np.asarray(model.predict_proba(x), dtype=float)
    return np.where(np.isnan(chance), 1.0, chance)


def _shares(chances: list[np.ndarray]) -> np.ndarray:
    """Probabilities that sum to one, of one chance for two classes or one for each."""
    if len(chances) == 1:
        return np.stack([1 - chances[0], chances[0]], axis=1)
    stacked = np.clip(np.stack(chances, axis=1), 1e-9, None)
    return stacked / stacked.sum(axis=1, keepdims=True)
