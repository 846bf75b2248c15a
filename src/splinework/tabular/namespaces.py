"""Array API support: with scikit-learn's array-API dispatch enabled, results have the library and device of X.

Computations run in float64 on the CPU; inputs and results are converted. Without dispatch, foreign arrays are converted by
`numpy.asarray`, as in scikit-learn.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import _array_api as sk  # private, but the only way to ask whether dispatch is on


class Namespace:
    """The array library and device of a call."""

    def __init__(self, x: Any) -> None:
        found, dispatched = sk.get_namespace(x)
        foreign = dispatched and "numpy" not in found.__name__
        self._library = found if foreign else None
        self._device = sk.device(x) if foreign else None

    def back(self, values: NDArray[Any]) -> Any:
        """The values as an array of this library; strings, which only NumPy has, stay NumPy arrays."""
        if self._library is None or values.dtype.kind not in "biuf":
            return values
        if values.dtype == np.float64 and "mps" in str(self._device):  # which has no float64
            values = values.astype(np.float32)
        return self._library.asarray(values, device=self._device)

    def mark(self) -> Any:
        """An empty array that records the namespace of a fit."""
        return self.back(np.empty(0))


def to_numpy(values: Any) -> Any:
    """A foreign array as a NumPy array while dispatch is on; anything else as it is."""
    if values is None or isinstance(values, (str, list, tuple, np.ndarray)) or not hasattr(values, "dtype"):
        return values
    if hasattr(values, "iloc") or hasattr(values, "to_pandas"):  # tables and series are read column by column
        return values
    found, dispatched = sk.get_namespace(values)
    return sk._convert_to_numpy(values, found) if dispatched and "numpy" not in found.__name__ else values


def check_same_namespace(x: Any, estimator: Any, method: str) -> None:
    """Checks that x has the namespace of the fit, with scikit-learn 1.9 and later.

    Raises:
        ValueError: If dispatch is on and x has another library or device than the fit.
    """
    check = getattr(sk, "check_same_namespace", None)
    if check is not None:
        check(x, estimator, attribute="_fitted_in", method=method)
