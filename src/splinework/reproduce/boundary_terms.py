"""A phase boundary in closed form: the shortest sum of terms, with simple numbers, whose sign separates two classes.

Terms are products of functions of one or two columns; a sum has up to three terms, with or without a constant. All sums are
tried: near the boundary the classes are regressed on them (their moments are enough), and the coefficients, relative to the
first one, are set to simple numbers. Of the sums that put nearly as many rows on the right side as the best one does, the
shortest is taken: chains of finite length blur their boundary, and longer sums describe that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, islice
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Key = tuple[int, ...]

UNARY: Final[Mapping[str, Callable[[Floats], Floats]]] = {
    "{}": lambda u: u,
    "{}**2": lambda u: u**2,
    "abs({})": np.abs,
    "1/{}": lambda u: 1 / u,
    "exp({})": np.exp,
    "exp(-{})": lambda u: np.exp(-u),
    "cosh({})": np.cosh,
    "cos({})": np.cos,
}
"""Functions of a column."""
SIMPLE: Final = (-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0)
"""Ratios of coefficients that are simple."""
MAX_TERMS: Final = 3
KEPT: Final = 400
"""Number of sums of each size that are judged on all rows."""
CHUNK: Final = 1000
"""Number of sums that are tried at a time."""
NEAR: Final = 3.0
"""Log odds within which a row is near the boundary."""
TOLERANCE: Final = 0.005
"""Share of rows by which a sum may be worse than the best."""
SHOWN: Final = 5
"""Number of sums in an answer at most."""
BOUND: Final = 1e3
"""Ratio of the largest to the median magnitude of a term up to which it is taken: poles inside the data tell nothing."""


@final
@dataclass(frozen=True)
class BoundaryFormula:
    """A sum of terms whose sign separates the classes."""

    terms: tuple[str, ...]
    coefficients: tuple[float, ...]
    accuracy: float

    @property
    def length(self) -> int:
        """A point for every term, factor, function and constant."""
        used = [t for c, t in zip(self.coefficients, self.terms, strict=False) if c]
        return sum(1 + sum(t.count(sign) for sign in ("*", "(", "/")) for t in used) + (self.coefficients[-1] != 0)

    def __str__(self) -> str:
        parts = [f"{c:+.3g}*{t}" for c, t in zip(self.coefficients, self.terms, strict=False) if c]
        return " ".join([*parts, *([f"{self.coefficients[-1]:+.3g}"] if self.coefficients[-1] else [])])


def boundary_formulas(x: Floats, labels: Any, names: Sequence[str], log_odds: Floats) -> list[BoundaryFormula]:
    """The shortest sums that are as good as the best one.

    Args:
        x: Columns, `(N, d)`.
        labels: 0 or 1, `(N,)`.
        names: Names of the columns.
        log_odds: Log odds of the rows by a classifier, `(N,)`: they say which rows are near the boundary.
    """
    library = terms_of(x, names)
    texts, y = list(library), np.asarray(labels, dtype=np.float64)
    values = np.column_stack([library[text] for text in texts])
    near = np.abs(log_odds) < NEAR
    found = []
    for size in range(1, MAX_TERMS + 1):
        for key, numbers in _best_sums(values[near], y[near], size):
            z = values[:, key] @ numbers[:-1] + numbers[-1]
            right = float(np.mean((z > 0) == (y > 0)))
            found.append(BoundaryFormula(tuple(texts[i] for i in key), tuple(map(float, numbers)), right))
    least = max(each.accuracy for each in found) - TOLERANCE
    good = {str(each): each for each in found if each.accuracy >= least}.values()
    return sorted(good, key=lambda each: (each.length, -each.accuracy))[:SHOWN]


def terms_of(x: Floats, names: Sequence[str]) -> Mapping[str, Floats]:
    """All terms: functions of one column, and products of those of two; equal ones once."""
    with np.errstate(all="ignore"):
        single = [{text.format(n): f(x[:, i]) for text, f in UNARY.items()} for i, n in enumerate(names)]
        found = {text: values for each in single for text, values in each.items()}
        for left, right in combinations(single, 2):
            found |= {f"{a}*{b}": u * v for a, u in left.items() for b, v in right.items()}
    kept: dict[str, Floats] = {}
    seen: set[bytes] = set()
    for text, values in found.items():
        size = np.abs(values)
        usable = np.isfinite(values).all() and size.max() < BOUND * np.median(size) and values.std() > 0
        if usable and values.tobytes() not in seen:
            seen.add(values.tobytes())
            kept[text] = values
    return kept


def _best_sums(values: Floats, y: Floats, size: int) -> list[tuple[Key, Floats]]:
    """The sums of a size with simple numbers that put most rows near the boundary on the right side."""
    best: list[tuple[float, Key, tuple[float, ...]]] = []
    for constant in (True, False):
        mean = values.mean(0) if constant else np.zeros(values.shape[1])
        centred, t = values - mean, (y - y.mean() if constant else 2 * y - 1)
        scale = np.sqrt(np.mean(centred**2, axis=0))
        gram = (centred / scale).T @ (centred / scale) + 1e-9 * len(y) * np.eye(len(scale))
        cross = (centred / scale).T @ t
        for keys in _chunks(values.shape[1], size):
            c = (
                np.linalg.solve(gram[keys[:, :, None], keys[:, None, :]], cross[keys][:, :, None])[:, :, 0]
                / scale[keys]
            )
            rest = -np.sum(c * mean[keys], axis=1)
            numbers = _simple(np.column_stack([c, rest]) / np.maximum(np.abs(c[:, :1]), 1e-300))
            z = np.einsum("nbk,bk->nb", values[:, keys], numbers[:, :-1]) + numbers[:, -1]
            wrong = np.mean((z > 0) != (y > 0)[:, None], axis=0)
            first = np.argsort(wrong, kind="stable")[:KEPT]
            best += [(float(wrong[n]), tuple(map(int, keys[n])), tuple(numbers[n])) for n in first]
            best = sorted(best)[:KEPT]
    return [(key, np.array(numbers)) for _, key, numbers in best]


def _simple(ratios: Floats) -> Floats:
    """The nearest simple numbers."""
    simple = np.array(SIMPLE)
    middle = (simple[1:] + simple[:-1]) / 2
    return simple[np.searchsorted(middle, ratios)]


def _chunks(count: int, size: int) -> Iterator[NDArray[np.intp]]:
    """All sets of a size, in parts."""
    sets = combinations(range(count), size)
    while part := list(islice(sets, CHUNK)):
        yield np.array(part)
