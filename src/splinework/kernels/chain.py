"""A whole network in one call forward and one backward, for plain eager tensors.

A small network ([2, 5, 1], a thousand rows) takes microseconds in the kernels and many times that in torch's dispatcher, per
layer and direction. Compilers, transforms and gradients of gradients use the operators of `ops`.
"""

import functools
from collections.abc import Callable, Sequence
from sys import getrefcount
from typing import Any, Final

import torch
from torch import Tensor

from splinework.kernels import native, ops
from splinework.kernels.addresses import NULL_MATRIX, Addresses, Spline, rows_at, target
from splinework.kernels.edges import AffineUnits, EdgeParameters
from splinework.kernels.native import FusedLayers

_PER_LAYER = 4  # coefficients, spline_weight, base_weight, bias
_NOTHING: Final = NULL_MATRIX * 3
"""In place of factors and of values of a base function that the kernels do not know."""


def chain(x: Tensor, layers: FusedLayers, units: AffineUnits | None = None) -> Tensor:
    """The sums of the last layer of a chain, `(B, J)`.

    Args:
        x: Points `(B, I)`, a plain tensor on the CPU.
        layers: Edges and splines of each layer; all but the first must be `native.fusable`.
        units: Units of x and of the result; None for those of the layers.
    """
    flat: list[Tensor | None] = []
    needed = x.requires_grad
    for edges, _ in layers:
        parts = (edges.coefficients, edges.spline_weight, edges.base_weight, edges.bias)
        needed = needed or any(t is not None and t.requires_grad for t in parts)
        flat += parts
    if not (needed and torch.is_grad_enabled()):
        return native.forward_and_addresses(x, layers, units=units)[0][-1]
    out: Tensor = _Chain.apply(x, layers, units, *flat)  # type: ignore[no-untyped-call]
    return out


class Prepared:
    """A network whose addresses are worked out once, for calls without a graph: most of a small call is finding them.

    It reads parameters where they lie, so that steps of an optimiser are followed. Who holds one asks `current` before each
    call, and compares what else a network depends on.
    """

    def __init__(self, layers: FusedLayers, units: AffineUnits | None) -> None:
        self.kind = layers[0][0].coefficients.dtype
        self._outputs = [edges.coefficients.shape[2] for edges, _ in layers]
        self._addresses = Addresses(layers, self._outputs, 1, self.kind, units)
        self._parts = [(e.coefficients, e.spline_weight, e.base_weight, e.bias) for e, _ in layers]
        self._held = _tensors(layers, units)
        self._places = [t.data_ptr() for t in self._held]
        self._gradients: list[list[Tensor | None]] = []
        self._wanted: list[bool] = []
        self._targets: list[tuple[int, ...]] = []

    @staticmethod
    def possible(layers: FusedLayers, units: AffineUnits | None) -> bool:
        """Whether the tensors can be read where they lie, without a conversion."""
        kind = layers[0][0].coefficients.dtype
        if kind not in (torch.float32, torch.float64) or not all(native.fusable(spline) for _, spline in layers):
            return False
        return all(t.dtype == kind and t.is_cpu and t.is_contiguous() for t in _tensors(layers, units))

    def current(self) -> bool:
        """Whether all tensors still lie where they were."""
        return [t.data_ptr() for t in self._held] == self._places

    def sums(self, x: Tensor) -> Tensor:
        """`chain` for points `(B, I)` of the dtype `kind`, without a graph."""
        return self._forward(x, keep=False)[0][-1]

    def _forward(self, x: Tensor, *, keep: bool) -> tuple[list[Tensor], Any]:
        """The sums of every layer, and what a backward pass may use again where `keep` is true."""
        sums = [x.new_empty(x.shape[0], j) for j in self._outputs]
        kept = native.module().forward(
            *self._points(x), self._addresses.layers, [(y.data_ptr(), j) for y, j in zip(sums, self._outputs, strict=True)],
            self._addresses.units, 0, torch.get_num_threads(), native.forced(), keep,
        )  # fmt: skip
        return sums, kept

    def _points(self, x: Tensor) -> tuple[Any, ...]:
        return self.kind == torch.float64, x.shape[0], (x.data_ptr(), *x.stride(), *_NOTHING)

    def squared_error(self, x: Tensor, t: Tensor, *, gradient: bool) -> float | None:
        """Mean squared error against targets `(B, J)`, with its gradient in each parameter's `.grad`; None if autograd has to.

        The memory of a gradient that only the parameter holds is used again.
        """
        if not self._owns_gradients(x):
            return None
        if gradient:
            self._make_room()
        sums = [x.new_empty(x.shape[0], j) for j in self._outputs]
        keep: list[Any] = []
        error: float = native.module().squared_error(
            *self._points(x), self._addresses.layers,
            [(y.data_ptr(), j) for y, j in zip(sums, self._outputs, strict=True)], rows_at(t, keep),
            self._targets if gradient else [], self._addresses.units, torch.get_num_threads(), native.forced(),
        )  # fmt: skip
        if gradient:
            self._hand_over()
        return error

    def differentiate(self, x: Tensor, slope: Callable[[Tensor], Tensor]) -> bool:
        """The gradient of `Σ g f` in each parameter's `.grad`, with g `(B, J)` the slope of a loss at the outputs f.

        Returns:
            Whether that was done; else nothing was, and autograd has to.
        """
        if not self._owns_gradients(x):
            return False
        sums, kept = self._forward(x, keep=True)
        keep: list[Any] = []
        g = rows_at(slope(sums[-1]), keep)
        self._make_room()
        native.module().backward(
            *self._points(x), self._addresses.layers, [(y.data_ptr(), y.shape[1]) for y in sums[:-1]], g, NULL_MATRIX,
            self._targets, self._addresses.units, 1, 0, torch.get_num_threads(), native.forced(), kept,
        )  # fmt: skip
        self._hand_over()
        return True

    def _owns_gradients(self, x: Tensor) -> bool:
        return not x.requires_grad and all(p is None or free(p) for own in self._parts for p in own)

    def _hand_over(self) -> None:
        """Gives each parameter the gradient that was written to its place."""
        for own, found in zip(self._parts, self._gradients, strict=True):
            for p, g in zip(own, found, strict=True):
                if p is not None and g is not None and p.grad is not g:
                    p.grad = g

    def _make_room(self) -> None:
        """Tensors for the gradients, new ones where somebody else holds the last ones."""
        wanted = [p is not None and p.requires_grad for own in self._parts for p in own]
        if wanted == self._wanted and all(
            g is None or getrefcount(g) <= _references() for found in self._gradients for g in found
        ):
            return
        self._wanted, flags = wanted, iter(wanted)
        self._gradients = [
            [torch.empty_like(p) if next(flags) and p is not None else None for p in own] for own in self._parts
        ]
        self._targets = [target(found) for found in self._gradients]


