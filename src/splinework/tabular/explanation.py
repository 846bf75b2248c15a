"""Explanations of a fitted estimator: formulas, importances, plots, a report, and its file."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import check_random_state, estimator_html_repr

from splinework.errors import DataError
from splinework.interpret.importance.sobol import sobol_indices
from splinework.interpret.scores import attribution
from splinework.nn.frame import FramedKAN, network_of
from splinework.nn.network import KAN
from splinework.tabular import formulas
from splinework.tabular.columns import Columns
from splinework.tabular.diagram import diagram
from splinework.tabular.fitted import check_fitted
from splinework.tabular.importances import interaction_effects, permutation_table, total_effects
from splinework.tabular.inner_network import InnerNetwork, inner_network, outputs_of
from splinework.tabular.row_functions import FunctionMixin
from splinework.tabular.rows import Floats, WeightedRows, unweighted

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from splinework.interpret.symbolic.table import FormulaRow, FormulaTable

OF_ONE_NETWORK = ("_formulas", "_effects", "_curves", "certificate_", "axiom_status_")
"""Attributes that a new fit makes obsolete."""
_listing: ContextVar[bool] = ContextVar("listing", default=False)
"""Whether all attributes are being listed, which must not start a search for formulas."""


class ExplanationMixin(FunctionMixin):
    """Mixin of the estimators with the explanations.

    Attributes:
        model_: The network, in a frame where axioms need one.
        columns_: Encoding of the columns.
    """

    model_: KAN | FramedKAN
    columns_: Columns
    formula_budget: float | dict[str, Any]
    random_state: Any

    @property
    def formulas_(self) -> FormulaTable:
        """Formulas as `discover` gives them, searched for on first access, within `formula_budget`, on rows of the fit.

        Raises:
            AttributeError: Before a fit (also a NotFittedError).
        """
        known: FormulaTable | None = self.__dict__.get("_formulas")
        if known is None:
            if _listing.get():
                raise AttributeError("listing attributes starts no search for formulas; access equations_")
            known = self._formulas = self._search()
        return known

    @property
    def equations_(self) -> pd.DataFrame:
        """Formulas, best first: target, formula, complexity, errors, description length in bits, notes."""
        return formulas.as_frame(self.formulas_)

    @property
    def equation_(self) -> FormulaRow:
        """The best formula, with `str`, `.latex()`, `.sympy()`, `.numpy()` and `.export(language)`."""
        return self.formulas_.best

    @property
    def feature_importances_(self) -> NDArray[np.float64]:
        """Relative importance of every column, `(n_features_in_,)`: shares of total Sobol effects, which sum to one.

        The total effect of a column, its own and its interactions, is half the mean square by which predictions (probabilities of
        a classifier) change where its values, all levels of a category together, come from another row of the fit (Jansen,
        "Analysis of variance designs for model output", Computer Physics Communications 117 (1999) 35).
        """
        check_fitted(self)
        known = self._total_effects()
        total = known.sum()
        return known / total if total > 0 else known

    @property
    def interactions_(self) -> pd.DataFrame:
        """Pairs of columns that act together, largest first: `column`, `with`, and `share` of the variance of predictions.

        The share is that of all effects of which both columns are part (the superset importance of Liu and Owen 2006); pairs
        below 0.001 are left out, so that an additive model has none.
        """
        import pandas as pd

        check_fitted(self)
        names = [column.name for column in self.columns_.columns]
        pairs = interaction_effects(
            self._predictor(), self._rows().x, self.columns_, self._total_effects(), self._seed()
        )
        found = [(names[i], names[j], share) for i, j, share in pairs]
        return pd.DataFrame(found, columns=["column", "with", "share"])

    def _total_effects(self) -> Floats:
        known: Floats | None = self.__dict__.get("_effects")
        if known is None:
            known = self._effects = total_effects(self._predictor(), self._rows().x, self.columns_, self._seed())
        return known

    def permutation_importances(
        self, X: Any, y: Any, *, repeats: int = 5, scoring: Any = None, sample_weight: Any = None
    ) -> pd.DataFrame:
        """Loss of score where a column is permuted, by scikit-learn's `permutation_importance`.

        On rows that the fit has not seen, an idle column has about zero.

        Args:
            X: Covariates `(n, p)`, columns as in the fit.
            y: Target `(n,)`.
            repeats: Permutations of each column, at least 2.
            scoring: A scorer of scikit-learn; by default the log loss of a classifier, and R² of a regression.
            sample_weight: Weights `(n,)`.

        Returns:
            One row per column, most important first: `importance`, `standard error` (over the permutations), and `share` of the
            sum of positive importances.

        Raises:
            DataError: If `repeats` is less than 2, since one permutation has no standard error.
            NotFittedError: Before a fit.

        Example:
            >>> from sklearn.datasets import load_diabetes
            >>> from splinework.tabular import KANRegressor
            >>> X, y = load_diabetes(return_X_y=True)
            >>> KANRegressor(hidden=0, grid=3).fit(X[::2], y[::2]).permutation_importances(X[1::2], y[1::2]).shape
            (10, 3)
        """
        check_fitted(self)
        return permutation_table(self, X, y, repeats, scoring, sample_weight, self._classes is not None, self._seed())

    def plot(self, **options: Any) -> Axes:
        """Plots the network on rows of the fit, with the options of `splinework.report.plot`.

        Returns:
            The axes; `ax.figure.savefig("network.png")` saves the picture.
        """
        from splinework.report.plot import plot

        _, seen = self._shown()
        options = {"names": seen.labels, "output_names": self.columns_.targets, **options}
        return plot(seen.network, seen.x, **options)

    def report(
        self,
        path: str | os.PathLike[str],
        X: Any = None,
        y: Any = None,
        *,
        test: tuple[Any, Any] | None = None,
        equations: bool = True,
        title: str | None = None,
        metrics: Mapping[str, Any] | None = None,
        tell: Callable[[float], None] = lambda share: None,
    ) -> Path:
        """Writes a self-contained HTML page about the model, its formulas and its fit; the model runs in the page.

        Args:
            path: The file; it is written completely or not at all.
            X: Rows of the fit `(n, p)`; None for those that the estimator kept.
            y: Their targets; None where they are unknown.
            test: Rows not used in the fit and their targets, on which the model is assessed.
            equations: Whether to show formulas, which starts the search if there has been none.
            title: Heading of the page.
            metrics: Figures to show instead of computed ones.
            tell: Callback with the completed share of the work, from 0 to 1.

        Raises:
            FileError: If the file cannot be written.
            ValueError: Before a fit, or if a table does not match that of the fit.
        """
        from splinework.tabular.reporting import write_report

        rows: dict[str, Any] = {"train": None if X is None else (X, y), "test": test}
        return write_report(self, path, **rows, equations=equations, title=title, metrics=metrics, tell=tell)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the estimator to one file, which `splinework.tabular.load` reads.

        Args:
            path: The file, usually `….safetensors`. It is written completely or not at all, and contains no code.

        Raises:
            FileError: If the file cannot be written.
        """
        from splinework.tabular.files import save

        save(self, path)

    def _search(self) -> FormulaTable:
        rows = self._rows(even=False)
        if self._classes is None:
            y = self._on_outputs(rows.y)
            rows = replace(rows, y=outputs_of(self.model_, rows.x) if y is None else y)
        target = self.columns_.target
        return formulas.search(
            self.model_,
            rows,
            self._scores(),
            classes=None if self._classes is None else self._classes.values,
            target=target,
            options={
                "seed": self._seed(),
                **(self.formula_budget if isinstance(self.formula_budget, dict) else {"budget": self.formula_budget}),
            },
        )

    def _seed(self) -> int:
        """A seed drawn from `random_state`."""
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    def _predictor(self) -> Callable[[Floats], Floats]:
        """Predictions `(n, q)`, or class probabilities, of inputs `(n, p)` of the network."""
        classes, model = self._classes, self.model_
        return lambda x: outputs_of(model, x) if classes is None else classes.probabilities(outputs_of(model, x))

    def _rows(self, *, even: bool = True) -> WeightedRows:
        """Rows of the fit, encoded as inputs of the network.

        Args:
            even: Whether to resample them to equal weights.
        """
        check_fitted(self)
        rows = self._sample
        if rows is None:
            raise DataError(
                "this estimator was loaded from a file without rows of its fit; fit it again to explain it."
            )
        return unweighted(rows, len(rows)) if even else rows

    def _scores(self) -> Floats:
        """Share of the variance of every input of the network, with its interactions, `(inputs,)`."""
        rows = self._rows()
        return sobol_indices(self.model_, rows.x).total.max(axis=1) if len(rows) > 1 else np.zeros(self.model_.inputs)

    def _shown(self) -> tuple[WeightedRows, InnerNetwork]:
        """Rows of the fit, and the network inside its frame with its inputs for them."""
        rows = self._rows()
        if len(rows) < 2:  # a standard deviation needs two rows
            rows = WeightedRows(rows.x.repeat(2, axis=0), rows.y.repeat(2, axis=0), rows.weights.repeat(2))
        return rows, inner_network(self.model_, rows.x, self.columns_.labels)

    def _notes(self) -> list[str]:
        """Notes on the encoding of the columns and on the axioms."""
        names, _ = self.columns_.formula_names()
        pairs = zip(names, self.columns_.labels, strict=True)
        notes = [f"{label!r} is called {name} in formulas" for name, label in pairs if name != label]
        out = self.columns_.screened_out
        idle = [column.name for column in self.columns_.columns if not column.inputs and column.name not in out]
        if idle:
            notes.append(f"constant in the fit, so left out: {', '.join(idle)}")
        if out:
            notes.append(f"{len(out)} of {len(self.columns_.columns)} columns were screened out")
        if self._classes is not None and any(self._classes.lapses):
            notes.append(
                f"{sum(self._classes.lapses):.1%} of the labels are taken to be drawn regardless of the inputs"
            )
        for each in getattr(self, "axiom_status_", ()):
            note = f" ({each.note})" if each.note else ""
            notes.append(f"axiom {each.axiom}, {each.strength}: {each.status}{note}")
        return notes

    # ------------------------------------------------------------------------------------------------------ notebooks

    def _repr_html_inner(self) -> str:
        return f"{estimator_html_repr(self)}{self._diagram()}"

    def _repr_mimebundle_(self, **options: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = super()._repr_mimebundle_(**options)  # type: ignore[misc]  # of BaseEstimator
        if "text/html" in bundle:
            bundle["text/html"] = self._repr_html_inner()
        return bundle

    def _get_fitted_attr_html(self, doc_link: str = "") -> Any:
        token = _listing.set(True)
        try:
            return super()._get_fitted_attr_html(doc_link)  # type: ignore[misc]  # of BaseEstimator, from 1.9 on
        finally:
            _listing.reset(token)

    def __dir__(self) -> list[str]:
        token = _listing.set(True)  # scikit-learn asks for the value of every attribute
        try:
            names = {*super().__dir__()}
        finally:
            _listing.reset(token)
        return sorted(names | ({"equation_", "equations_", "formulas_"} if "model_" in names else set()))

    def _diagram(self) -> str:
        name = type(self).__name__
        if not hasattr(self, "model_"):
            return diagram(name)
        rows = self._sample
        record, network = None, network_of(self.model_)
        labels = self.columns_.labels
        if rows is not None and len(rows) > 1 and network.active_edges():
            _, seen = self._shown()
            record, labels = attribution(seen.network, torch.from_numpy(seen.x)), seen.labels
        return diagram(name, network, record, labels, self.columns_.targets)
