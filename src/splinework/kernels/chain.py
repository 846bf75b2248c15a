"""A whole network in one call forward and one backward, for plain eager tensors.

A network as small as most fits have ([2, 5, 1], a thousand rows) costs microseconds in the kernels and many times that in
the dispatcher, once per layer and direction. The operators of `ops` remain what compilers and transforms see, and what
gradients of gradients are made of.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from splinework.kernels import native, ops
from splinework.kernels.edges import Edges, Units
from splinework.kernels.native import Spline

_PER_LAYER = 4  # coefficients, spline_weight, base_weight, bias


def chain(x: Tensor, layers: Sequence[tuple[Edges, Spline]], units: Units | None = None) -> Tensor:
    """The sums of the last layer, `(B, J)`, each layer taking what the one before gives.

    Args:
        x: `(B, I)`, a plain tensor on the processor.
        layers: Edges and splines of each layer; behind the first, `native.fusable` ones only.
        units: Of x and of the result, if they are not those of the layers.
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
        ctx: Any, x: Tensor, layers: Sequence[tuple[Edges, Spline]], units: Units | None, *flat: Tensor | None
    ) -> Tensor:
        sums, ctx.addresses = native.forward_and_addresses(x, layers, units=units)
        ctx.units = units
        ctx.save_for_backward(x, *sums[:-1], *flat)
        ctx.splines = [spline for _, spline in layers]
        ctx.masks = [edges.mask for edges, _ in layers]
        return sums[-1]

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> tuple[Any, ...]:
        count = len(ctx.splines)
        x, *rest = ctx.saved_tensors
        hidden, flat = rest[: count - 1], rest[count - 1 :]
        layers = [
            (Edges(flat[at], flat[at + 1], flat[at + 2], ctx.masks[n], flat[at + 3]), ctx.splines[n])
            for n, at in enumerate(range(0, len(flat), _PER_LAYER))
        ]
        if torch.is_grad_enabled():
            return _differentiable(x, layers, ctx.units, flat, g, ctx.needs_input_grad)
        wanted = [ctx.needs_input_grad[3 + at : 3 + at + _PER_LAYER] for at in range(0, len(flat), _PER_LAYER)]
        by_x, grads = native.backward(
            x, layers, hidden, g, wanted, by_x=ctx.needs_input_grad[0], addresses=ctx.addresses, units=ctx.units
        )
        return by_x, None, None, *(t for layer in grads for t in layer)


def _differentiable(
    x: Tensor,
    layers: Sequence[tuple[Edges, Spline]],
    units: Units | None,
    flat: Sequence[Tensor | None],
    g: Tensor,
    needed: Sequence[bool],
) -> tuple[Any, ...]:
    """The same gradients, on a graph: the network is run again by operators that can be differentiated."""
    inputs = (x, None, None, *flat)
    with torch.enable_grad():
        u = x if units is None else units.enter(x)
        for edges, spline in layers:
            u = operator(u, edges, spline)
        y = u if units is None else units.leave(u)
        leaves = [t for t, n in zip(inputs, needed, strict=True) if n and t is not None]
        found = iter(torch.autograd.grad(y, leaves, g, create_graph=True))
    return tuple(next(found) if n and t is not None else None for t, n in zip(inputs, needed, strict=True))


def operator(x: Tensor, edges: Edges, spline: Spline) -> Tensor:
    """One layer by its operator."""
    out: Tensor = ops.layer(
        x, edges.coefficients, edges.spline_weight, edges.base_weight, edges.mask, edges.bias,
        spline.grid, spline.pieces, spline.degree, spline.tail, spline.base,
    )  # fmt: skip
    return out
