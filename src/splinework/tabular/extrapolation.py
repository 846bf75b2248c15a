"""Rows beyond the data of a fit: values outside a column's range, and levels or gaps that the fit has not seen."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from splinework.tabular.columns import CategoricalColumn, Column, Columns, NumericColumn, ScreenedColumn
from splinework.tabular.rows import Floats

Range = tuple[float, float] | None
"""Least and greatest number of a column in the fit; None for a category and for a column without numbers."""


def ranges_of(values: Floats, columns: Columns, earlier: Sequence[Range] = ()) -> tuple[Range, ...]:
    """Range of every column of a table `(n, columns)`, joined with the ranges of earlier rows."""
    found: list[Range] = []
    for i, column in enumerate(columns.columns):
        there = values[~np.isnan(values[:, i]), i]
        known = earlier[i] if earlier else None
        if not isinstance(column, CategoricalColumn) and len(there):
            low, high = float(there.min()), float(there.max())
            known = (low, high) if known is None else (min(low, known[0]), max(high, known[1]))
        found.append(known)
    return tuple(found)


def beyond(values: Floats, columns: Columns, ranges: Sequence[Range]) -> NDArray[np.bool_]:
    """Whether each row of a table has a value in some column that the fit has not seen the like of, `(n,)`.

    Columns that were screened out are ignored: predictions do not depend on them, and among thousands some value is always new.
    """
    each = [
        _outside(values[:, i], column, known)
        for i, (column, known) in enumerate(zip(columns.columns, ranges, strict=True))
    ]
    return np.asarray(np.any(each, axis=0))


def _outside(values: Floats, column: Column, known: Range) -> NDArray[np.bool_]:
    if isinstance(column, ScreenedColumn):
        return np.zeros(len(values), dtype=np.bool_)
    if isinstance(column, CategoricalColumn):
        return np.logical_not(column.is_known(values))
    assert isinstance(column, NumericColumn)
    missing = np.isnan(values)
    if known is None:  # the fit saw no number here
        return ~missing
    return np.asarray(np.where(missing, not column.gaps, (values < known[0]) | (values > known[1])))
