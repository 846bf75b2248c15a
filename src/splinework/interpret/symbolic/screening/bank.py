"""The bank: small expressions of one column on grids of their numbers, with which every curve is compared.

An atom is a function of a sum of powers of the column, `F(Σ c x^p)^r`, perhaps to a power itself, or a power of such a sum. Its
values are kept on some rows; a free scale and shift outside are eliminated by least squares (Golub & Pereyra 1973), numbers
inside stand on a grid whose neighbours a few steps of Levenberg–Marquardt reach. The grid of a kind is as coarse as these steps
allow, which is what bounds its size: some thousand atoms, so that all pairs of them are compared in about a second.
"""

import itertools
import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from splinework.interpret.symbolic.library import Array
from splinework.interpret.symbolic.screening.populations import COLUMN, FUNCTIONS, SUM

VALUES: dict[str, Any] = {
    **{name: getattr(np, name) for name in ("exp", "log", "sin", "cos", "tanh", "sinh", "cosh")},
    **{"atan": np.arctan, "asin": np.arcsin, "abs": np.abs},
    "relu": lambda v: np.maximum(v, 0.0),
}
POWERS = (1.0, 2.0, 3.0, -1.0, 0.5, 1.5, -2.0)
"""Powers of the column inside; fractions for a positive one."""
OUTER_POWERS = (-1.0, 0.5, -0.5, -2.0, 1.5, 3.0)
"""Powers of a sum, and of a function; the latter also squared."""
COARSE_POWERS, N_POWERED = (-1.0, 0.5, 2.0), 6
"""The same within other functions and products, and the rates of such functions."""
FACTORS = (1.0, 2.0, -1.0, 0.5, 3.0, -2.0, -0.5, 1.5, -1.5, 2.5)
"""Powers of the column beside an atom."""
WAVES, N_WAVES, N_COARSE_WAVES = ("sin", "cos"), 48, 20
"""Functions whose rates are even, and the number of rates, in quarters of a wave on the rows, of the column and of its powers."""
KINKED = {"abs": ((1.0, 1.0),), "relu": ((1.0, 1.0), (-1.0, 1.0), (1.0, 2.0), (-1.0, 2.0))}
"""Functions with a kink, and the signs and powers with which they are tried."""
RATES, COARSE_RATES = np.geomspace(0.15, 24.0, 11), np.geomspace(0.3, 8.0, 5)
"""Rates of other functions, for arguments within [-1, 1]."""
RARE_POWERS = (3.0, 1.5, -2.0)
"""Powers of the column inside of which there are no powers of functions."""
MARGINS = (0.02, 0.3, 1.0, 4.0)
"""Distances of a branch point from the nearest value, in spans of the values."""
N_CENTRES, BUMP_RATES = 11, np.geomspace(0.5, 16.0, 9)
TWO_POWERS = ((2.0, 1.0), (3.0, 1.0), (1.0, -1.0), (2.0, -1.0), (1.0, 0.5), (2.0, 0.5), (3.0, 2.0))
RATIOS = (-2.0, -1.0, -0.4, 0.4, 1.0, 2.0)
"""Pairs of powers of the column within a function, and ratios of the spreads of both."""
SCALES = (1.0, 0.3, 0.6, 1.7, 3.0, 6.0)
"""Magnitudes of the scale of a function within another one."""
MIN_SPREAD = 1e-9
"""Squared spread of an atom, relative to its squares, below which it is a constant, nearly to rounding."""

Factor = tuple[int, int, float, Any]
"""A factor of a formula's tree as `populations.py` has them."""
_Found = tuple[tuple[Factor, ...], Array, Any]


