"""Problems for the kernels: layers with every kind of knots, mask, tail and stride, and what their sums must be.

The truth is the reference backend in float64. What single precision may lose is measured against `Σ|terms|` of each sum,
worked out in float64 as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, overload

import pytest
import torch
from torch import Tensor

from splinework.kernels import BACKENDS, EXTRAPOLATIONS, BasisTable, EdgeParameters, native
from splinework.kernels.addresses import TAILS, Spline
from splinework.splines import bspline_values
from splinework.splines.bases import BSpline, activation
from tests.contracts.cases import normal, seeded

needs_native = pytest.mark.skipif(not native.available(), reason="the native kernels were not compiled here")

ALGORITHMS = native.ALGORITHMS
VARIANTS: tuple[str, ...] = tuple(native.module().variants()) if native.available() else ("baseline",)
DTYPES = (torch.float64, torch.float32)
TOLERANCE = {torch.float64: 1e-12, torch.float32: 2e-6}
KNOTS = ("uniform", "adapted", "repeated")
MASKS = ("none", "edges", "row", "columns", "fractional", "nan")
LAYOUTS = ("contiguous", "transposed", "sliced", "padded", "expanded")
SIZES = {
    "no rows": (0, 3, 5),
    "one row": (1, 4, 9),
    "one input": (21, 1, 7),
    "one output": (40, 5, 1),
    "one of each": (1, 1, 1),
    "few": (13, 3, 5),
    "wide": (37, 2, 70),
    "long": (600, 3, 6),
}
"""Rows, inputs and outputs."""


@dataclass(frozen=True, repr=False)
class Problem:
    """A layer, the points it is evaluated at, and a cotangent of its sums."""

    table: BasisTable
    x: Tensor
    edges: EdgeParameters
    g: Tensor

    def __repr__(self) -> str:
        there = [key for key, t in vars(self.edges).items() if t is not None]
        sizes = f"{tuple(self.x.shape)} to {tuple(self.g.shape)}, {self.x.dtype}, strides {self.x.stride()}"
        table = f"{self.table.basis}, {self.table.base}, {self.table.extrapolation}, knots {self.table.grid.tolist()}"
        return f"<{sizes}; {table}; {', '.join(there)}; x {self.x.tolist()}>"

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:  # hypothesis asks for it
        printer.text(repr(self))

    def double(self) -> Problem:
        """The same numbers in float64, with the polynomials of these very knots."""
        grid = self.table.grid.double()
        table = replace(self.table, grid=grid, prepared=self.table.basis.prepare(grid))
        edges = EdgeParameters(*(None if t is None else t.double() for t in vars(self.edges).values()))
        return Problem(table, self.x.double(), edges, self.g.double())


def knots_of(kind: str, inputs: int, grid: int, degree: int, seed: int = 0) -> Tensor:
    """Knots `(I, G + 2k + 1)` on domains that differ from input to input."""
    basis = BSpline(grid, degree)
    low = -1.0 - 0.3 * torch.arange(inputs, dtype=torch.float64)
    high = 1.0 + 0.5 * torch.arange(inputs, dtype=torch.float64)
    if kind == "uniform":
        return basis.make_grid(low, high)
    if kind == "adapted":
        sample = low + (high - low) * torch.rand(90, inputs, generator=seeded(seed), dtype=torch.float64) ** 2
        return basis.adapt_grid(sample, low, high, 0.1)
    # Places on a coarse lattice, so that many of them coincide, at the ends of the domain too.
    share = torch.randint(0, max(grid // 2, 2) + 1, (inputs, grid + 1), generator=seeded(seed)) / max(grid // 2, 2)
    share = share.double().sort(dim=1).values
    share[:, 0], share[:, -1] = 0.0, 1.0
    points = low[:, None] + (high - low)[:, None] * share
    outer = 0.5 * torch.arange(1, degree + 1, dtype=torch.float64)
    outer = outer * (torch.arange(inputs) % 2)[:, None]  # every second input: all outer knots on the end of the domain
    return torch.cat([points[:, :1] - outer.flip(1), points, points[:, -1:] + outer], dim=1)


def points_on(knots: Tensor, degree: int, batch: int, seed: int = 0) -> Tensor:
    """Points `(B, I)` in the domains and as far again beyond them, some of them exactly on knots."""
    inputs, count = knots.shape
    low, high = knots[:, degree], knots[:, count - 1 - degree]
    share = torch.rand(batch, inputs, generator=seeded(seed + 1), dtype=torch.float64)
    x = low + (high - low) * (1.6 * share - 0.3)
    on = torch.randint(0, count, (batch, inputs), generator=seeded(seed + 2))
    exactly = torch.rand(batch, inputs, generator=seeded(seed + 3)) < 0.15
    return torch.where(exactly, knots.gather(1, on.T).T, x)


def mask_of(kind: str, inputs: int, outputs: int, seed: int = 0) -> Tensor | None:
    """Which edges there are: `(I, J)`, or None for all of them."""
    if kind == "none":
        return None
    mask = torch.ones(inputs, outputs, dtype=torch.float64)
    if kind in ("edges", "nan"):
        mask[torch.rand(inputs, outputs, generator=seeded(seed)) < 0.3] = 0.0
    elif kind == "row":
        mask[inputs // 2] = 0.0
    elif kind == "columns":
        mask[:, outputs // 3 : outputs // 3 + max(outputs // 2, 1)] = 0.0
    else:
        choices = torch.tensor([0.0, 0.25, 1.0, -2.0], dtype=torch.float64)
        mask = choices[torch.randint(0, 4, (inputs, outputs), generator=seeded(seed))]
    return mask


@overload
def laid_out(t: Tensor, layout: str) -> Tensor: ...


@overload
def laid_out(t: None, layout: str) -> None: ...


def laid_out(t: Tensor | None, layout: str) -> Tensor | None:
    """The same values (the first ones everywhere, for `expanded`) with other strides."""
    if t is None or layout == "contiguous":
        return t
    if layout == "transposed":
        return t if t.dim() < 2 else t.transpose(0, -1).contiguous().transpose(0, -1)
    if layout == "expanded":
        return t[:1].expand_as(t)
    steps = [3 if layout == "sliced" else 1] * t.dim()
    room = t.new_full([n * step + 2 for n, step in zip(t.shape, steps, strict=True)], torch.nan)
    view = room[tuple(slice(1, 1 + n * step, step) for n, step in zip(t.shape, steps, strict=True))]
    return view.copy_(t)


def problem(
    *,
    degree: int = 3,
    grid: int = 6,
    knots: str = "uniform",
    extrapolation: str = "linear",
    mask: str = "none",
    base: str = "silu",
    weighted: bool = True,
    layout: str = "contiguous",
    size: str | tuple[int, int, int] = "few",
    dtype: torch.dtype = torch.float64,
    seed: int = 0,
) -> Problem:
    """A problem in which no number is special but those that the options ask for."""
    batch, inputs, outputs = SIZES[size] if isinstance(size, str) else size
    basis = BSpline(grid, degree)
    t = knots_of(knots, inputs, grid, degree, seed).to(dtype)
    table = BasisTable(basis, activation(base), extrapolation, t, basis.prepare(t))
    alive = mask_of(mask, inputs, outputs, seed)
    c = normal(inputs, basis.size, outputs, seed=seed + 10)
    scale = normal(inputs, outputs, seed=seed + 11) if weighted else None
    w_b = normal(inputs, outputs, seed=seed + 12) if table.base is not None else None
    bias = normal(outputs, seed=seed + 13) if weighted else None
    if mask == "nan":
        assert alive is not None
        dead = alive == 0
        c = c.masked_fill(dead[:, None, :], torch.nan)
        scale, w_b = (None if w is None else w.masked_fill(dead, torch.nan) for w in (scale, w_b))
    # An expanded mask would be another one for the NaNs; it is the one operand that stays dense then.
    parts = [laid_out(None if p is None else p.to(dtype), layout) for p in (c, scale, w_b, alive, bias)]
    if layout == "expanded" and mask == "nan":
        parts = [None if p is None else p.to(dtype) for p in (c, scale, w_b, alive, bias)]
    x, g = points_on(t, degree, batch, seed).to(dtype), normal(batch, outputs, seed=seed + 14).to(dtype)
    # Not the same row of g for all rows: sums of one sign over a long batch have a law of their own.
    g = g[:, :1].expand_as(g) if layout == "expanded" else laid_out(g, layout)
    return Problem(table, laid_out(x, layout), EdgeParameters(*parts), g)


# --------------------------------------------------------------------------------------------------------- sums

PARTS = ("y", "x", "coefficients", "spline_weight", "base_weight", "bias")


def spline_of(table: BasisTable) -> Spline:
    """What the operators are told of the table."""
    base = "none" if table.base is None else table.base.name
    return Spline(table.grid, table.prepared, table.basis.degree, TAILS[table.extrapolation], base)


def sums_and_gradients(backend: str, p: Problem) -> dict[str, Tensor]:
    """The layer's sums and their gradients, contracted with g, by everything that has one."""
    leaf = {"x": p.x, **{key: getattr(p.edges, key) for key in PARTS[2:]}}
    leaf = {key: t.detach().requires_grad_() for key, t in leaf.items() if t is not None}
    edges = replace(p.edges, **{key: t for key, t in leaf.items() if key != "x"})
    y = BACKENDS[backend].layer_sums(p.table, leaf["x"], edges)
    found = torch.autograd.grad(y, list(leaf.values()), p.g, materialize_grads=True)
    return {"y": y.detach(), **dict(zip(leaf, found, strict=True))}


