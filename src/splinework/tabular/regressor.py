"""`KANRegressor`: regression on a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

from numpy.typing import NDArray
from sklearn.base import RegressorMixin

from splinework.errors.foreign import explained
from splinework.tabular.base import KANEstimator
from splinework.tabular.callbacks import with_callbacks
from splinework.tabular.classes import target_names
from splinework.tabular.column_axioms import AXIOM_PARAMETERS, ColumnAxiom, column_axioms
from splinework.tabular.columns import Columns
from splinework.tabular.constant import mean_target
from splinework.tabular.namespaces import Namespace
from splinework.tabular.rows import Floats, WeightedRows
from splinework.tabular.tasks import Task


@explained
@final
@dataclass(kw_only=True, eq=False, repr=False)
class KANRegressor(RegressorMixin, KANEstimator):
    """Kolmogorov–Arnold network regressor for tables; missing values and categorical covariates need no preparation.

    The model is a generalised additive model, one penalised spline per covariate, with smoothness by restricted maximum
    likelihood, plus a cross-validated ensemble for the interactions, where these lower the held-out loss significantly; both are
    merged into one network. Where a Gaussian process predicts held-out rows better (20 to 10,000 rows, up to 20 inputs), or one
    spline where there is one covariate, a network that has learned it is the model instead. Of about as many columns as rows most
    are screened out first, with a `FitWarning`. `predict` gives point predictions;
    prediction intervals are `interval(x)` of the results of `splinework.fit` and `splinework.ensemble`.

    Parameters:
        hidden: Nodes of the part with interactions, one number per hidden layer; 0 or () for an additive model; `auto` decides
            by held-out rows.
        grid: Intervals of every spline, or `auto`.
        degree: Degree of the splines, from 1 to 9. Degree 0, which `KAN` allows, has no linear part for the penalty to spare.
        members: Number of networks in the ensemble that is merged into one network, or `auto`.
        max_iter: Maximum number of training steps.
        categorical_features: Categorical columns: `from_dtype` for the columns of a frame with texts or of a categorical type; or
            names, indices or a mask. The columns of an array are numeric unless listed here.
        warm_start: Whether `fit` continues from the network of the previous fit; the encoding of the columns then stays.
        formula_budget: Seconds for the search of `equations_`.
        callbacks: A function of a `splinework.train.Step`, or several, called after each step.
        random_state: Random seed; with None each fit draws another one.
        monotone: Columns in which the prediction is non-decreasing (1) or non-increasing (-1): `{"age": 1, "price": -1}`, or one
            of 1, -1 and 0 per column, like scikit-learn's `monotonic_cst`.
        axioms: Further prior knowledge: axioms of `sw.axioms` or their texts, such as `["convex(age)", Positive()]`. Hard
            axioms, the default, hold by construction, also for unseen rows. They refer to numeric columns, in raw units. With
            axioms a single network is fitted, additive or with hidden nodes, as held-out rows decide.

    Attributes:
        model_: The network, a `splinework.KAN` in float64 over the inputs that `columns_` encodes; a `FramedKAN` where an axiom
            needs formulas before or after it.
        columns_: Encoding of the columns: imputed values, levels, constants, and which were `screened_out`.
        equations_: Formulas, from simple to accurate, as a pandas DataFrame; searched for on first access.
        equation_: The best of them, with `str`, `.latex()`, `.numpy()`, `.export(language)`.
        feature_importances_: Relative importance of every column, `(n_features_in_,)`; the sum is one.
        certificate_: With axioms: what is proved of the model, in the names of its inputs (`splinework.knowledge.axioms.verify`).
        axiom_status_: With axioms: text, strength and status of each: `proved`, `refuted` or `unknown`.
        loss_: Final loss.
        history_: Records of the training.
        n_iter_: Number of training steps.
        n_features_in_: Number of columns.
        feature_names_in_: Names of the columns, where all are strings.

    Raises:
        ValueError: If a parameter is out of range, a table does not fit or has infinite values, as in scikit-learn; for
            columns of dates or free text; and for axioms that contradict each other or refer to no numeric column.

    References:
        Wood and Fasiolo, "A generalized Fellner-Schall method for smoothing parameter optimization", Biometrics 73 (2017) 1071;
        Wolpert, "Stacked generalization", Neural Networks 5 (1992) 241.

    Example:
        >>> import numpy as np
        >>> X = np.random.default_rng(0).uniform(-1, 1, (200, 2))
        >>> y = np.sin(3 * X[:, 0]) + X[:, 1] ** 2
        >>> KANRegressor(hidden=0).fit(X, y).score(X, y) > 0.95
        True
        >>> KANRegressor(hidden=0, monotone=[0, 1]).fit(X[:50], X[:50, 1] ** 3).axiom_status_[0].status
        'proved'
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {**KANEstimator._parameter_constraints, **AXIOM_PARAMETERS}

    monotone: Any = None
    axioms: Any = None

    @with_callbacks
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> KANRegressor:
        """Incremental fit on a batch of rows. The first call learns the columns; a sample of earlier rows is kept.

        Whenever the rows have doubled since the network was made, a new one is fitted to the sample and the batch; otherwise the
        present one is trained further.

        Args:
            X: Covariates `(n, p)`.
            y: Target `(n,)` or `(n, q)`, as in the first call.
            sample_weight: Weights `(n,)`.

        Raises:
            ValueError: If X or y has another width than in the first call.
        """
        self._fit(X, y, sample_weight, partial=True)
        return self

    def predict(self, X: Any) -> Any:
        """Predictions `(n,)`, or `(n, q)` where y had two dimensions, in float64.

        Raises:
            NotFittedError: Before a fit.
            ValueError: If X does not match the table of the fit.
        """
        values, where = self._outputs(X, "predict")
        return where.back(values[:, 0] if self._flat else values)

    def _check_target(self, y: Any, where: Namespace, *, first: bool, partial: bool) -> tuple[NDArray[Any], Task]:
        return self._numbers(y, first=first)

    def _known(self, columns: Columns) -> tuple[ColumnAxiom, ...]:
        return column_axioms(self.monotone, self.axioms, columns)

    def _constant(self, rows: WeightedRows) -> Floats:
        return mean_target(rows)

    def _targets(self, y: Any, targets: NDArray[Any]) -> tuple[str, ...]:
        return target_names(y, targets.shape[1])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
