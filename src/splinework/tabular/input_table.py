"""Validation of X: from an array or a data frame to a matrix of numbers and category codes.

Arrays and numeric frames are validated by scikit-learn and raise its errors. A frame with texts, categories or nullable types is
read column by column.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_array
from sklearn.utils.validation import validate_data

from splinework.errors import DataError
from splinework.tabular.columns import UNKNOWN_CODE, Level
from splinework.tabular.rows import Floats

if TYPE_CHECKING:
    import pandas as pd

MAX_TEXT_LEVELS = 30
"""A column with more distinct texts than this, in more than half of its rows, is free text, not a category."""


@dataclass(frozen=True)
class InputTable:
    """A table as a matrix of numbers.

    Attributes:
        values: `(n, p)`; NaN where a value is missing, codes in categorical columns.
        names: Names of the columns.
        levels: Levels of the categorical columns, by index: `levels[i][code]`.
    """

    values: Floats
    names: tuple[str, ...]
    levels: dict[int, tuple[Level, ...]]


def read_input(estimator: Any, x: Any, levels: dict[int, tuple[Level, ...]] | None = None) -> InputTable:
    """Validates X and converts it to numbers.

    Args:
        estimator: The estimator; sets `n_features_in_` and `feature_names_in_` in a fit and checks them afterwards. Its
            `categorical_features` names the categorical columns.
        x: Array or data frame.
        levels: Levels of the categorical columns from the fit; None during a fit.

    Raises:
        ValueError: For another width or other names than in the fit, no rows, infinite values or texts in an array, as in
            scikit-learn; and for a column of dates or free text.
        TypeError: For sparse matrices and values that are not numbers, as in scikit-learn.
    """
    fitting = levels is None
    frame = _frame(x)
    if frame is None or (not levels and _only_numbers(frame, estimator)):
        given = x if frame is None else frame
        values = validate_data(estimator, given, reset=fitting, dtype=np.float64, ensure_all_finite="allow-nan")
        names = _names(estimator)
        wanted = levels if levels is not None else dict.fromkeys(_asked(estimator, names), None)
        return _coded(np.array(values, order="C"), names, wanted) if wanted else InputTable(values, names, {})
    validate_data(estimator, frame, reset=fitting, skip_check_array=True)
    names = _names(estimator)
    wanted = levels if levels is not None else dict.fromkeys(_categories(frame, estimator, names), None)
    columns, found = [], {}
    for i, name in enumerate(names):
        series = frame.iloc[:, i]
        if i in wanted:
            codes, found[i] = _codes(*_factorized(series, name), wanted[i])
            columns.append(codes)
        else:
            columns.append(_numbers(series, name))
    values = np.stack(columns, axis=1) if columns else np.empty((len(frame), 0))
    checked = check_array(values, dtype=np.float64, ensure_all_finite="allow-nan", input_name="X", estimator=estimator)
    return InputTable(checked, names, found)


def _frame(x: Any) -> pd.DataFrame | None:
    """A pandas data frame, from whatever data frame library; None for an array."""
    if hasattr(x, "iloc"):
        return x if hasattr(x, "columns") else None
    return x.to_pandas() if hasattr(x, "to_pandas") and hasattr(x, "columns") else None


def _names(estimator: Any) -> tuple[str, ...]:
    known = getattr(estimator, "feature_names_in_", None)
    return tuple(f"x{i}" for i in range(estimator.n_features_in_)) if known is None else tuple(map(str, known))


def _asked(estimator: Any, names: Sequence[str]) -> list[int]:
    """Indices of the columns that `categorical_features` lists.

    Raises:
        ValueError: If a column does not exist, or a mask has another length.
    """
    given = estimator.categorical_features
    if given is None or isinstance(given, str):
        return []
    asked = np.asarray(given)
    if asked.size == 0:
        return []
    if asked.dtype.kind == "b":
        if asked.shape != (len(names),):
            raise ValueError(
                f"categorical_features set as a boolean mask must have shape (n_features,), got {asked.shape}; there "
                f"are {len(names)} features."
            )
        return [int(i) for i in np.flatnonzero(asked)]
    places: list[int] = []
    for item in asked.tolist():
        if isinstance(item, str) and item in names:
            places.append(names.index(item))
        elif isinstance(item, int) and 0 <= item < len(names):
            places.append(item)
        else:
            raise ValueError(
                f"categorical_features contains {item!r}, which is not a feature; it takes names, indices below {len(names)} "
                "or a mask."
            )
    return sorted(set(places))


def _only_numbers(frame: pd.DataFrame, estimator: Any) -> bool:
    from pandas.api.types import is_numeric_dtype

    given = estimator.categorical_features
    return (given is None or isinstance(given, str)) and all(is_numeric_dtype(dtype) for dtype in frame.dtypes)


def _categories(frame: pd.DataFrame, estimator: Any, names: Sequence[str]) -> list[int]:
    """Indices of the categorical columns of a frame: those listed, or all of texts or of a categorical type."""
    if not isinstance(estimator.categorical_features, str):
        return _asked(estimator, names)
    return [i for i, name in enumerate(names) if _is_category(frame.iloc[:, i], name)]


def _is_category(series: pd.Series[Any], name: str) -> bool:
    from pandas.api.types import infer_dtype, is_numeric_dtype

    if getattr(series.dtype, "name", "") == "category":
        return True
    if is_numeric_dtype(series.dtype):
        return False
    kind = infer_dtype(series, skipna=True)
    if kind in ("integer", "floating", "mixed-integer-float", "decimal", "boolean", "empty"):
        return False
    if kind not in ("string", "mixed-integer"):
        return False  # dates and objects: `_numbers` raises the error
    different, rows = series.nunique(), int(series.notna().sum())
    if different > max(MAX_TEXT_LEVELS, rows / 2):
        raise DataError(
            f"column {name!r} holds free text, not categories: {different} distinct texts in {rows} rows. Drop the column, "
            "convert it to numbers, or list it in categorical_features."
        )
    return True


def _numbers(series: pd.Series[Any], name: str) -> Floats:
    """A column as numbers, NaN where a value is missing."""
    import pandas as pd

    kind = pd.api.types.infer_dtype(series, skipna=True)
    if kind.startswith(("date", "time", "period")):
        raise DataError(
            f"column {name!r} holds dates or times ({series.dtype}); convert them to numbers, such as days since the first date "
            "or the day of the year."
        )
    if kind == "complex":
        raise ValueError(f"Complex data not supported\n{name}: {series.dtype}")
    try:
        return np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan))
    except (TypeError, ValueError) as error:
        raise DataError(
            f"column {name!r} must be numeric, as in the fit or by its type, but {error}. Correct these cells, leave them "
            "empty, or make the column a category."
        ) from error


def _factorized(series: pd.Series[Any], name: str) -> tuple[NDArray[np.intp], list[Level]]:
    """Indices into a list of levels, -1 where the value is missing."""
    import pandas as pd

    try:
        places, values = pd.factorize(series, use_na_sentinel=True)
    except TypeError as error:
        raise DataError(f"column {name!r} holds values that cannot be levels of a category: {error}.") from error
    return places, [_level(value) for value in values]


def _level(value: Any) -> Level:
    """A level as a string or a number; True and False become strings, so that they differ from 1 and 0."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        return str(value)
    return float(value)


def _coded(values: Floats, names: tuple[str, ...], wanted: Any) -> InputTable:
    """A matrix with the columns `wanted` converted to codes."""
    found = {}
    for i, levels in wanted.items():
        missing = np.isnan(values[:, i])
        numbers, places = np.unique(values[~missing, i], return_inverse=True)
        whole = np.full(len(values), -1)
        whole[~missing] = places
        values[:, i], found[i] = _codes(whole, numbers.tolist(), levels)
    return InputTable(values, names, found)


def _codes(
    places: NDArray[Any], values: list[Level], levels: tuple[Level, ...] | None
) -> tuple[Floats, tuple[Level, ...]]:
    """Codes with respect to the sorted levels, or to those of the fit; NaN where the value is missing."""
    if levels is None:
        levels = tuple(sorted(set(values), key=lambda level: (isinstance(level, str), level)))
    known = {level: float(code) for code, level in enumerate(levels)}
    table = np.array([*(known.get(value, UNKNOWN_CODE) for value in values), np.nan])
    return table[places], levels  # index -1 is the last entry, NaN
