"""The primitives as torch operators, with their rules for autograd, vmap, fake tensors and torch.compile.

`contract`, `probe` and `scatter` are differentiable to any order (`calculus`). `layer` is `contract` fused with the weights and
the mask of a layer, `layer_backward` computes its gradients in one pass; a gradient that is itself differentiated is computed
with the three primitives.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from splinework.kernels import native
from splinework.kernels.addresses import Spline, check_layer
from splinework.kernels.calculus import NOT_DIFFERENTIATED, Calculus, fold, loop
from splinework.kernels.edges import EdgeParameters
from splinework.kernels.functions import save, saved

_library = torch.library.Library("splinework", "DEF")
_SPLINE = "Tensor grid, Tensor pieces, int degree, int tail, str base"
_EDGES = "Tensor c, Tensor? scale, Tensor? base_weight, Tensor? mask"


def _define(name: str, schema: str, run: Callable[..., Any], fake: Callable[..., Any], keys: Sequence[str]) -> Any:
    _library.define(f"{name}{schema}", tags=(torch.Tag.pt2_compliant_tag, torch.Tag.needs_fixed_stride_order))
    for key in keys:
        _library.impl(name, run, key)
    torch.library.register_fake(f"splinework::{name}", fake, lib=_library)
    return getattr(torch.ops.splinework, name).default


# ------------------------------------------------------------------------------------------ the three primitives

_SCHEMAS = {
    "contract": f"(Tensor x, Tensor? s, Tensor c, {_SPLINE}, int order) -> Tensor",
    "probe": f"(Tensor x, Tensor c, Tensor g, {_SPLINE}, int order) -> Tensor",
    "scatter": f"(Tensor x, Tensor? s, Tensor g, {_SPLINE}, int order) -> Tensor",
}


def _by_kernels(run: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return lambda first, second, third, *rest: run(first, second, third, Spline(*rest[:5]), rest[5])


def _fake_scatter(
    x: Tensor, s: Tensor | None, g: Tensor, grid: Tensor, pieces: Tensor, degree: int, *rest: Any
) -> Tensor:
    return x.new_empty((x.shape[1], grid.shape[1] - degree - 1 + (rest[1] != "none"), g.shape[1]))


_FAKES: dict[str, Callable[..., Tensor]] = {
    "contract": lambda x, s, c, *rest: x.new_empty((x.shape[0], c.shape[2])),
    "probe": lambda x, c, g, *rest: x.new_empty(x.shape),
    "scatter": _fake_scatter,
}


def define_primitives(prefix: str, keys: Sequence[str], implementation: Any) -> Calculus:
    """Defines the operators `splinework::{prefix}contract`, `…probe` and `…scatter` with all their rules.

    Args:
        prefix: Beginning of their names.
        keys: Torch's dispatch keys of the devices they are for, such as `CPU`.
        implementation: A module with the three for plain tensors, such as `native`.
    """
    found = {
        name: _define(prefix + name, schema, _by_kernels(getattr(implementation, name)), _FAKES[name], keys)
        for name, schema in _SCHEMAS.items()
    }
    calculus = Calculus(**found)
    rules = {
        "contract": fold(found["contract"], (0, 1)),
        "probe": fold(found["probe"], (0, 2)),
        "scatter": loop(found["scatter"]),
    }
    for name, rule in rules.items():
        _differentiable(prefix, name, calculus)
        torch.library.register_vmap(found[name], rule, lib=_library)
    return calculus


def _differentiable(prefix: str, name: str, calculus: Calculus) -> None:
    def backward(ctx: Any, cotangent: Tensor) -> tuple[Any, ...]:
        return (*calculus.pull(name, *saved(ctx), ctx.needs_input_grad, cotangent), *NOT_DIFFERENTIATED)

    torch.library.register_autograd(f"splinework::{prefix}{name}", backward, setup_context=save, lib=_library)


calculus = define_primitives("", ("CPU",), native)
contract, probe, scatter = calculus.contract, calculus.probe, calculus.scatter


# --------------------------------------------------------------------------------------------------- a whole layer


def _layer(x: Tensor, *rest: Any) -> Tensor:
    c, scale, base_weight, mask, bias, *spline = rest
    edges, splines = EdgeParameters(c, scale, base_weight, mask, bias), Spline(*spline)
    check_layer(x, edges, splines)
    return native.forward(x, [(edges, splines)])[0]


def _layer_backward(g: Tensor, x: Tensor, *rest: Any) -> list[Tensor]:
    c, scale, base_weight, mask, *spline, wanted = rest
    edges, splines = EdgeParameters(c, scale, base_weight, mask, None), Spline(*spline)
    check_layer(x, edges, splines, g)
    by_x, grads = native.backward(
        x, [(edges, splines)], [], g, [(wanted[1], wanted[2], wanted[3], False)], by_x=wanted[0]
    )
    return [x.new_empty(0) if t is None else t for t in (by_x, *grads[0][:3])]


def _fake_layer_backward(g: Tensor, x: Tensor, *rest: Any) -> list[Tensor]:
    wanted = rest[-1]
    given = (x, *rest[:3])
    return [x.new_empty(t.shape) if w and t is not None else x.new_empty(0) for t, w in zip(given, wanted, strict=True)]


layer = _define(
    "layer",
    f"(Tensor x, {_EDGES}, Tensor? bias, {_SPLINE}) -> Tensor",
    _layer,
    lambda x, c, *rest: x.new_empty((x.shape[0], c.shape[2])),
    ("CPU",),
)
layer_backward = _define(
    "layer_backward",
    f"(Tensor g, Tensor x, {_EDGES}, {_SPLINE}, bool[] wanted) -> Tensor[]",
    _layer_backward,
    _fake_layer_backward,
    ("CPU",),
)


def _layer_gradients(ctx: Any, g: Tensor) -> tuple[Any, ...]:
    x, c, scale, base_weight, mask, grid, pieces = ctx.saved_tensors
    spline = (grid, pieces, *ctx.rest)
    wanted = [bool(ctx.needs_input_grad[n]) and t is not None for n, t in enumerate((x, c, scale, base_weight))]
    by_bias = g.sum(0) if ctx.needs_input_grad[5] else None
    grads: list[Tensor | None]
    if torch.is_grad_enabled():  # the gradient will be differentiated: only the primitives know how
        grads = _by_primitives(x, EdgeParameters(c, scale, base_weight, mask, None), g, spline, wanted)
    else:
        grads = list(layer_backward(g, x, c, scale, base_weight, mask, *spline, wanted))
    by_x, by_c, by_scale, by_base = (t if w else None for t, w in zip(grads, wanted, strict=True))
    return by_x, by_c, by_scale, by_base, None, by_bias, *NOT_DIFFERENTIATED[:5]


def _by_primitives(
    x: Tensor, edges: EdgeParameters, g: Tensor, spline: tuple[Any, ...], wanted: Sequence[bool]
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


torch.library.register_vmap(layer, fold(layer, (0,)), lib=_library)
torch.library.register_vmap(layer_backward, loop(layer_backward), lib=_library)
