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
    n = len(lo)
    if len(text) > MOST_CHARACTERS:
        raise Unreadable(f"its division has more than {MOST_CHARACTERS} characters")
    axis: list[int] = []
    parent: list[int] = []
    upper: list[bool] = []
    faces: list[tuple[int, int, int]] = []
    pending, at = [(-1, False)], 0
    while pending:
        if at >= len(text):
            raise Unreadable("its division ends before it is complete")
        letter = text[at]
        at += 1
        if letter in "LH":
            if at >= len(text):
                raise Unreadable("its division ends in the middle of a word")
            faces.append((len(axis), _variable(text[at], n), 1 if letter == "L" else -1))
            at += 1
            continue
        above, side = pending.pop()
        node = len(axis)
        parent.append(above)
        upper.append(side)
        if letter == ".":
            axis.append(-1)
        else:
            axis.append(_variable(letter, n))
            pending += [(node, True), (node, False)]
    if at < len(text):
        raise Unreadable("its division goes on after it is complete")
    return _boxes(
        np.array(axis),
        np.array(parent),
        np.array(upper, dtype=bool),
        np.array(faces, dtype=np.int64).reshape(-1, 3),
        lo,
        hi,
    )


def _variable(letter: str, n: int) -> int:
    number = ord(letter) - ord("a")
    if not 0 <= number < n:
        raise Unreadable(f"its division has {letter!r}, which is not a variable")
    return number


def _boxes(
    axis: np.ndarray, parent: np.ndarray, upper: np.ndarray, faces: np.ndarray, lo: Floats, hi: Floats
) -> Division:
    count, n = len(axis), len(lo)
    low, high = np.empty((count, n)), np.empty((count, n))
    signs = np.zeros((count, n), dtype=np.int64)
    signs[faces[:, 0], faces[:, 1]] = faces[:, 2]
    faced = np.unique(faces[:, 0])
    if len(np.unique(faces[:, :2], axis=0)) < len(faces):
        raise Unreadable("its division states the same face twice")
    whole_low, whole_high = np.empty((count, n)), np.empty((count, n))
    depth = np.zeros(count, dtype=np.int64)
    for node in range(1, count):
        depth[node] = depth[parent[node]] + 1
    order = np.argsort(depth, kind="stable")
    starts = np.searchsorted(depth[order], np.arange(int(depth.max()) + 2))
    for level in range(len(starts) - 1):
        rows = order[starts[level] : starts[level + 1]]
        if level == 0:
            base_low, base_high = lo[None].copy(), hi[None].copy()
        else:
            above = parent[rows]
            base_low, base_high = low[above].copy(), high[above].copy()
            along, every = axis[above], np.arange(len(rows))
            middle = base_low[every, along] / 2 + base_high[every, along] / 2
            base_low[every, along] = np.where(upper[rows], middle, base_low[every, along])
            base_high[every, along] = np.where(upper[rows], base_high[every, along], middle)
        whole_low[rows], whole_high[rows] = base_low, base_high
        low[rows] = np.where(signs[rows] < 0, base_high, base_low)
        high[rows] = np.where(signs[rows] > 0, base_low, base_high)
    leaves = axis < 0
    return Division(low[leaves], high[leaves], whole_low[faced], whole_high[faced], signs[faced])
