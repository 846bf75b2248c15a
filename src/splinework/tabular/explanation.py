"""What an estimator can tell about itself after a fit: formulas, importances, pictures, a report, a file."""

from __future__ import annotations

import os
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import check_random_state, estimator_html_repr
from sklearn.utils.validation import check_is_fitted

from splinework.errors import DataError
from splinework.interpret.scores import attribution
from splinework.nn.frame import FramedKAN, network_of
from splinework.nn.network import KAN
from splinework.tabular import formulas
from splinework.tabular.classes import Classes
from splinework.tabular.columns import Columns
from splinework.tabular.diagram import diagram
from splinework.tabular.inner_network import InnerNetwork, frame_notes, inner_network, input_scores
from splinework.tabular.rows import Floats, WeightedRows, unweighted

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

    from splinework.interpret.symbolic.table import FormulaRow, FormulaTable

_listing: ContextVar[bool] = ContextVar("listing", default=False)
"""Whether somebody lists all attributes, and formulas must not be searched for just for that."""


class ExplanationMixin:
    """The part of an estimator that explains it.

    Attributes:
        model_: The network, in a frame where axioms ask for one.
        columns_: What was learned about the columns.
    """

    model_: KAN | FramedKAN
    columns_: Columns
    formula_budget: float
    random_state: Any
    _sample: WeightedRows | None
    _classes: Classes | None = None

    @property
    def formulas_(self) -> FormulaTable:
        """Formulas as `discover` gives them, searched for when first asked for: in `formula_budget`, on rows of the fit.

        Raises:
            AttributeError: Before a fit (a NotFittedError, too).
        """
        known: FormulaTable | None = self.__dict__.get("_formulas")
        if known is None:
            if _listing.get():
                raise AttributeError("formulas are not searched for by listing attributes; ask for equations_")
            known = self._formulas = self._search()
        return known

    @property
    def equations_(self) -> pd.DataFrame:
        """Formulas, best first, one a row: target, formula, complexity, errors, description length in bits, notes."""
        return formulas.as_frame(self.formulas_)

    @property
    def equation_(self) -> FormulaRow:
        """The best formula: a text by `str`, and `.latex()`, `.sympy()`, `.numpy()`, `.export(language)`."""
        return self.formulas_.best

    @property
    def feature_importances_(self) -> NDArray[np.float64]:
        """Share of every column in what the network says, `(n_features_in_,)`: attribution scores, which sum to one."""
        scores = self._scores()
        shares = np.bincount(self.columns_.owners, scores, minlength=len(self.columns_.columns))
        total = shares.sum()
        return np.asarray(shares / total if total > 0 else shares, dtype=np.float64)

    def plot(self, **options: Any) -> Axes:
        """Draws the network over rows of the fit; takes the options of `splinework.report.plot`.

        Returns:
            The axes; `ax.figure.savefig("network.png")` saves the picture.
        """
        from splinework.report.plot import plot

        _, seen = self._shown()
        options = {"names": seen.labels, "output_names": self.columns_.targets, **options}
        return plot(seen.network, seen.x, **options)

    def report(self, path: str | os.PathLike[str], *, equations: bool = True, title: str | None = None) -> Path:
        """Writes one HTML page about the network, its formulas and its fit; it needs nothing else to be read.

        Args:
            path: The file; it is written whole or not at all.
            equations: Whether to show formulas; where they are not known yet, they are searched for.
            title: Heading of the page.

        Raises:
            FileError: If the file cannot be written.
        """
        from splinework.report.report import report

        rows, seen = self._shown()
        answered = isinstance(self.model_, FramedKAN) and self.model_.frame.after
        return report(
            seen.network,
            path,
            x=seen.x,
            y=rows.y if rows.y.ndim == 2 and not answered else None,
            table=self.formulas_ if equations else None,
            title=title,
            notes=self._notes(),
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the network and all that belongs to it into one file; `splinework.tabular.load` reads it.

        Args:
            path: The file, by custom `….safetensors`. It is written whole or not at all, and holds numbers and texts only.

        Raises:
            FileError: If the file cannot be written.
        """
        from splinework.tabular.files import save

        save(self, path)

    def _search(self) -> FormulaTable:
        rows = self._rows(even=False)
        target = self.columns_.targets[0].removeprefix("logit of ").partition("=")[0]
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        return formulas.search(
            self.model_,
            rows,
            self._scores(),
            classes=None if self._classes is None else self._classes.values,
            target=target,
            budget=self.formula_budget,
            seed=seed,
        )

    def _rows(self, *, even: bool = True) -> WeightedRows:
        """Rows of the fit as the network sees them.

        Args:
            even: Whether each stands for as much as any other; else they have weights.
        """
        check_is_fitted(self)
        rows = self._sample
        if rows is None:
            raise DataError("this estimator was read from a file without rows of its fit; fit it again to explain it.")
        return unweighted(rows, len(rows)) if even else rows

    def _scores(self) -> Floats:
        """Attribution of every input of the network, `(inputs,)`."""
        rows = self._rows()
        if len(rows) < 2 or not network_of(self.model_).active_edges():
            return np.zeros(self.model_.inputs)
        return input_scores(self.model_, attribution(self.model_, torch.from_numpy(rows.x)).inputs)

    def _shown(self) -> tuple[WeightedRows, InnerNetwork]:
        """Rows of the fit, and the network with its inputs for them, whatever frame it stands in."""
        rows = self._rows()
        if len(rows) < 2:  # of one row there are no spreads; twice the same has none either
            rows = WeightedRows(rows.x.repeat(2, axis=0), rows.y.repeat(2, axis=0), rows.weights.repeat(2))
        return rows, inner_network(self.model_, rows.x, self.columns_.labels)

    def _notes(self) -> list[str]:
        """Sentences on how the columns became inputs."""
        words, _ = self.columns_.words()
        pairs = zip(words, self.columns_.labels, strict=True)
        notes = [f"{label!r} is called {word} in formulas" for word, label in pairs if word != label]
        idle = [column.name for column in self.columns_.columns if not column.inputs]
        if idle:
            notes.append(f"the same in every row of the fit, so left out: {', '.join(idle)}")
        notes += frame_notes(self.model_)
        for verdict in getattr(self, "verdicts_", ()):
            said = f" ({verdict.note})" if verdict.note else ""
            notes.append(f"axiom {verdict.axiom}, {verdict.strength}: {verdict.verdict}{said}")
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
