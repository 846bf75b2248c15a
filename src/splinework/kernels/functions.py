"""The native kernels for torch.func and forward-mode derivatives, which know autograd functions but not operators' rules.

Nested transforms (`vmap` of `grad`, `jacfwd` of `jacrev`) peel off one level at a time; each level asks these functions for
its rule and calls them again for the levels below.
"""

from typing import Any

import torch
from torch import Tensor

from splinework.kernels import native
from splinework.kernels.addresses import Spline
from splinework.kernels.calculus import NOT_DIFFERENTIATED, Calculus, fold, loop


class _Primitive(torch.autograd.Function):
    """What the three have in common: operands, then grid, pieces, degree, tail, base and order."""

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        """Keeps the operands."""
        *operands, grid, pieces, degree, tail, base, order = inputs
        ctx.save_for_backward(*operands, grid, pieces)
        ctx.save_for_forward(*operands, grid, pieces)
        ctx.rest, ctx.order = (degree, tail, base), order


def _saved(ctx: Any) -> tuple[list[Any], tuple[Any, ...], int]:
    *operands, grid, pieces = ctx.saved_tensors
    return operands, (grid, pieces, *ctx.rest), ctx.order


class Contract(_Primitive):
    """`reference.contract`."""

    @staticmethod
    def forward(x: Tensor, s: Tensor | None, c: Tensor, *rest: Any) -> Tensor:
        """The sums, by the native kernels."""
        return native.contract(x, s, c, Spline(*rest[:5]), rest[5])

    @staticmethod
    def backward(ctx: Any, g: Tensor) -> Any:
        """Gradients of the operands."""
        return (*calculus.pull_contract(*_saved(ctx), ctx.needs_input_grad, g), *NOT_DIFFERENTIATED)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Tensor:
        """The derivative along tangents of the operands."""
        return calculus.push_contract(*_saved(ctx), tangents[:3])

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        """More rows where rows are mapped, else one call each."""
        return fold(Contract.apply, (0, 1))(info, in_dims, *args)


class Probe(_Primitive):
    """`reference.probe`."""

    @staticmethod
    def forward(x: Tensor, c: Tensor, g: Tensor, *rest: Any) -> Tensor:
        """The sums, by the native kernels."""
        return native.probe(x, c, g, Spline(*rest[:5]), rest[5])

    @staticmethod
    def backward(ctx: Any, p: Tensor) -> Any:
        """Gradients of the operands."""
        return (*calculus.pull_probe(*_saved(ctx), ctx.needs_input_grad, p), *NOT_DIFFERENTIATED)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Tensor:
        """The derivative along tangents of the operands."""
        return calculus.push_probe(*_saved(ctx), tangents[:3])

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        """More rows where rows are mapped, else one call each."""
        return fold(Probe.apply, (0, 2))(info, in_dims, *args)


class Scatter(_Primitive):
    """`reference.scatter`."""

    @staticmethod
    def forward(x: Tensor, s: Tensor | None, g: Tensor, *rest: Any) -> Tensor:
        """The sums, by the native kernels."""
        return native.scatter(x, s, g, Spline(*rest[:5]), rest[5])

    @staticmethod
    def backward(ctx: Any, d: Tensor) -> Any:
        """Gradients of the operands."""
        return (*calculus.pull_scatter(*_saved(ctx), ctx.needs_input_grad, d), *NOT_DIFFERENTIATED)

    @staticmethod
    def jvp(ctx: Any, *tangents: Any) -> Tensor:
        """The derivative along tangents of the operands."""
        return calculus.push_scatter(*_saved(ctx), tangents[:3])

    @staticmethod
    def vmap(info: Any, in_dims: Any, *args: Any) -> Any:
        """More rows where rows are mapped, else one call each."""
        return loop(Scatter.apply)(info, in_dims, *args)


calculus = Calculus(Contract.apply, Probe.apply, Scatter.apply)
