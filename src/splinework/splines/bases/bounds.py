"""Rigorous bounds of derivatives from the formula, in the caller's interval arithmetic.

A derivative is enclosed tightly at points a step h apart; between them it changes by at most `h/2` times the next derivative,
which is bounded on coarse cells. Both are Taylor coefficients of the formula over intervals.

The enclosure `f(x) ∈ f(m) ± (h/2) max |f'|` is the mean value form of interval arithmetic (Moore, Kearfott & Cloud 2009).
"""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from splinework.errors import ConfigError
from splinework.splines.bases.activations import ASYMPTOTE_DISTANCE, Activation
from splinework.splines.bases.base import Basis
from splinework.splines.bases.functions import IntervalFunctions
from splinework.splines.bases.series import SeriesFunctions, derivative

Floats = NDArray[np.float64]
_N_CELLS: Final = 128
_POINTS_PER_CELL: Final = 4


def basis_bounds(basis: Basis, order: int, low: Floats, high: Floats, f: IntervalFunctions) -> Floats:
    """Bounds `(I, M)` of `|β_m^(order)|` on the domains `[low_i, high_i]`.

    Args:
        basis: A basis with one formula everywhere.
        order: Order of the derivative.
        low: Lower ends, `(I,)`.
        high: Upper ends, `(I,)`.
        f: The interval arithmetic.
    """
    closed = basis.bound(order, low, high)
    if closed is not None:
        return closed
    own = SeriesFunctions(f)
    ends, place = np.unique(np.stack([low, high], 1), axis=0, return_inverse=True)
    a, b = ends.T[:, :, None]
    numbers = f.interval(a, a), f.interval(b, b)
    found = _greatest(lambda x: basis.formula(x, *numbers, own), order, a, b, _N_CELLS, f)
    return found.T[place.ravel()]


def base_bound(base: Activation, order: int, f: IntervalFunctions) -> float:
    """A bound of `|b^(order)|` on the whole line; for order 0, of the deviation from the asymptotes.

    Raises:
        ConfigError: If the function has neither asymptotes nor bounds in closed form.
    """
    closed = base.bound(order)
    if closed is not None:
        return closed
    if base.asymptotes is None:
        raise ConfigError(f"the base function {base.name!r} has no asymptotes, so it needs bounds in closed form.")
    own, ends = SeriesFunctions(f), np.array([[ASYMPTOTE_DISTANCE]])
    cells = round(2 * ASYMPTOTE_DISTANCE) * 16
    return float(_greatest(lambda x: [base.formula(x, own)], order, -ends, ends, cells, f)[0, 0])


def _greatest(
    formula: Callable[[Any], list[Any]], order: int, low: Floats, high: Floats, cells: int, f: IntervalFunctions
) -> Floats:
    """Bounds `(M, I)` on `[low, high]`, `(I, 1)` each."""
    own, share = SeriesFunctions(f), np.arange(cells + 1) / cells
    points = low * (1 - share) + high * share
    wide = formula(own.variable(f.interval(points[:, :-1], np.nextafter(points[:, 1:], np.inf)), order + 1))
    here, after = (np.stack([_largest(part, r, f, len(low)) for part in wide]) for r in (order, order + 1))
    count = cells * _POINTS_PER_CELL
    share = (np.arange(count) + 0.5) / count
    points = low * (1 - share) + high * share
    thin = formula(own.variable(f.interval(points, points), order))
    close = np.stack([_largest(part, order, f, len(low)) for part in thin])
    with np.errstate(invalid="ignore"):
        near = close + (high - low)[:, 0] * (1 + 1e-9) / (2 * count) * after
    return np.fmin(here, near) * (1 + 1e-12)


def _largest(part: Any, order: int, f: IntervalFunctions, inputs: int) -> Floats:
    """The largest absolute derivative of each input, `(I,)`."""
    found = derivative(part, order)
    if found is None:
        return np.zeros(inputs)
    size = np.atleast_2d(f.magnitude(found))
    largest: Floats = np.broadcast_to(size, (inputs, size.shape[1])).max(1)
    return largest
