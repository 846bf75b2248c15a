"""Which functions an edge may be: every function of the library fitted to its curve, and how probable each one is."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from splinework.interpret.symbolic.library_function import NONE, RATE, SHIFT, Array, LibraryFunction
from splinework.interpret.symbolic.starting_points import best_jump, best_starts
from splinework.interpret.symbolic.variable_projection import BatchProjection, Curve, FunctionStart


@dataclass(frozen=True)
class SearchEffort:
    """How far to search.

    Attributes:
        several: How many functions, the best at their starts, begin at more than one.
        depth: At how many they begin.
        stages: How many functions are kept after how many steps on the curve's averages; the last are fitted to the curve.
    """

    several: int
    depth: int
    stages: tuple[tuple[int, int], ...]


EFFORTS = (SearchEffort(12, 2, ((18, 1), (8, 3), (5, 5))), SearchEffort(1000, 4, ((40, 4), (20, 6), (10, 10))))
"""The second where what the first leaves is not noise."""
REFINED_STEPS, REFINED_GAIN = 40, 1e-6
"""The same on the curve itself."""
FASTEST = 2 * math.pi * 8
"""Rate of a sine over the whole span above which the averages blur it: it is fitted to the curve from the start."""


@dataclass(frozen=True)
class EdgeCandidate:
    """`c F(a x + b) + d` and the weighted mean square that it leaves, as a share of the curve's variance."""

    function: LibraryFunction
    a: float
    b: float
    c: float
    d: float
    left: float

    def __call__(self, x: Array) -> Array:
        """Its values."""
        return self.c * self.function.value(self.a * x + self.b) + self.d

    @property
    def constants(self) -> int:
        """Number of free constants."""
        return self.function.constants


def edge_candidates(
    x: Array, y: Array, weights: Array, library: Sequence[LibraryFunction], *, floor: float = 1e-12
) -> list[EdgeCandidate]:
    """The library fitted to a curve, best first by `n ln(left) + constants ln n + 2 cost`.

    All functions are compared at their starts, those that come closest fitted to averages of the curve, and the best of these
    to the curve itself; the others keep the constants of the stage at which they were left.

    Args:
        x: Inputs of the edge, `(N,)`, in any order.
        y: Its values, `(N,)`.
        weights: Weight of each point, `(N,)`, for instance the squared sensitivity of the output to the edge.
        library: Functions to try.
        floor: Shares of variance below this count as equally good.

    Returns:
        One candidate for each function that is defined on the inputs and not a polynomial in disguise there.
    """
    total = float(weights.sum())
    if not len(x) or total <= 0 or x.max() <= x.min():
        return []
    order = np.argsort(x, kind="stable")
    x, y, w = x[order], y[order], weights[order] / total
    if float(w @ (y - w @ y) ** 2) <= 0:
        return []
    low, reach = float(x.min()), float(np.ptp(x))
    t = (x - low) / reach
    with np.errstate(all="ignore"):  # a trial may overflow; it is refused
        for effort in EFFORTS:
            found = _searched(library, t, y, w, low / reach, floor, effort)
            if not found or not _structured(min(found, key=lambda start: start.left), t, y, w):
                break
        fits = [_unscaled(start, low, reach) for start in found]
    fits = [fit for fit in fits if np.isfinite(fit.left + fit.c) and not fit.function.degenerate(fit.a, reach)]
    return sorted(fits, key=lambda fit: score(fit, len(x), floor))


def score(candidate: EdgeCandidate, n: int, floor: float) -> float:
    """Description length of the curve by this candidate, twice, in nats and up to a constant."""
    return _score(candidate.function, candidate.left, n, floor)


def posterior(found: Sequence[EdgeCandidate], n: int, *, floor: float = 1e-12) -> Array:
    """How probable each candidate is among those found: `exp(-score/2)`, normalised (the BIC's weights), `(K,)`.

    Args:
        found: Candidates for one curve.
        n: Number of points, or how many independent ones they are worth.
        floor: Shares of variance below this count as equally good.
    """
    if not found:
        return np.empty(0)
    half = np.array([score(candidate, n, floor) for candidate in found]) / 2
    raw = np.exp(half.min() - half)
    return np.asarray(raw / raw.sum())


def _score(function: LibraryFunction, left: float, n: int, floor: float) -> float:
    if math.isinf(left):
        return math.inf
    return n * math.log(max(left, floor)) + function.constants * math.log(n) + 2 * function.cost


