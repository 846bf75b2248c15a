"""Starting points: every library function, from each of its initial values, compared with a curve on a grid of cells.

The curves of all functions are computed once per library, on inputs scaled to [0, 1]. A curve to be recognised is averaged in
the same cells; one matrix product then gives the share of its variance that each start leaves unexplained.

Sines start at the frequencies of a least-squares periodogram with a floating mean: the share of variance that
`A sin + B cos + d` explains at every frequency (Zechmeister & Kürster, A&A 496, 577, 2009); its sums over the inputs come from
two Fourier transforms of the inputs' histogram (Press & Rybicki, ApJ 338, 277, 1989).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import rfft

from splinework.interpret.symbolic.library_function import NONE, Array, LibraryFunction
from splinework.interpret.symbolic.variable_projection import FunctionStart

N_BINS = 2048
"""Bins of the histogram, which attenuates f cycles over the span by sinc(f/N_BINS)."""
OVERSAMPLING = 4
"""Frequencies per resolvable one; a peak is about one cycle over the span wide."""


def periodogram(t: Array, y: Array, weights: Array) -> tuple[Array, Array, Array]:
    """The share of variance explained by a sine of each frequency, and its phase.

    Args:
        t: Inputs between 0 and 1, `(N,)`.
        y: Values, `(N,)`.
        weights: Sum to 1, `(N,)`.

    Returns:
        Frequencies in cycles over the span, from 1/4 in steps of 1/4 to a quarter of the inputs' number, at most `BINS/16`;
        shares; and phases b of `sin(2π f t + b)`; each `(K,)`.
    """
    residual = y - weights @ y
    index = np.minimum((t * N_BINS).astype(np.int64), N_BINS - 1)
    size = N_BINS * OVERSAMPLING
    mass = rfft(np.bincount(index, weights, N_BINS), size)
    drawn = rfft(np.bincount(index, weights * residual, N_BINS), size)
    top = int(np.clip(len(t) / 4, 2, N_BINS / 16) * OVERSAMPLING)
    k = np.arange(1, top + 1)
    # a bin is represented by its centre, which shifts the phase by half a bin
    c, s, yc, ys = mass[k].real, -mass[k].imag, drawn[k].real, -drawn[k].imag
    cc = (1 + mass[2 * k].real) / 2 - c**2
    ss = (1 - mass[2 * k].real) / 2 - s**2
    cs = -mass[2 * k].imag / 2 - c * s
    determinant = cc * ss - cs**2
    total = float(weights @ residual**2)
    with np.errstate(all="ignore"):
        cosine, sine = (ss * yc - cs * ys) / determinant, (cc * ys - cs * yc) / determinant
        share = (cosine * yc + sine * ys) / total
    share = np.where((determinant > 1e-9) & np.isfinite(share), np.clip(share, 0, 1), 0.0)
    return k / OVERSAMPLING, share, np.arctan2(cosine, sine) - np.pi * k / (OVERSAMPLING * N_BINS)


def sine_starts(t: Array, y: Array, weights: Array) -> list[tuple[float, float, float]]:
    """Rate a and phase b of `sin(a t + b)` at the highest peaks, with the unexplained share of variance, least first."""
    frequency, share, phase = periodogram(t, y, weights)
    padded = np.concatenate([[-1.0], share, [-1.0]])
    peaks = np.flatnonzero((share >= padded[:-2]) & (share >= padded[2:]) & (share > 0))
    highest = peaks[np.argsort(-share[peaks])][:2]
    return [(2 * np.pi * float(frequency[n]), float(phase[n]), 1 - float(share[n])) for n in highest]


N_CELLS = 64
"""Cells of the grid, Chebyshev-spaced, since singularities lie at an end."""
_CENTRES = np.asarray((1 - np.cos((np.arange(N_CELLS) + 0.5) * (np.pi / N_CELLS))) / 2)
MIN_EFFECTIVE_CELLS = 10
"""Effective number of occupied cells below which quantile bins replace the grid."""
MAX_RATE_RATIO, MAX_CENTRE_DISTANCE = 1.5, 0.3
"""Ratio of rates and distance of centres within which two starts count as equal."""


@dataclass(frozen=True)
class BinnedCurve:
    """A binned curve: inputs t in [0, 1], values, and weights with sum 1, each `(T,)`."""

    t: Array
    y: Array
    weights: Array


def binned(x: Array, y: Array, weights: Array, points: int) -> BinnedCurve:
    """Weighted means of inputs and values in quantile bins.

    The mean of a curved function over a bin differs from its value at the mean input, so this serves a rough fit only.

    Args:
        x: Inputs, `(N,)`.
        y: Values, `(N,)`.
        weights: Non-negative weights, `(N,)`.
        points: Maximum number of bins.
    """
    order = np.argsort(x, kind="stable")
    bins = np.empty(len(x), dtype=np.int64)
    bins[order] = np.arange(len(x)) * min(points, len(x)) // len(x)
    return _means(bins, x, y, weights, min(points, len(x)))


def _means(bins: NDArray[np.int64], x: Array, y: Array, weights: Array, points: int) -> BinnedCurve:
    total = np.bincount(bins, weights, points)
    kept = total > 0
    total = total[kept]
    t = np.bincount(bins, weights * x, points)[kept] / total
    values = np.bincount(bins, weights * y, points)[kept] / total
    return BinnedCurve(t, values, total / total.sum())


@dataclass(frozen=True)
class _StartTable:
    """The curves of all starts: parameters `(K, 3)`, rows `(K, T)` of norm 1, and the first row of each function."""

    functions: tuple[LibraryFunction, ...]
    places: Array
    rows: Array
    squares: Array
    begins: NDArray[np.int64]


def cells(t: Array, y: Array, weights: Array) -> tuple[BinnedCurve, Array, Array]:
    """A curve in the cells of the grid: means of occupied cells, interpolated values at all centres, weights of all cells."""
    index = np.minimum((np.arccos(1 - 2 * t) * (N_CELLS / np.pi)).astype(np.int64), N_CELLS - 1)
    points = _means(index, t, y, weights, N_CELLS)
    everywhere = np.bincount(index, weights, N_CELLS)
    return points, np.interp(_CENTRES, points.t, points.y), everywhere / everywhere.sum()


def best_starts(
    functions: Sequence[LibraryFunction], t: Array, y: Array, weights: Array, low: float, *, several: int, depth: int
) -> tuple[list[FunctionStart], BinnedCurve]:
    """The best start of every function, several starts of the best functions, and the binned curve.

    Args:
        functions: Functions to compare.
        t: Inputs in [0, 1], `(N,)`.
        y: Values, `(N,)`.
        weights: Weights with sum 1, `(N,)`.
        low: Smallest input in units of the inputs' span, which locates zero for powers without a shift.
        several: Number of functions with several starts.
        depth: Number of their starts.
    """
    points, values, mass = cells(t, y, weights)
    tabulated = tuple(f for f in functions if not f.spectral and not f.jumps and not _anchored(f))
    if 1 / float(mass @ mass) >= MIN_EFFECTIVE_CELLS:
        table = _table(tabulated)
    else:
        points = binned(t, y, weights, N_CELLS)
        values, mass = points.y, points.weights
        table = _curves(tabulated, points.t)
    found = _best(table, values, mass, several, depth)
    for function in functions:
        if function.spectral:
            found += [FunctionStart(function, np.array([a, b, 0.0]), left) for a, b, left in sine_starts(t, y, weights)]
        elif _anchored(function):
            found += _anchored_starts(function, points, low)
    return found, points


def _anchored(function: LibraryFunction) -> bool:
    """Whether the function has no free shift, so that its zero is fixed."""
    return function.free == NONE and function.domain == "positive"


@lru_cache(maxsize=128)
def _table(functions: tuple[LibraryFunction, ...]) -> _StartTable:
    """The curves at the centres of the cells."""
    return _curves(functions, _CENTRES)


@lru_cache(maxsize=128)
def _places(functions: tuple[LibraryFunction, ...]) -> list[Array]:
    return [function.starts() for function in functions]


def _curves(functions: tuple[LibraryFunction, ...], t: Array) -> _StartTable:
    places = _places(functions)
    rows = np.concatenate([_values(f, p, t) for f, p in zip(functions, places, strict=True)] or [np.empty((0, len(t)))])
    with np.errstate(all="ignore"):
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    rows = np.where(np.isfinite(rows).all(1, keepdims=True), rows, 0.0)
    begins = np.cumsum([0, *(len(p) for p in places)])
    return _StartTable(functions, np.concatenate(places or [np.empty((0, 3))]), rows, rows**2, begins)


def _values(function: LibraryFunction, places: Array, t: Array) -> Array:
    """F for the parameters `(K, 3)` at the inputs `(T,)`: `(K, T)`."""
    z = places[:, :1] * t + places[:, 1:2]
    if function.shaped is None:
        return function.value(z)
    shapes = np.unique(places[:, 2])
    value = np.empty_like(z)
    for shape in shapes:
        rows = places[:, 2] == shape
        value[rows] = function.at(float(shape)).value(z[rows])
    return value


def _best(table: _StartTable, values: Array, mass: Array, several: int, depth: int) -> list[FunctionStart]:
    """The start of each function with the least unexplained variance; several starts of the best functions."""
    residual = mass * (values - mass @ values)
    total = float(residual @ (values - mass @ values))
    if total <= 0 or not table.functions:
        return []
    drawn, means = (table.rows @ np.stack([residual / np.sqrt(total), mass], 1)).T
    squares = table.squares @ mass
    size = squares - means**2
    left = np.where(size > 1e-5 * squares, 1 - drawn**2 / size, np.inf)
    blocks = list(zip(table.begins[:-1].tolist(), table.begins[1:].tolist(), strict=True))
    firsts = [begin + int(left[begin:end].argmin()) for begin, end in blocks]
    found = []
    for n, at in enumerate(np.argsort(left[firsts], kind="stable").tolist()):
        chosen = _different(table, left, slice(*blocks[at]), depth) if n < several else [firsts[at]]
        found += [FunctionStart(table.functions[at], table.places[k], max(float(left[k]), 0.0)) for k in chosen]
    return [start for start in found if np.isfinite(start.unexplained)]


def _different(table: _StartTable, left: Array, block: slice, count: int) -> list[int]:
    """The best starts within a block that differ in rate or centre."""
    a, b, own = table.places[block, 0], table.places[block, 1], left[block].copy()
    chosen: list[int] = []
    while len(chosen) < count and np.isfinite(own).any():
        best = int(own.argmin())
        chosen.append(block.start + best)
        if len(chosen) < count:
            with np.errstate(all="ignore"):
                rate, centre = a / a[best], np.abs(b / a - b[best] / a[best])
            own[(rate > 1 / MAX_RATE_RATIO) & (rate < MAX_RATE_RATIO) & (centre < MAX_CENTRE_DISTANCE)] = np.inf
    return chosen


def _anchored_starts(function: LibraryFunction, points: BinnedCurve, low: float) -> list[FunctionStart]:
    """The start with the best exponent of a coarse grid, if all inputs have one sign."""
    if low <= 0 and low + 1 >= 0:
        return []
    sign = 1.0 if low > 0 else -1.0
    shapes = np.array([-4, -3, -2, -1.3, -0.7, -0.3, 0.3, 0.7, 1.4, 2, 3, 4]) if function.shaped else np.zeros(1)
    places = np.stack([sign + 0 * shapes, sign * low + 0 * shapes, shapes], 1)
    with np.errstate(all="ignore"):
        rows = _values(function, places, points.t)
        rows = rows - (rows @ points.weights)[:, None]
        y = points.y - points.weights @ points.y
        left = 1 - (rows @ (points.weights * y)) ** 2 / (rows**2 @ points.weights) / (points.weights @ y**2)
    left = np.where(np.isfinite(left), left, np.inf)
    order = np.argsort(left)[:1]
    return [FunctionStart(function, places[n], float(left[n])) for n in order if np.isfinite(left[n])]


def best_jump(function: LibraryFunction, t: Array, y: Array, weights: Array) -> FunctionStart:
    """The best location of a single jump, from cumulative sums over the sorted inputs."""
    mean = float(weights @ y)
    y = y - mean
    mass, sums = np.cumsum(weights)[:-1], np.cumsum(weights * y)[:-1]
    with np.errstate(all="ignore"):
        gain = np.where((np.diff(t) > 0) & (mass > 0) & (mass < 1 - 1e-12), sums**2 / (mass * (1 - mass)), -np.inf)
    at = int(gain.argmax())
    before, after = float(sums[at] / mass[at]), float(-sums[at] / (1 - mass[at]))
    left = max(1 - float(gain[at] / (weights @ y**2)), 0.0)
    middle = (before + after) / 2 + mean
    return FunctionStart(function, np.array([1.0, -(t[at] + t[at + 1]) / 2, 0.0]), left, (after - before) / 2, middle)
