"""`load`: reads an estimator from its file."""

import os
from typing import Any, Final

from splinework.errors.foreign import explained
from splinework.tabular import files
from splinework.tabular.classifier import KANClassifier
from splinework.tabular.regressor import KANRegressor
from splinework.tabular.transformer import KANTransformer

KINDS: Final[dict[str, type[Any]]] = {kind.__name__: kind for kind in (KANRegressor, KANClassifier, KANTransformer)}


@explained
def load(path: str | os.PathLike[str]) -> Any:
    """Reads an estimator that its `save` wrote; it gives the same predictions and explanations.

    Parameters that JSON cannot represent, such as callbacks, have their defaults again. The file keeps fewer rows of the fit, so
    `partial_fit` forgets more.

    Args:
        path: The file.

    Returns:
        The fitted `KANRegressor`, `KANClassifier` or `KANTransformer`.

    Raises:
        FileError: If the file is missing or damaged, or holds a network without an estimator.

    Example:
        >>> import tempfile, numpy as np
        >>> path = tempfile.mkdtemp() + "/model.safetensors"
        >>> X = np.random.default_rng(0).uniform(-1, 1, (50, 1))
        >>> fitted = KANRegressor(hidden=0).fit(X, X[:, 0])
        >>> fitted.save(path)
        >>> bool((load(path).predict(X) == fitted.predict(X)).all())
        True
    """
    return files.read(path, KINDS)
