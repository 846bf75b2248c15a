"""The native kernels as torch operators: what autograd, vmap, fake tensors and torch.compile need to know about them.

`contract`, `probe` and `scatter` are closed under differentiation: each one's vector-Jacobian products are again these
three, with order r or r + 1, so they can be differentiated as often as one likes. `layer` is `contract` with the weights and
the mask of a layer multiplied in on the way, and `layer_backward` its gradients in one pass; where the gradient is itself to
be differentiated, `layer` falls back on the three.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from splinework.kernels import native
from splinework.kernels.edges import Edges
from splinework.kernels.native import Spline

_library = torch.library.Library("splinework", "DEF")
_SPLINE = "Tensor grid, Tensor pieces, int degree, int tail, str base"
_EDGES = "Tensor c, Tensor? scale, Tensor? base_weight, Tensor? mask"


def _define(name: str, schema: str, run: Callable[..., Any], fake: Callable[..., Any]) -> Any:
    _library.define(f"{name}{schema}", tags=(torch.Tag.pt2_compliant_tag, torch.Tag.needs_fixed_stride_order))
    _library.impl(name, run, "CPU")
    torch.library.register_fake(f"splinework::{name}", fake, lib=_library)
    return getattr(torch.ops.splinework, name).default


# ------------------------------------------------------------------------------------------ the three primitives


def _contract(x: Tensor, s: Tensor | None, c: Tensor, *rest: Any) -> Tensor:
    return native.contract(x, s, c, Spline(*rest[:5]), rest[5])


def _probe(x: Tensor, c: Tensor, g: Tensor, *rest: Any) -> Tensor:
    return native.probe(x, c, g, Spline(*rest[:5]), rest[5])


def _scatter(x: Tensor, s: Tensor | None, g: Tensor, *rest: Any) -> Tensor:
    return native.scatter(x, s, g, Spline(*rest[:5]), rest[5])


def _fake_scatter(x: Tensor, s: Tensor | None, g: Tensor, grid: Tensor, pieces: Tensor, degree: int, *rest: Any) -> Tensor:
    return x.new_empty((x.shape[1], grid.shape[1] - degree - 1 + (rest[1] != "none"), g.shape[1]))


contract = _define(
    "contract",
    f"(Tensor x, Tensor? s, Tensor c, {_SPLINE}, int order) -> Tensor",
    _contract,
    lambda x, s, c, *rest: x.new_empty((x.shape[0], c.shape[2])),
)
probe = _define(
    "probe",
    f"(Tensor x, Tensor c, Tensor g, {_SPLINE}, int order) -> Tensor",
    _probe,
    lambda x, c, g, *rest: x.new_empty(x.shape),
)
scatter = _define(
    "scatter", f"(Tensor x, Tensor? s, Tensor g, {_SPLINE}, int order) -> Tensor", _scatter, _fake_scatter
)

_NONE = (None,) * 6  # grid, pieces, degree, tail, base, order: never differentiated


def _contract_backward(ctx: Any, g: Tensor) -> tuple[Any, ...]:
    x, s, c, grid, pieces = ctx.saved_tensors
    spline, r = (grid, pieces, *ctx.rest), ctx.order
    by_x = by_s = by_c = None
    if ctx.needs_input_grad[0]:
        by_x = probe(x, c, g, *spline, r + 1)
        by_x = by_x if s is None else s * by_x
    if ctx.needs_input_grad[1]:
        by_s = probe(x, c, g, *spline, r)
    if ctx.needs_input_grad[2]:
        by_c = scatter(x, s, g, *spline, r)
    return by_x, by_s, by_c, *_NONE


def _probe_backward(ctx: Any, p: Tensor) -> tuple[Any, ...]:
    x, c, g, grid, pieces = ctx.saved_tensors
    spline, r = (grid, pieces, *ctx.rest), ctx.order
    by_x = p * probe(x, c, g, *spline, r + 1) if ctx.needs_input_grad[0] else None
    by_c = scatter(x, p, g, *spline, r) if ctx.needs_input_grad[1] else None
    by_g = contract(x, p, c, *spline, r) if ctx.needs_input_grad[2] else None
    return by_x, by_c, by_g, *_NONE


def _scatter_backward(ctx: Any, d: Tensor) -> tuple[Any, ...]:
    x, s, g, grid, pieces = ctx.saved_tensors
    spline, r = (grid, pieces, *ctx.rest), ctx.order
    by_x = by_s = by_g = None
    if ctx.needs_input_grad[0]:
        by_x = probe(x, d, g, *spline, r + 1)
        by_x = by_x if s is None else s * by_x
    if ctx.needs_input_grad[1]:
        by_s = probe(x, d, g, *spline, r)
    if ctx.needs_input_grad[2]:
        by_g = contract(x, s, d, *spline, r)
    return by_x, by_s, by_g, *_NONE


def _save(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    first, second, third, grid, pieces, degree, tail, base, order = inputs
    ctx.save_for_backward(first, second, third, grid, pieces)
    ctx.rest, ctx.order = (degree, tail, base), order


for _name, _backward in (("contract", _contract_backward), ("probe", _probe_backward), ("scatter", _scatter_backward)):
    torch.library.register_autograd(f"splinework::{_name}", _backward, setup_context=_save, lib=_library)


# --------------------------------------------------------------------------------------------------- a whole layer


def _layer(x: Tensor, *rest: Any) -> Tensor:
    c, scale, base_weight, mask, bias, *spline = rest
    edges = Edges(c, scale, base_weight, mask, bias)
    return native.forward(x, [(edges, Spline(*spline))])[0]


def _layer_backward(g: Tensor, x: Tensor, *rest: Any) -> list[Tensor]:
    c, scale, base_weight, mask, *spline, wanted = rest
    edges = Edges(c, scale, base_weight, mask, None)
    by_x, grads = native.backward(
        x, [(edges, Spline(*spline))], [], g, [(wanted[1], wanted[2], wanted[3], False)], by_x=wanted[0]
    )
    return [x.new_empty(0) if t is None else t for t in (by_x, *grads[0][:3])]


def _fake_layer_backward(g: Tensor, x: Tensor, *rest: Any) -> list[Tensor]:
    wanted = rest[-1]
    given = (x, *rest[:3])
    return [
        x.new_empty(t.shape) if w and t is not None else x.new_empty(0) for t, w in zip(given, wanted, strict=True)
    ]


layer = _define(
    "layer",
    f"(Tensor x, {_EDGES}, Tensor? bias, {_SPLINE}) -> Tensor",
    _layer,
    lambda x, c, *rest: x.new_empty((x.shape[0], c.shape[2])),
)
layer_backward = _define(
    "layer_backward",
    f"(Tensor g, Tensor x, {_EDGES}, {_SPLINE}, bool[] wanted) -> Tensor[]",
    _layer_backward,
    _fake_layer_backward,
)


def _layer_gradients(ctx: Any, g: Tensor) -> tuple[Any, ...]:
    x, c, scale, base_weight, mask, grid, pieces = ctx.saved_tensors
    spline = (grid, pieces, *ctx.rest)
    wanted = [bool(ctx.needs_input_grad[n]) and t is not None for n, t in enumerate((x, c, scale, base_weight))]
    by_bias = g.sum(0) if ctx.needs_input_grad[5] else None
    grads: list[Tensor | None]
    if torch.is_grad_enabled():  # the gradient will be differentiated: only the primitives know how
        grads = _differentiable(x, Edges(c, scale, base_weight, mask, None), g, spline, wanted)
    else:
        grads = list(layer_backward(g, x, c, scale, base_weight, mask, *spline, wanted))
    by_x, by_c, by_scale, by_base = (t if w else None for t, w in zip(grads, wanted, strict=True))
    return by_x, by_c, by_scale, by_base, None, by_bias, *_NONE[:5]


def _differentiable(
    x: Tensor, edges: Edges, g: Tensor, spline: tuple[Any, ...], wanted: Sequence[bool]
) -> list[Tensor | None]:
    """The gradients of `layer` in terms of the three primitives."""
    by_x = probe(x, edges.table_coefficients(), g, *spline, 1) if wanted[0] else None
    if not any(wanted[1:]):
        return [by_x, None, None, None]
    return [by_x, *edges.split_gradient(scatter(x, None, g, *spline, 0))]


def _save_layer(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    x, c, scale, base_weight, mask, _, grid, pieces, *rest = inputs
    ctx.save_for_backward(x, c, scale, base_weight, mask, grid, pieces)
    ctx.rest = tuple(rest)


torch.library.register_autograd("splinework::layer", _layer_gradients, setup_context=_save_layer, lib=_library)


# ------------------------------------------------------------------------------------------------------------ vmap


def _fold(op: Any, per_row: Sequence[int]) -> Callable[..., Any]:
    """The rule for an operator that treats every row alone: mapped rows are more rows, all else is looped over."""

    def rule(info: Any, in_dims: tuple[Any, ...], *args: Any) -> tuple[Any, Any]:
        mapped = [n for n, dim in enumerate(in_dims) if isinstance(dim, int)]
        if not set(mapped) <= set(per_row):
            return _loop(op)(info, in_dims, *args)
        size = info.batch_size
        flat = list(args)
        for n in per_row:
            if args[n] is not None:
                t = args[n].movedim(in_dims[n], 0) if n in mapped else args[n].expand(size, *args[n].shape)
                flat[n] = t.reshape(-1, t.shape[-1])
        out = op(*flat)
        return out.reshape(size, -1, out.shape[-1]), 0

    return rule


def _loop(op: Any) -> Callable[..., Any]:
    """The rule for any operator: one call per member, stacked."""

    def rule(info: Any, in_dims: tuple[Any, ...], *args: Any) -> tuple[Any, Any]:
        members = []
        for v in range(info.batch_size):
            members.append(
                op(*(a.select(dim, v) if isinstance(dim, int) else a for a, dim in zip(args, in_dims, strict=True)))
            )
        if isinstance(members[0], Tensor):
            return torch.stack(members), 0
        stacked = [torch.stack(list(column)) for column in zip(*members, strict=True)]
        return stacked, [0] * len(stacked)

    return rule


for _op, _rule in (
    (contract, _fold(contract, (0, 1))),
    (probe, _fold(probe, (0, 2))),
    (scatter, _loop(scatter)),
    (layer, _fold(layer, (0,))),
    (layer_backward, _loop(layer_backward)),
):
    torch.library.register_vmap(_op, _rule, lib=_library)
