"""Arrays of numbers as wrapped text."""

from collections.abc import Callable
from typing import Any, Final

_MAX_LINE_LENGTH: Final = 116


def nested(values: Any, number: Callable[[Any], str], brackets: str) -> str:
    """A nested list of the entries of an array, with wrapped rows.

    Args:
        values: A NumPy array.
        number: Function that formats an entry.
        brackets: Opening and closing bracket.

    >>> import numpy as np
    >>> nested(np.array([1, 2, 3]), str, "[]")
    '[1, 2, 3]'
    """
    opening, closing = brackets[0], brackets[1]
    if values.ndim > 1:
        return f"{opening}\n" + ",\n".join(nested(part, number, brackets) for part in values) + f"\n{closing}"
    texts, lines = [number(value) for value in values.tolist()], [""]
    for n, text in enumerate(texts):
        piece = text + (", " if n + 1 < len(texts) else "")
        if len(lines[-1]) + len(piece) > _MAX_LINE_LENGTH:
            lines.append("")
        lines[-1] += piece
    return opening + "\n ".join(line.rstrip() for line in lines) + closing
