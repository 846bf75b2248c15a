"""The backends: the three primitives, layers and whole networks, in plain torch, by the native kernels and in Triton."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from splinework.kernels import chain, functions, native, ops, reference
from splinework.kernels.addresses import MAX_SPLINES, TAILS, Spline
from splinework.kernels.calculus import Calculus
from splinework.kernels.edges import AffineUnits, EdgeParameters
from splinework.kernels.table import BasisTable
from splinework.splines.torch_internals import plain, transformed

Layers = Sequence[tuple[BasisTable, EdgeParameters]]
"""The functions and the parameters of each layer, the first layer first."""
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

    def network_sums(self, layers: Layers, x: Tensor, units: AffineUnits | None = None) -> Tensor:
        """A chain of layers, in given units: `(B, I)` to `(B, J)`."""
        u = x if units is None else units.enter(x)
        for table, edges in layers:
            u = self.layer_sums(table, u, edges)
        return u if units is None else units.leave(u)

    def squared_error(
        self, layers: Layers, x: Tensor, t: Tensor, units: AffineUnits | None, gradient: bool
    ) -> float | None:
        """The error, with its gradient in each parameter's `.grad`; None if autograd has to compute it."""
        return None

    def prepared(self, layers: Layers, x: Tensor, units: AffineUnits | None) -> chain.Prepared | None:
        """The network for many calls without a graph, or None where nothing is gained by preparing it."""
        return None


@dataclass(frozen=True)
class KernelBackend(Backend, ABC):
    """Kernels for B-splines on their devices; the reference for all other bases and devices."""

    devices: tuple[str, ...] = ()

    @abstractmethod
    def calls(self) -> Calculus:
        """The three primitives as operators, or as autograd functions while a transform of torch.func is active."""

    def spline(self, table: BasisTable, x: Tensor) -> Spline | None:
        """The table as an argument of the kernels; None if they cannot evaluate it."""
        basis, grid = table.basis, table.grid
        if basis.degree is None or x.device.type not in self.devices or x.dtype not in _KINDS or grid.requires_grad:
            return None
        if basis.size > MAX_SPLINES:
            return None
        base = "none" if table.base is None else table.base.name
        return Spline(grid, table.prepared, basis.degree, TAILS[table.extrapolation], base)

    def contract(self, table: BasisTable, x: Tensor, s: Tensor | None, c: Tensor, derivative: int = 0) -> Tensor:
        spline = self.spline(table, x)
        if spline is None:
            return super().contract(table, x, s, c, derivative)
        return self.calls().contract(x, s, c, *vars(spline).values(), derivative)

    def probe(self, table: BasisTable, x: Tensor, c: Tensor, g: Tensor, derivative: int = 0) -> Tensor:
        spline = self.spline(table, x)
        if spline is None:
            return super().probe(table, x, c, g, derivative)
        return self.calls().probe(x, c, g, *vars(spline).values(), derivative)

    def scatter(self, table: BasisTable, x: Tensor, s: Tensor | None, g: Tensor, derivative: int = 0) -> Tensor:
        spline = self.spline(table, x)
        if spline is None:
            return super().scatter(table, x, s, g, derivative)
        return self.calls().scatter(x, s, g, *vars(spline).values(), derivative)

    def layer_sums(self, table: BasisTable, x: Tensor, edges: EdgeParameters) -> Tensor:
        sums = self.contract(table, x, None, edges.table_coefficients())
        return sums if edges.bias is None else sums + edges.bias


