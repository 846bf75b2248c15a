"""`load`: the estimator that a file holds."""

from __future__ import annotations

import os
from typing import Any, Final

from splinework.tabular import files
from splinework.tabular.classifier import KANClassifier
from splinework.tabular.regressor import KANRegressor
from splinework.tabular.transformer import KANTransformer

KINDS: Final[dict[str, type[Any]]] = {kind.__name__: kind for kind in (KANRegressor, KANClassifier, KANTransformer)}


def load(path: str | os.PathLike[str]) -> Any:
    """The estimator that its `save` wrote: it predicts the same numbers, and can be asked the same questions.

    Parameters that no file can hold, such as callbacks, have their defaults again. Of the rows of its fit it remembers fewer, so
    `partial_fit` forgets more.

    Raises:
        FileError: If the file is missing, broken, or holds a network without an estimator.

    >>> import tempfile, numpy as np
    >>> path = tempfile.mkdtemp() + "/model.safetensors"
    >>> X = np.random.default_rng(0).uniform(-1, 1, (50, 1))
    >>> fitted = KANRegressor().fit(X, X[:, 0])
    >>> fitted.save(path)
    >>> bool((load(path).predict(X) == fitted.predict(X)).all())
    True
    """
    return files.read(path, KINDS)
