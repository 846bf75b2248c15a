"""The cases that the laws run over, and oracles that share no code with splinework: numpy, scipy, sympy.

A new basis is one row in `RECIPES` and one in `ORACLES`; a new base function is one row in `FORMULAS`; a
new backend needs nothing.
"""

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.interpolate
import sympy
import torch
from numpy.typing import NDArray
from torch import Tensor

from splinework.kernels import EXTRAPOLATIONS, BasisTable
from splinework.splines.bases import ACTIVATIONS, Basis, BSpline, Chebyshev, Fourier, GaussianRBF, activation

Array = NDArray[np.float64]

RECIPES: tuple[Basis, ...] = (
    BSpline(grid=5, degree=3),
    BSpline(grid=3, degree=1),
    BSpline(grid=4, degree=5),
    BSpline(grid=1, degree=2),
    Fourier(harmonics=3),
    Chebyshev(order=6),
    Chebyshev(order=1),
    GaussianRBF(centres=6),
    GaussianRBF(centres=4, width=0.7),
)
BASE_NAMES = (*ACTIVATIONS, "none")

LOW, HIGH = (-1.0, 0.5, 20.0), (1.0, 1.25, 50.0)
"""Domains of three inputs: the usual one, a narrow one, one far from zero."""


def name_of(case: object) -> str:
    """A readable test id."""
    if isinstance(case, Basis):
        return "-".join(str(v) for v in case.to_dict().values())
    return str(case)


every_recipe = pytest.mark.parametrize("basis", RECIPES, ids=name_of)
every_extrapolation = pytest.mark.parametrize("extrapolation", EXTRAPOLATIONS)
every_base = pytest.mark.parametrize("base", BASE_NAMES)


def seeded(seed: int = 0) -> torch.Generator:
    """A generator of its own, so no test depends on another."""
    return torch.Generator().manual_seed(seed)


