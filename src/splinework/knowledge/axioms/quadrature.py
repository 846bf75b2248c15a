"""Quadrature over boxes: a fine rule for corrections and tests, and a coarse composite rule for penalties."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor

from splinework.knowledge.axioms.sampling import sobol

N_NODES: Final = {1: 64, 2: 24, 3: 12}
"""Nodes per input of the Gauss–Legendre rule, by the number of inputs."""
N_SOBOL_POINTS: Final = 4096
"""The number of Sobol points for more inputs."""
N_CELLS_AND_NODES: Final = {1: (20, 4), 2: (8, 3), 3: (5, 2)}
"""Cells per input and nodes per cell, by the number of inputs: few, as every training step evaluates all of them."""
_N_SOBOL_POINTS: Final = 1024


def gauss(box: Sequence[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Points `(N, I)` and weights `(N,)` over a box: Gauss–Legendre for up to three inputs, else Sobol."""
    lows, highs = np.array(box, dtype=np.float64).T
    widths = highs - lows
    if len(box) not in N_NODES:
        return sobol(N_SOBOL_POINTS, box, 0).numpy(), np.full(N_SOBOL_POINTS, float(np.prod(widths)) / N_SOBOL_POINTS)
    nodes, share = np.polynomial.legendre.leggauss(N_NODES[len(box)])
    axes = np.meshgrid(*[low + width * (nodes + 1) / 2 for low, width in zip(lows, widths, strict=True)], indexing="ij")
    shares = np.meshgrid(*[share * width / 2 for width in widths], indexing="ij")
    return np.stack([axis.ravel() for axis in axes], 1), np.prod([each.ravel() for each in shares], axis=0)


def cells(box: Tensor, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Points `(N, I)` and weights `(N,)` over a box: composite Gauss–Legendre for up to three inputs, else Sobol."""
    inputs = len(box)
    if inputs not in N_CELLS_AND_NODES:
        return sobol(_N_SOBOL_POINTS, box, seed), torch.full(
            (_N_SOBOL_POINTS,), float((box[:, 1] - box[:, 0]).prod()) / _N_SOBOL_POINTS, dtype=torch.float64
        )
    count, order = N_CELLS_AND_NODES[inputs]
    nodes, weights = np.polynomial.legendre.leggauss(order)
    starts = np.arange(count)[:, None]
    unit = torch.as_tensor(((starts + (nodes + 1) / 2) / count).ravel())
    share = torch.as_tensor(np.tile(weights / (2 * count), count))
    points = torch.cartesian_prod(*[unit] * inputs).reshape(-1, inputs)
    shares = torch.cartesian_prod(*[share] * inputs).reshape(-1, inputs).prod(dim=-1)
    width = box[:, 1] - box[:, 0]
    return box[:, 0] + width * points, shares * width.prod()
