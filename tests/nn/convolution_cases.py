"""Convolutions of splines and images, for the laws and the manners."""

from typing import Any

import torch
from torch import Tensor, nn

from splinework.nn.convolution import KANConv1d, KANConv2d
from tests.contracts.cases import normal

DOUBLE = {"dtype": torch.float64}
KINDS = {1: KANConv1d, 2: KANConv2d}


def randomised(layer: nn.Module) -> Any:
    """The module with no number special."""
    with torch.no_grad():
        for seed, parameter in enumerate(layer.parameters()):
            parameter.copy_(0.4 * normal(*parameter.shape, seed=seed) + 0.2)
    return layer


def conv_of(dimensions: int = 2, channels: tuple[int, int] = (2, 3), kernel_size: Any = 3, **options: Any) -> Any:
    return randomised(KINDS[dimensions](*channels, kernel_size, **{"grid": 3, **DOUBLE, **options}))


def image(dimensions: int = 2, batch: int | None = 2, channels: int = 2, seed: int = 4) -> Tensor:
    return normal(*(() if batch is None else (batch,)), channels, *(7, 6)[:dimensions], seed=seed)
