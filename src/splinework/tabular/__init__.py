"""Estimators for scikit-learn: tables in, numbers, classes or features out, and formulas beside them.

`KANRegressor`, `KANClassifier` and `KANTransformer` do what scikit-learn's own do, and are explained by what the rest of the
package knows about a network. `load` reads one that its `save` wrote. Each is loaded when it is first used: who only reads a
table loads no estimator.
"""

from typing import TYPE_CHECKING

from splinework import lazy

if TYPE_CHECKING:  # what `lazy` reads, too
    from splinework.tabular.classifier import KANClassifier
    from splinework.tabular.loading import load
    from splinework.tabular.regressor import KANRegressor
    from splinework.tabular.transformer import KANTransformer

__all__ = ["KANClassifier", "KANRegressor", "KANTransformer", "load"]

__getattr__ = lazy(__name__)
