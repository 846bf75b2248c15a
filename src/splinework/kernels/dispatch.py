"""Which backend evaluates what."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from splinework.errors import ConfigError
from splinework.kernels import chain, functions, native, ops, reference
from splinework.kernels.addresses import MAX_SPLINES, TAILS, Spline
from splinework.kernels.calculus import Calculus
from splinework.kernels.edges import AffineUnits, EdgeParameters
from splinework.kernels.table import BasisTable
from splinework.kernels.torch_internals import plain, transformed

_KINDS = (torch.float32, torch.float64, torch.bfloat16, torch.float16)


@dataclass(frozen=True)
class Backend:
    """The three primitives; see `splinework.kernels.reference` for what each must return."""

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
        """Layers that take what the one before gives, in given units: `(B, I)` to `(B, J)`."""
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
        """The error, and its gradient in each parameter's `.grad`; None where it must be left to autograd."""
        return None


@dataclass(frozen=True)
class NativeBackend(Backend):
    """The kernels in C++ for B-splines on the processor; the reference for all else."""

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
        # The first layer's base function must be known to the kernels for the value and the slope at once.
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
    """Whether somebody waits for autograd to bring this tensor its gradient."""
    return bool(p._backward_hooks or p._post_accumulate_grad_hooks)


def _fused(
    layers: Sequence[tuple[BasisTable, EdgeParameters]], x: Tensor
) -> list[tuple[EdgeParameters, Spline]] | None:
    """The layers as one native call takes them; None where one call cannot do it."""
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
    """What the native kernels need to know of the table; None where they cannot do it."""
    basis, grid = table.basis, table.grid
    if basis.degree is None or x.device.type != "cpu" or x.dtype not in _KINDS or grid.requires_grad:
        return None
    if basis.size > MAX_SPLINES:
        return None
    base = "none" if table.base is None else table.base.name
    return Spline(grid, table.prepared, basis.degree, TAILS[table.extrapolation], base)


def _calls() -> Calculus:
    """The three primitives as whoever looks on understands them: compilers operators, transforms functions."""
    return functions.calculus if not torch.compiler.is_compiling() and transformed() else ops.calculus


BACKENDS: dict[str, Backend] = {"reference": Backend("reference")}
if native.available():
    BACKENDS["native"] = NativeBackend("native")


def _checked(name: str) -> Backend:
    if name in BACKENDS:
        return BACKENDS[name]
    if name == "native":
        raise ConfigError(f"the native kernels are not there: {native.why_not()}")
    raise ConfigError(f"the backend is one of native and reference, got {name!r}.")


def _at_first() -> Backend:
    wanted = os.environ.get("SPLINEWORK_BACKEND", "")
    return _checked(wanted) if wanted else BACKENDS.get("native", BACKENDS["reference"])


# One choice for the process, not one for each context: torch.compile cannot trace `ContextVar.get`, and a thread of its own
# (a loader, a backward pass of another device) would fall back to the first backend.
_active = _at_first()


def use(name: str) -> str:
    """Lets the named backend do the work from now on, in the whole process.

    Args:
        name: `native` or `reference`.

    Returns:
        The name of the one that did it before.

    Raises:
        ConfigError: For another name, or `native` where the kernels were not compiled.
    """
    global _active
    before, _active = _active, _checked(name)
    return before.name


def active() -> str:
    """Name of the backend in use."""
    return _active.name


def contract(table: BasisTable, x: Tensor, s: Tensor | None, c: Tensor, derivative: int = 0) -> Tensor:
    """`Σ_i s_bi Σ_m β_m^{(r)}(x_bi) C_imj`, shape `(B, J)`: see `splinework.kernels.reference`."""
    return _active.contract(table, x, s, c, derivative)


def probe(table: BasisTable, x: Tensor, c: Tensor, g: Tensor, derivative: int = 0) -> Tensor:
    """`Σ_j g_bj Σ_m β_m^{(r)}(x_bi) C_imj`, shape `(B, I)`."""
    return _active.probe(table, x, c, g, derivative)


def scatter(table: BasisTable, x: Tensor, s: Tensor | None, g: Tensor, derivative: int = 0) -> Tensor:
    """`Σ_b s_bi g_bj β_m^{(r)}(x_bi)`, shape `(I, M, J)`."""
    return _active.scatter(table, x, s, g, derivative)


def layer_sums(table: BasisTable, x: Tensor, edges: EdgeParameters) -> Tensor:
    """One layer, bias included: `(B, I)` to `(B, J)`."""
    return _active.layer_sums(table, x, edges)


def network_sums(
    layers: Sequence[tuple[BasisTable, EdgeParameters]], x: Tensor, units: AffineUnits | None = None
) -> Tensor:
    """Layers of which each takes what the one before gives, in the units of the outside: `(B, I)` to `(B, J)`."""
    return _active.network_sums(layers, x, units)


def squared_error(
    layers: Sequence[tuple[BasisTable, EdgeParameters]],
    x: Tensor,
    t: Tensor,
    units: AffineUnits | None = None,
    *,
    gradient: bool = True,
) -> float | None:
    """Mean squared error of `network_sums` against `t`; with `gradient`, each parameter's `.grad` becomes its gradient.

    One call instead of a graph. None, and nothing done, where the backend in use leaves it to autograd.
    """
    return _active.squared_error(layers, x, t, units, gradient)
