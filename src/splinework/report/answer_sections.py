"""Sections on results: the best formula or the refusal, findings, constants and their range of validity."""

import math

from splinework.report.facts import ReportData
from splinework.report.html import NOTHING, Html, bullets, code, element, join, number, paragraph, table, text
from splinework.report.mathml import N_DIGITS, typeset
from splinework.report.plot.protocols import best_of
from splinework.report.protocols import ReportedFormula

MAX_NORMAL_LENGTH = 70
"""Number of characters from which a formula is set in smaller type."""


def headline(facts: ReportData) -> Html:
    """The refusal, if any, and the best formula of each target, typeset and as text to copy."""
    if facts.table is None:
        return NOTHING
    parts = []
    if refusal := getattr(facts.table, "refusal", None):
        parts.append(element("p", element("strong", text(refusal)), class_="refusal", role="note"))
        parts.append(paragraph("The best formula found nevertheless:", "aside"))
    for row in best_of(facts.table):
        set_ = typeset(row)
        if set_ is not None:
            kind = "formula" if len(row.text) < MAX_NORMAL_LENGTH else "formula long"
            parts.append(
                element("div", set_, class_=kind, tabindex="0", role="region", aria_label=f"Formula for {row.target}")
            )
        parts.append(code(f"{row.target} = {row.text}", f"Formula for {row.target} in Python"))
        parts += [paragraph(note, "aside") for note in row.notes]
    how = f"Constants are rounded to {N_DIGITS} digits above; the text to copy has full precision."
    return join(*parts, paragraph(how, "aside"))


def findings(facts: ReportData) -> Html:
    """Findings of the search for formulas."""
    return NOTHING if facts.table is None else bullets(tuple(map(str, facts.table.notes)))


def constants(facts: ReportData) -> Html:
    """The constants of each best formula with confidence intervals, and the ranges of the data."""
    best = best_of(facts.table)
    parts = []
    for row in best:
        of = f" of the formula for {row.target}" if len(best) > 1 else ""
        parts += [_constants(row, of), _valid(row, of)]
    return join(*parts)


def _constants(row: ReportedFormula, of: str) -> Html:
    lines = []
    for constant in getattr(row, "constants", ()):
        low, high = float(constant.low), float(constant.high)
        known = math.isfinite(low) and math.isfinite(high)
        interval = Html(f"{number(low, 6)} to {number(high, 6)}") if known else text("not identifiable from these rows")
        lines.append([number(float(constant.value), 7), interval])
    if not lines:
        return NOTHING
    caption = f"Fitted constants{of} with 95 % confidence intervals."
    return table(caption, ("constant", "95 % confidence interval"), lines, words=())


def _valid(row: ReportedFormula, of: str) -> Html:
    ranges = getattr(row, "valid", {})
    lines = [[text(name), number(float(low)), number(float(high))] for name, (low, high) in ranges.items()]
    if not lines:
        return NOTHING
    caption = f"Range of validity{of}: the range of the rows. Outside it the formula extrapolates."
    return table(caption, ("column", "from", "to"), lines)
