"""Where to start: every function, from every one of its starts, compared with a curve on a fixed grid of cells.

The curves of all functions are computed once per library on inputs scaled to between 0 and 1. A curve to be recognised is
averaged in the same cells; one matrix product then says what share of its variance each start leaves.

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

BINS = 2048
"""Bins of the histogram: a frequency of f cycles over the span is weakened by sinc(f/BINS)."""
OVERSAMPLING = 4
"""Frequencies per resolvable one: a peak is about one cycle over the span wide."""


def periodogram(t: Array, y: Array, weights: Array) -> tuple[Array, Array, Array]:
    """The share of variance that a sine of each frequency explains, and the phase of the best one.

    Args:
        t: Inputs between 0 and 1, `(N,)`.
        y: Values, `(N,)`.
        weights: Sum to 1, `(N,)`.

    Returns:
        Frequencies in cycles over the span, from 1/4 in steps of 1/4 to a quarter of the inputs' number, at most `BINS/16`;
        shares; and phases b of `sin(2π f t + b)`; each `(K,)`.
    """
    residual = y - weights @ y
    index = np.minimum((t * BINS).astype(np.int64), BINS - 1)
    size = BINS * OVERSAMPLING
    mass = rfft(np.bincount(index, weights, BINS), size)
    drawn = rfft(np.bincount(index, weights * residual, BINS), size)
    top = int(np.clip(len(t) / 4, 2, BINS / 16) * OVERSAMPLING)
    k = np.arange(1, top + 1)
    # a bin stands for its middle: the clock runs half a bin late
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
    return k / OVERSAMPLING, share, np.arctan2(cosine, sine) - np.pi * k / (OVERSAMPLING * BINS)


def sine_starts(t: Array, y: Array, weights: Array) -> list[tuple[float, float, float]]:
    """For the highest peaks: rate a and phase b of `sin(a t + b)`, and the share of variance left, least first."""
    frequency, share, phase = periodogram(t, y, weights)
    padded = np.concatenate([[-1.0], share, [-1.0]])
    peaks = np.flatnonzero((share >= padded[:-2]) & (share >= padded[2:]) & (share > 0))
    highest = peaks[np.argsort(-share[peaks])][:2]
    return [(2 * np.pi * float(frequency[n]), float(phase[n]), 1 - float(share[n])) for n in highest]


CELLS = 64
"""Cells of the grid, narrow at its ends: `(1 - cos)/2` of equal steps. What is singular is so at an end."""
_CENTRES = np.asarray((1 - np.cos((np.arange(CELLS) + 0.5) * (np.pi / CELLS))) / 2)
FEW = 10
"""Cells with that much of the weight (their effective number) make a grid; below, cells follow the inputs."""
ALIKE, CLOSE = 1.5, 0.3
"""Ratio of rates and distance of centres within which another start would be the same one again."""


@dataclass(frozen=True)
class BinnedCurve:
    """A curve at few points: inputs t between 0 and 1, values, weights that sum to 1; each `(T,)`."""

    t: Array
    y: Array
    weights: Array


def binned(x: Array, y: Array, weights: Array, points: int) -> BinnedCurve:
    """Weighted means of inputs and values in bins of equal numbers of inputs.

    The mean of a curved function over a bin is not its value at the mean input: good for a rough fit, not for an exact one.

    Args:
        x: Inputs, `(N,)`.
        y: Values, `(N,)`.
        weights: Not negative, `(N,)`.
        points: Most bins; with no more inputs than that, each is its own.
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
    """The curves of all starts: places `(K, 3)`, rows `(K, T)` of mean 0 and norm 1, and where each function's begin."""

    functions: tuple[LibraryFunction, ...]
    places: Array
    rows: NDArray[np.float32]
    squares: NDArray[np.float32]
    begins: NDArray[np.int64]


def cells(t: Array, y: Array, weights: Array) -> tuple[BinnedCurve, Array, Array]:
    """A curve in the cells of the grid: its means where it has some; values at all centres; and weights of all cells."""
    index = np.minimum((np.arccos(1 - 2 * t) * (CELLS / np.pi)).astype(np.int64), CELLS - 1)
    points = _means(index, t, y, weights, CELLS)
    everywhere = np.bincount(index, weights, CELLS)
    return points, np.interp(_CENTRES, points.t, points.y), everywhere / everywhere.sum()


