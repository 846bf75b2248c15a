"""A formula as MathML, which browsers typeset without any help.

sympy's printer writes names into its output as they are, so a column called `<script>` would become one: here it only
ever sees names of our own, which are exchanged for the escaped real ones afterwards.
"""

import math
import re
from typing import Any

from splinework.errors import SplineworkError
from splinework.report.html import Html, element, text
from splinework.report.protocols import ReportedFormula

DIGITS = 4
LONGEST = 4000
"""A formula whose text is longer is not typeset."""
_BETTER = (
    ("<mi>&ExponentialE;</mi>", "<mi>e</mi>"),
    ("<mo>-</mo>", "<mo>−</mo>"),
    ("<mn>-", "<mn>−"),
    ("<mo>&InvisibleTimes;</mo>", '<mo lspace="0.08em" rspace="0.08em">&InvisibleTimes;</mo>'),
)


def typeset(row: ReportedFormula) -> Html | None:
    """`target = formula` as a `<math>` element with its constants rounded, or None if it cannot be typeset."""
    if len(row.text) > LONGEST:
        return None
    try:
        expression = row.sympy()
    except SplineworkError:
        return None
    inside = Html(f"<mrow>{identifier(row.target)}<mo>=</mo>{_print(expression)}</mrow>")
    return element("math", inside, display="block", aria_label=f"{row.target} = {row.text}")


def identifier(name: str) -> Html:
    """A name as MathML: `x1` with an index, anything else as it is."""
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
        # Small letters only: the printer takes digits and underscores for indices and makes functions small. In the
        # order of the names, so that sums and products are written in it.
        word = "qq" + "".join(chr(ord("a") + int(digit)) for digit in f"{len(names):04d}") + "qq"
        names[word] = name
        return word

    symbols = sorted(expression.free_symbols, key=lambda symbol: str(symbol.name))
    expression = expression.xreplace({s: sympy.Symbol(stand_in(s.name), **s.assumptions0) for s in symbols})
    for function in sorted({call.func for call in expression.atoms(AppliedUndef)}, key=lambda f: str(f.__name__)):
        expression = expression.replace(function, sympy.Function(stand_in(function.__name__)))
    printed = mathml(expression, printer="presentation")
    for ours, better in _BETTER:
        printed = printed.replace(ours, better)
    return Html(re.sub(r"<mi>(qq[a-j]{4}qq)</mi>", lambda match: identifier(names[match[1]]), printed))


def _rounded(constant: Any) -> Any:
    """The constant with few digits, as a whole number if it then is one."""
    import sympy

    value = float(f"{float(constant):.{DIGITS}g}")
    if not math.isfinite(value):
        return constant
    return sympy.Integer(int(value)) if value == int(value) and abs(value) < 10**DIGITS else sympy.Float(value, DIGITS)
