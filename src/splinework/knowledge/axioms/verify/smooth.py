"""Functions that are not piecewise polynomials (base functions, and bases that are one formula) on cells.

Each is interpolated at the 8 Chebyshev points of a cell of width h, with an error of at most `2 (h/4)⁸ max|f⁽⁸⁾| / 8!` (Trefethen
2013, ch. 4). Derivatives are bounded over the whole domain. Values at the nodes are computed in float64, with an assumed error of
`1e-13` of the function's scale.
"""

from functools import lru_cache
from math import factorial, pi
from typing import Final

import numpy as np
import torch

from splinework.formula.intervals import Floats, gamma
from splinework.knowledge.axioms.verify.cells import MAX_ORDER
from splinework.knowledge.axioms.verify.enclosing import EnclosingFunctions
from splinework.splines.bases import Activation, Basis
from splinework.splines.bases.bounds import base_bound, basis_bounds

N_NODES: Final = 8
LIBRARY_ERROR: Final = 1e-13
"""Error of a float64 function of a library, relative to the scale of its values; some hundred units in the last place."""
_FUNCTIONS: Final = EnclosingFunctions()
_LEBESGUE_CONSTANT: Final = 3.0


@lru_cache(maxsize=1)
def nodes() -> tuple[Floats, Floats]:
    """The Chebyshev points in v, `(8,)`, and the matrix from values there to powers of v."""
    v = np.cos((2 * np.arange(N_NODES) + 1) * pi / (2 * N_NODES)) / 2
    matrix: Floats = np.asarray(np.linalg.inv(np.vander(v, N_NODES, increasing=True)), dtype=np.float64)
    return v, matrix


@lru_cache(maxsize=256)
def greatest(base: Activation, order: int) -> float:
    """A bound of `|b^(order)|` over the line, for an order of at least one."""
    return base_bound(base, order, _FUNCTIONS)


def base_error(base: Activation, width: Floats, far: Floats, order: int) -> Floats:
    """Error of the interpolant of `b^(order)` on cells of a width, out to `|x| <= far`."""
    remainder = 2 * (width / 4) ** N_NODES * greatest(base, N_NODES + order) / factorial(N_NODES)
    scale = greatest(base, order) if order else greatest(base, 1) * far + abs(base_values(base, np.zeros(1), 0)[0])
    return remainder * 1.001 + _LEBESGUE_CONSTANT * LIBRARY_ERROR * scale


def widest(base: Activation) -> float:
    """The width of cells for an interpolation error of about 1e-10."""
    width = 1.0
    while float(base_error(base, np.array(width), np.array(1.0), MAX_ORDER)) > 1e-10 and width > 2**-6:
        width /= 2
    return width


def base_values(base: Activation, x: Floats, order: int) -> Floats:
    """`b^(order)` in float64."""
    values: Floats = base.derivative(torch.from_numpy(np.ascontiguousarray(x)), order).numpy()
    return values


def straight(base: Activation, side: int) -> tuple[float, float, float]:
    """Slope, constant and error of the base function far to the left (-1) or right (+1)."""
    if base.asymptotes is None:
        return 0.0, 0.0, base_bound(base, 0, _FUNCTIONS)
    return *base.asymptotes[side > 0], 1e-18 if greatest(base, 2) else 0.0


def rows_of(basis: Basis, grid: Floats, x: Floats, order: int) -> Floats:
    """Derivatives of all functions of a smooth basis at points `(I, n)`: `(I, n, M)`."""
    knots = torch.from_numpy(grid)
    rows = basis.rows(torch.from_numpy(np.ascontiguousarray(x.T)), knots, basis.prepare(knots), order)
    values: Floats = rows.numpy().swapaxes(0, 1)
    return values


def basis_error(basis: Basis, grid: Floats, weight: Floats, width: Floats, order: int) -> Floats:
    """Error of interpolating `Σ_m c_m β_m^(order)` with `|c|` `(I, M, J)` on cells of widths `(I, C)`: `(I, C, J)`."""
    ends = grid[:, 0], grid[:, -1]
    high = np.einsum("im,imj->ij", basis_bounds(basis, N_NODES + order, *ends, _FUNCTIONS), weight)
    here = np.einsum("im,imj->ij", basis_bounds(basis, order, *ends, _FUNCTIONS), weight)
    remainder = 2 * (width / 4) ** N_NODES / factorial(N_NODES) * 1.001
    error: Floats = remainder[:, :, None] * high[:, None] + _LEBESGUE_CONSTANT * 10 * LIBRARY_ERROR * here[:, None]
    return error


def interpolated(values: Floats) -> tuple[Floats, Floats]:
    """Powers of v `(I, C, 8, J)` from values at the nodes, the same shape, and the rounding error `(I, C, J)`."""
    _, matrix = nodes()
    halves = 0.5 ** np.arange(N_NODES)
    powers = np.einsum("pn,icnj->icpj", matrix, values)
    # The inverse matrix is accurate to some units in the last place; 4 N_NODES are allowed.
    rounding = gamma(6 * N_NODES) * np.einsum("n,icnj->icj", halves @ np.abs(matrix), np.abs(values))
    return powers, rounding
