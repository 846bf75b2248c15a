"""Candidate functions of an edge: every library function fitted to its curve, with posterior probabilities."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from splinework.interpret.symbolic.library_function import NONE, RATE, SHIFT, Array, LibraryFunction
from splinework.interpret.symbolic.starting_points import best_jump, best_starts
from splinework.interpret.symbolic.variable_projection import BatchProjection, Curve, FunctionStart


@dataclass(frozen=True)
class SearchEffort:
    """Extent of the search.

    Attributes:
        several: Number of functions with several starts, the best ones.
        depth: Number of their starts.
        stages: Pairs of the number of functions kept and the number of steps, on the binned curve; the last ones are then
            fitted to the curve itself.
    """

    several: int
    depth: int
    stages: tuple[tuple[int, int], ...]


EFFORTS = (SearchEffort(12, 2, ((18, 1), (8, 3), (5, 5))), SearchEffort(1000, 4, ((40, 4), (20, 6), (10, 10))))
"""The second is used where the residuals of the first are not noise."""
REFINEMENT_STEPS, MIN_REFINEMENT_GAIN = 40, 1e-6
"""Steps on the curve itself, and the least relative gain of a step."""
MIN_UNEXPLAINED = 1e-20
"""Unexplained share of variance below which it is rounding."""
MAX_BINNED_RATE = 2 * math.pi * 8
"""Rate of a sine over the span above which binning blurs it, so that it is fitted to the curve directly."""


@dataclass(frozen=True)
class EdgeCandidate:
    """A fitted function `c F(a x + b) + d` and the unexplained share of the curve's variance."""

    function: LibraryFunction
    a: float
    b: float
    c: float
    d: float
    unexplained: float

    def __call__(self, x: Array) -> Array:
        """The values at x."""
        return self.c * self.function.value(self.a * x + self.b) + self.d

    @property
    def constants(self) -> int:
        """Number of free constants."""
        return self.function.constants


def edge_candidates(
    x: Array,
    y: Array,
    weights: Array,
    library: Sequence[LibraryFunction],
    *,
    floor: float = 1e-12,
    degenerate: bool = False,
    efforts: Sequence[SearchEffort] = EFFORTS,
) -> list[EdgeCandidate]:
    """The library fitted to a curve, best first by `n ln(unexplained) + constants ln n + 2 cost`.

    All functions are compared at their starts, the closest ones fitted to the binned curve, and the best of these to the curve
    itself; the others keep the constants of their last stage.

    Args:
        x: Inputs of the edge, `(N,)`, in any order.
        y: Its values, `(N,)`.
        weights: Weights of the points, `(N,)`, for instance the squared sensitivity of the output to the edge.
        library: Functions to fit.
        floor: Unexplained share of variance below which fits are equally good.
        degenerate: Whether to keep functions that are indistinguishable from simpler ones.
        efforts: Extents of the search, each for what the one before leaves more than noise of.

    Returns:
        One candidate for each function that is defined on the inputs and not degenerate there.
    """
    total = float(weights.sum())
    if not len(x) or total <= 0 or not 0 < float(x.max()) - float(x.min()) < np.inf:
        return []
    order = np.argsort(x, kind="stable")
    x, y, w = x[order], y[order], weights[order] / total
    if float(w @ (y - w @ y) ** 2) <= 0:
        return []
    low, reach = float(x.min()), float(np.ptp(x))
    t = (x - low) / reach
    with np.errstate(all="ignore"):  # trials that overflow are rejected
        for effort in efforts:
            found = _fitted_library(library, t, y, w, low / reach, floor, effort)
            fits = [_in_units_of_x(start, low, reach) for start in found]
            if not fits or not leaves_structure(min(fits, key=lambda fit: fit.unexplained), x, y, w):
                break
    fits = [fit for fit in fits if np.isfinite(fit.unexplained + fit.c)]
    fits = [fit for fit in fits if degenerate or not fit.function.degenerate(fit.a, reach)]
    return sorted(fits, key=lambda fit: score(fit, len(x), floor))


def score(candidate: EdgeCandidate, n: int, floor: float) -> float:
    """Twice the description length of the curve by this candidate, in nats and up to a constant."""
    return _score(candidate.function, candidate.unexplained, n, floor)


