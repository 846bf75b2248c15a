"""The primitives as autograd functions, for torch.func and forward-mode derivatives, which ignore operators' rules.

Nested transforms (`vmap` of `grad`, `jacfwd` of `jacrev`) are resolved one level at a time; each level uses the rules here and
calls these functions again for the levels below.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from splinework.kernels import native
from splinework.kernels.addresses import Spline
from splinework.kernels.calculus import NOT_DIFFERENTIATED, Calculus, Call, fold, loop


def _primitive(name: str, run: Call, mapped: Callable[[Call], Callable[..., Any]], calculus: Calculus) -> Call:
    """A primitive with its differentiation and vmap rules; it takes operands, grid, pieces, degree, tail, base and order."""

    class Primitive(torch.autograd.Function):
        @staticmethod
        def forward(first: Tensor, second: Tensor | None, third: Tensor, *rest: Any) -> Tensor:
            return run(first, second, third, Spline(*rest[:5]), rest[5])

        @staticmethod
        def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
            save(ctx, inputs, output)
            ctx.save_for_forward(*inputs[:5])

        @staticmethod
        def backward(ctx: Any, cotangent: Tensor) -> Any:
            return (*calculus.pull(name, *saved(ctx), ctx.needs_input_grad, cotangent), *NOT_DIFFERENTIATED)

        @staticmethod
        def jvp(ctx: Any, *tangents: Any) -> Tensor:
            return calculus.push(name, *saved(ctx), tangents[:3])

        @staticmethod
        def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
            return mapped(Primitive.apply)(info, in_dims, *args)

    return Primitive.apply


def autograd_functions(implementation: Any) -> Calculus:
    """The primitives of an implementation as autograd functions; each takes operands, grid, pieces, degree, tail, base and order.

    Args:
        implementation: A module with `contract`, `probe` and `scatter` for plain tensors, such as `native`.
    """
    rows: dict[str, Callable[[Call], Callable[..., Any]]] = {
        "contract": lambda call: fold(call, (0, 1)),
        "probe": lambda call: fold(call, (0, 2)),
        "scatter": loop,
    }
    made: dict[str, Call] = {}
    found = Calculus(*(lambda *args, name=name: made[name](*args) for name in rows))
    for name, mapped in rows.items():
        made[name] = _primitive(name, getattr(implementation, name), mapped, found)
    return Calculus(**made)


def save(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    """Saves the tensors and options that the rules need."""
    *tensors, degree, tail, base, order = inputs
    ctx.save_for_backward(*tensors)
    ctx.rest, ctx.order = (degree, tail, base), order


def saved(ctx: Any) -> tuple[list[Any], tuple[Any, ...], int]:
    """The operands, the remaining arguments without the order, and the order."""
    *operands, grid, pieces = ctx.saved_tensors
    return operands, (grid, pieces, *ctx.rest), ctx.order


calculus = autograd_functions(native)