def normal(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal numbers in float64."""
    return torch.randn(*shape, generator=seeded(seed), dtype=torch.float64, device="cpu").to(torch.get_default_device())


def uniform(*shape: int, seed: int = 0) -> Tensor:
    """Numbers between 0 and 1 in float64."""
    return torch.rand(*shape, generator=seeded(seed), dtype=torch.float64, device="cpu").to(torch.get_default_device())


def grid_of(basis: Basis, inputs: int = 3) -> Tensor:
    """A grid on the domains above; uneven for a basis that has knots."""
    low, high = (torch.tensor(ends[:inputs], dtype=torch.float64) for ends in (LOW, HIGH))
    sample = low + (high - low) * uniform(80, inputs, seed=5) ** 2
    return basis.adapt_grid(sample, low, high, 0.3)


def table_of(basis: Basis, base: str, extrapolation: str, inputs: int = 3) -> BasisTable:
    """The basis on its grid, with the named base function and tails."""
    grid = grid_of(basis, inputs)
    return BasisTable(basis, activation(base), extrapolation, grid, basis.prepare(grid))


def points(count: int, inputs: int = 3, *, beyond: float = 0.0, seed: int = 1) -> Tensor:
    """Points `(count, inputs)` in the domains, or up to `beyond` times their width outside."""
    low, high = (torch.tensor(ends[:inputs], dtype=torch.float64) for ends in (LOW, HIGH))
    share = uniform(count, inputs, seed=seed)
    return low + (high - low) * (share * (1 + 2 * beyond) - beyond)


# ------------------------------------------------------------------------------------------------------ oracles


def basis_oracle(basis: Basis, knots: Array, x: Array, r: int) -> Array:
    """r-th derivatives of all functions of one input: x `(N,)` to `(N, M)`, each function as it is, without tails."""
    return np.stack(ORACLES[basis.name](basis, knots, x, r), axis=1)


def _splines(basis: Any, knots: Array, x: Array, r: int) -> list[Array]:
    return list(bspline_oracle(x, knots, basis.degree, r).T)


def _waves(basis: Any, ends: Array, x: Array, r: int) -> list[Array]:
    low, rate = ends[0], 2 * np.pi / (ends[-1] - ends[0])
    rows = [np.full_like(x, float(r == 0))]
    for n in range(1, basis.harmonics + 1):
        # sin^{(r)}(θ) = sin(θ + rπ/2)
        angle = n * rate * (x - low) + r * np.pi / 2
        rows += [(n * rate) ** r * np.cos(angle), (n * rate) ** r * np.sin(angle)]
    return rows


def _polynomials(basis: Any, ends: Array, x: Array, r: int) -> list[Array]:
    series = [np.polynomial.Chebyshev.basis(n, domain=[ends[0], ends[-1]]) for n in range(basis.order + 1)]
    return [(s.deriv(r) if r else s)(x) for s in series]


def _bumps(basis: Any, ends: Array, x: Array, r: int) -> list[Array]:
    step = (ends[-1] - ends[0]) / (basis.centres - 1)
    bump = _derivative("exp(-(t/w)**2)", r)
    return [bump(x - (ends[0] + m * step), basis.width * step) for m in range(basis.centres)]


ORACLES: dict[str, Callable[[Any, Array, Array, int], list[Array]]] = {
    BSpline.name: _splines,
    Fourier.name: _waves,
    Chebyshev.name: _polynomials,
    GaussianRBF.name: _bumps,
}


def bspline_oracle(x: Array, knots: Array, degree: int, r: int = 0) -> Array:
    """scipy's splines, one column each, zero where there are none."""
    size = len(knots) - degree - 1
    inside = (x >= knots[degree]) & (x <= knots[size])
    rows = np.zeros((len(x), size))
    if r <= degree:
        unit = scipy.interpolate.BSpline(knots, np.eye(size), degree)
        at = x[inside]
        if knots[size - 1] == knots[size]:  # scipy gives zeros on a last cell of no width: take the limit from the left
            at = np.where(at == knots[size], np.nextafter(at, -np.inf), at)
        rows[inside] = unit(at, nu=r)
        # Outside the domain scipy extrapolates, but with k more knots beyond either end that place is inside.
        steps = np.arange(1, degree + 2)
        longer = np.concatenate([knots[0] - steps[::-1], knots, knots[-1] + steps])
        wider = scipy.interpolate.BSpline(longer, np.eye(size + 2 * degree + 2), degree)
        partly = ~inside & (x >= knots[0]) & (x <= knots[-1])
        rows[partly] = wider(x[partly], nu=r)[:, degree + 1 : degree + 1 + size]
    return rows


FORMULAS = {
    "silu": "t*(1+tanh(t/2))/2",  # σ written so that nothing overflows
    "identity": "t",
    "tanh": "tanh(t)",
    "sin": "sin(t)",
    "gelu": "t*(1+erf(t/sqrt(2)))/2",
}


def base_oracle(name: str, x: Array, r: int) -> Array:
    """r-th derivative of a base function, by sympy."""
    return _derivative(FORMULAS[name], r)(x, 1.0)


@functools.cache
def _derivative(formula: str, r: int) -> Callable[[Array, float], Array]:
    t, w = sympy.symbols("t w", real=True)
    derived = sympy.diff(sympy.sympify(formula, {"t": t, "w": w}), t, r)
    function = sympy.lambdify((t, w), derived, modules=["scipy", "numpy"])
    return lambda x, width: np.broadcast_to(function(x, width), x.shape).astype(np.float64)


def table_oracle(table: BasisTable, x: Tensor, r: int = 0) -> Array:
    """What `BasisTable.rows` should be, `(B, I, size)`, worked out by the definition of each extrapolation."""
    grid, points_BI = table.grid.detach().cpu().numpy(), x.detach().cpu().numpy()
    rows = np.zeros((*points_BI.shape, table.size))
    for i in range(points_BI.shape[1]):
        rows[:, i] = _rows_of_one_input(table, grid[i], points_BI[:, i], r)
    return rows


def _rows_of_one_input(table: BasisTable, knots: Array, x: Array, r: int) -> Array:
    degree = table.basis.degree or 0
    low, high = knots[degree], knots[len(knots) - 1 - degree]

    def plain(at: Array, order: int) -> Array:
        rows = basis_oracle(table.basis, knots, at, order)
        if table.base is None:
            return rows
        return np.concatenate([rows, base_oracle(table.base.name, at, order)[:, None]], axis=1)

    outside = (x < low) | (x > high)
    if table.extrapolation == "natural":
        return plain(x, r)
    if table.extrapolation == "zero":
        rows = plain(x, r)
        if not table.basis.vanishes_outside:
            rows[outside, : table.basis.size] = 0.0
        return rows
    nearest = np.clip(x, low, high)
    if table.extrapolation == "constant":
        rows = plain(nearest, r)
        rows[outside] = rows[outside] if r == 0 else 0.0
        return rows
    rows = plain(nearest, r)
    if r == 0:
        rows[outside] += ((x - nearest)[:, None] * plain(nearest, 1))[outside]
    elif r > 1:
        rows[outside] = 0.0
    return rows


def relative_distance(value: Tensor, truth: Tensor | Array) -> float:
    """Largest difference, relative to the largest number in `truth` (at least one)."""
    expected = torch.as_tensor(truth, dtype=torch.float64).detach()
    assert value.shape == expected.shape, (value.shape, expected.shape)
    if not expected.numel():
        return 0.0
    return float((value.detach().double() - expected).abs().max() / expected.abs().max().clamp_min(1.0))