@functools.cache
def _references() -> int:
    """The reference count of a gradient in a list that only its parameter holds besides; versions of torch differ."""
    p = torch.zeros(1, requires_grad=True)
    held = [torch.zeros(1)]
    p.grad = held[0]
    return max([getrefcount(g) for g in held])


def free(p: Tensor) -> bool:
    """Whether the gradient of a tensor is nobody's business but its own: a leaf, and no hook waits for it."""
    return p.is_leaf and not (p._backward_hooks or p._post_accumulate_grad_hooks)


def _tensors(layers: FusedLayers, units: AffineUnits | None) -> list[Tensor]:
    """All tensors that the sums are computed from, beside the points."""
    found = [t for edges, spline in layers for t in (*vars(edges).values(), spline.grid, spline.pieces)]
    return [t for t in (*found, *(() if units is None else vars(units).values())) if t is not None]


class _Chain(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, layers: FusedLayers, units: AffineUnits | None, *flat: Tensor | None) -> Tensor:
        sums, ctx.addresses = native.forward_and_addresses(x, layers, units=units, keep=True)
        ctx.units = units
        ctx.places = _places(flat)
        # Masks and grids are saved too: torch then notices when they are written to before the backward pass.
        rest = [t for edges, spline in layers for t in (edges.mask, spline.grid, spline.pieces)]
        ctx.save_for_backward(x, *sums[:-1], *flat, *rest)
        ctx.kinds = [(spline.degree, spline.tail, spline.base) for _, spline in layers]
        return sums[-1]

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Any, ...]:
        count = len(ctx.kinds)
        x, *saved = ctx.saved_tensors
        hidden, flat, rest = saved[: count - 1], saved[count - 1 : -3 * count], saved[-3 * count :]
        layers = []
        for n, kind in enumerate(ctx.kinds):
            c, scale, base, bias = flat[_PER_LAYER * n : _PER_LAYER * (n + 1)]
            mask, grid, pieces = rest[3 * n : 3 * (n + 1)]
            layers.append((EdgeParameters(c, scale, base, mask, bias), Spline(grid, pieces, *kind)))
        if torch.is_grad_enabled():
            return _differentiable(x, layers, ctx.units, g, ctx.needs_input_grad)
        # Sharded parameters are set free after a layer's forward pass, and come back elsewhere.
        addresses = ctx.addresses if ctx.places == _places(flat) else None
        wanted = [ctx.needs_input_grad[3 + at : 3 + at + _PER_LAYER] for at in range(0, len(flat), _PER_LAYER)]
        by_x, grads = native.backward(
            x, layers, hidden, g, wanted, by_x=ctx.needs_input_grad[0], addresses=addresses, units=ctx.units
        )
        return by_x, None, None, *(t for layer in grads for t in layer)


def _places(tensors: Sequence[Tensor | None]) -> list[int]:
    """The addresses of tensors in memory."""
    return [t.data_ptr() for t in tensors if t is not None]


def _differentiable(
    x: Tensor, layers: FusedLayers, units: AffineUnits | None, g: Tensor, needed: Sequence[bool]
) -> tuple[Any, ...]:
    """The same gradients with a graph: the network is evaluated again with differentiable operators."""
    with torch.enable_grad():
        # Aliases, since x may depend on a parameter, and two layers may share one.
        own = _alias(x) if needed[0] else x
        slots: list[Tensor | None] = [own, None, None]
        u = own if units is None else units.enter(own)
        for edges, spline in layers:
            parts = [
                None if t is None else _alias(t)
                for t in (edges.coefficients, edges.spline_weight, edges.base_weight, edges.bias)
            ]
            slots += parts
            c, scale, base, bias = parts
            u = operator(u, EdgeParameters(c, scale, base, edges.mask, bias), spline)  # type: ignore[arg-type]
        y = u if units is None else units.leave(u)
        leaves = [t for t, n in zip(slots, needed, strict=True) if n and t is not None]
        found = iter(torch.autograd.grad(y, leaves, g, create_graph=True))
    return tuple(next(found) if n and t is not None else None for t, n in zip(slots, needed, strict=True))


def _alias(t: Tensor) -> Tensor:
    return t.view_as(t)


def operator(x: Tensor, edges: EdgeParameters, spline: Spline) -> Tensor:
    """One layer, evaluated by its operator."""
    out: Tensor = ops.layer(
        x, edges.coefficients, edges.spline_weight, edges.base_weight, edges.mask, edges.bias,
        spline.grid, spline.pieces, spline.degree, spline.tail, spline.base,
    )  # fmt: skip
    return out
