"""A fitted estimator as a function of the user's columns, with its losses and the bands of its effects."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from splinework.errors import DataError
from splinework.interpret.importance.row_function import RowFunction
from splinework.nn.arrays import numbers_of
from splinework.nn.frame import FramedKAN, network_of
from splinework.nn.network import KAN
from splinework.tabular.bands import CurvePosterior, curve_posterior
from splinework.tabular.classes import Classes, labels_of
from splinework.tabular.columns import Columns
from splinework.tabular.fitted import check_fitted
from splinework.tabular.hyperparameters import Hyperparameters
from splinework.tabular.inner_network import outputs_of
from splinework.tabular.losses import LogNormalTask
from splinework.tabular.rows import Floats, WeightedRows
from splinework.tabular.tasks import Regression, Task
from splinework.train.uncertainty import check_level


class FunctionMixin:
    """Mixin of the estimators with what `splinework.interpret.importance` asks of them."""

    model_: KAN | FramedKAN
    columns_: Columns
    grid: int | str
    degree: int
    _inputs: Callable[[Any, str], tuple[Floats, Any]]
    _rows: Callable[..., WeightedRows]
    _sample: WeightedRows | None
    _classes: Classes | None = None

    def row_function(self, X: Any = None) -> RowFunction:
        """The network as a function of the user's columns, as `sw.explain` and `sw.importance` read it.

        A column is one input with all that encodes it, its levels or the indicator of its gaps. The outputs are the network's
        own: log odds of a classifier, the logarithm of the mean for a loss with that link.

        Args:
            X: Covariates `(n, p)`; None for the rows of the fit.

        Raises:
            NotFittedError: Before a fit.
            ValueError: If X does not match the table of the fit.
        """
        check_fitted(self)
        owners = np.asarray(self.columns_.owners)
        columns = self.columns_.columns
        return RowFunction(
            lambda inputs: outputs_of(self.model_, inputs),
            lambda rows: self._inputs(rows, "explain")[0],
            self._rows().x if X is None else self._inputs(X, "explain")[0],
            tuple(column.name for column in columns),
            self.columns_.targets,
            tuple(tuple(np.flatnonzero(owners == i).tolist()) for i in range(len(columns))),
            self.model_ if isinstance(self.model_, KAN) else None,
            self._of_rows(lambda task, outputs, y: task.loss(outputs, y)),
            self._of_rows(lambda task, outputs, y: task.slope(outputs, y)),
            self.contrast_widths,
        )

    def _of_rows(self, measure: Callable[[Task, Tensor, Tensor], Tensor]) -> Callable[[Floats, Any], Floats] | None:
        """A measure of each row's loss by outputs and the user's targets; None for squared errors."""
        task = self._likelihood()
        if isinstance(task, Regression):
            return None

        def measured(outputs: Floats, y: Any) -> Floats:
            if self._classes is not None:
                targets = self._classes.indicators(self._classes.codes(labels_of(y, self)))
            else:
                targets = torch.from_numpy(numbers_of(y, "y").reshape(len(outputs), -1))
            return np.asarray(measure(task, torch.from_numpy(outputs), targets).numpy())

        return measured

    def contrast_widths(self, sets: Any, reference: Any, *, level: float = 0.9) -> Floats | None:
        """Half widths of the bands of effects, `(m, q)`, as `splinework.interpret.importance.effects` asks for them.

        They are those of the posterior of curves, one a column, that are fitted to the rows of the fit on first use (see
        `splinework.tabular.bands`); in the units of the network's outputs: log odds of a classifier, the logarithm of the mean
        for a loss with that link.

        Args:
            sets: Encoded rows `(m, B, p)`.
            reference: Encoded rows `(B, p)`.
            level: Probability that a band covers the effect at a value.

        Returns:
            The half widths; None where the estimator has no rows of its fit.

        Raises:
            ConfigError: If the level is not a probability.
            NotFittedError: Before a fit.
        """
        check_fitted(self)
        check_level(level, "mean")
        if self._sample is None:
            return None
        sets, reference = np.asarray(sets, dtype=np.float64), np.asarray(reference, dtype=np.float64)
        if not network_of(self.model_).active_edges():
            return np.zeros((len(sets), self.model_.outputs))
        known: CurvePosterior | None = self.__dict__.get("_curves")
        if known is None:
            rows, settings = self._rows(even=False), Hyperparameters(grid=self.grid, degree=self.degree)
            known = curve_posterior(rows, self._likelihood(), settings, self.columns_.groups, self._noise())
            self.__dict__["_curves"] = known
        every = outputs_of(self.model_, sets.reshape(-1, sets.shape[-1])).reshape(*sets.shape[:2], -1)
        effects = every.mean(axis=1) - outputs_of(self.model_, reference).mean(axis=0)
        return known.widths(sets, reference, effects, level)

    def _likelihood(self) -> Task:
        """The likelihood of the fit."""
        return Regression() if self._classes is None else self._classes.task

    def _on_outputs(self, y: Floats) -> Floats | None:
        """Targets `(n, q)` of a regression as its network predicts them; None where it predicts no single one.

        Logarithms are moved by what lies between the logarithm of the mean and the mean of the logarithms.

        Raises:
            DataError: If targets have no logarithm, and it is predicted.
        """
        task = self._likelihood()
        if not isinstance(task, LogNormalTask):
            return y if isinstance(task, Regression) else None
        if not np.all(y > 0):
            raise DataError(f"the network predicts the logarithm of y, which must be above 0, got {np.min(y):g}.")
        rows = self._rows(even=False)
        off = outputs_of(self.model_, rows.x) - np.log(rows.y)
        return np.asarray(np.log(y) + np.average(off, axis=0, weights=rows.weights))

    def _noise(self) -> Floats | None:
        """Variance of the noise of each output, as rows that the fit had not seen show it; None where they do not."""
        return None
