"""Formatting of numbers for reports: few digits, a dash for None."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final

DASH: Final = "–"
_DECIMAL: Final = re.compile(r"(?<![\w.])\d+\.\d+(e[+-]?\d+)?")


def figure(value: float | None, form: str = ".4g") -> str:
    """A number with four digits, or in another format; a dash for None.

    >>> figure(0.123456), figure(None), figure(0.9731, ".1%")
    ('0.1235', '–', '97.3 %')
    """
    return DASH if value is None else format(value, form).replace("%", " %")


def probability(value: float | None) -> str:
    """A probability in percent, such as `97 %`; `< 0.1 %` and `> 99.9 %` near 0 and 1."""
    if value is None:
        return DASH
    if value < 1e-3:
        return "< 0.1 %"
    return f"{100 * value:.3g} %" if value < 0.9995 else "> 99.9 %"


def plural(count: int, noun: str) -> str:
    """A count and its noun.

    >>> plural(1, "row"), plural(2, "row")
    ('1 row', '2 rows')
    """
    return f"{count} {noun}{'' if count == 1 else 's'}"


def ranks(rows: Iterable[Any]) -> list[int]:
    """The rank of each formula among those of its target."""
    counts: Counter[str] = Counter()
    found = []
    for row in rows:
        counts[row.target] += 1
        found.append(counts[row.target])
    return found


def rounded(formula: str, digits: int = 6) -> str:
    """The text of a formula with its decimal numbers rounded to `digits` significant digits."""
    return _DECIMAL.sub(lambda match: f"{float(match.group()):.{digits}g}", formula)