@dataclass(frozen=True)
class Atoms:
    """Products of factors, their values `(M, N)`, and the number of the group of each: of a group the best is taken."""

    factors: tuple[tuple[Factor, ...], ...]
    values: Array
    keys: tuple[Any, ...]

    @classmethod
    def of(cls, found: Sequence[_Found]) -> "Atoms":
        """Those that are finite on all rows and vary."""
        values = np.array([each[1] for each in found]) if found else np.empty((0, 1))
        with np.errstate(all="ignore"):
            good = np.isfinite((values**2).sum(1)) & (values.var(1) > MIN_SPREAD * (values**2).mean(1))
        kept = np.flatnonzero(good).tolist()
        return cls(tuple(found[k][0] for k in kept), values[kept], tuple(found[k][2] for k in kept))

    def distinct(self) -> "Atoms":
        """The first of those that are equal up to a scale and a shift."""
        centred = self.values - self.values.mean(1, keepdims=True)
        shape = np.round(centred / np.linalg.norm(centred, axis=1)[:, None] * np.sign(centred[:, :1]), 7)
        return self.some(np.sort(np.unique(shape, axis=0, return_index=True)[1]))

    @cached_property
    def groups(self) -> NDArray[np.intp]:
        """The number of each atom's group, `(M,)`."""
        numbers: dict[Any, int] = {}
        return np.array([numbers.setdefault(key, len(numbers)) for key in self.keys], dtype=np.intp)

    def times(self, power: float, values: Array) -> "Atoms":
        """The atoms times a power of the column, which has these values."""
        factor = (COLUMN, 0, power, None)
        return Atoms(
            tuple((factor, *each) for each in self.factors),
            self.values * values,
            tuple((power, key) for key in self.keys),
        )

    def some(self, kept: NDArray[np.intp]) -> "Atoms":
        """Some of the atoms, by number."""
        which = kept.tolist()
        return Atoms(tuple(self.factors[k] for k in which), self.values[kept], tuple(self.keys[k] for k in which))

    def hills_and_waves(self) -> NDArray[np.intp]:
        """The numbers of the hills, and of the waves of a square and the column."""
        waves = {(name, *TWO_POWERS[0]) for name in WAVES}
        return np.flatnonzero([key[0] == "gauss" or key[:3] in waves for key in self.keys])

    def in_groups(self) -> "Atoms":
        """The atoms in the order of their groups."""
        return self.some(np.argsort(self.groups, kind="stable"))

    def with_all(self, *others: "Atoms") -> "Atoms":
        """These and others."""
        every = (self, *others)
        return Atoms(
            tuple(itertools.chain.from_iterable(each.factors for each in every)),
            np.concatenate([each.values for each in every]),
            tuple(itertools.chain.from_iterable(each.keys for each in every)),
        )


def power_values(x: Array, p: float) -> Array | None:
    """A power of the column; None where it is not defined on all rows."""
    if (p != int(p) and x.min() < 0) or (p < 0 and np.abs(x).min() <= 1e-9 * np.abs(x).max()):
        return None
    return np.asarray(x ** int(p) if p == int(p) else x**p)


def _column(p: float) -> list[Factor]:
    return [(COLUMN, 0, p, None)]


def applied(name: str, inside: Any, power: float = 1.0) -> Factor:
    """A function of a sum, or with the name `sum` the sum itself, to a power."""
    return (SUM if name == "sum" else FUNCTIONS[name][0], 0, power, inside)


def _wave_rates(v: Array, count: int) -> list[float]:
    """Rates of waves, that of the raw column first."""
    return [1.0, *(math.pi / (2 * float(np.ptp(v))) * k for k in (1 / 3, 2 / 3, *range(1, count + 1)))]


def _rates(v: Array, rates: Array) -> list[float]:
    """Rates, that of the raw column first."""
    return [1.0, *(rates / float(np.abs(v).max())).tolist()]


def _kinks(v: Array) -> list[float]:
    """Values within the range of others."""
    found: list[float] = np.linspace(float(v.min()), float(v.max()), N_CENTRES + 2)[1:-1].tolist()
    return found


