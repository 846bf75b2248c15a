"""The contender from this package: a `KAN`, or a `KANLayer` where there is only one layer, by a named backend."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks.speed import truth
from benchmarks.speed.cases import DEGREE, Job
from splinework import kernels
from splinework.nn.layer import KANLayer
from splinework.nn.network import KAN
from splinework.train.gradient import squared_error_gradient


def alternatives(job: Job, option: str, compiled: bool) -> list[dict[str, Any]]:
    """Nothing to choose."""
    return [{}]


def build(job: Job, option: str) -> nn.Module:
    """The network, evaluated by the backend that `option` names."""
    kernels.use(option.partition(",")[0])
    settings: dict[str, Any] = {
        "grid": job.grid,
        "degree": DEGREE,
        "dtype": getattr(torch, job.dtype),
        "generator": torch.Generator().manual_seed(0),
    }
    return KANLayer(*job.shape, **settings) if len(job.shape) == 2 else KAN(job.shape, **settings)


def gradient(model: nn.Module, option: str) -> Callable[[Tensor, Tensor], Any] | None:
    """`squared_error_gradient`, where the option asks for it."""
    if "one call" not in option or not isinstance(model, KAN):
        return None
    return lambda x, y: squared_error_gradient(model, x, y)


def layers(model: nn.Module) -> list[truth.Layer]:
    """Splines and SiLU between the ends of the grid, straight lines outside."""
    found = [module for module in model.modules() if isinstance(module, KANLayer)]
    return [_edges(layer) for layer in found]


def _edges(layer: KANLayer) -> truth.Layer:
    knots, table = _array(layer.knots()), _array(layer.edge_coefficients())
    size = layer.basis.size
    low, high = knots[:, DEGREE], knots[:, -1 - DEGREE]
    curves = (truth.splines(knots, table[:, :size], DEGREE), truth.silus(table[:, size]))
    bias = 0.0 if layer.bias is None else _array(layer.bias)
    return truth.Edges(layer.inputs, tuple(truth.straight_outside(c, low, high) for c in curves), bias)


def _array(tensor: torch.Tensor) -> truth.Floats:
    return np.asarray(tensor.detach().double().numpy())
