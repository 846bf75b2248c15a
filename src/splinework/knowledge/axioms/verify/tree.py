"""The division of a box as a text for the checker, in which boxes cannot be missing or moved.

In preorder: `a` bisects the first variable (`b` the second, …), followed by the two halves, lower first; a preceding `La` (`Ha`)
states that the function is non-decreasing (non-increasing) along the variable, so that only the lower (upper) face matters; `.`
is a box whose bound is sufficient.
"""

from typing import Final

import numpy as np

from splinework.formula.intervals import Floats

_FIRST_LETTER: Final = ord("a")
_WORD_BITS: Final = 62
"""Variables in one word of a mask: an int64 with its sign left alone."""


class Tree:
    """A division under construction."""

    def __init__(self, lo: Floats, hi: Floats) -> None:
        self.variables = len(lo)
        self.axis = np.full(64, -1, dtype=np.int16)
        self.child = np.zeros(64, dtype=np.int64)
        words = -(-self.variables // _WORD_BITS)
        self.low = np.zeros((64, words), dtype=np.int64)
        self.high = np.zeros((64, words), dtype=np.int64)
        self.size = 1
        self.whole = True

    def give_up(self) -> None:
        """Records that a box can be neither closed nor divided."""
        self.whole = False

    def split(self, nodes: np.ndarray, axis: np.ndarray) -> np.ndarray:
        """Divides nodes `(m,)` and returns the indices of the lower halves; each upper half comes right after."""
        needed = self.size + 2 * len(nodes)
        while needed > len(self.axis):
            for key, fill in (("axis", -1), ("child", 0), ("low", 0), ("high", 0)):
                held = getattr(self, key)
                setattr(self, key, np.concatenate([held, np.full_like(held, fill)]))
        children = self.size + 2 * np.arange(len(nodes))
        self.axis[nodes], self.child[nodes] = axis, children
        self.size = needed
        return children

    def face(self, nodes: np.ndarray, low: np.ndarray, high: np.ndarray) -> None:
        """Records the variables `(m, n)` along which only the lower, or the upper, face of a node matters."""
        for word in range(self.low.shape[1]):
            part = slice(word * _WORD_BITS, min((word + 1) * _WORD_BITS, self.variables))
            bits = 1 << np.arange(part.stop - part.start, dtype=np.int64)
            self.low[nodes, word] |= (low[:, part] * bits).sum(1)
            self.high[nodes, word] |= (high[:, part] * bits).sum(1)

    def text(self) -> str:
        """The division as a text."""
        parts: list[str] = []
        stack = [0]
        axis, child = (v[: self.size].tolist() for v in (self.axis, self.child))
        low, high = (_joined(v[: self.size]) for v in (self.low, self.high))
        letters = [chr(_FIRST_LETTER + i) for i in range(self.variables)]
        while stack:
            node = stack.pop()
            if axis[node] < 0:
                parts.append(".")
                continue
            for mask, side in ((low[node], "L"), (high[node], "H")):
                if mask:
                    parts += [side + letters[i] for i in range(self.variables) if mask >> i & 1]
            parts.append(letters[axis[node]])
            stack += [child[node] + 1, child[node]]
        return "".join(parts)


def halves(lo: Floats, hi: Floats, axis: np.ndarray) -> tuple[Floats, Floats]:
    """Boxes `(m, n)` cut in the middle of a variable each, as lower and upper ends: all lower halves, then all upper ones."""
    rows = np.arange(len(lo))
    left, right = hi.copy(), lo.copy()
    left[rows, axis] = right[rows, axis] = lo[rows, axis] / 2 + hi[rows, axis] / 2
    return np.concatenate([lo, right]), np.concatenate([left, hi])


def _joined(words: np.ndarray) -> list[int]:
    """Masks `(N, words)` as integers."""
    found: list[int] = words[:, 0].tolist()
    for number in range(1, words.shape[1]):
        found = [
            mask | word << number * _WORD_BITS for mask, word in zip(found, words[:, number].tolist(), strict=True)
        ]
    return found
