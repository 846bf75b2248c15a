"""Columns of categories as columns of 0 and 1: one for each level but the first, so that formulas hold effects of levels."""

from typing import Any

import numpy as np

from splinework.errors import DataError
from splinework.interpret.symbolic.levels import MAX_LEVELS, indicator_names
from splinework.interpret.symbolic.library import Array


def with_indicators(x: Any) -> tuple[Array, list[str], list[str]] | None:
    """The numbers of a frame with categories, the names of the columns and a note on each category; None for all others.

    Args:
        x: A frame, or anything else.

    Raises:
        DataError: For a category with empty cells, with one level, or with more than `MAX_LEVELS`.

    >>> import pandas as pd
    >>> with_indicators(pd.DataFrame({"a": [1.0, 2.0, 3.0], "c": ["q", "p", "q"]}))[1:]
    (['a', 'c_q'], ['c is a category: c_q is 1 where it is q, and it is p elsewhere'])
    """
    if not hasattr(x, "columns"):
        return None
    columns = {str(name): np.asarray(x[name]) for name in x.columns}
    words = {name for name, values in columns.items() if values.ndim == 1 and not _is_numeric(values)}
    if not words:
        return None
    arrays: list[Array] = []
    names: list[str] = []
    notes: list[str] = []
    for name, values in columns.items():
        if name not in words:
            arrays.append(values.astype(float))
            names.append(name)
            continue
        if any(value is None or value != value for value in values.tolist()):
            raise DataError(f"{name} has empty cells; drop those rows, or fill them, first.")
        levels = sorted({str(value) for value in values.tolist()})
        if not 1 < len(levels) <= MAX_LEVELS:
            raise DataError(
                f"{name} is a category of {len(levels)} levels, and formulas take 2 to {MAX_LEVELS}; leave it out of x, or "
                "join levels."
            )
        texts = np.array([str(value) for value in values.tolist()])
        made = indicator_names(name, levels, [*columns, *names])
        arrays += [(texts == level).astype(float) for level in levels[1:]]
        names += made
        ones = ", ".join(f"{new} is 1 where it is {level}" for new, level in zip(made, levels[1:], strict=True))
        notes.append(f"{name} is a category: {ones}, and it is {levels[0]} elsewhere")
    return np.column_stack(arrays), names, notes


def _is_numeric(values: Any) -> bool:
    """Whether an array holds numbers or truth values."""
    if values.dtype.kind in "biuf":
        return True
    return values.dtype.kind == "O" and all(isinstance(value, bool | int | float) for value in values.tolist())
