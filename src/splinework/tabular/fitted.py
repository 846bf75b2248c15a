"""The error of an estimator that is used before its fit."""

from typing import Any

from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from splinework.errors import SplineworkError


class UnfittedError(SplineworkError, NotFittedError):
    """An estimator is asked for what it only has after `fit`."""


def check_fitted(estimator: Any) -> None:
    """Refuses an estimator that was not fitted.

    Raises:
        UnfittedError: Before a fit; also scikit-learn's NotFittedError, a ValueError and an AttributeError.
    """
    try:
        check_is_fitted(estimator)
    except NotFittedError as error:
        raise UnfittedError(str(error)) from None
