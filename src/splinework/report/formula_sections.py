"""Sections on all formulas: table and Pareto plot, remaining splines, and the best formulas in other languages."""

from typing import Any
from urllib.parse import quote

import numpy as np

from splinework.errors import SplineworkError
from splinework.formula.figures import probability, ranks, rounded
from splinework.report.facts import ReportData, errors_of, values_of
from splinework.report.html import (
    NOTHING,
    Html,
    code,
    element,
    join,
    number,
    paragraph,
    picture,
    r_squared,
    table,
    text,
)
from splinework.report.plot import plot_pareto
from splinework.report.plot.protocols import Floats, best_of
from splinework.report.plot.splines import plot_spline, shown_places
from splinework.report.plot.style import new_figure
from splinework.report.protocols import ReportedFormula

MAX_FORMULAS = 40
MAX_SPLINES = 24
N_TABLE_POINTS = 21
"""Number of rows of the table of a spline."""


def formulas(facts: ReportData) -> Html:
    """All formulas, with their errors against complexity."""
    if facts.table is None:
        return NOTHING
    rows = list(facts.table.rows)
    parts = [_picture(facts, rows), _listing(facts, rows[:MAX_FORMULAS], len(rows))]
    return join(*parts)


def _picture(facts: ReportData, rows: list[ReportedFormula]) -> Html:
    assert facts.table is not None
    if len(rows) < 2:
        return NOTHING
    figure = new_figure(9.4, 3.6, arranged=True)
    noise = _number(facts.table, "noise") if "log" not in facts.output_scales else None  # of the logarithm, then
    held_out = [_held_out(facts, row) for row in rows]
    plot_pareto(facts.table, ax=figure.add_subplot(), held_out=held_out, noise=noise)
    caption = "Error against complexity, the number of nodes of the expression tree; numbers are ranks in the table; the ring "
    caption += "is around the selected formula."
    if noise:
        caption += f" Estimated noise: {noise:.3g}; a formula with a smaller error would be overfitting."
    return picture(figure, "pareto", f"Error against complexity of {len(rows)} formulas.", caption)


def _listing(facts: ReportData, rows: list[ReportedFormula], of: int) -> Html:
    """The table of formulas without empty columns."""
    several = len({row.target for row in rows}) > 1
    best = {row.target: _number(row, "bits") for row in reversed(rows)}
    columns: dict[str, list[Html | None]] = {
        "rank": [text(rank) for rank in ranks(rows)],
        "target": [text(row.target) if several else None for row in rows],
        "formula": [element("code", text(rounded(row.text)), title=row.text) for row in rows],
        "complexity": [text(row.complexity) for row in rows],
        "RMSE": [number(row.rmse) for row in rows],
        "held-out": [_known(_held_out(facts, row)) for row in rows],
        "R²": [r_squared(_r2(facts, row)) for row in rows],
        "bits": [_difference(_number(row, "bits"), best[row.target]) for row in rows],
        "probability": [
            None if p is None else text(probability(p)) for p in (_number(row, "probability") for row in rows)
        ],
        "notes": [text("; ".join(row.notes)) if row.notes else None for row in rows],
    }
    held = {name: cells for name, cells in columns.items() if any(cell is not None for cell in cells)}
    words = [place for place, name in enumerate(held) if name in ("target", "formula", "notes")]
    lines = [[cell or NOTHING for cell in line] for line in zip(*held.values(), strict=True)]
    caption = "Formulas, best first" + (" for each target" if several else "") + ", with rounded constants."
    if "bits" in held:
        caption += " Bits: description length (formula + residuals) relative to the best formula."
    if of > len(rows):
        caption += f" The first {len(rows)} of {of}."
    return table(caption, list(held), lines, words=words)


