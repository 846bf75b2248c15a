"""The yardstick: multilayer perceptrons of the same width, or with as many numbers, as the network of splines."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from torch import nn

from benchmarks.speed import truth
from benchmarks.speed.cases import DEGREE, Job


def alternatives(job: Job, option: str, compiled: bool) -> list[dict[str, Any]]:
    """Nothing to choose."""
    return [{}]


def build(job: Job, option: str) -> nn.Module:
    """One `nn.Linear` and one SiLU per layer; `option` is `width` or `parameters`."""
    shape = job.shape if option == "width" else shape_of_equal_size(job.shape, job.grid)
    dtype = getattr(torch, job.dtype)
    parts: list[nn.Module] = []
    for inputs, outputs in pairwise(shape):
        parts += [nn.Linear(inputs, outputs, dtype=dtype), nn.SiLU()]
    return nn.Sequential(*parts)


def layers(model: nn.Module) -> list[truth.Layer]:
    """`silu(x Wᵀ + b)` for each layer."""
    linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
    return [truth.Dense(_array(layer.weight), _array(layer.bias)) for layer in linear]


def shape_of_equal_size(shape: Sequence[int], grid: int) -> tuple[int, ...]:
    """The shape of a perceptron with about as many numbers as a network of splines.

    An edge counts G + k + 1 numbers, its splines and its base weight: what its function depends on. A single layer becomes
    two, with one hidden width; more layers keep their number.

    >>> shape_of_equal_size([256, 256], 5)
    (256, 1149, 256)
    """
    wanted = sum(a * b for a, b in pairwise(shape)) * (grid + DEGREE + 1)
    hidden = max(len(shape) - 2, 1)

    def widths(width: int) -> tuple[int, ...]:
        return (shape[0], *(width,) * hidden, shape[-1])

    def count(width: int) -> int:
        return sum((a + 1) * b for a, b in pairwise(widths(width)))

    low, high = 1, 2
    while count(high) < wanted:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if count(middle) <= wanted else (low, middle)
    return widths(min((low, high), key=lambda width: abs(count(width) - wanted)))


def _array(tensor: torch.Tensor) -> truth.Floats:
    return np.asarray(tensor.detach().double().numpy())
