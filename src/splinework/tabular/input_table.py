"""The door of a table: an array or a frame in, a matrix of numbers and of codes of categories out.

Arrays and frames of numbers are scikit-learn's to check, and raise what it raises. A frame with texts, categories or gaps in
other types is read column by column.
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
from splinework.tabular.columns import UNKNOWN, Level
from splinework.tabular.rows import Floats

if TYPE_CHECKING:
    import pandas as pd

MOST_TEXTS = 30
"""With more different texts than this, and more than half of all rows different, a column is text and no category."""


@dataclass(frozen=True)
class InputTable:
    """A table as numbers.

    Attributes:
        values: `(n, p)`; NaN where a value is missing, a code where a column is a category.
        names: Of the columns.
        levels: Of the categories, by place: `levels[i][code]`.
    """

    values: Floats
    names: tuple[str, ...]
    levels: dict[int, tuple[Level, ...]]


def read_input(estimator: Any, x: Any, levels: dict[int, tuple[Level, ...]] | None = None) -> InputTable:
    """Reads X.

    Args:
        estimator: Whose `n_features_in_` and `feature_names_in_` are set in a fit, and compared afterwards; it says which
            columns are categories by `categorical_features`.
        x: Array or frame.
        levels: Of the categories, as a fit has found them; None in a fit.

    Raises:
        ValueError: As scikit-learn does for a table of another width or with other names, without rows, with infinite values or
            texts in an array; and for a column of dates or free text.
        TypeError: As scikit-learn does for sparse matrices and things that are no numbers.
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
    """A frame of pandas', of whatever library x is; None if it is an array."""
    if hasattr(x, "iloc"):
        return x if hasattr(x, "columns") else None
    return x.to_pandas() if hasattr(x, "to_pandas") and hasattr(x, "columns") else None


def _names(estimator: Any) -> tuple[str, ...]:
    known = getattr(estimator, "feature_names_in_", None)
    return tuple(f"x{i}" for i in range(estimator.n_features_in_)) if known is None else tuple(map(str, known))


def _asked(estimator: Any, names: Sequence[str]) -> list[int]:
    """The columns that `categorical_features` names itself.

    Raises:
        ValueError: If it names a column that is not there, or is a mask of another length.
    """
    wish = estimator.categorical_features
    if wish is None or isinstance(wish, str):
        return []
    asked = np.asarray(wish)
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
                f"categorical_features names {item!r}, which is no feature; it takes names, indices below {len(names)} "
                "or a mask."
            )
    return sorted(set(places))


def _only_numbers(frame: pd.DataFrame, estimator: Any) -> bool:
    from pandas.api.types import is_numeric_dtype

    wish = estimator.categorical_features
    return (wish is None or isinstance(wish, str)) and all(is_numeric_dtype(dtype) for dtype in frame.dtypes)


def _categories(frame: pd.DataFrame, estimator: Any, names: Sequence[str]) -> list[int]:
    """The columns of a frame that hold categories: those named, or all that hold texts or are of a categorical type."""
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
        return False  # dates and objects: reading them as numbers says what is wrong
    different, rows = series.nunique(), int(series.notna().sum())
    if different > max(MOST_TEXTS, rows / 2):
        raise DataError(
            f"column {name!r} holds free text: {different} different texts in {rows} rows, so they are no categories. Leave the "
            "column out, turn it into numbers, or name it in categorical_features."
        )
    return True


def _numbers(series: pd.Series[Any], name: str) -> Floats:
    """A column as numbers, NaN where it is missing."""
    import pandas as pd

    kind = pd.api.types.infer_dtype(series, skipna=True)
    if kind.startswith(("date", "time", "period")):
        raise DataError(
            f"column {name!r} holds dates or times ({series.dtype}); turn them into numbers, such as days since the first one "
            "or the day of the year."
        )
    if kind == "complex":
        raise ValueError(f"Complex data not supported\n{name}: {series.dtype}")
    try:
        return np.asarray(series.to_numpy(dtype=np.float64, na_value=np.nan))
    except (TypeError, ValueError) as error:
        raise DataError(
            f"column {name!r} must be numbers, as in the fit or by its type, but {error}. Correct these cells, leave them "
            "empty, or make the column a category."
        ) from error


def _factorized(series: pd.Series[Any], name: str) -> tuple[NDArray[np.intp], list[Level]]:
    """Places in a list of levels, -1 where the value is missing."""
    import pandas as pd

    try:
        places, values = pd.factorize(series, use_na_sentinel=True)
    except TypeError as error:
        raise DataError(f"column {name!r} holds values that are no levels of a category: {error}.") from error
    return places, [_level(value) for value in values]


def _level(value: Any) -> Level:
    """A level as a text or a number; True and False are texts, so that they are not taken for 1 and 0."""
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, (int, float, np.integer, np.floating)):
        return str(value)
    return float(value)


def _coded(values: Floats, names: tuple[str, ...], wanted: Any) -> InputTable:
    """A matrix whose columns `wanted` become codes."""
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
    """Codes among the sorted levels, or among those of a fit; NaN where the value is missing."""
    if levels is None:
        levels = tuple(sorted(set(values), key=lambda level: (isinstance(level, str), level)))
    known = {level: float(code) for code, level in enumerate(levels)}
    table = np.array([*(known.get(value, UNKNOWN) for value in values), np.nan])
    return table[places], levels  # the place -1 is the last one, NaN
