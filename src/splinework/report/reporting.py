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
from splinework.report import (
    axiom_sections,
    class_sections,
    data_sections,
    formula_sections,
    live_sections,
    model_sections,
    result_sections,
)
from splinework.report.effect_sections import effect_section
from splinework.report.facts import ReportData, gather
from splinework.report.html import Html, join, paragraph
from splinework.report.live import LiveModel, live_model
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

    The page needs no other file and no internet access. The model runs in it, by its export to JavaScript: controls for every
    input, the prediction and its decomposition. Sections without data are omitted. Equal arguments give equal bytes.

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
    violations, result = None, None
    if model is not None and not isinstance(model, KAN | FramedKAN):
        history = model.history if history is None else history
        certificate = getattr(model, "certificate", None) if certificate is None else certificate
        violations = getattr(model, "violations", None)
        model, result = model.model, model
    certificate = axiom_sections.certified(model) if certificate is None else certificate
    others: dict[str, Any] = {
        "title": title,
        "metrics": metrics or {},
        "certificate": certificate,
        "violations": violations or {},
    }
    facts = gather(model, table, x=x, y=y, test=test, history=history, notes=notes, result=result, **others)
    write_whole(Path(path), page_of(facts, tell).encode())
    return Path(path)


Section = tuple[str, str, Callable[[ReportData, LiveModel], Html]]


def _of(content: Callable[[ReportData], Html]) -> Callable[[ReportData, LiveModel], Html]:
    return lambda facts, live: content(facts)


SECTIONS: tuple[Section, ...] = (
    ("answer", "Result", _of(lambda facts: join(data_sections.figures(facts), result_sections.comparison(facts)))),
    ("try", "Try it", live_sections.try_it),
    ("network", "Network", _of(live_sections.network)),
    ("formulas", "Formulas", _of(formula_sections.formulas)),
    ("effects", "Effects", _of(effect_section)),
    ("classes", "Right and wrong classes", _of(class_sections.classes)),
    ("fit", "Measured and predicted", _of(data_sections.fit)),
    ("residuals", "Residuals", _of(data_sections.residuals)),
    ("worst", "Rows with the largest errors", _of(result_sections.worst)),
    ("axioms", "Axioms", _of(axiom_sections.axioms)),
    ("learning", "Learning curve", _of(data_sections.learning_curve)),
    ("data", "Data", _of(data_sections.data)),
    ("notes", "Notes", _of(model_sections.notes)),
    ("use", "How to use this model", _of(model_sections.usage)),
    ("repeat", "How to repeat this", _of(model_sections.versions)),
)
"""Identifier, heading and content of every section, in order; empty ones are omitted."""
_WITH_PICTURES = ("network", "effects", "fit", "residuals")  # the slow ones


def page_of(facts: ReportData, tell: Callable[[float], None] = lambda share: None) -> str:
    """The page as text."""
    live = live_model(facts.model)
    made = []
    for identifier, heading, content in SECTIONS:
        made.append((identifier, heading, content(facts, live)))
        tell(sum(name in _WITH_PICTURES for name, *_ in made) / len(_WITH_PICTURES))
    lead = join(result_sections.lead(facts), paragraph(model_sections.subject(facts), "lead"))
    return page(facts.heading, lead, made, data=live_sections.page_data(facts, live), model=live.script)