@dataclass(frozen=True)
class TritonBackend(KernelBackend):
    """The kernels in Triton for GPUs, and for the CPU in Triton's interpreter."""

    def calls(self) -> Calculus:
        from splinework.kernels.triton import operators

        return _chosen(operators.operators, operators.functional)

    def network_sums(self, layers: Layers, x: Tensor, units: AffineUnits | None = None) -> Tensor:
        tensors = _tensors(layers, units)
        needed = torch.is_grad_enabled() and any(t.requires_grad for t in (x, *tensors))
        if needed or not self._recordable(layers, x):
            return super().network_sums(layers, x, units)
        from splinework.kernels.triton.graphs import recordings

        run = super().network_sums
        kind = ("sums", *(table.extrapolation for table, _ in layers), *(table.base for table, _ in layers))
        return recordings(kind, lambda u: [run(layers, u, units)], [x], tensors)[0]

    def squared_error(
        self, layers: Layers, x: Tensor, t: Tensor, units: AffineUnits | None, gradient: bool
    ) -> float | None:
        own = [p for _, e in layers for p in (e.coefficients, e.spline_weight, e.base_weight, e.bias) if p is not None]
        wanted = [p for p in dict.fromkeys(own) if p.requires_grad] if gradient else []
        if x.requires_grad or not self._recordable(layers, x) or not all(map(chain.free, own)):
            return None
        from splinework.kernels.triton.graphs import recordings

        sums = super().network_sums

        def run(u: Tensor, target: Tensor) -> list[Tensor]:
            with torch.set_grad_enabled(bool(wanted)):
                error = (sums(layers, u, units) - target).square().mean()
                return [error.detach(), *(torch.autograd.grad(error, wanted) if wanted else ())]

        kind = ("error", gradient, *(table.extrapolation for table, _ in layers), *(table.base for table, _ in layers))
        error, *found = recordings(kind, run, [x, t], _tensors(layers, units))
        for p, g in zip(wanted, found, strict=True):
            p.grad = g
        return float(error)

    def _recordable(self, layers: Layers, x: Tensor) -> bool:
        """Whether a call is worth a CUDA graph and can be one."""
        if not x.is_cuda or not plain(x) or torch.cuda.is_current_stream_capturing():
            return False
        from splinework.kernels.triton.graphs import SMALL

        work = x.shape[0] * sum(e.coefficients.shape[0] * e.coefficients.shape[2] for _, e in layers)
        return 0 < work <= SMALL and all(self.spline(table, x) is not None for table, _ in layers)


@dataclass(frozen=True)
class NativeBackend(KernelBackend):
    """The kernels in C++, for the CPU."""

    devices: tuple[str, ...] = ("cpu",)

    def calls(self) -> Calculus:
        return _chosen(ops.calculus, functions.calculus)

    def layer_sums(self, table: BasisTable, x: Tensor, edges: EdgeParameters) -> Tensor:
        spline = self.spline(table, x)
        if spline is not None and plain(x):
            return chain.chain(x, [(edges, spline)])
        if spline is not None and self.calls() is ops.calculus:
            return chain.operator(x, edges, spline)
        return super().layer_sums(table, x, edges)

    def network_sums(self, layers: Layers, x: Tensor, units: AffineUnits | None = None) -> Tensor:
        fused = self.fused(layers, x)
        return super().network_sums(layers, x, units) if fused is None else chain.chain(x, fused, units)

    def squared_error(
        self, layers: Layers, x: Tensor, t: Tensor, units: AffineUnits | None, gradient: bool
    ) -> float | None:
        quick = self.prepared(layers, x, units)
        return None if quick is None or quick.kind != x.dtype else quick.squared_error(x, t, gradient=gradient)

    def prepared(self, layers: Layers, x: Tensor, units: AffineUnits | None) -> chain.Prepared | None:
        fused = self.fused(layers, x)
        return None if fused is None or not chain.Prepared.possible(fused, units) else chain.Prepared(fused, units)

    def fused(self, layers: Layers, x: Tensor) -> list[tuple[EdgeParameters, Spline]] | None:
        """The layers as the arguments of one native call; None if one call cannot evaluate them."""
        if not plain(x):
            return None
        found = []
        for n, (table, edges) in enumerate(layers):
            spline = self.spline(table, x)
            if spline is None or (n and not native.fusable(spline)):
                return None
            found.append((edges, spline))
        return found


def _chosen(operators: Calculus, functional: Calculus) -> Calculus:
    """Operators, or autograd functions while a transform of torch.func is active."""
    return functional if not torch.compiler.is_compiling() and transformed() else operators


def _tensors(layers: Layers, units: AffineUnits | None) -> list[Tensor]:
    """All tensors that the sums of a network are computed from, beside the points."""
    found = [t for table, edges in layers for t in (table.grid, table.prepared, *vars(edges).values())]
    found += [] if units is None else vars(units).values()
    return [t for t in found if t is not None]
