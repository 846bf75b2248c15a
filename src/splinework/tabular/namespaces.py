"""Arrays of other libraries in, and back: with scikit-learn's array-API dispatch on, everything follows X.

The work is done in float64 on the processor. What comes in is converted at the door, and results go out in the library and on
the device that X came from. Without dispatch, what is not NumPy's goes through `numpy.asarray`, as in scikit-learn.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import _array_api as sk  # private, but whether dispatch is on is said nowhere else


class Namespace:
    """The library and the device that the arrays of a call belong to."""

    def __init__(self, x: Any) -> None:
        found, dispatched = sk.get_namespace(x)
        foreign = dispatched and "numpy" not in found.__name__
        self._library = found if foreign else None
        self._device = sk.device(x) if foreign else None

    def back(self, values: NDArray[Any]) -> Any:
        """The values as an array of this library; texts, which only NumPy has, stay NumPy's."""
        if self._library is None or values.dtype.kind not in "biuf":
            return values
        if values.dtype == np.float64 and "mps" in str(self._device):  # which has no float64
            values = values.astype(np.float32)
        return self._library.asarray(values, device=self._device)

    def mark(self) -> Any:
        """An array without elements that says where a fit took place."""
        return self.back(np.empty(0))


def to_numpy(values: Any) -> Any:
    """A foreign array as NumPy's, while dispatch is on; anything else as it is."""
    if values is None or isinstance(values, (str, list, tuple, np.ndarray)) or not hasattr(values, "dtype"):
        return values
    if hasattr(values, "iloc") or hasattr(values, "to_pandas"):  # tables and series are read column by column
        return values
    found, dispatched = sk.get_namespace(values)
    return sk._convert_to_numpy(values, found) if dispatched and "numpy" not in found.__name__ else values


def check_same_namespace(x: Any, estimator: Any, method: str) -> None:
    """Raises as scikit-learn does where x is of another library than the fit; before 1.9 it does not ask.

    Raises:
        ValueError: If dispatch is on and x is not of the library and on the device of the fit.
    """
    check = getattr(sk, "check_same_namespace", None)
    if check is not None:
        check(x, estimator, attribute="_fitted_in", method=method)
