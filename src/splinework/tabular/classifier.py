"""`KANClassifier`: probabilistic classification of a table."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils import compute_class_weight
from sklearn.utils._param_validation import StrOptions  # private: see base
from sklearn.utils.multiclass import unique_labels

from splinework.errors.foreign import explained
from splinework.tabular.base import KANEstimator
from splinework.tabular.callbacks import with_callbacks
from splinework.tabular.classes import Classes, labels_of
from splinework.tabular.column_axioms import AXIOM_PARAMETERS, ColumnAxiom, column_axioms
from splinework.tabular.columns import Columns
from splinework.tabular.constant import MAX_LOGIT, class_logits
from splinework.tabular.fitted import check_fitted
from splinework.tabular.namespaces import Namespace, to_numpy
from splinework.tabular.rows import Floats, WeightedRows
from splinework.tabular.tasks import Task


@explained
@final
@dataclass(kw_only=True, eq=False, repr=False)
class KANClassifier(ClassifierMixin, KANEstimator):
    """Kolmogorov–Arnold network classifier for two or more classes, with calibrated probabilities.

    Curves of the columns, and products of two where these predict held-out labels better, come first; an ensemble adds the rest.

    Parameters:
        hidden: Nodes of the part with interactions; see `KANRegressor` for this and the following parameters.
        grid: Intervals of every spline, or `auto`.
        degree: Degree of the splines, from 1 to 9.
        members: Number of networks in the ensemble that is merged into one network, or `auto`.
        max_iter: Maximum number of training steps.
        prefer: `accuracy` (the default, since an estimator is there to predict) for the model of least held-out loss;
            `simplicity` for the simplest one within two standard errors of that, row by row: a constant, or the sum of curves
            of the fewest columns, with lines for curves where these will do; else the network of the fewest hidden nodes,
            columns and edges.
        categorical_features: Categorical columns.
        warm_start: Whether `fit` continues from the previous fit.
        formula_budget: Seconds for the search of `equations_`, or a dict of options of `SearchOptions`, such as
            `{"effort": 20, "checkpoint": "formulas.json"}`.
        callbacks: A function of a `splinework.train.Step`, or several.
        random_state: Random seed.
        class_weight: Factors of the row weights by class: a dict, or `balanced` for equal total weights. The probabilities
            change accordingly.
        monotone: See `KANRegressor`; of the probability of the second of two classes, `classes_[1]`.
        axioms: See `KANRegressor`. For two classes they constrain the log odds of `classes_[1]`, except that numbers in
            `bounded`, `through` and `asymptote` are probabilities. For more classes only axioms that treat every score
            alike, such as `symmetric`, are possible.

    Attributes:
        classes_: The class labels, sorted.
        model_: The network; its output is the logit of the second class, or one logit per class for three and more, of
            labels that are right.
        lapse_rates_: Per class the estimated probability that a label is this class whatever the inputs are, `(n_classes,)`. With
            `s` their sum and `p` the probabilities of `model_`, `predict_proba` is `(1 - s) * p + lapse_rates_`.
        columns_: Encoding of the columns.
        equations_: Formulas for the class probabilities, as a pandas DataFrame.
        equation_: The best of them.
        feature_importances_: Relative importance of every column, `(n_features_in_,)`.
        interactions_: Pairs of columns that act together, with their shares of the variance, as a pandas DataFrame.
        certificate_: With axioms: what is proved of the log odds, in the names of the network's inputs.
        axiom_status_: With axioms: text, strength and status of each.
        loss_: Final loss.
        history_: Records of the training.
        n_iter_: Number of training steps.
        n_features_in_: Number of columns.
        feature_names_in_: Names of the columns, where all are strings.

    Raises:
        ValueError: If a parameter is out of range or a table does not fit, as in scikit-learn.

    References:
        Guo et al., "On Calibration of Modern Neural Networks", ICML 2017 (the temperature of the probabilities); Copas, "Binary
        regression models for contaminated data", JRSS B 50 (1988) 225 (wrong labels); see `KANRegressor` for the others.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> X, y = load_iris(return_X_y=True)
        >>> KANClassifier(hidden=0, grid=3).fit(X, y).predict_proba(X).shape
        (150, 3)
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **KANEstimator._parameter_constraints,
        **AXIOM_PARAMETERS,
        "class_weight": [dict, StrOptions({"balanced"}), None],
    }

    if TYPE_CHECKING:  # fitted attributes, no parameters
        classes_: Any
        _classes: Classes

    class_weight: Any = None
    monotone: Any = None
    axioms: Any = None

    @property
    def lapse_rates_(self) -> NDArray[np.float64]:
        """Probability of each class as a label that does not depend on the inputs, `(n_classes,)`; zeros if labels are right.

        Raises:
            AttributeError: Before a fit (also a NotFittedError).
        """
        check_fitted(self)
        return np.asarray(self._classes.lapses or np.zeros(len(self._classes)), dtype=np.float64)

    @with_callbacks
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> KANClassifier:
        """Incremental fit on a batch of rows. The first call learns the columns; see `KANRegressor.partial_fit`.

        Args:
            X: Covariates `(n, p)`.
            y: Class labels `(n,)`.
            classes: All classes of all batches; required in the first call.
            sample_weight: Weights `(n,)`.

        Raises:
            ValueError: If the first call lacks `classes`, y has other labels, X has another width, or `class_weight` is
                `balanced`, which a batch cannot determine.
        """
        self._validate_params()
        if self.class_weight == "balanced":
            raise ValueError(
                "class_weight 'balanced' is not supported for partial_fit. Work the weights out from all rows with "
                "compute_class_weight('balanced', classes=classes, y=y), and pass them as a dict."
            )
        self._take_classes(to_numpy(classes))
        self._fit(X, y, sample_weight, partial=True)
        return self

    def _take_classes(self, classes: Any) -> None:
        """Stores the classes of the first `partial_fit`; later calls must pass the same ones."""
        known = getattr(self, "classes_", None)
        if classes is None:
            if known is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            return
        given = unique_labels(classes)
        if known is None:
            self.classes_ = given
            self._classes = Classes(np.asarray(given))
        elif not np.array_equal(known, given):
            raise ValueError(f"classes={classes!r} is not the same as on last call to partial_fit, was: {known!r}.")

    def decision_function(self, X: Any) -> Any:
        """Logits: `(n,)` of the second of two classes, else `(n, classes)`; `predict_proba` is their sigmoid or softmax.

        Raises:
            NotFittedError: Before a fit.
            ValueError: If X does not match the table of the fit.
        """
        outputs, where = self._outputs(X, "decision_function")
        values = self._classes.logits(outputs)
        return where.back(values if len(self._classes) > 2 else values[:, 0])

    def predict_proba(self, X: Any) -> Any:
        """Class probabilities `(n, classes)` in the order of `classes_`; raises like `decision_function`."""
        values, where = self._outputs(X, "predict_proba")
        return where.back(self._classes.probabilities(values))

    def predict_log_proba(self, X: Any) -> Any:
        """Logarithms of the class probabilities `(n, classes)`; raises like `decision_function`."""
        values, where = self._outputs(X, "predict_log_proba")
        return where.back(self._classes.log_probabilities(values))

    @explained
    def predict(self, X: Any) -> Any:
        """The most probable class of each row, `(n,)`; raises like `decision_function`."""
        values, where = self._outputs(X, "predict")
        return where.back(self._classes.values[self._classes.probabilities(values).argmax(axis=1)])

    def _check_target(self, y: Any, where: Namespace, *, first: bool, partial: bool) -> tuple[NDArray[Any], Task]:
        labels = labels_of(y, self)
        if first and not partial:
            self._classes = Classes(np.unique(labels))
        codes = self._classes.codes(labels)
        self.classes_ = where.back(self._classes.values)
        return codes, self._classes.task

    def _known(self, columns: Columns) -> tuple[ColumnAxiom, ...]:
        return column_axioms(self.monotone, self.axioms, columns, classes=len(self._classes))

    def _reweighted(self, rows: WeightedRows) -> WeightedRows:
        if self.class_weight is None:
            return rows
        totals = np.bincount(rows.y.astype(np.intp), rows.weights, minlength=len(self._classes))
        if isinstance(self.class_weight, str):
            present = totals > 0
            factors = np.where(present, totals.sum() / (present.sum() * np.where(present, totals, 1.0)), 0.0)
        else:
            factors = compute_class_weight(self.class_weight, classes=self._classes.values, y=self._classes.values)
        weighed = replace(rows, weights=rows.weights * factors[rows.y.astype(np.intp)])
        if not np.any(weighed.weights > 0):
            raise ValueError(f"class_weight={self.class_weight} leaves no row with a weight above zero; change it.")
        return weighed

    def _constant(self, rows: WeightedRows, task: Task) -> Floats:
        return class_logits(rows, len(self._classes)) if len(self._classes) > 1 else np.array([MAX_LOGIT])

    def _targets(self, y: Any, targets: NDArray[Any]) -> tuple[str, ...]:
        return self._classes.names(y)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = True
        return tags
