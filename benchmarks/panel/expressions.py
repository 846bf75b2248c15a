"""Functions of several columns that know their text, and the draws that they are made of; which are drawn is in `families`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np

Array: TypeAlias = np.ndarray
Item = TypeVar("Item")

MOST_COLUMNS = 10
PROBES = 2048
"""Points of the cube on which the spread of a term is taken."""


def rounded(value: float) -> float:
    """The number with three digits, so that the text of a function is the function."""
    return float(f"{value:.3g}")


class Draws:
    """Numbers and choices from a generator, all made of its uniform numbers, which no release of NumPy has changed."""

    def __init__(self, generator: np.random.Generator) -> None:
        self.generator = generator

    def between(self, low: float, high: float) -> float:
        """A number, uniform."""
        return rounded(low + (high - low) * self.generator.random())

    def ratio(self, low: float, high: float) -> float:
        """A positive number whose logarithm is uniform."""
        return rounded(low * (high / low) ** self.generator.random())

    def signed(self, low: float, high: float) -> float:
        """A number from `low` to `high`, with either sign."""
        return self.between(low, high) * self.choice((-1.0, 1.0))

    def whole(self, low: int, high: int) -> int:
        """A whole number; both ends belong to it."""
        return low + int(self.generator.random() * (high - low + 1))

    def chance(self, probability: float) -> bool:
        """True as often as that."""
        return bool(self.generator.random() < probability)

    def choice(self, items: Sequence[Item]) -> Item:
        """One of them, each as often."""
        return items[self.whole(0, len(items) - 1)]

    def some(self, items: Sequence[Item], count: int) -> list[Item]:
        """A choice of `count` different items, in a drawn order."""
        return [items[k] for k in np.argsort(self.generator.random(len(items)), kind="stable")[:count]]

    def groups(self, columns: Sequence[int], fewest: int, most: int) -> list[list[int]]:
        """Splits columns into groups of `fewest` to `most`; a rest that is too short joins the last group."""
        left = self.some(columns, len(columns))
        found: list[list[int]] = []
        while left:
            size = self.whole(fewest, most)
            found.append(left[:size])
            left = left[size:]
        if len(found) > 1 and len(found[-1]) < fewest:
            rest = found.pop()
            found[-1] += rest
        return found


@dataclass(frozen=True)
class Expression:
    """A function of rows.

    Attributes:
        text: The function as a formula in x1, x2, ….
        rows: Maps rows (rows, columns) to values (rows,).
        columns: Those that it depends on, from 0.
    """

    text: str
    rows: Callable[[Array], Array]
    columns: frozenset[int]

    def __call__(self, x: Array) -> Array:
        return self.rows(x)

    def __add__(self, other: Expression) -> Expression:
        joined = f" - {other.text[1:]}" if other.text.startswith("-") else f" + {other.text}"
        return Expression(self.text + joined, lambda x: self(x) + other(x), self.columns | other.columns)

    def __mul__(self, other: Expression) -> Expression:
        text = f"{bracketed(self.text, ' /+-')}·{bracketed(other.text, ' /+-')}"
        return Expression(text, lambda x: self(x) * other(x), self.columns | other.columns)

    def __truediv__(self, other: Expression) -> Expression:
        text = f"{bracketed(self.text)}/{bracketed(other.text)}"
        return Expression(text, lambda x: self(x) / other(x), self.columns | other.columns)

    def times(self, factor: float) -> Expression:
        """A multiple."""
        return Expression(f"{factor:g}·{bracketed(self.text)}", lambda x: factor * self(x), self.columns)

    def plus(self, offset: float) -> Expression:
        """The function plus a constant."""
        sign = "-" if offset < 0 else "+"
        return Expression(f"{self.text} {sign} {abs(offset):g}", lambda x: self(x) + offset, self.columns)

    def into(self, text: str, function: Callable[[Array], Array]) -> Expression:
        """A function of it; `text` has `{}` where it goes in."""
        filled = text.replace("({})", f"({self.text})").replace("{}", bracketed(self.text))
        return Expression(filled, lambda x: function(self(x)), self.columns)


def bracketed(text: str, operators: str = " ·/+-^") -> str:
    """The text in brackets, unless none of these operators is outside of the brackets that it has."""
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter in "([") - (letter in ")]")
        if depth == 0 and letter in operators and place:
            return f"({text})"
    return f"({text})" if text.startswith("-") else text


def column(j: int) -> Expression:
    """Column number j, from 0."""
    return Expression(f"x{j + 1}", lambda x: x[:, j], frozenset((j,)))


def total(terms: Sequence[Expression]) -> Expression:
    """Their sum."""
    result = terms[0]
    for term in terms[1:]:
        result = result + term
    return result


def product(factors: Sequence[Expression]) -> Expression:
    """Their product."""
    result = factors[0]
    for factor in factors[1:]:
        result = result * factor
    return result


def linear(draws: Draws, columns: Sequence[int]) -> Expression:
    """A weighted sum of columns; weights from 0.4 to 1, with either sign."""
    return total([column(j).times(draws.signed(0.4, 1.0)) for j in columns])


def balanced(draws: Draws, terms: Sequence[Expression]) -> Expression:
    """A sum in which every term has a spread from 0.35 to 1 over the cube [-1, 1] of all columns, so that each one counts."""
    probes = 2 * np.random.default_rng(0).random((PROBES, MOST_COLUMNS)) - 1
    parts = []
    for term in terms:
        spread = float(np.std(term(probes)))
        parts.append(term.times(rounded(draws.signed(0.35, 1.0) / max(spread, 1e-3))))
    return total(parts)
