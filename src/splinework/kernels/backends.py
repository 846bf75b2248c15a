"""The backends: the three primitives, layers and whole networks, in plain torch and by the native kernels."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from splinework.kernels import chain, functions, native, ops, reference
from splinework.kernels.addresses import MAX_SPLINES, TAILS, Spline
from splinework.kernels.calculus import Calculus
from splinework.kernels.edges import AffineUnits, EdgeParameters
from splinework.kernels.table import BasisTable
from splinework.kernels.torch_internals import plain, transformed

_KINDS = (torch.float32, torch.float64, torch.bfloat16, torch.float16)


@dataclass(frozen=True)
class Backend:
    """The three primitives, in plain torch; `splinework.kernels.reference` specifies their results.

    Attributes:
        name: Name of the backend in `BACKENDS`.

    >>> Backend("reference").name
    'reference'
    """

    name: str

    def contract(self, table: BasisTable, x: Tensor, s: Tensor | None, c: Tensor, derivative: int = 0) -> Tensor:
        """`Σ_i s_bi Σ_m β_m^{(r)}(x_bi) C_imj`."""
        return reference.contract(table, x, s, c, derivative)

    def probe(self, table: BasisTable, x: Tensor, c: Tensor, g: Tensor, derivative: int = 0) -> Tensor:
        """`Σ_j g_bj Σ_m β_m^{(r)}(x_bi) C_imj`."""
        return reference.probe(table, x, c, g, derivative)

    def scatter(self, table: BasisTable, x: Tensor, s: Tensor | None, g: Tensor, derivative: int = 0) -> Tensor:
        """`Σ_b s_bi g_bj β_m^{(r)}(x_bi)`."""
        return reference.scatter(table, x, s, g, derivative)

    def layer_sums(self, table: BasisTable, x: Tensor, edges: EdgeParameters) -> Tensor:
        """One layer: `(B, I)` to `(B, J)`."""
        sums = reference.contract(table, x, None, edges.table_coefficients())
        return sums if edges.bias is None else sums + edges.bias

    def network_sums(
        self, layers: Sequence[tuple[BasisTable, EdgeParameters]], x: Tensor, units: AffineUnits | None = None
    ) -> Tensor:
        """A chain of layers, in given units: `(B, I)` to `(B, J)`."""
        u = x if units is None else units.enter(x)
        for table, edges in layers:
            u = self.layer_sums(table, u, edges)
        return u if units is None else units.leave(u)

    def squared_error(
        self,
        layers: Sequence[tuple[BasisTable, EdgeParameters]],
        x: Tensor,
        t: Tensor,
        units: AffineUnits | None,
        gradient: bool,
    ) -> float | None:
        """The error, with its gradient in each parameter's `.grad`; None if autograd has to compute it."""
        return None


@dataclass(frozen=True)
class NativeBackend(Backend):
    """The kernels in C++ for B-splines on the CPU; the reference for all other bases and devices."""

    def contract(self, table: BasisTable, x: Tensor, s: Tensor | None, c: Tensor, derivative: int = 0) -> Tensor:
        spline = _spline(table, x)
        if spline is None:
            return super().contract(table, x, s, c, derivative)
        return _calls().contract(x, s, c, *vars(spline).values(), derivative)

    def probe(self, table: BasisTable, x: Tensor, c: Tensor, g: Tensor, derivative: int = 0) -> Tensor:
        spline = _spline(table, x)
        if spline is None:
            return super().probe(table, x, c, g, derivative)
        return _calls().probe(x, c, g, *vars(spline).values(), derivative)

    def scatter(self, table: BasisTable, x: Tensor, s: Tensor | None, g: Tensor, derivative: int = 0) -> Tensor:
        spline = _spline(table, x)
        if spline is None:
            return super().scatter(table, x, s, g, derivative)
        return _calls().scatter(x, s, g, *vars(spline).values(), derivative)

    def layer_sums(self, table: BasisTable, x: Tensor, edges: EdgeParameters) -> Tensor:
        spline = _spline(table, x)
        if spline is None:
            return super().layer_sums(table, x, edges)
        if plain(x):
            return chain.chain(x, [(edges, spline)])
        if _calls() is ops.calculus:
            return chain.operator(x, edges, spline)
        sums = self.contract(table, x, None, edges.table_coefficients())
        return sums if edges.bias is None else sums + edges.bias

    def network_sums(
        self, layers: Sequence[tuple[BasisTable, EdgeParameters]], x: Tensor, units: AffineUnits | None = None
    ) -> Tensor:
        fused = _fused(layers, x)
        return super().network_sums(layers, x, units) if fused is None else chain.chain(x, fused, units)

    def squared_error(
        self,
        layers: Sequence[tuple[BasisTable, EdgeParameters]],
        x: Tensor,
        t: Tensor,
        units: AffineUnits | None,
        gradient: bool,
    ) -> float | None:
        fused = _fused(layers, x)
        # The kernels must know the first layer's base function, since one call computes its value and its slope.
        if fused is None or not native.fusable(fused[0][1]) or x.requires_grad or x.dtype not in _KINDS[:2]:
            return None
        parts = [(e.coefficients, e.spline_weight, e.base_weight, e.bias) for e, _ in fused]
        if any(p is not None and (not p.is_leaf or _listened_to(p)) for own in parts for p in own):
            return None
        wanted = [[p is not None and p.requires_grad for p in own] for own in parts] if gradient else []
        error, found = native.squared_error(x, t, fused, wanted, units)
        for own, gradients in zip(parts, found, strict=gradient):
            for p, g in zip(own, gradients, strict=True):
                if p is not None and g is not None:
                    p.grad = g
        return error


def _listened_to(p: Tensor) -> bool:
    """Whether a hook waits for autograd's gradient of this tensor."""
    return bool(p._backward_hooks or p._post_accumulate_grad_hooks)


def _fused(
    layers: Sequence[tuple[BasisTable, EdgeParameters]], x: Tensor
) -> list[tuple[EdgeParameters, Spline]] | None:
    """The layers as the arguments of one native call; None if one call cannot evaluate them."""
    if not plain(x):
        return None
    found = []
    for n, (table, edges) in enumerate(layers):
        spline = _spline(table, x)
        if spline is None or (n and not native.fusable(spline)):
            return None
        found.append((edges, spline))
    return found


def _spline(table: BasisTable, x: Tensor) -> Spline | None:
    """The table as an argument of the native kernels; None if they cannot evaluate it."""
    basis, grid = table.basis, table.grid
    if basis.degree is None or x.device.type != "cpu" or x.dtype not in _KINDS or grid.requires_grad:
        return None
    if basis.size > MAX_SPLINES:
        return None
    base = "none" if table.base is None else table.base.name
    return Spline(grid, table.prepared, basis.degree, TAILS[table.extrapolation], base)


def _calls() -> Calculus:
    """The three primitives as operators, or as autograd functions while a transform of torch.func is active."""
    return functions.calculus if not torch.compiler.is_compiling() and transformed() else ops.calculus
