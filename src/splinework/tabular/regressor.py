"""`KANRegressor`: numbers from a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, final

from numpy.typing import NDArray
from sklearn.base import RegressorMixin

from splinework.tabular.base import KANEstimator
from splinework.tabular.callbacks import with_callbacks
from splinework.tabular.classes import target_names
from splinework.tabular.column_axioms import AXIOM_PARAMETERS, ColumnAxiom, column_axioms
from splinework.tabular.columns import Columns
from splinework.tabular.constant import mean_target
from splinework.tabular.namespaces import Namespace
from splinework.tabular.rows import Floats, WeightedRows
from splinework.tabular.tasks import Task


@final
@dataclass(kw_only=True, eq=False, repr=False)
class KANRegressor(RegressorMixin, KANEstimator):
    """Kolmogorov–Arnold network regression, ready for tables: gaps and categories need no preparation.

    Parameters:
        hidden: Nodes of the part with interactions, one number per hidden layer; 0 or () for an additive model; `auto` decides
            by the rows.
        grid: Intervals of every spline, or `auto`.
        degree: Degree of the splines, from 1 to 5.
        members: Networks that are averaged, into one network; or `auto`.
        max_iter: Passes over the rows that each member takes at most.
        categorical_features: `from_dtype`: the columns of a frame that hold texts or categories; or names, indices or a mask.
            The columns of an array are numbers unless they are named here.
        warm_start: Whether `fit` goes on from the network of the fit before; its columns then stay as they were learned.
        formula_budget: Seconds for the search of `equations_`.
        callbacks: A function of a `splinework.train.Step`, or several, told after each step.
        random_state: Seed of everything random. With None each fit draws another one.
        monotone: Columns along which the prediction never falls (1) or never rises (-1): `{"age": 1, "price": -1}`, or one of
            1, -1 and 0 for each column.
        axioms: What else is known, as recipes of `sw.axioms` or texts, such as `["convex(age)", Positive()]`. Hard
            axioms, the usual ones, hold by construction, also for rows never seen. They name columns of numbers, and are about
            raw units. With axioms one network is fitted, a curve for each column or with hidden nodes, as rows held out say.

    Attributes:
        model_: The network, a `splinework.KAN` in float64 over the inputs that `columns_` makes of a table; a `FramedKAN` where
            an axiom needs formulas before or after it.
        columns_: What was learned about the columns: gaps, levels, constants.
        equations_: Formulas, from simple to accurate, as a pandas DataFrame; worked out when first asked for.
        equation_: The best of them; `str`, `.latex()`, `.numpy()`, `.export(language)`.
        feature_importances_: Share of every column in what the network says, `(n_features_in_,)`; they sum to one.
        certificate_: With axioms: what is proved of the model, in the names of its inputs (`splinework.knowledge.axioms.verify`).
        verdicts_: With axioms: for each its text, strength and verdict, `proved`, `refuted` or `unknown`.
        loss_: What was minimised, at the end.
        history_: Records of the fit.
        n_iter_: Steps taken.
        n_features_in_: Number of columns.
        feature_names_in_: Their names, where all are texts.

    Raises:
        ValueError: As scikit-learn's own do, for parameters out of range, tables that do not fit, and infinite values; and for
            columns of dates or free text; for axioms that name no column of numbers, or contradict each other.

    >>> import numpy as np
    >>> X = np.random.default_rng(0).uniform(-1, 1, (200, 2))
    >>> y = np.sin(3 * X[:, 0]) + X[:, 1] ** 2
    >>> KANRegressor().fit(X, y).score(X, y) > 0.95
    True
    >>> KANRegressor(monotone=[0, 1]).fit(X, X[:, 1] ** 3).verdicts_[0].verdict
    'proved'
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {**KANEstimator._parameter_constraints, **AXIOM_PARAMETERS}

    monotone: Any = None
    axioms: Any = None

    @with_callbacks
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> KANRegressor:
        """Goes on with more rows. The first call learns the columns; a sample of earlier rows is remembered.

        Whenever there are twice as many rows as the network was made for, it is made anew from all that are remembered; otherwise
        it is trained further.

        Args:
            X: `(n, p)`.
            y: `(n,)` or `(n, q)`, as in the first call.
            sample_weight: `(n,)`.

        Raises:
            ValueError: If X or y has another width than in the first call.
        """
        self._fit(X, y, sample_weight, partial=True)
        return self

    def predict(self, X: Any) -> Any:
        """Predictions `(n,)`, or `(n, q)` where y had two dimensions; in float64.

        Raises:
            NotFittedError: Before a fit.
            ValueError: If X does not fit the table of the fit.
        """
        values, where = self._outputs(X, "predict")
        return where.back(values[:, 0] if self._flat else values)

    def _intake(self, y: Any, where: Namespace, *, first: bool, partial: bool) -> tuple[NDArray[Any], Task]:
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
