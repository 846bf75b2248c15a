"""Which functions an edge may be: every function of the library fitted to its curve, the linear part in closed form."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from splinework.symbolic.library import BOTH, NONE, RATE, SHIFT, Array, Function
from splinework.symbolic.marquardt import minimise

COARSE_POINTS = 128
"""About how many points the coarse search looks at."""
ROUGH_STEPS = 6
"""Steps that every function gets from its best start, before they are compared."""
REFINED = 7
"""How many functions, the best after that, are fitted to the end and from a second start; the others stay as they are."""


@dataclass(frozen=True)
class Candidate:
    """`c F(a x + b) + d` and the weighted mean square that it leaves, as a share of the curve's variance."""

    function: Function
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
        return 2 + {SHIFT: 1, RATE: 1, BOTH: 2}.get(self.function.free, 0)


def candidates(
    x: Array, y: Array, weights: Array, library: Sequence[Function], *, floor: float = 1e-12
) -> list[Candidate]:
    """The library fitted to a curve, best first by `n ln(left) + constants ln n + 2 cost`.

    Args:
        x: Inputs of the edge, `(N,)`; thinned to at most 256 quantiles by the caller.
        y: Its values, `(N,)`.
        weights: Weight of each point, `(N,)`, for instance the squared sensitivity of the output to the edge.
        library: Functions to try.
        floor: Shares of variance below this count as equally good.
    """
    w = weights / weights.sum()
    if float(w @ (y - w @ y) ** 2) <= 0 or x.max() <= x.min():
        return []
    root = np.sqrt(w)
    n = len(x)
    thin = max(n // COARSE_POINTS, 1)
    rough = []
    for function in library:
        starts = function.starts(float(x.min()), float(x.max()))
        shares = _shares(function, starts, x[::thin], root[::thin], y[::thin])
        first, *second = starts[np.argsort(shares)[:2]]
        fit = _refine(function, first, x, root, y, steps=ROUGH_STEPS)
        if fit is not None:
            rough.append((fit, second))
    rough.sort(key=lambda entry: score(entry[0], n, floor))
    found = [fit for fit, _ in rough[REFINED:]]
    for fit, second in rough[:REFINED]:
        fits = [_refine(fit.function, start, x, root, y, steps=25) for start in (np.array([fit.a, fit.b]), *second)]
        found.append(min((f for f in fits if f is not None), key=lambda f: f.left, default=fit))
    return sorted(found, key=lambda fit: score(fit, n, floor))


def score(candidate: Candidate, n: int, floor: float) -> float:
    """Description length of the curve by this candidate, twice, in nats and up to a constant."""
    return n * math.log(max(candidate.left, floor)) + candidate.constants * math.log(n) + 2 * candidate.function.cost


def _shares(function: Function, starts: Array, x: Array, root: Array, y: Array) -> Array:
    """Share of variance that the best c and d leave, for each start (a, b): `(K,)`."""
    root = root / np.linalg.norm(root)
    target = root * (y - root**2 @ y)
    target = target / (np.linalg.norm(target) or 1.0)
    z = starts[:, :1] * x + starts[:, 1:]
    features = [function.value(z)]
    if function.paired:
        features.append(function.slope(z))
    stack = np.stack(features, -1) * root[:, None]  # (K, N, f)
    with np.errstate(all="ignore"):
        stack = stack - (stack * root[:, None]).sum(1, keepdims=True) * root[:, None]
        gram = np.einsum("knf,kng->kfg", stack, stack)
        drawn = np.einsum("knf,n->kf", stack, target)
        if gram.shape[1] == 1:
            gain = drawn[:, 0] ** 2 / gram[:, 0, 0]
        else:
            ridge = 1e-12 * np.trace(gram, axis1=1, axis2=2)[:, None, None] * np.eye(2)
            usable = np.isfinite(gram).all((1, 2))
            gain = np.full(len(starts), np.nan)
            gain[usable] = (
                np.linalg.solve((gram + ridge)[usable], drawn[usable, :, None])[..., 0] * drawn[usable]
            ).sum(1)
    left = 1 - gain
    return np.where(np.isfinite(left), np.maximum(left, 0), np.inf)


def _refine(function: Function, start: Array, x: Array, root: Array, y: Array, *, steps: int) -> Candidate | None:
    """The best a and b from a start, with c and d the best for them at every step (variable projection, Kaufman 1975).

    None where the start is outside the function's domain, or the function constant there.
    """
    free = function.free
    middle = (x.min() + x.max()) / 2
    a, b = (float(v) for v in start)
    if function.paired:
        b += _best_shift(function, a * x + b, root, y)

    def places(theta: Array) -> tuple[float, float]:
        rate = float(theta[0]) if free in (RATE, BOTH) else a
        return rate, float(theta[-1]) if free in (SHIFT, BOTH) else -rate * middle if free == RATE else b

    def centred(columns: Array) -> Array:
        weighted = root * columns
        return np.asarray(weighted - (weighted @ root)[..., None] * root)

    target = centred(y)

    def model(theta: Array) -> tuple[Array, Array]:
        rate, shift = places(theta)
        z = rate * x + shift
        value, slope = centred(function.value(z)), function.slope(z)
        size = value @ value
        c = (value @ target) / size
        by = {RATE: [slope * (x - middle)], SHIFT: [slope], BOTH: [slope * x, slope]}[free]
        columns = c * centred(np.stack(by))
        columns -= (columns @ value / size)[:, None] * value
        return c * value - target, columns.T

    if free != NONE:
        first = [*([a] if free in (RATE, BOTH) else []), *([b] if free in (SHIFT, BOTH) else [])]
        solution = minimise(model, np.array(first), steps=steps, gain=1e-9)
        if solution is None:
            return None
        a, b = places(solution.constants)
    f = function.value(a * x + b)
    shape = centred(f)
    size = float(shape @ shape)
    if not 0 < size < np.inf or function.degenerate(a, float(np.ptp(x))):
        return None
    c = float(shape @ target) / size
    left = float(np.square(c * shape - target).sum() / (target @ target))
    return Candidate(function, a, b, c, float(root**2 @ (y - c * f)), left)


def _best_shift(function: Function, z: Array, root: Array, y: Array) -> float:
    """The shift s at which `c F(z + s) + d` is closest, from the best `A F(z) + B F'(z) + d`; 0 where there is none."""
    design = np.stack([function.value(z), function.slope(z), np.ones_like(z)], 1)
    if not np.isfinite(design).all():
        return 0.0
    own, slope, _ = np.linalg.lstsq(design * root[:, None], y * root, rcond=None)[0]
    if function.wave:
        return float(np.arctan2(slope, own))
    return float(np.arctanh(slope / own)) if abs(slope) < abs(own) else 0.0