def _signed_shifts(v: Array) -> list[tuple[float, float]]:
    """Signs, and numbers that make v with this sign positive: none where it is, and others."""
    found = []
    for sign in (1.0, -1.0):
        low, span = float((sign * v).min()), float(np.ptp(v))
        found += [(sign, e) for e in (*((0.0,) if low > 0 else ()), *(m * span - low for m in MARGINS))]
    return found


def monomials(x: Array, words: Collection[str]) -> Atoms:
    """Powers of the column, and these times its logarithm."""
    found: list[_Found] = []
    for p in sorted({*POWERS, *FACTORS}):
        values = power_values(x, p)
        if values is None:
            continue
        found.append(((*_column(p),), values, ("x", p)))
        if x.min() > 0 and "log" in words:
            logarithm = applied("log", (None, [(1.0, _column(1.0))]))
            found.append(((*_column(p), logarithm), values * np.log(x), ("x log", p)))
    return Atoms.of(found)


def atoms(x: Array, words: Collection[str], *, coarse: bool = False) -> Atoms:
    """The atoms of a column.

    Args:
        x: Values of the column `(N,)`.
        words: The functions that may be used, of `VALUES`.
        coarse: Only functions of one power, at few rates: what stands within other functions and products.
    """
    found: list[_Found] = []
    with np.errstate(all="ignore"):
        for p in POWERS:
            v = power_values(x, p)
            if v is not None and np.ptp(v) > 0:
                found += _of_power(v, p, words, coarse)
        found += [] if coarse else _of_two_powers(x, words)
    return Atoms.of(found).distinct()


