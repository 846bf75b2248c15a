"""Quadrature over boxes: a fine rule for corrections and judgements, and a coarse one in cells for penalties."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import torch
from torch import Tensor

from splinework.knowledge.axioms.sampling import sobol

N_NODES: Final = {1: 64, 2: 24, 3: 12}
"""Points per input of the Gauss–Legendre rule, by the number of inputs."""
N_SOBOL_POINTS: Final = 4096
"""Points of Sobol's rule, where inputs are more than that."""
N_CELLS_AND_NODES: Final = {1: (20, 4), 2: (8, 3), 3: (5, 2)}
"""Cells per input and Gauss points per cell, by the number of inputs: exact for cubics. A step of training takes all points at
once, so they are few."""
_N_SOBOL_POINTS: Final = 1024


def gauss(box: Sequence[tuple[float, float]]) -> tuple[np.ndarray, np.ndarray]:
    """Points `(N, I)` and weights `(N,)` of a quadrature over a box: Gauss–Legendre for three inputs at most, else Sobol."""
    lows, highs = np.array(box, dtype=np.float64).T
    widths = highs - lows
    if len(box) not in N_NODES:
        return sobol(N_SOBOL_POINTS, box, 0).numpy(), np.full(N_SOBOL_POINTS, float(np.prod(widths)) / N_SOBOL_POINTS)
    nodes, share = np.polynomial.legendre.leggauss(N_NODES[len(box)])
    axes = np.meshgrid(*[low + width * (nodes + 1) / 2 for low, width in zip(lows, widths, strict=True)], indexing="ij")
    shares = np.meshgrid(*[share * width / 2 for width in widths], indexing="ij")
    return np.stack([axis.ravel() for axis in axes], 1), np.prod([each.ravel() for each in shares], axis=0)


def cells(box: Tensor, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Points `(N, I)` and weights `(N,)` of an integral over a box: Gauss in cells up to three inputs, then points of Sobol."""
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
