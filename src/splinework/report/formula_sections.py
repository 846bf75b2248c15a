"""The section on formulas: what was found, the formulas to choose from, a table of all, and remaining splines."""

from typing import Any

import numpy as np

from splinework.errors import SplineworkError
from splinework.formula.figures import probability, ranks, rounded
from splinework.report.facts import ReportData, errors_of, values_of
from splinework.report.formula_panels import panel
from splinework.report.html import (
    NOTHING,
    Html,
    bullets,
    element,
    join,
    number,
    paragraph,
    picture,
    r_squared,
    table,
    text,
)
from splinework.report.plot.protocols import Floats, best_of
from splinework.report.plot.splines import plot_spline, shown_places
from splinework.report.plot.style import new_figure
from splinework.report.protocols import ReportedFormula

MAX_FORMULAS = 40
MAX_CHOICES = 12
"""Formulas with a panel of their own, of all targets together."""
MAX_SPLINES = 24
N_TABLE_POINTS = 21
"""Number of rows of the table of a spline."""


def formulas(facts: ReportData) -> Html:
    """The refusal, if any, what the search found, the formulas to choose from, and a table of all."""
    if facts.table is None:
        return NOTHING
    parts = []
    if refusal := getattr(facts.table, "refusal", None):
        parts.append(element("p", element("strong", text(refusal)), class_="refusal", role="note"))
        parts.append(paragraph("The best formula found nevertheless:", "aside"))
    rows = _distinct(list(facts.table.rows))
    several = len(best_of(facts.table)) > 1
    for place, chosen in enumerate(_choices(facts)):
        heading = element("h3", text(chosen[0].target)) if several else NOTHING
        panels = []
        for rank, row in enumerate(chosen):
            of = f" of the formula for {row.target}" if several else ""
            hidden = {"hidden": "hidden"} if rank else {}
            attributes = {"data_formula": _key(place, rank), "data_chosen_by": str(place)}
            panels.append(element("div", panel(row, of), **attributes, **hidden))
        chooser = element("div", data_chooser=str(place))
        parts.append(join(heading, element("div", chooser, *panels)))
    noise = _number(facts.table, "noise") if "log" not in facts.output_scales else None  # of the logarithm, then
    sentences = [str(note) for note in facts.table.notes]
    if noise:
        sentences.append(f"Estimated noise: {noise:.3g}; a formula with a smaller error would be overfitting.")
    parts += [bullets(sentences), _listing(facts, rows[:MAX_FORMULAS], len(rows)), splines(facts)]
    return join(*parts)


def chooser_data(facts: ReportData) -> list[list[dict[str, Any]]]:
    """The formulas to choose from, by target: key, label, complexity, and error."""
    found = []
    for place, chosen in enumerate(_choices(facts)):
        points = []
        for rank, row in enumerate(chosen):
            held = _held_out(facts, row)
            error, kind = (row.rmse, "fitted rows") if held is None else (held, "held-out rows")
            label = f"{rank + 1}. {rounded(row.text)[:60]}: complexity {row.complexity}, error {error:.4g} on {kind}"
            points.append(
                {"key": _key(place, rank), "label": label, "complexity": row.complexity, "error": float(error)}
            )
        found.append(points)
    return found


def _key(target: int, rank: int) -> str:
    return f"{target}-{rank}"


def _choices(facts: ReportData) -> list[list[ReportedFormula]]:
    """The first formulas of each target."""
    if facts.table is None:
        return []
    rows = _distinct(list(facts.table.rows))
    targets = list(dict.fromkeys(row.target for row in rows))
    most = max(1, MAX_CHOICES // max(1, len(targets)))
    return [[row for row in rows if row.target == target][:most] for target in targets[:MAX_CHOICES]]


def _distinct(rows: list[ReportedFormula]) -> list[ReportedFormula]:
    """The rows without repetitions of a formula: the same text for the same target."""
    return list({(row.target, row.text): row for row in reversed(rows)}.values())[::-1]


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
        "probability": [None if p is None else text(probability(p)) for p in _probabilities(rows)],
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


def _probabilities(rows: list[ReportedFormula]) -> list[float | None]:
    """Probabilities among the formulas of a target; those of the description lengths if their own add up to more than 1."""
    own = [_number(row, "probability") for row in rows]
    found = list(own)
    for target in {row.target for row in rows}:
        places = [place for place, row in enumerate(rows) if row.target == target]
        bits = [_number(rows[place], "bits") for place in places]
        total = sum(own[place] or 0.0 for place in places)
        if total <= 1 + 1e-6 or any(each is None for each in bits):
            continue
        least = min(each for each in bits if each is not None)
        weights = [2.0 ** -min(each - least, 1000.0) for each in bits if each is not None]
        for place, weight in zip(places, weights, strict=True):
            found[place] = weight / sum(weights)
    return found


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
