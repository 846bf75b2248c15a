"""Independent inputs, each distributed as in the rows, sampled quasi-randomly or as a few points."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import numpy as np

from splinework.interpret.importance.row_function import Floats, RowFunction


@final
@dataclass(frozen=True)
class InputDistributions:
    """The distributions of the inputs of a function in its rows, each taken alone."""

    function: RowFunction

    def quantiles(self, i: int, u: Floats) -> Floats:
        """Values `(n, c)` of an input's columns at probabilities u `(n,)`: quantiles of one column, rows of several."""
        values = self._ordered(i)
        return values[np.minimum((u * len(values)).astype(np.intp), len(values) - 1)]

    def points(self, i: int, most: int) -> tuple[Floats, Floats]:
        """Values of an input `(m, c)`, at most `most`, and their probabilities `(m,)`; all of them where they are few."""
        different, counts = np.unique(self._ordered(i), axis=0, return_counts=True)
        if len(different) <= most:
            return different, counts / counts.sum()
        return self.quantiles(i, (np.arange(most) + 0.5) / most), np.full(most, 1 / most)

    def typical(self) -> Floats:
        """A row of the middle values, `(p,)`."""
        return np.median(self.function.x, axis=0)

    def rows(self, inputs: Sequence[int], values: Sequence[Floats]) -> Floats:
        """Rows `(n, p)` with these values of these inputs, each `(n, c)`, and typical ones of the others."""
        found = np.repeat(self.typical()[None], len(values[0]), axis=0)
        for i, own in zip(inputs, values, strict=True):
            found[:, list(self.function.columns[i])] = own
        return found

    def _ordered(self, i: int) -> Floats:
        columns = list(self.function.columns[i])
        values = self.function.x[:, columns]
        return values[np.lexsort(values.T[::-1])] if columns else values


def exchanged(function: RowFunction, rows: Floats, other: Floats, inputs: Sequence[int]) -> Floats:
    """Rows `(n, p)` in which these inputs come from other rows `(n, p)`."""
    columns = [column for i in inputs for column in function.columns[i]]
    found = rows.copy()
    found[:, columns] = other[:, columns]
    return found
