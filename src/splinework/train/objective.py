"""What a fit minimises: the mean squared error of a network on given rows, in network units, and penalties."""

from dataclasses import dataclass

import torch
from torch import Tensor

from splinework.network import KAN
from splinework.train.gradient import unit_squared_error
from splinework.train.penalties import Penalty


@dataclass
class Objective:
    """Rows in network units `u (N, inputs)`, `t (N, outputs)`, and what is added to their mean squared error.

    The mean is over rows and outputs.
    """

    model: KAN
    u: Tensor
    t: Tensor
    penalties: tuple[Penalty, ...] = ()

    def error(self, rows: Tensor | None = None) -> Tensor:
        """Mean squared error, of all rows or of the numbered ones."""
        u, t = (self.u, self.t) if rows is None else (self.u[rows], self.t[rows])
        return (self.model.unit_forward(u) - t).square().mean()

    def value(self, rows: Tensor | None = None) -> Tensor:
        """Error and penalties."""
        if not self.penalties:
            return self.error(rows)
        u, t = (self.u, self.t) if rows is None else (self.u[rows], self.t[rows])
        total = torch.zeros((), dtype=u.dtype, device=u.device)
        for layer, nodes in zip(self.model.kan_layers, self.model.config.nodes[1:], strict=True):
            for penalty in self.penalties:
                total = total + penalty.value(layer, u)
            u = nodes.combine(layer(u))
        return total + (u - t).square().mean()

    def differentiate(self, rows: Tensor | None = None) -> float:
        """The value, and its gradient in every parameter's `.grad`."""
        if not self.penalties:
            u, t = (self.u, self.t) if rows is None else (self.u[rows], self.t[rows])
            error = unit_squared_error(self.model, u, t, gradient=True)
            if error is not None:
                return error
        self.model.zero_grad()
        value = self.value(rows)
        value.backward()
        return float(value.detach())

    @torch.no_grad()
    def number(self) -> float:
        """The value on all rows, as a number."""
        error = None if self.penalties else unit_squared_error(self.model, self.u, self.t, gradient=False)
        return float(self.value()) if error is None else error
