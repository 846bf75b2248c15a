"""Base class of the estimators: from a table to canonical rows to a network, and from a table to its outputs."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from numbers import Integral, Real
from typing import Any, ClassVar, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils import check_array, check_consistent_length

# Private, but the only way to state what parameters may be so that scikit-learn's own checks and messages hold.
from sklearn.utils._param_validation import Interval, InvalidParameterError, StrOptions

from splinework.errors import DataError, warn
from splinework.errors.foreign import explained
from splinework.knowledge.axioms.verify import Certificate
from splinework.nn.arrays import check_magnitudes
from splinework.nn.frame import FramedKAN
from splinework.nn.network import KAN
from splinework.tabular.axiom_status import AxiomStatus
from splinework.tabular.callbacks import CallbackSupportMixin, as_callbacks, step_callback, with_callbacks
from splinework.tabular.column_axioms import ColumnAxiom
from splinework.tabular.columns import Columns, Level, learn_columns
from splinework.tabular.constant import constant_network, is_constant, warn_of_constant
from splinework.tabular.explanation import OF_ONE_NETWORK, ExplanationMixin
from splinework.tabular.extrapolation import Range, beyond, ranges_of
from splinework.tabular.fitted import check_fitted
from splinework.tabular.hyperparameters import Hyperparameters
from splinework.tabular.informed import AxiomFit
from splinework.tabular.inner_network import outputs_of, with_names
from splinework.tabular.input_table import InputTable, read_input
from splinework.tabular.known import check_constant, train_known
from splinework.tabular.namespaces import Namespace, check_same_namespace, to_numpy
from splinework.tabular.rows import Floats, WeightedRows, canonical, joined, sampled
from splinework.tabular.tasks import Classification, Regression, Task
from splinework.tabular.trained import TrainedNetwork
from splinework.tabular.training import train
from splinework.train.threads import suited_to

Own = TypeVar("Own", bound="KANEstimator")
MAX_STORED_ROWS = 2000
"""Rows of the fit that an estimator keeps, for formulas, plots and `partial_fit`."""
MAX_NAMED = 10
"""Kept columns that a warning names."""


@dataclass(kw_only=True, eq=False, repr=False)
class KANEstimator(ExplanationMixin, CallbackSupportMixin, BaseEstimator):
    """Base class of the estimators; the parameters, which scikit-learn reads from the signature, are those of `KANRegressor`."""

    _parameter_constraints: ClassVar[dict[str, list[Any]]] = {
        "hidden": [Interval(Integral, 0, None, closed="left"), StrOptions({"auto"}), "array-like"],
        "grid": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "degree": [Interval(Integral, 1, 9, closed="both")],  # degree 0 has no linear part to penalise less
        "members": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
        "prefer": [StrOptions({"accuracy", "simplicity"})],
        "categorical_features": [StrOptions({"from_dtype"}), "array-like", None],
        "warm_start": ["boolean"],
        "formula_budget": [Interval(Real, 0, None, closed="neither"), dict],
        "callbacks": [callable, list, tuple, None],
        "random_state": ["random_state"],
    }

    hidden: int | Sequence[int] | str = "auto"
    grid: int | str = "auto"
    degree: int = 3
    members: int | str = "auto"
    max_iter: int = Hyperparameters.max_iter
    prefer: str = Hyperparameters.prefer
    categorical_features: Any = "from_dtype"
    warm_start: bool = False
    formula_budget: float | dict[str, Any] = 20.0
    callbacks: Any = None
    random_state: Any = 0

    @explained
    @with_callbacks
    def fit(self: Own, X: Any, y: Any, sample_weight: Any = None) -> Own:
        """Fits the estimator to a table.

        Args:
            X: Covariates `(n, p)`: array, tensor, or frame of pandas, polars or pyarrow.
            y: Target: numbers `(n,)` or `(n, q)`, or class labels `(n,)` (texts, integers or booleans).
            sample_weight: Non-negative weights `(n,)`; a weight of three equals three copies of the row.

        Raises:
            ValueError: If a parameter is out of range, or X, y and `sample_weight` do not fit each other, as in scikit-learn.
        """
        self._fit(X, y, sample_weight, partial=False)
        return self

    @abstractmethod
    def _check_target(self, y: Any, where: Namespace, *, first: bool, partial: bool) -> tuple[NDArray[Any], Task]:
        """Checks y and returns targets, numbers `(n, q)` or class codes `(n,)`, with their likelihood.

        Args:
            y: The user's y, or a NumPy copy of a foreign array.
            where: Array namespace of the estimator's attributes.
            first: Whether there is no earlier fit to continue.
            partial: Whether this is `partial_fit`.
        """

    def _numbers(self, y: Any, *, first: bool) -> tuple[Floats, Task]:
        """Numbers `(n, q)` as targets: `_check_target` of a regression."""
        first_values = np.asarray(y).reshape(-1)[:1].tolist()
        if first_values and isinstance(first_values[0], (str, bytes)):
            raise DataError(
                f"y holds texts, such as {first_values[0][:40]!r}, and {type(self).__name__} predicts numbers; for classes "
                "use KANClassifier."
            )
        values = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y", estimator=self)
        columns = values.reshape(len(values), -1)
        if not first and columns.shape[1] != self.model_.outputs:
            raise ValueError(
                f"y has {columns.shape[1]} outputs, but {type(self).__name__} is expecting {self.model_.outputs} outputs as "
                "in the previous fit."
            )
        self._flat = values.ndim == 1
        return columns, Regression()

    def _reweighted(self, rows: WeightedRows) -> WeightedRows:
        """The rows with further weights, such as those of classes."""
        return rows

    def _learn_likelihood(self, task: Task | None) -> None:
        """Keeps the lapse rates that the fit has estimated; None where it learned nothing."""
        if isinstance(task, Classification) and self._classes is not None:
            self._classes = replace(self._classes, lapses=task.lapses)

    def _chosen(self, task: Task, rows: WeightedRows, columns: Columns) -> tuple[Task, Columns]:
        """The likelihood of a new fit to encoded rows, where they decide it, and the columns with the outputs' names."""
        return task, columns

    @abstractmethod
    def _constant(self, rows: WeightedRows, task: Task) -> Floats:
        """The outputs `(q,)` of the constant network."""

    @abstractmethod
    def _targets(self, y: Any, targets: NDArray[Any]) -> tuple[str, ...]:
        """The user's names of the outputs; `targets` is what `_check_target` returned for y."""

    def _known(self, columns: Columns) -> tuple[ColumnAxiom, ...]:
        """The user's axioms in terms of the network's inputs; none unless an estimator supports them."""
        return ()

    def _fit(self, X: Any, y: Any, sample_weight: Any, *, partial: bool) -> None:
        """Fits a new network or, with `partial_fit` and `warm_start`, continues the previous fit."""
        self._validate_params()
        settings = Hyperparameters(self._nodes(), self.grid, self.degree, self.members, self.max_iter, self.prefer)
        callbacks = as_callbacks(self.callbacks)
        if y is None:
            raise ValueError(f"This {type(self).__name__} estimator requires y to be passed, but the target y is None.")
        first = not ((partial or self.warm_start) and hasattr(self, "model_"))
        if not first:
            check_same_namespace(X, self, "partial_fit" if partial else "fit")
        with step_callback(self, callbacks, X, y) as on_step:
            where = Namespace(X)
            table = read_input(self, to_numpy(X), None if first else self._levels())
            targets, task = self._check_target(to_numpy(y), where, first=first, partial=partial)
            check_consistent_length(table.values, targets)
            check_magnitudes(table.values, "X", table.names)
            if targets.dtype.kind == "f":
                check_magnitudes(targets.reshape(len(targets), -1), "y", self._targets(y, targets))
            raw = canonical(WeightedRows(table.values, targets, _weights(to_numpy(sample_weight), table)))
            columns = (
                learn_columns(raw, table.names, table.levels, self._targets(y, targets)) if first else self.columns_
            )
            known = self._known(columns)
            rows = self._reweighted(replace(raw, x=columns.encode(raw.x)))
            rows = joined(self._rows(even=False), rows) if partial and not first else canonical(rows)
            # Continued training would leave the shapes that axioms require, so with axioms every fit starts from scratch, as does
            # the first one without them.
            anew = first or bool(known) or hasattr(self, "axiom_status_") or (partial and self._needs_new_fit(rows))
            self._ranges = ranges_of(raw.x, columns, () if first else getattr(self, "_ranges", None) or ())
            del raw, table  # nobody needs the rows twice
            with suited_to(len(rows)):
                if first and not partial and not self.warm_start and not is_constant(rows):
                    task, columns = self._chosen(task, rows, columns)
                start = None if anew else self.model_
                self._train(rows, columns, task=task, settings=settings, on_step=on_step, known=known, start=start)
            self._fitted_in = where.mark()

    def _needs_new_fit(self, rows: WeightedRows) -> bool:
        """Whether to fit anew: there are twice the rows that the network was made for, or a class that it has not seen."""
        new_class = rows.y.ndim == 1 and len(np.setdiff1d(rows.y, self._rows(even=False).y)) > 0
        return new_class or len(rows) >= 2 * self._made_for

    def _train(
        self,
        rows: WeightedRows,
        columns: Columns,
        *,
        known: tuple[ColumnAxiom, ...],
        start: KAN | FramedKAN | None,
        task: Task,
        settings: Hyperparameters,
        on_step: Any,
    ) -> None:
        """Fits the network, under axioms if there are any, and sets the fitted attributes."""
        seed, names = self._seed(), columns.formula_names()
        if not isinstance(start, KAN) or start.config.axioms or not start.active_edges():
            start = None  # neither a constant network nor one shaped by axioms that are gone is a start
        certificate: Certificate | None = None
        statuses: tuple[AxiomStatus, ...] = ()
        found: TrainedNetwork | None = None
        if is_constant(rows):
            self.model_ = with_names(constant_network(names[0], self._constant(rows, task)), *names)
            if known:
                certificate, statuses = check_constant(self.model_, known, rows)
            self.loss_, self.n_iter_, self.history_ = 0.0, 1, []
        else:
            full = rows if self._classes is None else self._classes.completed(rows)
            if known:
                job = AxiomFit(full, task, settings, seed, names, on_step)
                informed = train_known(job, known, columns.groups, columns.owners)
                certificate, statuses = informed.certificate, informed.statuses
                found = informed
            else:
                how: dict[str, Any] = {"task": task, "settings": settings, "seed": seed, "on_step": on_step}
                how |= {"groups": columns.groups, "owners": columns.owners, "names": names[0]}
                found = train(full.x, full.y, full.weights, start=start, **how)
            if found.kept is not None:
                columns, kept = columns.keeping(found.kept)
                rows = replace(rows, x=rows.x[:, kept] if kept else np.zeros((len(rows), 1)))
                names = columns.formula_names()
                _warn_of_screening(columns, len(rows))
            elif isinstance(found.model, KAN) and not found.model.active_edges():
                warn_of_constant(columns.target, rows)
            self.model_ = with_names(found.model, *names)
            self.loss_, self.n_iter_, self.history_ = found.loss, max(1, found.steps), found.history
            self._learn_likelihood(found.task)
        for name in OF_ONE_NETWORK:  # those of the previous network
            self.__dict__.pop(name, None)
        if known:
            self.certificate_, self.axiom_status_ = certificate, statuses
        if start is None:
            self._made_for = len(rows)
        self.columns_ = columns
        self._sample = sampled(rows, MAX_STORED_ROWS, seed)
        self._take_residuals(rows, task, None if found is None else found.out_of_fold)

    def _take_residuals(self, rows: WeightedRows, task: Task, unseen: torch.Tensor | None) -> None:
        """Keeps what an estimator with prediction intervals needs for them; the others need nothing.

        Args:
            rows: The rows of the fit.
            task: The likelihood.
            unseen: Outputs `(n, q)` for the rows as if the network had not seen them; None where there are none.
        """

    def extrapolates(self, X: Any) -> Any:
        """Whether each row lies beyond the rows of the fit, where predictions rest on straight continuations, `(n,)`.

        A row does where some column has a number outside the range of the fit, a level that the fit has not seen, or a missing
        value although the fit had none there. Rows inside the range of every column may still lie in a gap between the rows.

        Args:
            X: Covariates `(n, p)`.

        Raises:
            NotFittedError: Before a fit.
            ValueError: If X does not match the table of the fit, or the estimator was read from a file of an earlier version,
                which has no ranges.
        """
        table, where = self._table(X, "extrapolates")
        ranges: tuple[Range, ...] | None = getattr(self, "_ranges", None)
        if ranges is None:
            raise DataError("the file of this estimator has no ranges of its columns; fit it again and save it again.")
        return where.back(beyond(table.values, self.columns_, ranges))

    def _nodes(self) -> int | str | tuple[int, ...]:
        """`hidden` in the form that `Hyperparameters` takes.

        Raises:
            InvalidParameterError: If it is a list of anything but numbers of nodes (also a ValueError).
        """
        if isinstance(self.hidden, (str, Integral)):
            return self.hidden if isinstance(self.hidden, str) else int(self.hidden)
        widths = np.asarray(self.hidden).reshape(-1)
        if len(widths) and (widths.dtype.kind not in "iu" or widths.min() < 1):
            raise InvalidParameterError(
                f"The 'hidden' parameter of {type(self).__name__} must be 'auto', an int of 0 or more, or ints above 0, one for "
                f"each hidden layer. Got {self.hidden!r} instead."
            )
        return tuple(widths.tolist())

    def _levels(self) -> dict[int, tuple[Level, ...]]:
        columns = self.columns_.columns
        return {i: column.levels for i, column in enumerate(columns) if column.levels}

    def _table(self, X: Any, method: str) -> tuple[InputTable, Namespace]:
        """A table as it is read, and the array namespace of the results.

        Raises:
            NotFittedError: Before a fit.
            ValueError: If the table does not match that of the fit, as in scikit-learn.
        """
        check_fitted(self)
        check_same_namespace(X, self, method)
        return read_input(self, to_numpy(X), self._levels()), Namespace(X)

    def _inputs(self, X: Any, method: str) -> tuple[Floats, Namespace]:
        """The network's inputs for a table, and the array namespace of the results; raises like `_table`."""
        table, where = self._table(X, method)
        return self.columns_.encode(table.values), where

    def _outputs(self, X: Any, method: str) -> tuple[Floats, Namespace]:
        """The network's outputs `(n, q)`."""
        inputs, where = self._inputs(X, method)
        return outputs_of(self.model_, inputs), where

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.target_tags.required = True
        tags.array_api_support = True
        return tags


