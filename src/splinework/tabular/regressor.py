"""`KANRegressor`: regression on a table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Real
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils._param_validation import Interval, StrOptions  # private; see `base`

from splinework.errors import ConfigError, DataError
from splinework.errors.foreign import explained
from splinework.nn.frame import network_of
from splinework.tabular.base import KANEstimator
from splinework.tabular.callbacks import with_callbacks
from splinework.tabular.classes import target_names
from splinework.tabular.column_axioms import AXIOM_PARAMETERS, ColumnAxiom, column_axioms
from splinework.tabular.columns import Columns
from splinework.tabular.constant import mean_target
from splinework.tabular.fitted import check_fitted
from splinework.tabular.inner_network import outputs_of
from splinework.tabular.intervals import PredictionInterval, ResidualModel, residual_model
from splinework.tabular.losses import LOSSES, LogNormalTask, name_of, named_task
from splinework.tabular.namespaces import Namespace
from splinework.tabular.rows import Floats, WeightedRows
from splinework.tabular.target_scale import prefers_logarithm
from splinework.tabular.tasks import Regression, Task


@explained
@final
@dataclass(kw_only=True, eq=False, repr=False)
class KANRegressor(RegressorMixin, KANEstimator):
    """Kolmogorov–Arnold network regressor for tables; missing values and categorical covariates need no preparation.

    The model is a generalised additive model, one penalised spline per covariate, with smoothness by restricted maximum
    likelihood, plus a cross-validated ensemble for the interactions, where these lower the held-out loss significantly; both are
    merged into one network. Where a Gaussian process predicts held-out rows better (8 to 10,000 rows, up to 64 inputs), or one
    spline where there is one covariate, a network that has learned it is the model instead. Of about as many columns as rows most
    are screened out first, with a `FitWarning`. `predict` gives prediction intervals too, from the errors on rows that the fit
    held out.

    Parameters:
        hidden: Nodes of the part with interactions, one number per hidden layer; 0 or () for an additive model; `auto` decides
            by held-out rows.
        grid: Intervals of every spline, or `auto`.
        degree: Degree of the splines, from 1 to 9. Degree 0, which `KAN` allows, has no linear part and is refused.
        members: Number of networks in the ensemble that is merged into one network, or `auto`.
        max_iter: Maximum number of training steps.
        prefer: `accuracy` (the default) for the model of least held-out loss; `simplicity` for the simplest one within two
            standard errors of that, row by row: a constant, or the sum of curves of the fewest columns, with lines for curves
            where these will do; else the network of the fewest hidden nodes, columns and edges.
        categorical_features: Categorical columns: `from_dtype` for the columns of a frame with texts or of a categorical type; or
            names, indices or a mask. The columns of an array are numeric unless listed here.
        warm_start: Whether `fit` continues from the network of the previous fit; the encoding of the columns then stays.
        formula_budget: Seconds for the search of `equations_`, or a dict of options of `SearchOptions`, such as
            `{"effort": 20, "checkpoint": "formulas.json"}`.
        callbacks: A function of a `splinework.train.Step`, or several, called after each step.
        random_state: Random seed; with None each fit draws another one.
        monotone: Columns in which the prediction is non-decreasing (1) or non-increasing (-1): `{"age": 1, "price": -1}`, or one
            of 1, -1 and 0 per column, like scikit-learn's `monotonic_cst`.
        axioms: Further prior knowledge: axioms of `sw.axioms` or their texts, such as `["convex(age)", Positive()]`. Hard
            axioms, the default, hold by construction, also for unseen rows. They refer to numeric columns, in raw units. With
            axioms other than monotone columns a single network is fitted, additive or with hidden nodes, as held-out rows decide.

        loss: What is minimised, by the names of scikit-learn's gradient boosting: `squared_error` for the mean, `absolute_error`
            for the median, `quantile`, `huber` for a mean that outliers move little, `poisson` for counts, and `gamma` or
            `lognormal` for positive numbers whose noise grows with them. The default `auto` is `lognormal`, which minimises
            squared errors of log y, where all y are positive and left-out rows are significantly more likely by it, else
            `squared_error`; it predicts the mean in either case, and `loss_name_` says which it was. With `poisson`, `gamma` and
            `lognormal` the network, and so formulas and plots, give the logarithm of the mean, named `log y`; `predict` gives
            the mean. Axioms go with `squared_error` only, which `auto` is beside them, in `partial_fit` and with `warm_start`.
        quantile: For `loss="quantile"`: the probability that y is below the prediction, between 0 and 1.

    Attributes:
        model_: The network, a `splinework.KAN` in float64 over the inputs that `columns_` encodes; a `FramedKAN` where an axiom
            needs formulas before or after it.
        columns_: Encoding of the columns: imputed values, levels, constants, and which were `screened_out`.
        equations_: Formulas, from simple to accurate, as a pandas DataFrame; searched for on first access.
        equation_: The best of them, with `str`, `.latex()`, `.numpy()`, `.export(language)`.
        feature_importances_: Relative importance of every column, `(n_features_in_,)`; the sum is one.
        interactions_: Pairs of columns that act together, with their shares of the variance, as a pandas DataFrame.
        certificate_: With axioms: what is proved of the model, in the names of its inputs (`splinework.knowledge.axioms.verify`).
        axiom_status_: With axioms: text, strength and status of each: `proved`, `refuted` or `unknown`.
        loss_: Final loss.
        loss_name_: Name of the loss that was minimised.
        history_: Records of the training.
        n_iter_: Number of training steps.
        n_features_in_: Number of columns.
        feature_names_in_: Names of the columns, where all are strings.

    Raises:
        ValueError: If a parameter is out of range, a table does not fit or has infinite values, as in scikit-learn; for
            columns of dates or free text; and for axioms that contradict each other or refer to no numeric column.

    References:
        Wood and Fasiolo, "A generalized Fellner-Schall method for smoothing parameter optimization", Biometrics 73 (2017) 1071;
        Wolpert, "Stacked generalization", Neural Networks 5 (1992) 241;
        Barber, Candès, Ramdas and Tibshirani, "Predictive inference with the jackknife+", Annals of Statistics 49 (2021) 486.

    Example:
        >>> import numpy as np
        >>> X = np.random.default_rng(0).uniform(-1, 1, (200, 2))
        >>> y = np.sin(3 * X[:, 0]) + X[:, 1] ** 2
        >>> KANRegressor(hidden=0).fit(X, y).score(X, y) > 0.95
        True
        >>> KANRegressor(hidden=0, monotone=[0, 1]).fit(X[:50], X[:50, 1] ** 3).axiom_status_[0].status
        'proved'
    """

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        **KANEstimator._parameter_constraints,
        **AXIOM_PARAMETERS,
        "loss": [StrOptions({"auto", *LOSSES})],
        "quantile": [Interval(Real, 0, 1, closed="neither"), None],
    }

    monotone: Any = None
    axioms: Any = None
    loss: str = "auto"
    quantile: float | None = None

    if TYPE_CHECKING:  # fitted attributes, no parameters
        _task: Task

    @property
    def loss_name_(self) -> str:
        """Name of the loss that was minimised, of which `auto` is none.

        Raises:
            AttributeError: Before a fit (also a NotFittedError).
        """
        check_fitted(self)
        return name_of(self._task)[0]

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

    @explained
    def predict(self, X: Any, interval: float | None = None, return_std: bool = False) -> Any:
        """Predictions `(n,)`, or `(n, q)` where y had two dimensions, in float64; on request with their uncertainty.

        Intervals rest on the errors of the fit on rows that it held out. They cover a new y with about the wanted probability on
        rows like those of the fit, and are wider where errors are larger, if held-out rows show that. Beyond the rows of the fit
        (see `extrapolates`) they promise nothing.

        Args:
            X: Covariates `(n, p)`.
            interval: Probability that an interval covers a new y, such as 0.9; None for none.
            return_std: Whether to return the standard deviation of a new y around the prediction, too.

        Returns:
            The predictions; with `interval` a `PredictionInterval(prediction, lower, upper)`, with `return_std` the pair
            `(prediction, std)`.

        Raises:
            NotFittedError: Before a fit.
            ValueError: If X does not match the table of the fit; if `interval` is not a probability, needs more rows, or is
                combined with `return_std`; and if the fit held out no rows.

        Example:
            >>> import numpy as np
            >>> x = np.linspace(0, 1, 100)[:, None]
            >>> y = x[:, 0] + np.random.default_rng(0).normal(0, 0.1, 100)
            >>> found = KANRegressor(hidden=0).fit(x, y).predict(x, interval=0.9)
            >>> bool(0.85 < np.mean((found.lower <= y) & (y <= found.upper)) < 0.95)
            True
        """
        wanted = _checked_level(interval)
        if wanted is not None and return_std:
            raise ConfigError("predict takes interval or return_std, not both; call it once for each.")
        inputs, where = self._inputs(X, "predict")
        task = self._task
        mean = np.asarray(task.mean(torch.from_numpy(outputs_of(self.model_, inputs))).numpy())

        def back(values: Floats) -> Any:
            return where.back(values[:, 0] if self._flat else values)

        if wanted is None and not return_std:
            return back(mean)
        residuals = self._residual_model()
        sizes = residuals.sizes(inputs, mean, task)
        if wanted is None:
            return back(mean), back(sizes * residuals.deviation)
        lower, upper = (mean + sizes * end for end in residuals.ends(wanted))
        least = 0.0 if task.log_link else -np.inf
        return PredictionInterval(back(mean), back(np.maximum(lower, least)), back(np.maximum(upper, least)))

    def _residual_model(self) -> ResidualModel:
        found: ResidualModel | None = getattr(self, "_residuals", None)
        if found is None:
            raise DataError(
                "there are no errors on held-out rows to tell the uncertainty of predictions by: the network was trained "
                "further by partial_fit or warm_start, on a single row, under axioms with no row held out (fewer than 60 or more "
                "than 1000 rows, or a number for hidden), or read from a file of an earlier version; fit a KANRegressor anew "
                "without these."
            )
        return found

    def _likelihood(self) -> Task:
        return self._task

    def _noise(self) -> Floats | None:
        errors: ResidualModel | None = getattr(self, "_residuals", None)
        if errors is None or not isinstance(self._task, Regression):
            return None
        x = self._rows().x
        sizes = errors.sizes(x, outputs_of(self.model_, x), self._task) * errors.deviation
        return np.asarray((sizes**2).mean(axis=0))

    def _notes(self) -> list[str]:
        notes = super()._notes()
        if isinstance(self._task, LogNormalTask):
            notes.append("the network gives the logarithm of the mean of y, learned by squared errors of log y")
        elif not isinstance(self._task, Regression):
            loss, quantile = name_of(self._task)
            of = f"the quantile {quantile:g}" if quantile is not None else f"what minimises {loss}"
            of = f"the logarithm of the mean of y (loss {loss})" if self._task.log_link else of
            notes.append(f"the network gives {of}, and formulas are those of the network")
        return notes

    def _take_residuals(self, rows: WeightedRows, task: Task, unseen: torch.Tensor | None) -> None:
        self._task = task
        y = np.asarray(rows.y, dtype=np.float64)
        if unseen is None and not network_of(self.model_).active_edges() and len(rows) > 1:
            unseen = torch.from_numpy(_without_each(y, rows.weights, task))
        if unseen is None:
            self._residuals = None
            return
        seen = outputs_of(self.model_, rows.x)
        self._residuals = residual_model(
            rows.x, y, rows.weights, unseen.numpy(), seen, task=task, seed=self._seed(), groups=self.columns_.groups
        )

    def _check_target(self, y: Any, where: Namespace, *, first: bool, partial: bool) -> tuple[NDArray[Any], Task]:
        if self.loss == "quantile" and self.quantile is None:
            raise ConfigError("loss='quantile' needs the quantile, such as quantile=0.9.")
        if self.loss not in ("auto", "squared_error") and (self.axioms is not None or self.monotone is not None):
            raise ConfigError(f"axioms and monotone go with loss='squared_error', got loss={self.loss!r}.")
        columns, task = self._numbers(y, first=first)
        if self.loss != "auto":
            task = named_task(self.loss, self.quantile)
        elif not first:
            task = self._task
        if not first and task != self._task:
            raise ConfigError(f"loss={self.loss!r} differs from that of the previous fit; set warm_start=False.")
        low, total, loss = columns.min(initial=np.inf), columns.sum(axis=0), name_of(task)[0]
        if loss in ("gamma", "lognormal") and not low > 0:
            hint = (
                "loss='poisson' for numbers of 0 or more"
                if self.loss != "auto" and low == 0
                else "loss='squared_error'"
            )
            raise DataError(f"loss={loss!r} requires strictly positive y, got {low:g}; use {hint}.")
        if loss == "poisson" and not (low >= 0 and np.all(total > 0)):
            got = f"{low:g}" if low < 0 else "zeros only"
            raise DataError(f"loss='poisson' requires non-negative y and sum(y) > 0, got {got}.")
        return columns, task

    def _chosen(self, task: Task, rows: WeightedRows, columns: Columns) -> tuple[Task, Columns]:
        free = self.loss == "auto" and self.axioms is None and self.monotone is None
        if not (free and prefers_logarithm(rows, columns.groups, columns.owners, self._seed())):
            return task, columns
        return LogNormalTask(), replace(columns, targets=_of_logarithms(columns.targets))

    def _known(self, columns: Columns) -> tuple[ColumnAxiom, ...]:
        return column_axioms(self.monotone, self.axioms, columns)

    def _constant(self, rows: WeightedRows, task: Task) -> Floats:
        if isinstance(task, (Regression, LogNormalTask)):
            return np.log(mean_target(rows)) if task.log_link else mean_target(rows)
        y = torch.from_numpy(np.asarray(rows.y, dtype=np.float64))
        return np.asarray(task.constant(y, torch.from_numpy(rows.weights)).numpy())

    def _targets(self, y: Any, targets: NDArray[Any]) -> tuple[str, ...]:
        names = target_names(y, targets.shape[1])
        return _of_logarithms(names) if self.loss in ("poisson", "gamma", "lognormal") else names

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.positive_only = self.loss in ("poisson", "gamma", "lognormal")
        return tags


def _of_logarithms(names: Sequence[str]) -> tuple[str, ...]:
    return tuple(f"log {name}" for name in names)


def _checked_level(interval: Any) -> float | None:
    """The probability of an interval.

    Raises:
        ConfigError: If it is none.
    """
    if interval is None:
        return None
    level = float(interval) if isinstance(interval, Real) and not isinstance(interval, bool) else np.nan
    if not 0 < level < 1:
        hint = f"interval={level / 100:g}" if 1 < level < 100 else "0.9 is usual"
        raise ConfigError(f"interval is a probability between 0 and 1, got {interval!r}; {hint}.")
    return level


def _without_each(y: Floats, weights: Floats, task: Task) -> Floats:
    """The constant output `(n, q)` of the other rows for each row of few; that of all rows where these are many."""
    rest, total = weights.sum() - weights, weights @ y
    if isinstance(task, (Regression, LogNormalTask)):
        mean = np.asarray((total - weights[:, None] * y) / rest[:, None])
        return np.log(mean) if task.log_link else mean
    constant = task.constant(torch.from_numpy(y), torch.from_numpy(weights)).numpy()
    return np.broadcast_to(constant, y.shape).copy()
