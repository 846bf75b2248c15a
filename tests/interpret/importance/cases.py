"""Functions of rows that every measure of importance is asked about, and rows to ask with."""

from typing import Any

import numpy as np
import torch

from splinework.nn.edge_functions import EdgeFunction
from splinework.nn.frame import Frame, FramedKAN
from splinework.nn.network import KAN
from tests.nn.test_network import network


def rows(count: int, inputs: int, *, seed: int = 0) -> np.ndarray:
    """Uniform rows on (-1, 1)."""
    return np.random.default_rng(seed).uniform(-1, 1, (count, inputs))


def sparse_network() -> KAN:
    """Two hidden nodes that see (x1, x2) and (x3, x4), a straight edge onto a third that sees x5 and x6; x7 is idle."""
    model = network([7, 3, 1])
    first, second = model.kan_layers
    with torch.no_grad():
        first.mask.zero_()
        for i, j in ((0, 0), (1, 0), (2, 1), (3, 1), (4, 2), (5, 2)):
            first.mask[i, j] = 1.0
        straight(second, 2, 0, 0.7)
    return model


def cancelling_network() -> KAN:
    """`x1² + g(x2) - g(x2)`: two paths from x2 that cancel, as after a fit without a penalty."""
    model = network([2, 2, 1])
    first, second = model.kan_layers
    with torch.no_grad():
        table = first.edge_coefficients()
        table[0, :, 1] = 0.0
        table[1, :, 1] = -table[1, :, 0]
        first.set_edge_coefficients(table)
        straight(second, 0, 0, 1.0)
        straight(second, 1, 0, 1.0)
    return model


def straight(layer: Any, i: int, j: int, slope: float) -> None:
    """Makes an edge the line `slope · x`, by the coefficients of the identity (Greville's abscissae)."""
    degree, knots = layer.basis.degree, layer.grid[i]
    table = layer.edge_coefficients()
    table[i, :, j] = 0.0
    size = layer.basis.size
    table[i, :size, j] = slope * torch.stack([knots[m + 1 : m + 1 + degree].mean() for m in range(size)])
    layer.set_edge_coefficients(table)


def network_with_functions() -> KAN:
    """A line as a function onto the output, and a sine among splines."""
    model = network([3, 2, 1])
    model.kan_layers[0].set_functions([EdgeFunction.of("sin(2*u)", 1, 0)])
    model.kan_layers[1].set_functions([EdgeFunction.of("0.5*u", 1, 0)])
    return model


PREDICTORS: dict[str, tuple[Any, int]] = {
    "sum of curves": (network([3, 2]), 3),
    "network": (network([3, 4, 2]), 3),
    "products": (network([4, (2, 2), 2]), 4),
    "deep": (network([3, 2, 2, 1]), 3),
    "sparse": (sparse_network(), 7),
    "functions": (network_with_functions(), 3),
    "logarithmic": (network([3, 2, 1], output_scales=("log",)), 3),
    "framed": (FramedKAN(network([2, 2, 1]), Frame(("a", "b", "c"), ("a*b", "b+c"), answers=("z1*a",))), 3),
    "function": (lambda x: np.stack([x[:, 0] * x[:, 1], np.exp(x[:, 2])], axis=1), 4),
    "float32": (network([3, 4, 1]).float(), 3),
}
"""Name → a predictor and its number of inputs."""
