"""Formulas as MathML, which browsers typeset natively.

SymPy's printer does not escape names, so a column called `<script>` would become one: it is given placeholders, which are then
replaced by the escaped names.
"""

import math
import re
from typing import Any

from splinework.errors import SplineworkError
from splinework.report.html import Html, element, text
from splinework.report.protocols import ReportedFormula

N_DIGITS = 4
MAX_LENGTH = 4000
"""Maximum length of the text of a typeset formula."""
_REPLACEMENTS = (
    ("<mi>&ExponentialE;</mi>", "<mi>e</mi>"),
    ("<mo>-</mo>", "<mo>−</mo>"),
    ("<mn>-", "<mn>−"),
    ("<mo>&InvisibleTimes;</mo>", '<mo lspace="0.08em" rspace="0.08em">&InvisibleTimes;</mo>'),
)


def typeset(row: ReportedFormula) -> Html | None:
    """`target = formula` as a `<math>` element with rounded constants, or None if it cannot be typeset."""
    if len(row.text) > MAX_LENGTH:
        return None
    try:
        expression = row.sympy()
    except SplineworkError:
        return None
    inside = Html(f"<mrow>{identifier(row.target)}<mo>=</mo>{_print(expression)}</mrow>")
    return element("math", inside, display="block", aria_label=f"{row.target} = {row.text}")


def identifier(name: str) -> Html:
    """A name as MathML: `x1` with an index, other names unchanged."""
    match = re.fullmatch(r"([A-Za-z])_?([0-9]{1,3})", name)
    if match:
        return Html(f"<msub><mi>{match[1]}</mi><mn>{match[2]}</mn></msub>")
    return Html(f"<mi>{text(name)}</mi>")


def _print(expression: Any) -> Html:
    import sympy
    from sympy.core.function import AppliedUndef
    from sympy.printing.mathml import mathml

    expression = expression.xreplace({c: _rounded(c) for c in expression.atoms(sympy.Float)})
    names: dict[str, str] = {}

    def stand_in(name: str) -> str:
        # Lower-case letters only: the printer turns digits and underscores into indices and converts functions to lower
        # case. In the order of the names, so that sums and products are printed in it.
        word = "qq" + "".join(chr(ord("a") + int(digit)) for digit in f"{len(names):04d}") + "qq"
        names[word] = name
        return word

    symbols = sorted(expression.free_symbols, key=lambda symbol: str(symbol.name))
    expression = expression.xreplace({s: sympy.Symbol(stand_in(s.name), **s.assumptions0) for s in symbols})
    for function in sorted({call.func for call in expression.atoms(AppliedUndef)}, key=lambda f: str(f.__name__)):
        expression = expression.replace(function, sympy.Function(stand_in(function.__name__)))
    printed = mathml(expression, printer="presentation")
    for ours, better in _REPLACEMENTS:
        printed = printed.replace(ours, better)
    return Html(re.sub(r"<mi>(qq[a-j]{4}qq)</mi>", lambda match: identifier(names[match[1]]), printed))


def _rounded(constant: Any) -> Any:
    """The rounded constant, as an integer if it is one."""
    import sympy

    value = float(f"{float(constant):.{N_DIGITS}g}")
    if not math.isfinite(value):
        return constant
    return (
        sympy.Integer(int(value)) if value == int(value) and abs(value) < 10**N_DIGITS else sympy.Float(value, N_DIGITS)
    )
