"""Tensor functions that torch lacks, or has only with seven digits and without a gradient."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from scipy import special
from torch import Tensor

_ORDERS: dict[str, Callable[..., Any]] = {
    "j": special.jv,
    "y": special.yv,
    "i": special.iv,
    "k": special.kv,
}
_SLOPES = {"j": (0.5, -0.5), "y": (0.5, -0.5), "i": (0.5, 0.5), "k": (-0.5, -0.5)}
"""Weights of the orders n - 1 and n + 1 in the derivative of order n (DLMF 10.6.1, 10.29.1)."""


def bessel(kind: str, order: int, x: Tensor) -> Tensor:
    """Bessel function of kind `j`, `y`, `i` or `k` and an integer order, elementwise, with all derivatives.

    Values are computed by SciPy on the CPU in float64; the result has the dtype and device of `x`.
    """
    result: Tensor = _Bessel.apply(x, kind, order)  # type: ignore[no-untyped-call]
    return result


class _Bessel(torch.autograd.Function):
    @staticmethod
    def forward(x: Tensor, kind: str, order: int) -> Tensor:
        with np.errstate(all="ignore"):
            value = np.asarray(_ORDERS[kind](order, x.detach().cpu().double().numpy()))
        return torch.as_tensor(value).to(x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, str, int], output: Tensor) -> None:
        x, ctx.kind, ctx.order = inputs
        ctx.save_for_backward(x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        (x,) = ctx.saved_tensors
        lower, upper = _SLOPES[ctx.kind]
        slope = lower * bessel(ctx.kind, ctx.order - 1, x) + upper * bessel(ctx.kind, ctx.order + 1, x)
        return gradients[0] * slope, None, None

    @staticmethod
    def vmap(info: Any, in_dims: tuple[Any, ...], x: Tensor, kind: str, order: int) -> tuple[Tensor, Any]:
        return bessel(kind, order, x), in_dims[0]


def gamma(x: Tensor) -> Tensor:
    """Γ(x), from its logarithm and, for x < 0, its sign."""
    sign = torch.where((x < 0) & (torch.floor(x) % 2 != 0), -1.0, 1.0).to(x)
    size = sign * torch.exp(torch.lgamma(x))
    return torch.where((x <= 0) & (x == torch.floor(x)), torch.full_like(x, torch.nan), size)


def sign(x: Tensor) -> Tensor:
    """-1, 0 or 1; NaN stays NaN, for which `torch.sign` returns 0."""
    return torch.where(torch.isnan(x), x, torch.sign(x))


def interpolate(x: Tensor, places: Tensor, values: Tensor) -> Tensor:
    """Linear interpolation between `(places, values)`, both `(K,)`, constant beyond; like numpy's `interp`."""
    inside = x.clamp(places[0], places[-1])
    right = torch.searchsorted(places, inside.detach().contiguous(), right=True).clamp(1, len(places) - 1)
    slope = (values[right] - values[right - 1]) / (places[right] - places[right - 1])
    return values[right - 1] + slope * (inside - places[right - 1])


def polygamma(order: int, x: Tensor) -> Tensor:
    """The polygamma function of an order from 0 on."""
    return torch.digamma(x) if order == 0 else torch.polygamma(order, x)
