"""Estimators in scikit-learn style: regression, classification and feature learning on tables, with formulas.

`KANRegressor`, `KANClassifier` and `KANTransformer` follow scikit-learn's API and can be explained by formulas, importances and
plots. `load` reads an estimator that its `save` wrote. Each name is imported on first use, so reading a table imports no
estimator.
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
