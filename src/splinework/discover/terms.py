"""Terms of sums, and the selection of those that a sum needs.

The terms are monomials up to a total degree, or functions of single columns. Which are needed is found by taking them out
one by one (thresholded least squares, as in SINDy, but by what the fit loses rather than by the size of a coefficient) and,
since collinear terms can lead that astray, by putting them in one by one as well, from the best pair too.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import sympy

from splinework.interpret.symbolic.expression import compiled, symbol
from splinework.interpret.symbolic.library import Array

RIDGE_STRENGTH = 1e-13
"""Added to the squares of unit columns, so that sums of squares can be inverted when some are dependent."""


@dataclass(frozen=True)
class Terms:
    """Expressions over named columns, with their values and gradients."""

    expressions: tuple[Any, ...]
    names: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.expressions)

    def only(self, places: Sequence[int]) -> "Terms":
        """A selection of the terms."""
        return Terms(tuple(self.expressions[i] for i in places), self.names)

    def joined(self, other: "Terms") -> "Terms":
        """These terms and those of the other that are not among them."""
        return Terms(tuple(dict.fromkeys([*self.expressions, *other.expressions])), self.names)

    def values(self, x: Array) -> Array:
        """Values `(N, M)` at rows `(N, d)`; NaN outside a domain."""
        return _filled(self._value(*x.T), len(x))

    def defined(self, x: Array) -> tuple["Terms", Array]:
        """The terms that are finite at all rows, and their values."""
        values = self.values(x)
        usable = np.flatnonzero(np.isfinite(values).all(axis=0)).tolist()
        return self.only(usable), values[:, usable]

    def gradients(self, x: Array) -> Array:
        """Derivatives in each column, `(N, M, d)`."""
        return _filled(self._gradient(*x.T), len(x)).reshape(len(x), len(self), len(self.names))

    @cached_property
    def _value(self) -> Any:
        return compiled([symbol(name) for name in self.names], list(self.expressions))

    @cached_property
    def _gradient(self) -> Any:
        columns = [symbol(name) for name in self.names]
        return compiled(columns, [sympy.diff(e, s) for e in self.expressions for s in columns])

    def combination(self, places: Sequence[int], coefficients: Array) -> Any:
        """`Σ coefficient · term` with floats."""
        pairs = zip(places, coefficients.tolist(), strict=True)
        return sympy.Add(*[sympy.Float(c) * self.expressions[i] for i, c in pairs])


def _filled(values: Any, rows: int) -> Array:
    with np.errstate(all="ignore"):
        return np.stack([np.broadcast_to(np.asarray(v, dtype=float), (rows,)) for v in values], -1)


def exponents(columns: int, degree: int) -> list[tuple[int, ...]]:
    """Exponents of all monomials up to a total degree, low degrees first; the first is the constant."""
    found = []
    for total in range(degree + 1):
        for choice in combinations_with_replacement(range(columns), total):
            found.append(tuple(choice.count(i) for i in range(columns)))
    return found


def monomials(names: Sequence[str], powers: Sequence[tuple[int, ...]]) -> Terms:
    """The monomials with these exponents."""
    columns = [symbol(name) for name in names]
    return Terms(
        tuple(sympy.Mul(*[s**e for s, e in zip(columns, power, strict=True)]) for power in powers), tuple(names)
    )


def functions(names: Sequence[str], x: Array) -> Terms:
    """1 and functions of single columns that are defined on the rows."""
    found = [sympy.Integer(1)]
    for name, column in zip(names, x.T, strict=True):
        s = symbol(name)
        found += [s, s**2, s**3, sympy.sin(s), sympy.cos(s)]
        if float(np.abs(column).max()) < 30:
            found += [sympy.exp(s), sympy.exp(-s)]
        if column.min() > 0:
            found += [sympy.sqrt(s), sympy.log(s)]
        if float(np.abs(column).min()) > 1e-3 * float(np.abs(column).max()):
            found += [1 / s, s**-2]
    return Terms(tuple(found), tuple(names))


def supports(design: Array, target: Array, most: int = 10) -> list[tuple[int, ...]]:
    """Sets of columns that explain a target well, for each size up to `most` the best one found.

    Args:
        design: `(N, M)`, finite.
        target: `(N,)`.
        most: Largest size.
    """
    length = np.linalg.norm(design, axis=0)
    usable = np.flatnonzero(length > 0)
    unit = design[:, usable] / length[usable]
    paths = [
        *_taken_out(unit, target, most),
        *_put_in(unit, target, most),
        *_put_in(unit, target, most, _pair(unit, target)),
    ]
    best: dict[int, tuple[float, tuple[int, ...]]] = {}
    for chosen in paths:
        rss = _rss(unit, target, chosen)
        if len(chosen) not in best or rss < best[len(chosen)][0]:
            best[len(chosen)] = (rss, chosen)
    return [tuple(int(usable[i]) for i in best[size][1]) for size in sorted(best)]


def _rss(unit: Array, target: Array, chosen: Sequence[int]) -> float:
    part = unit[:, list(chosen)]
    coefficients = np.linalg.lstsq(part, target, rcond=None)[0]
    return float(((target - part @ coefficients) ** 2).sum())


def _taken_out(unit: Array, target: Array, most: int) -> list[tuple[int, ...]]:
    """Backward elimination: the column is removed that raises the sum of squares least, by `c_j²/(G⁻¹)_jj`."""
    gram, moment = unit.T @ unit, unit.T @ target
    left = list(range(unit.shape[1]))
    found = []
    while left:
        if len(left) <= most:
            found.append(tuple(left))
        inverse = np.linalg.inv(gram[np.ix_(left, left)] + RIDGE_STRENGTH * np.eye(len(left)))
        coefficients = inverse @ moment[left]
        left.pop(int(np.argmin(coefficients**2 / np.diag(inverse))))
    return found


def _pair(unit: Array, target: Array) -> tuple[int, ...]:
    """The two columns that together explain most."""
    gram, moment = unit.T @ unit, unit.T @ target
    apart = 1 - gram**2
    alike = apart < 1e-9
    gain = moment[:, None] ** 2 + moment**2 - 2 * gram * np.outer(moment, moment)
    gain = np.where(alike, -1.0, gain / np.where(alike, 1.0, apart))
    i, j = divmod(int(np.argmax(gain)), unit.shape[1])
    return (i, j) if i != j else (i,)


def _put_in(unit: Array, target: Array, most: int, first: Sequence[int] = ()) -> list[tuple[int, ...]]:
    """Forward selection: the column is added that, orthogonal to those chosen, explains most of the rest."""
    chosen: list[int] = []
    found = []
    others, rest = unit.copy(), target.astype(float).copy()
    for step in range(min(most, unit.shape[1])):
        size = np.linalg.norm(others, axis=0)
        gain = np.where(size > 1e-7, np.abs(others.T @ rest) / np.maximum(size, 1e-300), -1.0)
        gain[chosen] = -1.0
        best = first[step] if step < len(first) else int(np.argmax(gain))
        if gain[best] <= 0:
            break
        direction = others[:, best] / size[best]
        rest = rest - direction * (direction @ rest)
        others = others - np.outer(direction, direction @ others)
        chosen.append(best)
        found.append(tuple(sorted(chosen)))
    return found


def terms_of(expression: Any) -> dict[Any, Any]:
    """The terms of a sum without their coefficients, with themselves as values."""
    return {e: e for e in (part.as_coeff_Mul()[1] for part in sympy.Add.make_args(sympy.expand(expression)))}
