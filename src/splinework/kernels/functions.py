"""The native kernels as autograd functions, for torch.func and forward-mode derivatives, which ignore operators' rules.

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


def _primitive(name: str, run: Call, mapped: Callable[[Call], Callable[..., Any]]) -> Call:
    """A primitive with its differentiation and vmap rules; it takes operands, grid, pieces, degree, tail, base and order.

    Args:
        name: Name of the primitive in `Calculus`.
        run: The native implementation.
        mapped: Makes the vmap rule of a call.
    """

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


def save(ctx: Any, inputs: tuple[Any, ...], output: Any) -> None:
    """Saves the tensors and options that the rules need."""
    *tensors, degree, tail, base, order = inputs
    ctx.save_for_backward(*tensors)
    ctx.rest, ctx.order = (degree, tail, base), order


def saved(ctx: Any) -> tuple[list[Any], tuple[Any, ...], int]:
    """The operands, the remaining arguments without the order, and the order."""
    *operands, grid, pieces = ctx.saved_tensors
    return operands, (grid, pieces, *ctx.rest), ctx.order


calculus = Calculus(
    _primitive("contract", native.contract, lambda call: fold(call, (0, 1))),
    _primitive("probe", native.probe, lambda call: fold(call, (0, 2))),
    _primitive("scatter", native.scatter, loop),
)