def splines(facts: ReportData) -> Html:
    """The splines in the best formulas, as plots over the data and as tables."""
    found = [(row, name) for row in best_of(facts.table) for name in getattr(row, "splines", None) or {}]
    drawings, tables = [], []
    for place, (row, name) in enumerate(found[:MAX_SPLINES], start=1):
        spline = row.splines[name]  # type: ignore[attr-defined]
        argument, at = _argument(facts, row, name)
        try:
            figure = new_figure(4.2, 2.7, arranged=True)
            plot_spline(spline, at=at, ax=figure.add_subplot(), name=name, argument=argument)
        except SplineworkError:  # nowhere finite
            continue
        drawings.append(picture(figure, f"spline-{place}", f"{name} over {argument}.", f"{name}({argument})"))
        places = shown_places(spline, at, N_TABLE_POINTS)
        values = np.asarray(spline(places), dtype=np.float64)
        lines = [[number(float(p), 6), number(float(v), 6)] for p, v in zip(places, values, strict=True)]
        listing = table(f"{name}({argument})", ("argument", "value"), lines, words=())
        tables.append(element("details", element("summary", text(f"{name} in numbers")), listing))
    if not drawings:
        return NOTHING
    many = len(found) > 1
    how = f"No library function fits {'these parts' if many else 'this part'} of the formula, so "
    how += f"{'they remain splines' if many else 'it remains a spline'}. Ticks mark the rows of the data."
    return join(paragraph(how), element("div", *drawings, class_="pictures"), *tables)


def _argument(facts: ReportData, row: ReportedFormula, name: str) -> tuple[str, Floats | None]:
    """The argument of a spline in a formula: as text, and its values for the rows, if any."""
    from sympy.core.function import AppliedUndef

    from splinework.formula.languages.python import python
    from splinework.interpret.symbolic.expression import compile_expression

    calls = [call for call in row.sympy().atoms(AppliedUndef) if call.func.__name__ == name]
    if not calls:
        return "its argument", None
    argument, names = calls[0].args[0], tuple(getattr(row, "names", ()))
    if facts.train is None or len(names) != facts.train.x.shape[1]:
        return rounded(python(argument, names)), None
    values = compile_expression(argument, names, row.splines)(facts.train.x)  # type: ignore[attr-defined]
    return rounded(python(argument, names)), values


def languages(facts: ReportData) -> Html:
    """The best formulas in other languages, to copy and to save."""
    from splinework.formula.languages import LANGUAGES, write

    parts = []
    best = best_of(facts.table)
    for row in best:
        names = getattr(row, "names", None) or sorted(s.name for s in row.sympy().free_symbols)
        for language, kind in LANGUAGES.items():
            try:
                written = write(row.sympy(), names, language, getattr(row, "splines", None) or {})
            except SplineworkError:  # a language that lacks a function
                continue
            title = f"{language}: {kind.about}" + (f", {row.target}" if len(best) > 1 else "")
            link = element(
                "a",
                text("save"),
                download=f"formula{kind.suffix}",
                href=f"data:text/plain;charset=utf-8,{quote(written, safe='')}",
            )
            shown = code(written, f"The formula for {row.target} in {language}")
            parts.append(element("details", element("summary", text(title)), shown, element("p", link)))
    return join(*parts)


def _number(of: Any, name: str) -> float | None:
    value = getattr(of, name, None)
    return None if value is None or np.isnan(value) else float(value)


def _known(value: float | None) -> Html | None:
    return None if value is None else number(value)


def _held_out(facts: ReportData, row: ReportedFormula) -> float | None:
    """Error on test rows, or else on the rows held out by the search."""
    own = _number(row, "rmse_test")
    rows = facts.test
    if own is None and rows is not None and rows.y is not None and len(rows) and row.target in facts.outputs:
        error, _ = errors_of(values_of(row, rows.x), rows.y[:, facts.outputs.index(row.target)], "linear")
        own = error if np.isfinite(error) else None
    return _number(row, "held_out") if own is None else own


def _r2(facts: ReportData, row: ReportedFormula) -> float | None:
    """R² of a formula: its own, or computed from its error and the variance of the training rows."""
    own, rows = _number(row, "r2"), facts.train
    if own is not None or rows is None or rows.y is None or row.target not in facts.outputs:
        return own
    output = facts.outputs.index(row.target)
    variance = float(rows.y[:, output].var())
    return 1 - row.rmse**2 / variance if variance > 0 and facts.output_scales[output] == "linear" else None


def _difference(value: float | None, best: float | None) -> Html | None:
    if value is None or best is None:
        return None
    return Html("0" if value == best else f"{value - best:+.1f}".replace("-", "−"))