def magnitudes(p: Problem) -> dict[str, Tensor]:
    """`Σ|terms|` of each of those sums, for a problem in float64."""
    value, slope, g = absolute_rows(p.table, p.x, 0), absolute_rows(p.table, p.x, 1), p.g.abs()
    c = p.edges.table_coefficients().abs()
    gathered = (value.flatten(1).T @ g).reshape(*value.shape[1:], g.shape[1])
    plain = EdgeParameters(
        p.edges.coefficients.abs(), *(None if t is None else t.abs() for t in list(vars(p.edges).values())[1:])
    )
    by_c, by_scale, by_base = plain.split_gradient(gathered)
    y = value.flatten(1) @ c.flatten(0, 1)
    found = {
        "y": y if plain.bias is None else y + plain.bias,
        "x": (slope * (g @ c.flatten(0, 1).T).reshape(slope.shape)).sum(-1),
        "coefficients": by_c,
        "spline_weight": by_scale,
        "base_weight": by_base,
        "bias": None if plain.bias is None else g.sum(0),
    }
    return {key: t for key, t in found.items() if t is not None}


def absolute_rows(table: BasisTable, x: Tensor, r: int) -> Tensor:
    """The size of the terms of `β_m^{(r)}(x)`, `(B, I, size)`; for linear tails that of value and slope taken apart.

    A spline is itself a sum, `Σ_p piece_p v^p` with `|v| <= 1/2`, that vanishes on knots while its terms do not: they count
    with `|v| = 1/2`.
    """
    if table.extrapolation == "linear" and r == 0:
        nearest = torch.clamp(x, *table.basis.domain(table.grid))
        beyond = (x - nearest).abs()[..., None]
        return _absolute_inside(table, nearest, 0) + _absolute_inside(table, nearest, 1) * beyond
    if table.extrapolation in ("zero", "natural"):
        return _absolute_inside(table, x, r)
    nearest = torch.clamp(x, *table.basis.domain(table.grid))
    flat = r > (1 if table.extrapolation == "linear" else 0)
    return _absolute_inside(table, nearest, r) * ((x == nearest) | (not flat))[..., None]