def _of_power(v: Array, p: float, words: Collection[str], coarse: bool) -> Iterator[_Found]:
    """Functions of `b x^p` and of `x^p + g`, and powers of them."""
    few, rare = _rates(v, COARSE_RATES), p in RARE_POWERS
    for name in words:
        function = VALUES[name]
        if name == "log":
            for sign, g in _signed_shifts(v):
                yield (applied(name, (g or None, [(sign, _column(p))])),), np.log(sign * v + g), (name, p, sign, g == 0)
            continue
        if name in KINKED:
            for kink, (sign, r) in itertools.product(_kinks(v), KINKED[name]):
                inside = (-sign * kink, [(sign, _column(p))])
                yield (applied(name, inside, r),), function(sign * (v - kink)) ** r, (name, p, kink, sign, r)
            continue
        if name in WAVES:
            count = N_WAVES if p == 1 and not coarse else N_COARSE_WAVES
            few = _wave_rates(v, N_COARSE_WAVES if p == 1 else N_COARSE_WAVES // 2)
            rates = _wave_rates(v, count)
        elif name == "asin":
            rates = [1.0, *(share / float(np.abs(v).max()) for share in (0.5, 0.9, 0.99))]
        else:
            rates = _rates(v, RATES)
        if coarse:
            rates = few[::2] if rare else few
        for b in (*rates, *((-b for b in rates) if name == "exp" else ())):
            bucket = round(math.log(abs(b))) if name in WAVES else b > 0
            phase = 0.0 if name == "cos" else None  # which is to be found
            yield (applied(name, (phase, [(b, _column(p))])),), function(b * v), (name, p, bucket)
        powers = () if rare or name == "exp" else COARSE_POWERS if coarse else (2.0, *OUTER_POWERS)
        for b, r in itertools.product(few[: N_POWERED if coarse else None], powers):
            values = function(b * v)
            if (r == int(r) or values.min() > 0) and np.abs(values).min() > (r < 0) * 1e-6:
                yield (applied(name, (None, [(b, _column(p))]), r),), values**r, (name, p, r)
    for r, (sign, g) in itertools.product(COARSE_POWERS if coarse else OUTER_POWERS, _signed_shifts(v)):
        if g:
            yield (applied("sum", (g, [(sign, _column(p))]), r),), (sign * v + g) ** r, ("sum", p, r, sign)


def _of_two_powers(x: Array, words: Collection[str]) -> Iterator[_Found]:
    """Functions with a centre, and functions of two powers of the column."""
    for centre in np.linspace(float(x.min()), float(x.max()), N_CENTRES).tolist():
        near = x - centre
        for b in (BUMP_RATES / float(np.abs(x).max())).tolist():
            for name in ("tanh", "atan"):
                if name in words:
                    yield (applied(name, (-b * centre, [(b, _column(1.0))])),), VALUES[name](b * near), (name, "c")
            parabola = [(1.0, _column(2.0)), (-2 * centre, _column(1.0))]
            level = centre**2 + 1 / b**2
            for r in (-1.0, -2.0, -0.5, 0.5):
                yield (applied("sum", (level, parabola), r),), (near**2 + 1 / b**2) ** r, ("bump", r)
            if "log" in words:
                yield (applied("log", (level, parabola)),), np.log(near**2 + 1 / b**2), ("log bump",)
            if "exp" in words:
                hill = (None, [(-(b**2), _column(2.0)), (2 * b**2 * centre, _column(1.0))])
                values = np.exp(-(b**2) * (x**2 - 2 * centre * x) - (b * centre) ** 2)
                yield (applied("exp", hill),), values, ("gauss", centre, b > 3)
    for one, two in TWO_POWERS:
        u, v = power_values(x, one), power_values(x, two)
        if u is None or v is None:
            continue
        for name in (each for each in words if each not in KINKED):
            rates = [1.0, *_wave_rates(u, N_COARSE_WAVES)[1::2]] if name in WAVES else _rates(u, COARSE_RATES)[1:]
            for a, t in itertools.product(rates, RATIOS):
                b = t * a * float(np.ptp(u) / np.ptp(v))
                w = a * u + b * v
                g = 0.3 * float(np.ptp(w)) - float(w.min()) if name == "log" else 0.0
                inside = (g or None, [(a, _column(one)), (b, _column(two))])
                yield (applied(name, inside),), VALUES[name](w + g), (name, one, two, t > 0, round(math.log(a)))


def nested(inner: Atoms, words: Collection[str]) -> Iterator[Atoms]:
    """Functions of `a A + e` for every atom A, and powers of such sums, atom by atom."""
    for (inside,), values, key in zip(inner.factors, inner.values, inner.keys, strict=True):
        found: list[_Found] = []
        shifted = _signed_shifts(values)
        with np.errstate(all="ignore"):
            for name in words:
                scales = shifted if name == "log" else _scales(name, values)
                rates, shifts = np.array(scales).reshape(-1, 2).T[:, :, None]
                for (a, e), made in zip(scales, VALUES[name](rates * values + shifts), strict=True):
                    found.append(((applied(name, (e or None, [(a, [inside])])),), made, (name, key, e == 0)))
            for r in OUTER_POWERS:
                for sign, e in (each for each in shifted if each[1]):
                    factor = applied("sum", (e, [(sign, [inside])]), r)
                    found.append(((factor,), (sign * values + e) ** r, ("sum", r, sign, key)))
            yield Atoms.of(found)


def _scales(name: str, values: Array) -> list[tuple[float, float]]:
    """Scales and shifts of the values of a function within another one; a sign where the outer one is neither even nor odd."""
    if name == "asin":
        return [(share / float(np.abs(values).max()), 0.0) for share in (0.5, 0.9, 0.99)] + [(1.0, 0.0)]
    if name in KINKED:
        signs = {sign for sign, _ in KINKED[name]}
        return [(sign, -sign * kink) for kink in _kinks(values)[1::2] for sign in sorted(signs)]
    if name == "exp":
        return [(sign * a, 0.0) for a in SCALES for sign in (1.0, -1.0)]
    return list(itertools.product(SCALES, (0.0, 1.0, -1.0)))