def _searched(
    library: Sequence[LibraryFunction], t: Array, y: Array, w: Array, low: float, floor: float, effort: SearchEffort
) -> list[FunctionStart]:
    """All functions: the best fitted to the curve, the others to its averages as far as they deserved."""
    found, points = best_starts(library, t, y, w, low, several=effort.several, depth=effort.depth)
    jumps = [best_jump(function, t, y, w) for function in library if function.jumps]
    fast = [start for start in found if start.function.spectral and start.place[0] > FASTEST]
    found = [start for start in found if not (start.function.spectral and start.place[0] > FASTEST)]
    noise = _roughness(t, y, w)

    def worth(start: FunctionStart) -> float:
        return _score(start.function, noise + start.left, len(t), floor)

    rest: list[FunctionStart] = []
    if found:
        projection = BatchProjection(found, Curve(points.t, points.y, points.weights))
    for kept, steps in effort.stages if found else ():
        found = projection.run(steps, 1e-3)
        order = _once(found, worth)
        rest += [found[k] for k in order[kept:]]
        projection.narrow(order[:kept])
        found = [found[k] for k in order[:kept]]
    found += [*_siblings(found, library), *fast]
    if found:
        found = BatchProjection(found, Curve(t, y, w)).run(REFINED_STEPS, REFINED_GAIN)
    found = [found[k] for k in _once(found, worth)]
    done = {start.function.name for start in found}
    rest = [replace(start, left=noise + start.left) for start in rest if start.function.name not in done]
    return [*found, *rest, *jumps]


def _siblings(found: Sequence[FunctionStart], library: Sequence[LibraryFunction]) -> list[FunctionStart]:
    """Functions with a fixed exponent close to one that was found free, from the same place."""
    names = {start.function.name for start in found}
    return [
        FunctionStart(function, start.place, start.left)
        for start in found
        if start.function.shape is not None and start.function.free == SHIFT
        for function in library
        if function.free == SHIFT
        and function.domain == start.function.domain
        and function.shape is None
        and abs(function.degree - start.place[2]) < 0.1
        and function.degree
        and function.name not in names
    ]


def _structured(best: FunctionStart, t: Array, y: Array, w: Array) -> bool:
    """Whether what the best function leaves has a shape of its own: neighbours differ less than noise would (von Neumann)."""
    if best.left < 1e-20:  # rounding
        return False
    value = best.function.at(float(best.place[2])).value(best.place[0] * t + best.place[1])
    left = np.sqrt(w) * (y - best.c * value - best.d)
    return bool(np.square(np.diff(left)).sum() < (2 - 8 / math.sqrt(len(t))) * (left @ left))


def _roughness(t: Array, y: Array, w: Array) -> float:
    """The share of variance that is noise, from how far each point is from the line between its neighbours."""
    if len(t) < 3:
        return 0.0
    span = t[2:] - t[:-2]
    before = np.where(span > 0, (t[2:] - t[1:-1]) / np.where(span > 0, span, 1.0), 0.5)
    gap = y[1:-1] - before * y[:-2] - (1 - before) * y[2:]
    variance = np.square(gap) / (1 + before**2 + (1 - before) ** 2)
    mass = w[1:-1] / w[1:-1].sum()
    return float(min(mass @ variance / (w @ (y - w @ y) ** 2), 1.0))


def _once(found: Sequence[FunctionStart], worth: Callable[[FunctionStart], float]) -> list[int]:
    """Where the best start of each function is, best first."""
    values = [worth(start) for start in found]
    best: dict[str, int] = {}
    for n in sorted(range(len(found)), key=values.__getitem__):
        best.setdefault(found[n].function.name, n)
    return list(best.values())


def _unscaled(start: FunctionStart, low: float, reach: float) -> EdgeCandidate:
    """The same in units of x; what only scales F goes to c."""
    function = start.function.at(float(start.place[2]))
    a, b, c = float(start.place[0]), float(start.place[1]), start.c
    d = start.d
    if function.free in (NONE, SHIFT):
        c = float(c / np.float64(reach) ** function.degree)
        if function.degree == 0:  # as of a logarithm
            d -= c * float(function.value(np.array([reach]))[0] - function.value(np.ones(1))[0])
        if function.shape is None and function.free == NONE:
            return EdgeCandidate(function, 1.0, 0.0, c, d - c * low, start.left)
        return EdgeCandidate(function, a, 0.0 if function.free == NONE else b * reach - a * low, c, d, start.left)
    a = a / reach
    return EdgeCandidate(
        function, a, -a * (low + reach / 2) if function.free == RATE else b - a * low, c, d, start.left
    )