def _absolute_inside(table: BasisTable, x: Tensor, r: int) -> Tensor:
    k, t = table.basis.degree, table.grid
    powers = torch.arange(k + 1, dtype=x.dtype)
    falling = torch.exp(torch.lgamma(powers + 1) - torch.lgamma((powers - r).clamp_min(0) + 1)) * (powers >= r)
    sizes = torch.einsum("icpa,p->ica", table.prepared.abs(), falling * 0.5 ** (powers - r))
    width = torch.diff(t, dim=1)
    sizes = sizes / torch.where(width > 0, width, torch.ones_like(width))[..., None] ** r
    # The kernels' own choice of the cell, and of the columns that it fills.
    _, cell = bspline_values(x, t, table.prepared, k)
    found = sizes[torch.arange(x.shape[1]), cell] * ((x >= t[:, 0]) & (x <= t[:, -1]))[..., None]
    rows = x.new_zeros(*x.shape, table.basis.size + 2 * k)
    rows = rows.scatter(-1, cell[..., None] + torch.arange(k + 1), found)[..., k : k + table.basis.size]
    if table.base is None:
        return rows
    base = table.base.derivative(x, r)
    if r == 1:  # b = x h, a product: b' = h + x h'
        h = torch.where(x == 0, base, table.base.derivative(x, 0) / x)
        base = h.abs() + (base - h).abs()
    return torch.cat([rows, base.abs()[..., None]], dim=-1)


def worst(got: Tensor, truth: Tensor, magnitude: Tensor) -> float:
    """Largest error in units of `Σ|terms|`; infinite where NaN, or where anything comes of no terms at all."""
    assert got.shape == truth.shape == magnitude.shape
    error = (got.detach().double() - truth.detach()).abs()
    share = torch.where(error == 0, error, error / magnitude)
    return float(torch.nan_to_num(share, nan=torch.inf).max()) if share.numel() else 0.0


# --------------------------------------------------------------------------------------------------------- pairs


FACTORS: dict[str, Sequence[object]] = {
    "degree": range(10),
    "knots": KNOTS,
    "extrapolation": EXTRAPOLATIONS,
    "mask": MASKS,
    "algorithm": ALGORITHMS,
    "variant": VARIANTS,
    "threads": (1, 2),
    "layout": LAYOUTS,
    "size": tuple(SIZES),
    "base": ("silu", "tanh", "none"),
    "weighted": (True, False),
    "grid": (1, 6, 40),
}