def _warn_of_screening(columns: Columns, rows: int) -> None:
    """Says which columns were screened out, and which were kept."""
    out = columns.screened_out
    if not out:
        return
    kept = [column.name for column in columns.columns if column.inputs]
    shown = ", ".join(kept[:MAX_NAMED]) + (f" and {len(kept) - MAX_NAMED} more" if len(kept) > MAX_NAMED else "")
    warn(
        f"{len(columns.columns)} columns for {rows} distinct rows: {len(out)} columns were screened out (columns_.screened_out), "
        f"kept: {shown or 'none, so the model is the constant'}; to keep a column, leave out others or give more rows."
    )


def _weights(sample_weight: Any, table: InputTable) -> Floats:
    rows = len(table.values)
    if sample_weight is None or isinstance(sample_weight, Real):
        sample_weight = np.full(rows, 1.0 if sample_weight is None else float(sample_weight))
    checked = check_array(
        sample_weight, ensure_2d=False, ensure_non_negative=True, dtype=np.float64, input_name="sample_weight"
    )
    weights: Floats = np.asarray(checked)
    if weights.shape != (rows,):
        raise ValueError(f"sample_weight is a number or one for each of the {rows} rows, got shape {weights.shape}.")
    if not np.any(weights > 0):
        raise ValueError("Sample weights must contain at least one non-zero number.")
    return weights
