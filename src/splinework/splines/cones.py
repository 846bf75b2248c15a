"""Shape constraints of a spline as cones of its coefficients, in coordinates that turn them into bounds.

A spline increases if its coefficients do, and is convex if the slopes of its control polygon increase (de Boor 1978, ch. XI);
both are simplicial cones, `c = T d` with `d ≥ 0` for all but the first coordinates. Even, odd and periodic splines are subspaces,
`c = T d` with d free. A slope within ±K is a box of differences. So each shape of an edge is `c = T d` with bounds on every
coordinate.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from splinework.errors import ConfigError
from splinework.errors.foreign import explained
from splinework.splines.bspline import bspline_rows, cell_polynomials
from splinework.splines.knots import domain

INCREASING: Final = 1
DECREASING: Final = 2
CONVEX: Final = 4
CONCAVE: Final = 8
EVEN: Final = 16
ODD: Final = 32
PERIODIC: Final = 64
"""Flags of an edge; compatible shapes may be added, see `check_flags`."""

_ORDERED, _CURVED, _MIRRORED = INCREASING | DECREASING, CONVEX | CONCAVE, EVEN | ODD
_NAMES: Final = ("increasing", "decreasing", "convex", "concave", "even", "odd", "periodic")
_RELATIVE_TOLERANCE = 1e-12
"""Violation of a shape, relative to the largest coefficient, that counts as rounding."""

Floats = NDArray[np.float64]


@final
@dataclass(frozen=True, eq=False)
class Cone:
    """A cone of spline coefficients, `c = T d` with bounds on d.

    Attributes:
        map: Matrix T, `(M, q)`, of full column rank.
        lower: Lower bounds of d, `(q,)`; minus infinity for free coordinates.
        upper: Upper bounds of d, `(q,)`.
        flags: Flags of the shape.

    >>> rising = cone(INCREASING, torch.arange(-1.0, 4.0), 1)
    >>> rising.project(np.array([[0.0], [2.0], [1.0]])).ravel().tolist()
    [0.0, 1.5, 1.5]
    """

    map: Floats
    lower: Floats
    upper: Floats
    flags: int

    def coordinates(self, c: Floats) -> Floats:
        """The coordinates d `(q, n)` of coefficients `(M, n)` in the cone; rounding errors are clipped."""
        return np.asarray(np.clip(self.inverse @ c, self.lower[:, None], self.upper[:, None]))

    @cached_property
    def inverse(self) -> Floats:
        """The pseudo-inverse of T, `(q, M)`."""
        return np.asarray(np.linalg.pinv(self.map), dtype=np.float64)

    @property
    def is_all(self) -> bool:
        """Whether the cone contains every spline."""
        return not self.flags and not self.has_bounds

    @cached_property
    def has_bounds(self) -> bool:
        """Whether any coordinate is bounded."""
        return bool(np.isfinite(self.lower).any() or np.isfinite(self.upper).any())

    def coefficients(self, d: Floats) -> Floats:
        """The coefficients `(M, n)` of coordinates `(q, n)`; a required order holds to the last bit."""
        return self._in_order(self.map @ d)

    def project(self, c: Floats) -> Floats:
        """Euclidean projection of coefficients `(M, n)` onto the cone; those inside do not change."""
        inside = self.coefficients(self.coordinates(c))
        size = np.abs(c).max(axis=0, initial=0.0)
        far = np.abs(inside - c).max(axis=0, initial=0.0) > _RELATIVE_TOLERANCE * size
        for n in np.flatnonzero(far):
            inside[:, n] = self._projected(c[:, n])
        return self._in_order(inside)

    def _projected(self, c: Floats) -> Floats:
        from scipy.optimize import lsq_linear, nnls  # slow to import, and few models need it
        from sklearn.isotonic import isotonic_regression

        if not self.has_bounds:
            return np.asarray(self.map @ (self.inverse @ c))
        if self.flags in (INCREASING, DECREASING) and not np.isfinite(self.upper).any():
            return np.asarray(isotonic_regression(c, increasing=self.flags == INCREASING))
        if np.isfinite(self.upper).any():
            return np.asarray(self.map @ lsq_linear(self.map, c, bounds=(self.lower, self.upper), tol=1e-14).x)
        free = ~np.isfinite(self.lower)
        signed = np.concatenate([self.map, -self.map[:, free]], axis=1)  # a free coordinate is a difference of two
        d = nnls(signed, c)[0]
        return np.asarray(signed @ d)

    def _in_order(self, c: Floats) -> Floats:
        """Restores the order of equal neighbours after rounding, by a running extreme."""
        if not self.flags & _ORDERED or self.flags & (_CURVED | _MIRRORED):
            return c
        running = np.maximum if self.flags & INCREASING else np.minimum
        return np.asarray(running.accumulate(c, axis=0))


@explained
def cone(flags: int, knots: Tensor, degree: int, max_slope: float = np.inf) -> Cone:
    """The cone of the shape of one edge.

    Args:
        flags: Sum of shape flags.
        knots: Knots of its spline, `(K,)`.
        degree: Degree k.
        max_slope: Largest absolute slope of the control polygon, which bounds that of the spline.

    Returns:
        The cone of the coefficients.

    Raises:
        ConfigError: If the shapes are incompatible.

    >>> cone(EVEN, torch.arange(-3.0, 4.0), 1).map.shape  # 5 coefficients, 3 of them free
    (5, 3)
    """
    check_flags(flags)
    xi = greville(knots[None], degree)[0].double().numpy()
    half = _half(xi) if flags & _MIRRORED else None
    points = xi if half is None else half
    wanted = flags & (_ORDERED | _CURVED)
    if half is not None and flags & ODD and flags & _CURVED:
        wanted |= _CURVED  # odd and convex or concave: a straight line
    if half is not None and flags & EVEN and flags & _CURVED:
        wanted |= INCREASING if flags & CONVEX else DECREASING  # from the centre outwards
    if flags & PERIODIC and wanted:
        wanted = _ORDERED  # a monotone periodic function is constant
    shape, lower, upper = _shaped(wanted, points, max_slope)
    if half is not None:
        mirror = _mirror(len(xi), odd=bool(flags & ODD))
        shape, lower, upper = _unfolded(mirror, shape, lower, upper, flags, xi, max_slope)
    if flags & PERIODIC and not wanted:
        shape = _kernel(_closure(knots, degree) @ shape, shape)
        lower, upper = np.full(shape.shape[1], -np.inf), np.full(shape.shape[1], np.inf)
    return Cone(shape, lower, upper, flags)


def check_flags(flags: int) -> None:
    """Checks that the shapes of an edge are compatible.

    An even edge is neither monotone nor odd, and linear only if it is constant; an odd periodic edge has no further shape.
    """
    even = flags & EVEN and (flags & (_ORDERED | ODD) or flags & _CURVED == _CURVED)
    turning = flags & ODD and flags & PERIODIC and flags & (_ORDERED | _CURVED)
    if even or turning or not 0 <= flags < 1 << len(_NAMES):
        names = [name for n, name in enumerate(_NAMES) if flags >> n & 1]
        raise ConfigError(
            f"these shapes of an edge are incompatible: {', '.join(names)} (flags {flags}); an even edge may be convex, "
            "concave or periodic, an odd one increasing, decreasing, linear or periodic."
        )


@explained
def greville(knots: Tensor, degree: int) -> Tensor:
    """Greville abscissae `ξ_m = (t_{m+1} + … + t_{m+k}) / k`, the vertices of the control polygon (de Boor 1978).

    Args:
        knots: Shape `(I, K)`.
        degree: Degree k; for 0, the midpoints of the cells are returned.

    Returns:
        Shape `(I, M)`.

    Raises:
        ShapeError: If `knots` is not a matrix.

    >>> greville(torch.arange(-1.0, 4.0)[None], 1)
    tensor([[0., 1., 2.]])
    """
    count = knots.shape[1] - degree - 1
    if degree == 0:
        return (knots[:, 1:] + knots[:, :-1]) / 2
    return torch.stack([knots[:, m + 1 : m + 1 + degree].mean(1) for m in range(count)], dim=1)


def _shaped(flags: int, xi: Floats, max_slope: float) -> tuple[Floats, Floats, Floats]:
    """T and bounds of a shape without symmetry."""
    count = len(xi)
    ones, unbounded = np.ones((count, 1)), (np.array([-np.inf]), np.array([np.inf]))
    if count == 1 or flags & _ORDERED == _ORDERED:
        return ones, *unbounded
    straight = ((xi - xi[0]) / (xi[-1] - xi[0]))[:, None]
    if flags & _CURVED == _CURVED:
        free = flags & _ORDERED == 0
        sign = -1.0 if flags & DECREASING else 1.0
        low = -np.inf if free else 0.0
        return np.concatenate([ones, sign * straight], 1), np.array([-np.inf, low]), np.full(2, np.inf)
    if flags & _CURVED:
        return _bent(flags, xi, ones, straight)
    if flags & _ORDERED or np.isfinite(max_slope):
        steps = np.tril(np.ones((count, count)))
        steps[:, 1:] *= -1.0 if flags & DECREASING else 1.0
        reach = max_slope * np.diff(xi)
        lower = np.concatenate([[-np.inf], np.zeros(count - 1) if flags & _ORDERED else -reach])
        return steps, lower, np.concatenate([[np.inf], reach])
    return np.eye(count), np.full(count, -np.inf), np.full(count, np.inf)


def _bent(flags: int, xi: Floats, ones: Floats, straight: Floats) -> tuple[Floats, Floats, Floats]:
    """Convex or concave, perhaps monotone: a constant, a line, and hinge functions at the inner vertices."""
    sign = 1.0 if flags & CONVEX else -1.0
    span = xi[-1] - xi[0]
    # A convex decreasing and a concave increasing function are steepest at the left: their hinges open to the left.
    left = flags & _ORDERED == (DECREASING if flags & CONVEX else INCREASING)
    line = (1 - straight if left else straight) * sign
    away = (xi[1:-1] - xi[:, None]) if left else (xi[:, None] - xi[1:-1])
    hinges = sign * np.maximum(away, 0.0) / span
    count = 2 + hinges.shape[1]
    lower = np.zeros(count)
    lower[0] = -np.inf
    lower[1] = 0.0 if flags & _ORDERED else -np.inf
    return np.concatenate([ones, line, hinges], 1), lower, np.full(count, np.inf)


def _half(xi: Floats) -> Floats:
    """The vertices from the middle to the right end."""
    return xi[len(xi) // 2 :]


def _mirror(count: int, *, odd: bool) -> Floats:
    """Matrix from the right half of the coefficients to all of them, `(M, ⌈M/2⌉)`."""
    half = count - count // 2
    mirror = np.zeros((count, half))
    right = np.arange(count // 2, count)
    mirror[right, np.arange(half)] = 1.0
    mirror[count - 1 - right, np.arange(half)] = -1.0 if odd else 1.0
    return mirror


def _unfolded(
    mirror: Floats, shape: Floats, lower: Floats, upper: Floats, flags: int, xi: Floats, max_slope: float
) -> tuple[Floats, Floats, Floats]:
    """The mirrored shape of the right half. An odd spline is zero in the middle, so its half has no free constant."""
    if not flags & ODD:
        return mirror @ shape, lower, upper
    if mirror.shape[0] % 2:  # the middle coefficient is zero: no constant
        return mirror @ shape[:, 1:], lower[1:], upper[1:]
    if flags & _ORDERED == _ORDERED:
        return np.zeros((mirror.shape[0], 0)), np.zeros(0), np.zeros(0)
    if flags & _CURVED:  # a line through the middle
        line = (xi - xi.mean())[:, None]
        ends = 0.0 if flags & INCREASING else -np.inf, 0.0 if flags & DECREASING else np.inf
        return line / np.abs(line).max(), np.array([ends[0]]), np.array([ends[1]])
    if flags & _ORDERED or np.isfinite(max_slope):
        # The step over the middle is twice the first coefficient of the half, and has the sign of the others.
        lower, upper = lower.copy(), upper.copy()
        gap = max_slope * (xi[len(xi) // 2] - xi[len(xi) // 2 - 1]) / 2
        lower[0], upper[0] = (0.0 if flags & _ORDERED else -gap), gap
        if flags & DECREASING:
            shape = shape.copy()
            shape[:, 0] *= -1.0
    return mirror @ shape, lower, upper


def _closure(knots: Tensor, degree: int) -> Floats:
    """Conditions of periodicity: the differences of value and k - 1 derivatives at the ends, `(k, M)`."""
    grid = knots[None].double()
    low, high = domain(grid, degree)
    pieces, width = cell_polynomials(grid, degree), float(high - low)
    rows = []
    for order in range(max(degree, 1)):
        ends = bspline_rows(torch.stack([low, high]), grid, pieces, degree, order)[:, 0]
        rows.append((ends[1] - ends[0]) * width**order)
    stacked = torch.stack(rows).numpy()
    return np.asarray(stacked / np.abs(stacked).max(axis=1, keepdims=True))


def _kernel(conditions: Floats, shape: Floats) -> Floats:
    """The subspace of the columns' span on which conditions, given in their coordinates, vanish."""
    _, singular, right = np.linalg.svd(conditions)
    rank = int((singular > 1e-10 * singular.max(initial=1e-300)).sum())
    return np.asarray(shape @ right[rank:].T)
