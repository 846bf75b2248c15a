"""`report`: the whole page. Its sections are in `*_sections.py`."""

import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from splinework.errors.foreign import explained
from splinework.knowledge.axioms.verify import Certificate
from splinework.nn.files import write_whole
from splinework.nn.frame import FramedKAN
from splinework.nn.network import KAN
from splinework.report import answer_sections, axiom_sections, data_sections, formula_sections, model_sections
from splinework.report.facts import ReportData, gather
from splinework.report.html import Html
from splinework.report.page import page
from splinework.report.plot.protocols import HistoryLike
from splinework.report.protocols import ReportedResult, ReportedTable


@explained
def report(
    model: KAN | FramedKAN | ReportedResult | None,
    path: str | os.PathLike[str],
    *,
    x: Any = None,
    y: Any = None,
    test: tuple[Any, Any] | None = None,
    table: ReportedTable | None = None,
    history: HistoryLike | None = None,
    notes: Sequence[str] = (),
    title: str | None = None,
    metrics: Mapping[str, Any] | None = None,
    certificate: Certificate | None = None,
    tell: Callable[[float], None] = lambda share: None,
) -> Path:
    """Writes a self-contained HTML page about a model and its formulas: figures, data, diagram, fit, residuals, and usage.

    The page needs no other file, no internet access and no script. Sections without data are omitted. Equal arguments give
    equal bytes.

    Args:
        model: The network, with or without a frame; or a result of `sw.fit`, with its history and certificate; or None for
            formulas found without a network.
        path: Path of the file, by convention `….html`; written atomically.
        x: Rows that the model was fitted to, `(N, inputs)` in raw units: tensor, array or frame.
        y: Their outputs, `(N, outputs)` or `(N,)`.
        test: `(x, y)` of rows not used in the fit; the fit is shown on these.
        table: Formulas, best first, as returned by `symbolify` or `discover`.
        history: History of the fit, such as `FitResult.history`.
        notes: Sentences to show, such as decisions.
        title: Heading of the page.
        metrics: Figures to show instead of computed ones: `rmse_train`, `rmse_test`, `r2_test`, `n_train`, `n_test`, `seconds`,
            `seed`.
        certificate: Result of `sw.verify`; None uses that of the fit result, or verifies the model's hard axioms.
        tell: Callback with the completed share of the work, from 0 to 1, after every section.

    Returns:
        The path.

    Raises:
        FileError: If the file cannot be written; an existing one is left unchanged.
        ShapeError: If rows or columns do not match the model, or x has only one row.
        DataError: If some values are not finite numbers.
        ConfigError: If there is neither model nor formula, y is given without x, or test is not a pair.

    >>> import tempfile
    >>> from splinework.report import report
    >>> report(KAN([2, 1]), tempfile.mkdtemp() + "/report.html").name
    'report.html'
    """
    violations = None
    if model is not None and not isinstance(model, KAN | FramedKAN):
        history = model.history if history is None else history
        certificate = getattr(model, "certificate", None) if certificate is None else certificate
        violations = getattr(model, "violations", None)
        model = model.model
    certificate = axiom_sections.certified(model) if certificate is None else certificate
    others = {"title": title, "metrics": metrics or {}, "certificate": certificate, "violations": violations or {}}
    facts = gather(model, table, x=x, y=y, test=test, history=history, notes=notes, **others)
    write_whole(Path(path), _page(facts, tell).encode())
    return Path(path)


SECTIONS: tuple[tuple[str, str, Callable[[ReportData], Html]], ...] = (
    ("formula", "Formula", answer_sections.headline),
    ("findings", "Findings", answer_sections.findings),
    ("formulas", "Formulas", formula_sections.formulas),
    ("constants", "Constants and range", answer_sections.constants),
    ("splines", "Remaining splines", formula_sections.splines),
    ("languages", "Other languages", formula_sections.languages),
    ("figures", "Key figures", data_sections.figures),
    ("data", "Data", data_sections.data),
    ("axioms", "Axioms", axiom_sections.axioms),
    ("network", "Network", model_sections.network),
    ("learning", "Learning curve", data_sections.learning_curve),
    ("fit", "Fit", data_sections.fit),
    ("residuals", "Residuals", data_sections.residuals),
    ("edges", "Edges", model_sections.edges),
    ("notes", "Notes", model_sections.notes),
    ("use", "How to use this model", model_sections.usage),
    ("versions", "Versions", model_sections.versions),
)
"""Identifier, heading and content of every section, in order; empty ones are omitted."""
_WITH_PICTURES = ("formulas", "network", "fit", "residuals", "edges")  # the slow ones


def _page(facts: ReportData, tell: Callable[[float], None]) -> str:
    made = []
    for identifier, heading, content in SECTIONS:
        made.append((identifier, heading, content(facts)))
        tell(sum(name in _WITH_PICTURES for name, *_ in made) / len(_WITH_PICTURES))
    return page(facts.heading, model_sections.lead(facts), made)
