"""Rows of data inside a network: the inputs of every layer, and what the residuals say of an edge."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from splinework.errors import ConfigError, DataError, ShapeError
from splinework.nn.arrays import numbers_of
from splinework.nn.frame import FramedKAN
from splinework.nn.network import KAN
from splinework.nn.scaling import Scaling
from splinework.report.plot.protocols import Floats

MAX_ROWS = 4000
"""Rows that histograms and residuals on edges are made of, evenly thinned."""
MAX_BINS, MIN_ROWS_PER_BIN = 12, 8


@torch.no_grad()
def layer_inputs(model: KAN, x: Tensor) -> list[Floats]:
    """Inputs of every layer at raw rows x, `(B, I)` each, in network units."""
    u, found = model.input_scaling(x), []
    for layer, nodes in zip(model.kan_layers, model.config.nodes[1:], strict=True):
        found.append(np.asarray(u.numpy()))
        u = nodes.combine(layer(u))
    return found


def raw_values(scaling: Scaling, column: int, unit: Floats) -> Floats:
    """Values of one input, converted from network units to raw units."""
    values = torch.zeros(len(unit), len(scaling.scales), dtype=torch.float64)
    values[:, column] = torch.from_numpy(np.asarray(unit))
    return np.asarray(scaling.inverse(values)[:, column].detach().numpy())


@dataclass(frozen=True)
class SumResiduals:
    """Residuals carried back to the sums of every layer: to first order they are least where `s_j` changes by `pull / squares`.

    Attributes:
        pull: `Σ_o g_bjo r_bo` per layer, `(B, J)`, with `g` the derivatives of the outputs and `r` their residuals.
        squares: `Σ_o g_bjo²` per layer, `(B, J)`.
    """

    pull: tuple[Floats, ...]
    squares: tuple[Floats, ...]

    def of_edge(self, layer: int, j: int, inputs: Floats) -> tuple[Floats, Floats, Floats]:
        """Means of an edge's input in bins of equally many rows, the change that each asks for, and its standard error.

        Args:
            layer: The layer of the edge.
            j: Its sum.
            inputs: Its input at the rows, `(B,)`.
        """
        pull, squares = self.pull[layer][:, j], self.squares[layer][:, j]
        bins = max(1, min(MAX_BINS, len(inputs) // MIN_ROWS_PER_BIN))
        found = []
        for rows in np.array_split(np.argsort(inputs, kind="stable"), bins):
            weight = squares[rows].sum()
            if weight > 0:
                change = pull[rows].sum() / weight
                left = pull[rows] - squares[rows] * change
                found.append((inputs[rows].mean(), change, np.sqrt(np.square(left).sum()) / weight))
        at, changes, errors = np.array(found, dtype=np.float64).reshape(-1, 3).T
        return at, changes, errors


def sum_residuals(model: KAN, x: Tensor, y: Tensor) -> SumResiduals:
    """The residuals of a network at rows, carried back to its sums, in network units.

    Args:
        model: The network, in float64.
        x: Rows `(B, inputs)` in raw units.
        y: Targets `(B, outputs)` in raw units.
    """
    with torch.enable_grad():
        u, sums = model.input_scaling(x), list[Tensor]()
        for layer, nodes in zip(model.kan_layers, model.config.nodes[1:], strict=True):
            total = layer(u)
            sums.append(total if sums else total.detach().requires_grad_())
            u = nodes.combine(sums[-1])
        residual = (model.output_scaling(y) - u).detach()
        pull, squares = ([torch.zeros_like(each) for each in sums] for _ in range(2))
        for o in range(u.shape[1]):
            slopes = torch.autograd.grad(u[:, o].sum(), sums, retain_graph=True)
            for at, g in enumerate(slopes):
                pull[at] += g * residual[:, o : o + 1]
                squares[at] += g.square()
    parts = (tuple(np.asarray(each.detach().numpy()) for each in group) for group in (pull, squares))
    return SumResiduals(*parts)


def targets_of(model: KAN | FramedKAN, y: Any, rows: int) -> Tensor:
    """Targets of the network inside, `(rows, outputs)`.

    Raises:
        ConfigError: If a frame computes the answers by formulas, so that they are not those of the network.
        ShapeError: If there are not as many as rows and outputs.
        DataError: If they are not finite numbers, or not positive where their scale is logarithmic.
    """
    if isinstance(model, FramedKAN):
        if model.frame.after:
            raise ConfigError(
                "residuals on edges need the targets of the network itself, and this frame computes its answers by formulas; "
                "leave y out."
            )
        model = model.network
    values = torch.from_numpy(numbers_of(y, "y")).double()
    if values.numel() != rows * model.outputs:
        raise ShapeError(f"y has a row for each of x, ({rows}, {model.outputs}), got {tuple(values.shape)}.")
    values = values.reshape(rows, model.outputs)
    if not bool(torch.isfinite(model.output_scaling(values)).all()):
        raise DataError("y holds numbers that are not finite in the network's units; leave their rows out.")
    return values
