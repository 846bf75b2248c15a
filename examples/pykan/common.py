"""What the scripts share: uniform rows, rows of the notebooks' first formula, and test errors."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def uniform(count: int, inputs: int, low: float = -1.0, high: float = 1.0, seed: int = 0) -> Tensor:
    """Random rows `(count, inputs)` in a box."""
    draw = torch.Generator().manual_seed(seed)
    return low + (high - low) * torch.rand(count, inputs, generator=draw, dtype=torch.float64)


def wave(x: Tensor) -> Tensor:
    """exp(sin πx1 + x2²), the function of most notebooks."""
    return torch.exp(torch.sin(torch.pi * x[:, 0]) + x[:, 1] ** 2)


def rmse(model: Any, truth: Callable[[Tensor], Tensor], x: Tensor) -> float:
    """The root mean squared error at some rows."""
    with torch.no_grad():
        return float((model(x)[:, 0] - truth(x)).square().mean().sqrt())