def posterior(found: Sequence[EdgeCandidate], n: int, *, floor: float = 1e-12) -> Array:
    """Posterior probabilities of the candidates: `exp(-score/2)`, normalised (BIC weights), `(K,)`.

    Args:
        found: Candidates for one curve.
        n: Number of points, or their effective number.
        floor: Unexplained share of variance below which fits are equally good.
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


def _fitted_library(
    library: Sequence[LibraryFunction], t: Array, y: Array, w: Array, low: float, floor: float, effort: SearchEffort
) -> list[FunctionStart]:
    """All functions fitted: the best to the curve, the others to the binned curve in successive halving."""
    found, points = best_starts(library, t, y, w, low, several=effort.several, depth=effort.depth)
    jumps = [best_jump(function, t, y, w) for function in library if function.jumps]
    fast = [start for start in found if start.function.spectral and start.place[0] > MAX_BINNED_RATE]
    found = [start for start in found if not (start.function.spectral and start.place[0] > MAX_BINNED_RATE)]
    noise = _roughness(t, y, w)

    def worth(start: FunctionStart) -> float:
        return _score(start.function, noise + start.unexplained, len(t), floor)

    rest: list[FunctionStart] = []
    if found:
        projection = BatchProjection(found, Curve(points.t, points.y, points.weights))
    for kept, steps in effort.stages if found else ():
        found = projection.run(steps, 1e-3)
        order = _best_per_function(found, worth)
        rest += [found[k] for k in order[kept:]]
        projection.narrow(order[:kept])
        found = [found[k] for k in order[:kept]]
    found += [*_siblings(found, library), *fast]
    if found:
        found = BatchProjection(found, Curve(t, y, w)).run(REFINEMENT_STEPS, MIN_REFINEMENT_GAIN)
    found = [found[k] for k in _best_per_function(found, worth)]
    done = {start.function.name for start in found}
    rest = [replace(start, unexplained=noise + start.unexplained) for start in rest if start.function.name not in done]
    return [*found, *rest, *jumps]


def _siblings(found: Sequence[FunctionStart], library: Sequence[LibraryFunction]) -> list[FunctionStart]:
    """Functions of a fixed exponent near a fitted free one, started at the same parameters."""
    names = {start.function.name for start in found}
    return [
        FunctionStart(function, start.place, start.unexplained)
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


def leaves_structure(fit: EdgeCandidate, x: Array, y: Array, weights: Array) -> bool:
    """Whether the residuals of a function are autocorrelated along x (von Neumann's ratio)."""
    if fit.unexplained < MIN_UNEXPLAINED:
        return False
    order = np.argsort(x, kind="stable")
    left = (np.sqrt(weights) * (y - fit(x)))[order]
    return bool(np.square(np.diff(left)).sum() < (2 - 8 / math.sqrt(len(x))) * (left @ left))


def _roughness(t: Array, y: Array, w: Array) -> float:
    """The noise's share of variance, estimated from the distance of each point to the line through its neighbours."""
    if len(t) < 3:
        return 0.0
    span = t[2:] - t[:-2]
    before = np.where(span > 0, (t[2:] - t[1:-1]) / np.where(span > 0, span, 1.0), 0.5)
    gap = y[1:-1] - before * y[:-2] - (1 - before) * y[2:]
    variance = np.square(gap) / (1 + before**2 + (1 - before) ** 2)
    mass = w[1:-1] / w[1:-1].sum()
    return float(min(mass @ variance / (w @ (y - w @ y) ** 2), 1.0))


def _best_per_function(found: Sequence[FunctionStart], worth: Callable[[FunctionStart], float]) -> list[int]:
    """Indices of the best start of each function, best first."""
    values = [worth(start) for start in found]
    best: dict[str, int] = {}
    for n in sorted(range(len(found)), key=values.__getitem__):
        best.setdefault(found[n].function.name, n)
    return list(best.values())


def _in_units_of_x(start: FunctionStart, low: float, reach: float) -> EdgeCandidate:
    """The candidate in units of x, with pure scale factors absorbed in c."""
    function = start.function.at(float(start.place[2]))
    a, b, c = float(start.place[0]), float(start.place[1]), start.c
    d = start.d
    if function.free in (NONE, SHIFT):
        c = float(c / np.float64(reach) ** function.degree)
        if function.degree == 0:  # such as the logarithm
            d -= c * float(function.value(np.array([reach]))[0] - function.value(np.ones(1))[0])
        if function.shape is None and function.free == NONE:
            return EdgeCandidate(function, 1.0, 0.0, c, d - c * low, start.unexplained)
        return EdgeCandidate(
            function, a, 0.0 if function.free == NONE else b * reach - a * low, c, d, start.unexplained
        )
    a = a / reach
    return EdgeCandidate(
        function, a, -a * (low + reach / 2) if function.free == RATE else b - a * low, c, d, start.unexplained
    )
