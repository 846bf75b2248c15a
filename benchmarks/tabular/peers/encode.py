"""Numbers for those that take nothing else: medians and a column per gap, a column per level, unit spread."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

RARE = 5
"""Levels of fewer rows share one; so do those that training has not seen."""
GAP = "(missing)"


def words(x: pd.DataFrame) -> list[str]:
    """Names of the columns that hold words."""
    return [name for name in x if not pd.api.types.is_numeric_dtype(x[name])]


def numbers(x: pd.DataFrame) -> list[str]:
    """Names of the others."""
    return [name for name in x if pd.api.types.is_numeric_dtype(x[name])]


def filled(x: pd.DataFrame) -> pd.DataFrame:
    """The table with a word for each gap among words."""
    return x.assign(**{name: x[name].where(x[name].notna(), GAP).astype(object) for name in words(x)})


class Wide:
    """Everything as numbers of zero mean and unit spread: medians, a column per column with gaps, one column per level."""

    def __init__(self, x: pd.DataFrame) -> None:
        levels = OneHotEncoder(
            min_frequency=RARE, handle_unknown="infrequent_if_exist", drop="if_binary", sparse_output=False
        )
        parts = [
            ("n", SimpleImputer(strategy="median", add_indicator=True), numbers(x)),
            ("w", levels, words(x)),
        ]
        self._maker: Any = make_pipeline(ColumnTransformer(parts), StandardScaler())
        self._maker.fit(filled(x))

    def __call__(self, x: pd.DataFrame) -> np.ndarray:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # a level that training has not seen counts as a rare one
            return np.asarray(self._maker.transform(filled(x)), dtype=float)


class Codes:
    """Numbers as they are, gaps included; words as numbers of their level, NaN for one that training has not seen."""

    def __init__(self, x: pd.DataFrame, *, rare: int = 1) -> None:
        self.numbers, self.words = numbers(x), words(x)
        self._coder = OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=np.nan, min_frequency=rare if rare > 1 else None
        )
        if self.words:
            self._coder.fit(filled(x)[self.words])

    @property
    def nominal(self) -> list[bool]:
        """Whether each column of the result is a word's."""
        return [False] * len(self.numbers) + [True] * len(self.words)

    def __call__(self, x: pd.DataFrame) -> np.ndarray:
        columns = x[self.numbers].to_numpy(dtype=float)
        if not self.words:
            return columns
        return np.hstack([columns, np.asarray(self._coder.transform(filled(x)[self.words]), dtype=float)])
