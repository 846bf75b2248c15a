"""One panel for each formula to choose from: typeset, as text in every language, with its constants and range of validity."""

import math
from typing import Any
from urllib.parse import quote

from splinework.errors import SplineworkError
from splinework.report.html import NOTHING, Html, code, element, join, number, paragraph, table, text
from splinework.report.mathml import N_DIGITS, typeset
from splinework.report.protocols import ReportedFormula

MAX_NORMAL_LENGTH = 70
"""Number of characters from which a formula is set in smaller type."""
FIRST_LANGUAGES = ("numpy", "latex", "c", "excel")
SHOWN = {
    "numpy": "Python (NumPy)",
    "latex": "LaTeX",
    "c": "C",
    "excel": "Excel",
    "sympy": "Python (SymPy)",
    "torch": "Python (PyTorch)",
    "julia": "Julia",
}
"""Names of languages for readers."""


def panel(row: ReportedFormula, of: str) -> Html:
    """All that is known of a formula; `of` names its target where there are several."""
    parts = []
    set_ = typeset(row)
    if set_ is not None:
        kind = "formula" if len(row.text) < MAX_NORMAL_LENGTH else "formula long"
        parts.append(
            element("div", set_, class_=kind, tabindex="0", role="region", aria_label=f"Formula for {row.target}")
        )
    parts.append(code(f"{row.target} = {row.text}", f"Formula for {row.target} in Python"))
    parts += [paragraph(note, "aside") for note in row.notes]
    how = f"Constants are rounded to {N_DIGITS} digits above; the text to copy has full precision."
    return join(*parts, paragraph(how, "aside"), languages(row), constants(row, of), validity(row, of))


def languages(row: ReportedFormula) -> Html:
    """The formula in other languages, to copy and to save."""
    from splinework.formula.languages import LANGUAGES, write

    parts = []
    names = getattr(row, "names", None) or sorted(s.name for s in row.sympy().free_symbols)
    for language in (*FIRST_LANGUAGES, *(each for each in LANGUAGES if each not in FIRST_LANGUAGES)):
        kind = LANGUAGES[language]
        try:
            written = write(row.sympy(), names, language, getattr(row, "splines", None) or {})
        except SplineworkError:  # a language that lacks a function
            continue
        link = element(
            "a",
            text(f"save as formula{kind.suffix}"),
            download=f"formula{kind.suffix}",
            href=f"data:text/plain;charset=utf-8,{quote(written, safe='')}",
        )
        shown = code(written, f"The formula for {row.target} in {SHOWN.get(language, language)}")
        parts.append(
            element(
                "details",
                element("summary", text(f"{SHOWN.get(language, language)}: {kind.about}")),
                shown,
                element("p", link),
            )
        )
    return join(*parts)


def constants(row: ReportedFormula, of: str) -> Html:
    """Constants with confidence intervals."""
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


def validity(row: ReportedFormula, of: str) -> Html:
    """The range of the rows for every column."""
    ranges: dict[str, Any] = getattr(row, "valid", {})
    lines = [[text(name), number(float(low)), number(float(high))] for name, (low, high) in ranges.items()]
    if not lines:
        return NOTHING
    caption = f"Range of validity{of}: the range of the rows. Outside it the formula extrapolates."
    return table(caption, ("column", "from", "to"), lines)
