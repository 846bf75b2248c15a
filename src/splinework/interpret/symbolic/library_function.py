"""Library functions: value, derivative, domain, free constants and their initial values.

An edge is `c F(a x + b) + d`. The free constants depend on the function: for a power the rate a, for an exponential the shift b
is redundant with c. The functions are listed in `library.py`; here are the values and derivatives of powers and of functions
with a removable singularity.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import factorial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from splinework.errors.foreign import explained_record

Array = NDArray[np.float64]
NONE, SHIFT, RATE, BOTH = "none", "shift", "rate", "both"

_GAPS = np.concatenate([[1e-6], np.geomspace(1e-4, 40, 19)])
"""Distances of a pole or branch point from the nearest input, in units of their span."""
_ENDS = np.array([0.0, 0.15, 0.3, 0.45, 0.6, 0.75, 0.85, 0.93, 0.98, 0.9995])
"""End points of the inputs in a bounded domain, as shares of its half width."""
_RATES = np.concatenate([np.geomspace(0.1, 6, 14), np.arange(7.5, 45, 1.5)])
"""Rates of an exponential in units of the span: it is another curve for every unit or two, however fast it is."""
_FAR = np.array([2.5, 4.0, 8.0, 20.0, 60.0, 200.0])
"""Distances of a vertex at which the inputs see the curve as nearly straight."""


def without_warnings(f: Callable[[Array], Any]) -> Callable[[Array], Array]:
    """The function without NumPy warnings; NaN and infinity are valid values."""

    def wrapped(z: Array) -> Array:
        with np.errstate(all="ignore"):
            return np.asarray(f(z))

    wrapped.__wrapped__ = f  # type: ignore[attr-defined]
    return wrapped


def unwrapped(f: Callable[[Array], Array]) -> Callable[[Array], Array]:
    """The function inside `without_warnings`, for inner loops that suppress warnings themselves; else f."""
    return getattr(f, "__wrapped__", f)


@explained_record
@dataclass(frozen=True)
class LibraryFunction:
    """A function of the library.

    Attributes:
        name: Unique name.
        value: F, elementwise; NaN outside its domain.
        slope: F'.
        build: F of a sympy expression.
        free: Free constants among rate a and shift b: `none`, `shift`, `rate` or `both`.
        domain: `all`, `positive` (z > 0) or `unit` (`|z| < limit`).
        limit: Half width of the domain, for `unit`.
        cost: Code length of its choice in nats.
        wave: Whether it oscillates, so that its rate needs a fine search.
        spectral: Whether it is a sine, whose rate and phase come from a periodogram.
        mirrored: Whether `F(-z)` equals F up to sign and a constant, so that positive rates suffice.
        degree: Degree of homogeneity where the rate is not free: `F(k z) = k^degree F(z) + constant`.
        jumps: Whether it is piecewise constant, with no gradient at its jumps.
        numpy: Whether its printed form needs NumPy only.
        shape: Third free constant inside F, such as an exponent; None if there is none.
        shaped: Constructor of the function with another shape.
        by_shape: Derivative of F with respect to the shape.

    Example:
        >>> square = LibraryFunction("x^2", np.square, lambda z: 2 * z, lambda z: z**2, SHIFT, degree=2.0)
        >>> square.constants, float(square.value(np.array(3.0)))
        (3, 9.0)
    """

    name: str
    value: Callable[[Array], Array]
    slope: Callable[[Array], Array]
    build: Callable[[Any], Any]
    free: str = BOTH
    domain: str = "all"
    limit: float = 1.0
    cost: float = 2.8
    wave: bool = False
    spectral: bool = False
    mirrored: bool = True
    degree: float = 1.0
    jumps: bool = False
    numpy: bool = True
    shape: float | None = None
    shaped: "Callable[[float], LibraryFunction] | None" = None
    by_shape: Callable[[Array], Array] | None = None

    @property
    def constants(self) -> int:
        """Number of constants of an edge: c, d and the free ones inside."""
        return 2 + {SHIFT: 1, RATE: 1, BOTH: 2}.get(self.free, 0) + (self.shape is not None)

    @property
    def bounds(self) -> tuple[float, float]:
        """Bounds of the domain."""
        return {"positive": (0.0, np.inf), "unit": (-self.limit, self.limit)}.get(self.domain, (-np.inf, np.inf))

    def at(self, shape: float) -> "LibraryFunction":
        """This function with another shape; itself, where it has none."""
        return self if self.shaped is None else self.shaped(shape)

    def degenerate(self, rate: float, reach: float) -> bool:
        """Whether it is indistinguishable from a simpler function.

        That is a polynomial at a small rate over inputs of span `reach`, or an exponential for a power far from its zero.
        """
        if self.shape is not None and abs(self.shape) > 12.0:
            return True
        return self.free in (RATE, BOTH) and abs(rate) * reach < (1.0 if self.wave else 0.3)

    def starts(self) -> Array:
        """Initial values (a, b, shape) for inputs scaled to [0, 1]: an array `(K, 3)`."""
        pairs = self._pairs()
        if self.shaped is None:
            return np.column_stack([pairs, np.zeros(len(pairs))])
        shapes = np.array([-3.0, -1.5, -0.7, -0.3, 0.3, 0.6, 1.5, 2.5, 3.5])
        return np.column_stack([np.tile(pairs, (len(shapes), 1)), np.repeat(shapes, len(pairs))])

    def _pairs(self) -> Array:
        """The pairs (a, b) of `starts`."""
        if self.free == NONE:
            return np.array([[1.0, 0.0]])
        if self.free == SHIFT:
            return self._shifts()
        if self.free == RATE:
            return _around(np.concatenate([_RATES, -_RATES]), np.array([0.5]))
        if self.domain == "unit":
            ends = self.limit * np.concatenate([-_ENDS[:0:-1], _ENDS])
            return np.array([(q - p, p) for p in ends for q in ends if q - p > 0.1 * self.limit])
        if self.domain == "positive":
            rates, gaps = np.geomspace(0.3, 25, 14), np.geomspace(1e-3, 4, 12)
            a, gap = (grid.ravel() for grid in np.meshgrid(rates, gaps, indexing="ij"))
            return np.concatenate([np.stack([a, a * gap], 1), np.stack([-a, a * (1 + gap)], 1)])
        if self.wave:
            few, many = np.array([0.0, 0.5, 1.0]), np.linspace(-0.5, 1.5, 25)
            return np.concatenate(
                [
                    _around(2 * np.pi * np.arange(0.2, 3, 0.2), many),
                    _around(2 * np.pi * np.arange(3, 12, 0.2), few),
                ]
            )
        starts = _around(np.geomspace(0.3, 40, 14), np.linspace(-0.6, 1.6, 15))
        return starts if self.mirrored else np.concatenate([starts, -starts])

    def _shifts(self) -> Array:
        """The pairs (±1, b) of a function with a free shift only."""
        if self.domain == "positive":
            gaps = _GAPS[::2] if self.shape is not None else _GAPS
            return np.concatenate([np.stack([s + 0 * gaps, gaps - min(s, 0.0)], 1) for s in (1.0, -1.0)])
        vertices = np.concatenate([-_FAR, np.linspace(-1.5, 2.5, 61), 1 + _FAR])
        if self.jumps:
            vertices = np.linspace(0, 1, 65)[1:-1]
        starts = np.stack([np.ones_like(vertices), -vertices], 1)
        return starts if self.mirrored else np.concatenate([starts, -starts])


def _around(rates: Array, centres: Array) -> Array:
    """Pairs (a, b) of `a (t - centre)` for every rate and centre."""
    a, centre = (grid.ravel() for grid in np.meshgrid(rates, centres, indexing="ij"))
    return np.stack([a, -a * centre], 1)


SERIES_RADIUS = 0.3
"""Radius within which eight terms of a power series are accurate to the last digit."""
_TERMS = range(1, 9)
# Σ 4ⁿ B₂ₙ z²ⁿ⁻¹ / (2n)! is coth z - 1/z
_LANGEVIN = [4.0**n * float(special.bernoulli(2 * n)[-1]) / factorial(2 * n) for n in _TERMS]
_SINC_SLOPE = [(-1) ** n * 2 * n / factorial(2 * n + 1) for n in _TERMS]


def if_within(z: Array, bound: float) -> Array:
    """Z where its magnitude is below the bound, else NaN: no search should cross a pole into another branch."""
    return np.where(np.abs(z) < bound, z, np.nan)


def if_positive(z: Array) -> Array:
    """Z where it is positive, else NaN."""
    return np.where(z > 0, z, np.nan)


def powers(exponent: float) -> tuple[Callable[[Array], Array], Callable[[Array], Array]]:
    """z^exponent and its derivative; undefined for z < 0 if the exponent is not an integer, for z ≤ 0 if it is negative."""
    if exponent < 0:
        return without_warnings(lambda z: if_positive(z) ** exponent), without_warnings(
            lambda z: exponent * if_positive(z) ** (exponent - 1)
        )
    return without_warnings(lambda z: z**exponent), without_warnings(lambda z: exponent * z ** (exponent - 1))


def sinc(z: Array) -> Array:
    """`sin z / z`."""
    return np.asarray(np.sinc(z / np.pi))


def sinc_slope(z: Array) -> Array:
    """Derivative of `sin z / z`."""
    far = _nonzero(z)
    return np.where(np.abs(z) < SERIES_RADIUS, z * _series(_SINC_SLOPE, z), (np.cos(far) - sinc(far)) / far)


def bernoulli(z: Array) -> Array:
    """`z / (exp z - 1)`."""
    return np.where(z == 0, 1.0, z / _nonzero(np.expm1(z)))


def bernoulli_slope(z: Array) -> Array:
    """`(1 - z - f) f / z` with f the value, or its series near 0; for z > 0, since `f(-z) = f(z) + z`."""
    size = np.abs(z)
    series = -0.5 + size / 6 - size**3 / 180 + size**5 / 5040
    f = bernoulli(size)
    right = np.where(size < 0.05, series, (1 - size - f) * f / _nonzero(size))
    return np.where(z < 0, -1 - right, right)


def langevin(z: Array) -> Array:
    """`coth z - 1/z`."""
    far = _nonzero(z)
    return np.where(np.abs(z) < SERIES_RADIUS, z * _series(_LANGEVIN, z), 1 / np.tanh(far) - 1 / far)


def langevin_slope(z: Array) -> Array:
    """`1/z² - 1/sinh² z`."""
    far = _nonzero(z)
    near = _series([(2 * n - 1) * k for n, k in zip(_TERMS, _LANGEVIN, strict=True)], z)
    return np.where(np.abs(z) < SERIES_RADIUS, near, far**-2.0 - np.sinh(far) ** -2.0)


def j1_slope(z: Array) -> Array:
    """`J₀(z) - J₁(z)/z`."""
    return np.asarray(special.j0(z) - np.where(z == 0, 0.5, special.j1(z) / _nonzero(z)))


def _nonzero(z: Array) -> Array:
    """Z with 1 in place of 0, where another formula applies."""
    return np.where(z == 0, 1.0, z)


def _series(coefficients: list[float], z: Array) -> Array:
    """`Σ coefficient z²ⁿ` from n = 0."""
    return np.asarray(np.polyval(coefficients[::-1], z * z))