def best_starts(
    functions: Sequence[LibraryFunction], t: Array, y: Array, weights: Array, low: float, *, several: int, depth: int
) -> tuple[list[FunctionStart], BinnedCurve]:
    """The best start of every function, several different ones of the best functions, and the curve in few points.

    Args:
        functions: To compare.
        t: Inputs between 0 and 1, `(N,)`.
        y: Values, `(N,)`.
        weights: Sum to 1, `(N,)`.
        low: The least input in units of the inputs' span: where zero is, for powers without a shift.
        several: How many functions, the best at their starts, begin at more than one.
        depth: At how many they begin.
    """
    points, values, mass = cells(t, y, weights)
    tabulated = tuple(f for f in functions if not f.spectral and not f.jumps and not _anchored(f))
    if 1 / float(mass @ mass) >= FEW:
        table = _table(tabulated)
    else:
        points = binned(t, y, weights, CELLS)
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
    """Whether zero is where it is, not where a shift puts it."""
    return function.free == NONE and function.domain == "positive"


@lru_cache(maxsize=128)
def _table(functions: tuple[LibraryFunction, ...]) -> _StartTable:
    """The curves at the centres of the grid's cells."""
    return _curves(functions, _CENTRES)


def _curves(functions: tuple[LibraryFunction, ...], t: Array) -> _StartTable:
    places = [function.starts() for function in functions]
    rows = np.concatenate([_values(f, p, t) for f, p in zip(functions, places, strict=True)] or [np.empty((0, len(t)))])
    with np.errstate(all="ignore"):
        rows = rows - rows.mean(1, keepdims=True)
        rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    rows = np.where(np.isfinite(rows).all(1, keepdims=True), rows, 0.0).astype(np.float32)
    begins = np.cumsum([0, *(len(p) for p in places)])
    return _StartTable(functions, np.concatenate(places or [np.empty((0, 3))]), rows, rows**2, begins)


def _values(function: LibraryFunction, places: Array, t: Array) -> Array:
    """F at the places `(K, 3)` and inputs `(T,)`: `(K, T)`."""
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
    """Of each function of a table the start that leaves least of the values, of the best functions several."""
    residual = mass * (values - mass @ values)
    total = float(residual @ (values - mass @ values))
    if total <= 0 or not table.functions:
        return []
    w = mass.astype(np.float32)
    drawn, means = (table.rows @ np.stack([residual / np.sqrt(total), mass], 1).astype(np.float32)).T
    squares = table.squares @ w
    size = squares - means**2
    left = np.where(size > 1e-5 * squares, 1 - drawn**2 / size, np.inf)
    blocks = list(zip(table.begins[:-1].tolist(), table.begins[1:].tolist(), strict=True))
    firsts = [begin + int(left[begin:end].argmin()) for begin, end in blocks]
    found = []
    for n, at in enumerate(np.argsort(left[firsts], kind="stable").tolist()):
        chosen = _different(table, left, slice(*blocks[at]), depth) if n < several else [firsts[at]]
        found += [FunctionStart(table.functions[at], table.places[k], max(float(left[k]), 0.0)) for k in chosen]
    return [start for start in found if np.isfinite(start.left)]


def _different(table: _StartTable, left: Array, block: slice, count: int) -> list[int]:
    """The best starts of a function, which has those of a block; each of another width or centre."""
    a, b, own = table.places[block, 0], table.places[block, 1], left[block].copy()
    chosen: list[int] = []
    while len(chosen) < count and np.isfinite(own).any():
        best = int(own.argmin())
        chosen.append(block.start + best)
        if len(chosen) < count:
            with np.errstate(all="ignore"):
                rate, centre = a / a[best], np.abs(b / a - b[best] / a[best])
            own[(rate > 1 / ALIKE) & (rate < ALIKE) & (centre < CLOSE)] = np.inf
    return chosen


def _anchored_starts(function: LibraryFunction, points: BinnedCurve, low: float) -> list[FunctionStart]:
    """The best exponent of a rough grid, where all inputs have one sign."""
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
    """The best place of one jump, from the sums before and after every gap between inputs, which come sorted."""
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
