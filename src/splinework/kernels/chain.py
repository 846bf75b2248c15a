"""A whole network in one call forward and one backward, for plain eager tensors.

A small network ([2, 5, 1], a thousand rows) takes microseconds in the kernels and many times that in torch's dispatcher, per
layer and direction. Compilers, transforms and gradients of gradients use the operators of `ops`.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from splinework.kernels import native, ops
from splinework.kernels.addresses import Spline
from splinework.kernels.edges import AffineUnits, EdgeParameters

_PER_LAYER = 4  # coefficients, spline_weight, base_weight, bias


def chain(x: Tensor, layers: Sequence[tuple[EdgeParameters, Spline]], units: AffineUnits | None = None) -> Tensor:
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


class _Chain(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        layers: Sequence[tuple[EdgeParameters, Spline]],
        units: AffineUnits | None,
        *flat: Tensor | None,
    ) -> Tensor:
        sums, ctx.addresses = native.forward_and_addresses(x, layers, units=units)
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
    x: Tensor,
    layers: Sequence[tuple[EdgeParameters, Spline]],
    units: AffineUnits | None,
    g: Tensor,
    needed: Sequence[bool],
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
