"""The text of a division of a box, read into boxes that cover it: none can be missing or moved.

In preorder: `a` bisects the first variable (`b` the second, …), and the two halves follow, the lower one first; `La` (`Ha`)
before it states that the function does not fall (rise) along a, so that only the lower (upper) face matters; `.` is a box that
is not divided.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from splinework.knowledge.axioms.checker.formulas import Unreadable
from splinework.knowledge.axioms.checker.ranges import Floats

MOST_CHARACTERS: Final = 40_000_000


@dataclass(frozen=True)
class Division:
    """The statements that together prove a bound.

    Attributes:
        lo: Lower ends of the boxes on which the bound must hold, `(m, n)`.
        hi: Upper ends.
        face_lo: Lower ends of the boxes on which slopes must have signs, `(k, n)`.
        face_hi: Upper ends.
        signs: 1 where the slope along a variable is not negative, -1 where it is not positive, else 0, `(k, n)`.
    """

    lo: Floats
    hi: Floats
    face_lo: Floats
    face_hi: Floats
    signs: np.ndarray


def division(text: str, lo: Floats, hi: Floats) -> Division:
    """The statements of a text about a box.

    Raises:
        Unreadable: If the text is not exactly one division.
    """
    n, signs = len(lo), [0] * len(lo)
    if len(text) > MOST_CHARACTERS:
        raise Unreadable(f"its division has more than {MOST_CHARACTERS} characters")
    pending, leaves = [(lo.tolist(), hi.tolist())], list[tuple[list[float], list[float]]]()
    faces = list[tuple[list[float], list[float], list[int]]]()
    letters = iter(text)
    for letter in letters:
        if not pending:
            raise Unreadable("its division goes on after it is complete")
        if letter in "LH":
            along = _variable(next(letters, ""), n)
            if signs[along]:
                raise Unreadable("its division states the same face twice")
            signs[along] = 1 if letter == "L" else -1
            continue
        low, high = pending.pop()
        if any(signs):
            faces.append((low, high, signs))
            low, high = (
                [other if sign * side < 0 else own for own, other, sign in zip(one, two, signs, strict=True)]
                for one, two, side in ((low, high, 1), (high, low, -1))
            )
            signs = [0] * n
        if letter == ".":
            leaves.append((low, high))
        else:
            i = _variable(letter, n)
            middle = low[i] / 2 + high[i] / 2
            pending += [([*low[:i], middle, *low[i + 1 :]], high), (low, [*high[:i], middle, *high[i + 1 :]])]
    if pending or any(signs):
        raise Unreadable("its division ends before it is complete")
    ends = [np.array([leaf[end] for leaf in leaves]).reshape(-1, n) for end in (0, 1)]
    statements = [np.array([face[part] for face in faces]).reshape(-1, n) for part in range(3)]
    return Division(ends[0], ends[1], statements[0], statements[1], statements[2])


def _variable(letter: str, n: int) -> int:
    if len(letter) != 1 or not 0 <= ord(letter) - ord("a") < n:
        raise Unreadable(f"its division has {letter!r}, which is not a variable")
    return ord(letter) - ord("a")
