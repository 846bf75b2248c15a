"""The sections that answer: the best formula or the refusal, what was found, the constants and where they hold."""

import math

from splinework.report.facts import ReportData
from splinework.report.html import NOTHING, Html, bullets, code, element, join, number, paragraph, table, text
from splinework.report.mathml import DIGITS, typeset
from splinework.report.plot.protocols import best_of
from splinework.report.protocols import ReportedFormula

LONG_FORMULA = 70
"""Letters, from which on a formula is set smaller."""


def headline(facts: ReportData) -> Html:
    """The refusal, if there is one; the best formula of each target: typeset, and as text to copy."""
    if facts.table is None:
        return NOTHING
    parts = []
    if refusal := getattr(facts.table, "refusal", None):
        parts.append(element("p", element("strong", text(refusal)), class_="refusal", role="note"))
        parts.append(paragraph("The best attempt all the same:", "aside"))
    for row in best_of(facts.table):
        set_ = typeset(row)
        if set_ is not None:
            kind = "formula" if len(row.text) < LONG_FORMULA else "formula long"
            parts.append(
                element("div", set_, class_=kind, tabindex="0", role="region", aria_label=f"Formula for {row.target}")
            )
        parts.append(code(f"{row.target} = {row.text}", f"Formula for {row.target} in Python"))
        parts += [paragraph(note, "aside") for note in row.notes]
    how = f"Constants are rounded to {DIGITS} digits above, and in full in the text to copy."
    return join(*parts, paragraph(how, "aside"))


def findings(facts: ReportData) -> Html:
    """What was found on the way to the formulas."""
    return NOTHING if facts.table is None else bullets(tuple(map(str, facts.table.notes)))


def constants(facts: ReportData) -> Html:
    """The constants of each best formula with their intervals, and the ranges that the rows span."""
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
        interval = Html(f"{number(low, 6)} to {number(high, 6)}") if known else text("not known from these rows")
        lines.append([number(float(constant.value), 7), interval])
    if not lines:
        return NOTHING
    caption = f"Fitted numbers{of}, with the intervals that hold the true value with a probability of 95 %."
    return table(caption, ("number in the formula", "95 % interval"), lines, words=())


def _valid(row: ReportedFormula, of: str) -> Html:
    ranges = getattr(row, "valid", {})
    lines = [[text(name), number(float(low)), number(float(high))] for name, (low, high) in ranges.items()]
    if not lines:
        return NOTHING
    caption = f"Range of validity{of}: what the rows span. Beyond it the formula is a guess."
    return table(caption, ("column", "from", "to"), lines)
